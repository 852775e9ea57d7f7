"""Turns a bare answer, such as "two", "yes" or "the laptop", into the claim that its question asks about."""

from __future__ import annotations

import re
from dataclasses import replace

from pipeline.claims.claim_making import make_claims
from pipeline.claims.markup import plain_text
from pipeline.claims.names import names_match, normal_name
from pipeline.claims.options import options_of
from pipeline.claims.phrases import relation_named
from pipeline.claims.prose import parse_prose
from pipeline.claims.quantities import Quantity, parse_count, parse_quantity
from pipeline.claims.question_patterns import ORDER
from pipeline.claims.questions import Asked, bare_name, read_question, things_of
from pipeline.records import Claim, Origin, Unit
from pipeline.records.errors import RecordError
from pipeline.records.relations import RELATIONS, ValueUse

# A longer answer speaks for itself.
_LONGEST = 120
_I = re.IGNORECASE
_IT_IS = (
    r"(?:\s*[,，.。!！]\s*(?:it|they|he|she|that|this)?\s*(?:is|are|does|do|'s)?(?:n't|\s+not)?(?:\s+(?:correct|"
    r"true|right))?)?[\s.。!！]*"
)
_YES = re.compile(
    rf"(?:yes|yeah|yep|indeed|(?:that|this)\s+is\s+(?:true|correct|right)|true|correct|right|在|是的?|对的?|正确|没错|有的?|会|"
    rf"能){_IT_IS}",
    _I,
)
_NO = re.compile(
    rf"(?:no|nope|(?:that|this)\s+is\s+(?:false|incorrect|wrong|not\s+true)|false|incorrect|wrong|不在|不是的?|否|不对?|"
    rf"错误?|没有?|不会|不正确){_IT_IS}",
    _I,
)
_LEADING = re.compile(
    r"(?P<word>yes|no|true|false|是的|不是|对|不对|没有|否)(?:[,.!:;，。！：；]|\s+[-–—])\s*(?=\S)", _I
)
# What follows a yes or no that says nothing about the question: a condition, or that the image does not tell.
_NO_ANSWER = re.compile(
    r"\b(?:if|unless|assuming|provided|depending|sorry|wait|visible|dark|blurry|unclear|nothing|there\s+(?:is|are)\s+no|"
    r"yes|no|true|false)\b|如果|除非|假设|看不|没有找到|不存在|图中没有",
    _I,
)
_CONTRADICTS = {
    True: re.compile(r"\b(?:it|they|he|she|that)\s*(?:is|are|does|do)(?:\s+not|n't)\b", _I),
    False: re.compile(r"(?:it|they|he|she|that)\s+(?:is|are|does|do)[\s.!]*$", _I),
}
# "No" denies the word, and not the relation.
_DEGREES = re.compile(
    r"\b(?:completely|fully|entirely|totally|directly|slightly|partly|partially|far|much|exactly|only|both|all|just|"
    r"immediately|precisely|well|halfway)\b|完全|正好|稍|略|部分|都|只有|远远|正(?=[在上下左右前后])",
    _I,
)
_ABILITY = re.compile(r"\s*(?:can|could|do)\s+you\s+(?:tell|know|see|say|determine)\b.*\b(?:if|whether)\b", _I)
_EXCLUDES = re.compile(r"\bnot\b|n't\b|\bbut\b|\bexcept\b|\bother\s+than\b|不是|除了|\?|？", _I)
# No names, but words that a question was read wrongly.
_UNFIT = re.compile(
    r".*(?:[,，?？]|\b(?:or|as|not|guess|completely|exactly|directly|fully)\b|完全|不是|除了|还是).*|"
    r"(?:it|one|ones|this|that|same|equal|neither|both|left|right|left one|right one)|"
    r".*\s(?:red|blue|green|black|white|yellow|grey|gray|brown|orange|open|closed|empty|full|broken)",
    _I,
)
# Words by which an answer may take its yes or no back.
_TURNS = re.compile(
    r"\b(?:but|however|although|though|might|may|could|perhaps|possibly|maybe|unclear|not\s+sure|cannot|can't|yes\s+and\s+no|or)\b|"
    r"但|可能|不过|也许|无法|不确定",
    _I,
)
_ECHO = {"occludes": r"(?:挡住|遮挡|遮住)了?", "occluded_by": r"(?:挡住|遮挡|遮住)了?", "touching": "接触"}
_OPEN = re.compile(
    r"\b(?:unclear|unknown|unsure|not\s+sure|don't\s+know|cannot|can't|could|might|may|maybe|perhaps|probably|"
    r"possibly|both|"
    r"neither|none|either|or|equally|depends|unable|same)\b|不确定|不知道|不清楚|无法|可能|也许|都|一样|或者?|还是",
    _I,
)
_DEPTHS = ("closer", "farther", "in_front_of", "behind")
_SAME = re.compile(
    r"(?:(?:they|both)\s+)?(?:are\s+)?(?:at|in)\s+the\s+same\s+(?:depth|distance)[\s.]*|equally\s+(?:far|"
    r"close)[\s.]*|(?:两者)?一样(?:远|近)[。]?",
    _I,
)
_NO_THING = re.compile(rf"{_SAME.pattern}|(?:about\s+)?(?:the\s+)?(?:same|equal)(?:\s+(?:distance|depth))?", _I)
_COUNTED = re.compile(
    r"(?:there\s+(?:is|are)\s+|i\s+(?:can\s+)?(?:see|count)\s+|(?:图中|一共|共)?有|一共|共)?(?:exactly\s+|only\s+|"
    r"a\s+total\s+of\s+)?"
    r"(?P<n>\d{1,4}|[a-z]+|[一二两三四五六七八九十零]{1,3})\s*(?:[个只把张台辆本支瓶件盏棵位名座部块条杯人扇])?(?P<what>\s*[^.。]{0,40}?)[\s.。!！]*",
    _I,
)
_RANGE = re.compile(
    r"\b(?:more|less|fewer|at\s+least|at\s+most|over|about|around|or|maybe|to)\b|超过|至少|不到|大约|约|或|[-–~]\s*\d",
    _I,
)
_ZERO = re.compile(r"(?:none|zero|没有)[\s.。]*", _I)
_COUNT_TAIL = re.compile(r"(?:in|visible|of\s+them|in\s+total|in\s+the\s+\w+|in\s+this\s+\w+|个|只).*", _I)
_RELATIONS = {
    "left": "left_of", "to the left": "left_of", "on the left": "left_of", "left side": "left_of", "right": "right_of",
    "to the right": "right_of", "on the right": "right_of", "right side": "right_of", "above": "above",
    "over": "above",
    "below": "below", "under": "below", "underneath": "below", "beneath": "below", "behind": "behind",
    "in front": "in_front_of",
    "in the front": "in_front_of", "front": "in_front_of", "on top": "on", "on": "on", "closer": "closer",
    "nearer": "closer",
    "farther": "farther", "further": "farther", "further away": "farther", "farther away": "farther",
    "larger": "larger",
    "bigger": "larger", "smaller": "smaller", "taller": "taller", "wider": "wider",
    "左": "left_of", "右": "right_of", "前": "in_front_of", "后": "behind", "背后": "behind", "上": "above",
    "下": "below",
    "底下": "below",
}  # fmt: skip
_SAID_LEAD = re.compile(
    r"^(?:it\s+is|it's|they\s+are|is|are|the\s+answer\s+is|answer\s*:|答案[是:：]|它?位于|它?在|directly|slightly|just|正)\s*",
    _I,
)
_SAID_TAIL = re.compile(r"\s*(?:of\s+(?:it|them)|it|them|side|one|of|to\s+it|than)?[\s.。!！]*$", _I)
_NUMBER_LEAD = re.compile(r"^(?:it\s+is|it's|about\s+the|the\s+distance\s+is|the\s+answer\s+is)\s+", _I)
_NUMBER_TAIL = re.compile(
    r"\s*(?:away|apart|tall|high|wide|deep|long|from\s+\w+(?:\s+\w+)?|高|宽|长|深|远)?[\s.。!！]*$", _I
)
_COMPARED_TAIL = re.compile(r"\s+is(?:\s+\w+)?[.]?$|(?:更|比较)?(?:近|远|大|小|高|宽)(?:一些)?[。.]?$", _I)
_NAME_LEAD = re.compile(r"^(?:it\s+is|it's|there\s+is|the\s+answer\s+is|答案是|是|有)\s*", _I)
_NO_NAME = re.compile(r"\b(?:is|are|nothing|something|it|no)\b|没有|什么", _I)
_COUNTER = re.compile(r"^一(?:个|只|把|张|台|辆|本|支|瓶|件|盏|棵)")


def claims_of_bare_answer(text: str, question: str, choice: str | None = None) -> tuple[Claim, ...]:
    """The claims that a short answer makes about its question; none if either is not understood.

    Args:
        text: The answer, without its reasoning, JSON and code.
        question: The question.
        choice: The option that the answer chose; its words stand in for the answer.
    """
    options = options_of(question)
    if options and choice not in options:
        return ()
    words = re.sub(r"</?(?:answer|final_answer)>", "", text[: 4 * _LONGEST])
    words = options[choice] if options and choice else plain_text(words).text.strip()
    asked = read_question(question) or _about_options(question, tuple(options.values())) if words else None
    if asked is None:
        return ()
    if asked.kind == "yes_no" and not options:
        words = _leading(words, asked)
    if len(words) > _LONGEST or "\n" in words or _ABILITY.match(question):
        return ()
    if asked.kind == "yes_no" and _DEGREES.search(question) and not _YES.fullmatch(words):
        return ()
    try:
        made = _MAKERS[asked.kind](words, asked)
    except RecordError:
        return ()
    if any(_UNFIT.fullmatch(name) for claim in made for name in claim.things):
        return ()
    return tuple(replace(claim, origin=Origin.PROSE) for claim in made)


def _leading(words: str, asked: Asked) -> str:
    """The yes or no with which an answer begins; "" if what follows takes it back; the answer if there is none."""
    leading = _LEADING.match(words)
    if leading is None or _TURNS.search(words):
        return words
    rest = words[leading.end() :]
    is_yes = bool(_YES.fullmatch(leading["word"]))
    if _NO_ANSWER.search(rest) or _CONTRADICTS[is_yes].match(rest):
        return ""
    if not is_yes and len(asked.claims) == 1 and (claim := asked.claims[0]).object:
        said = _of_relation(rest.removeprefix("是"), Asked("relation", claim.subject, (claim.object,)))
        if any(each.relation == claim.relation for each in said):
            return ""
    return leading["word"]


def _about_options(question: str, options: tuple[str, ...]) -> Asked | None:
    """What a question such as "which is wider?" asks about its options."""
    if len(options) < 2 or not all(options):
        return None
    stem = re.split(r"[?？\n]", question)[0].strip()
    return read_question(f"{stem}? {', '.join(options)}") or read_question(f"{stem}：{'、'.join(options)}？")


def _of_yes_or_no(words: str, asked: Asked) -> list[Claim]:
    if _YES.fullmatch(words) or _echoes(words, asked):
        return list(asked.claims)
    denies = _NO.fullmatch(words) or _echoes(re.sub(r"^(?:没有?|不)", "", words), asked)
    # What does not exist is not somewhere else.
    if denies and asked.kind == "yes_no" and len(asked.claims) == 1 and asked.claims[0].value is None:
        claim = asked.claims[0]
        return [replace(claim, negated=not claim.negated)]
    return []


def _echoes(words: str, asked: Asked) -> bool:
    """Whether a Chinese answer repeats the verb of its question: "挡住了"."""
    verbs = [_ECHO.get(claim.relation) for claim in asked.claims]
    return len(verbs) == 1 and verbs[0] is not None and bool(re.fullmatch(rf"{verbs[0]}[。.！!]*", words))


def _of_number(words: str, asked: Asked) -> list[Claim]:
    quantity = parse_quantity(_NUMBER_TAIL.sub("", _NUMBER_LEAD.sub("", words)))
    if quantity is not None and quantity.unit is None and asked.unit is not None:
        quantity = replace(quantity, unit=asked.unit)
    if quantity is None or quantity.unit in (None, Unit.FRACTION, Unit.COUNT):
        return []
    rest = {"measure": asked.measure} if asked.measure else {}
    return make_claims(asked.relation, asked.subject, asked.objects, quantity, **rest)


def _of_count(words: str, asked: Asked) -> list[Claim]:
    match = _COUNTED.fullmatch(words)
    number = 0 if _ZERO.fullmatch(words) else parse_count(match["n"]) if match else None
    if number is None or _RANGE.search(words):
        return []
    what = bare_name(match["what"]) if match else ""
    if what and not _COUNT_TAIL.fullmatch(what):
        head = normal_name(asked.subject.split(" of ")[0])
        if not (names_match(what, asked.subject) or normal_name(what) in head or what in asked.subject):
            return []
    return make_claims("count", asked.subject, (), Quantity(float(number), Unit.COUNT))


def _of_relation(words: str, asked: Asked) -> list[Claim]:
    if _OPEN.search(words):
        return []
    said = _SAID_LEAD.sub("", " ".join(words.casefold().split()))
    said = re.sub(rf"\s*(?:of|than|to)?\s*(?:the\s+)?{re.escape(asked.objects[0].casefold())}(?:的)?", "", said)
    said = _SAID_TAIL.sub("", _SAID_LEAD.sub("", said)).strip(" .。,，的")
    relations = [_relation(part) for part in re.split(r"\s+and\s+|又|且", said)]
    if len(relations) > 2 or not all(_is_relation(relation, asked) for relation in relations):
        return []
    return [claim for relation in relations for claim in make_claims(str(relation), asked.subject, asked.objects, None)]


def _relation(words: str) -> str | None:
    words = _SAID_TAIL.sub("", words.strip())
    bare = re.sub(r"^(?:the|to\s+the|on\s+the)\s+", "", words)
    plain = re.sub(r"(?<=[左右前后上下])[边面侧方]$", "", words)
    if (known := _RELATIONS.get(words) or _RELATIONS.get(bare) or _RELATIONS.get(plain)) is not None:
        return known
    named = relation_named(words)
    return str(named[0]) if named is not None and not named[1] else None


def _is_relation(relation: str | None, asked: Asked) -> bool:
    if relation is None or RELATIONS[relation].objects != 1 or RELATIONS[relation].value is ValueUse.REQUIRED:
        return False
    return not asked.relations or relation in asked.relations


def _of_place(words: str, asked: Asked) -> list[Claim]:
    """The claims of "behind the laptop" as the place of a thing."""
    if _OPEN.search(words) or _EXCLUDES.search(words):
        return []
    said = _NAME_LEAD.sub("", words.strip(" .。"))
    if re.search(r"[\u3400-\u9fff]", words):
        text = f"{asked.subject}{'' if said.startswith('在') else '在'}{said}。"
    else:
        text = f"The {asked.subject} is {said}."
    claims, problems = parse_prose(text, [asked.subject])
    return [] if problems else [replace(claim, text_span=None) for claim in claims]


def _of_which(words: str, asked: Asked) -> list[Claim]:
    things = [re.sub(r"\s+is\s+\w+$", "", thing) for thing in asked.objects if not _NO_THING.fullmatch(thing)]
    words = re.sub(r"(?<=\w)\s*,\s*not\s+(?:the\s+)?[\w\s]{1,30}[.!]?$", "", words, flags=_I)
    if _SAME.fullmatch(words) and len(things) == 2 and asked.relation in _DEPTHS:
        return make_claims("same_depth", things[0], (things[1],), None)
    if _OPEN.search(words) or _EXCLUDES.search(words):
        return []
    one = re.match(r"(?:the\s+)?(\w+)\s+one\s+is\s+", words, _I)
    if one and ORDER.get(one[1].casefold(), asked.relation) != asked.relation:
        return []
    tail = _COMPARED_TAIL.search(words.strip())
    if (
        tail
        and (said := re.sub(r"\W|is|更|比较|一些", "", tail.group().casefold()))
        and ORDER.get(said, asked.relation) != asked.relation
    ):
        return []
    name = bare_name(_COMPARED_TAIL.sub("", _NAME_LEAD.sub("", words.strip())))
    label = re.fullmatch(r"(?:point\s+)?([A-H])", name)
    name = label[1] if label else re.sub(r"\s+one$", "", name, flags=_I)
    ways = (
        lambda thing: normal_name(thing) == normal_name(name),
        lambda thing: names_match(name, thing),
        lambda thing: thing.casefold().startswith(f"{name.casefold()} "),
    )
    chosen = next((found for way in ways if (found := [thing for thing in things if way(thing)])), [])
    said = f" {normal_name(name)} "
    if len(chosen) != 1 or any(f" {normal_name(thing)} " in said for thing in things if thing != chosen[0]):
        return []
    others = [thing for thing in things if thing != chosen[0]]
    if asked.relation.startswith("-"):
        return [claim for other in others for claim in make_claims(asked.relation[1:], other, (chosen[0],), None)]
    return [claim for other in others for claim in make_claims(asked.relation, chosen[0], (other,), None)]


def _of_what(words: str, asked: Asked) -> list[Claim]:
    things: tuple[str, ...] = ()
    if listed := re.fullmatch(r"([^,]+),\s*(.+\bor\b.+)", asked.objects[0]):
        asked, things = replace(asked, objects=(listed[1],)), things_of(listed[2])
    names = [_COUNTER.sub("", name) for name in things_of(_NAME_LEAD.sub("", words.strip()))]
    if (
        _OPEN.search(words)
        or _EXCLUDES.search(words)
        or not names
        or any(len(name.split()) > 5 or _NO_NAME.search(name) for name in names)
    ):
        return []
    if things and not all(any(names_match(name, thing) for thing in things) for name in names):
        return []
    return [claim for name in names for claim in make_claims(asked.relation, name, asked.objects, None)]


_MAKERS = {
    "yes_no": _of_yes_or_no,
    "exists": _of_yes_or_no,
    "number": _of_number,
    "count": _of_count,
    "relation": _of_relation,
    "place": _of_place,
    "which": _of_which,
    "what": _of_what,
}
