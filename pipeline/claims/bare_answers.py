"""Turns a bare answer, such as "two", "yes" or "the laptop", into the claim that its question asks about."""

from __future__ import annotations

import re
from dataclasses import replace

from pipeline.claims.claim_making import make_claims
from pipeline.claims.markup import plain_text
from pipeline.claims.names import names_match, normal_name
from pipeline.claims.options import options_of
from pipeline.claims.phrases import relation_named
from pipeline.claims.quantities import Quantity, parse_count, parse_quantity
from pipeline.claims.questions import Asked, bare_name, read_question, things_of
from pipeline.records import Claim, Origin, Unit
from pipeline.records.errors import RecordError
from pipeline.records.relations import RELATIONS

# A longer answer speaks for itself.
_LONGEST = 120
_I = re.IGNORECASE
_YES = re.compile(
    r"(?:yes|yeah|yep|true|correct|right|是的?|对的?|正确|没错|嗯|有的?|会|能)(?:\s*[,，.。!！]\s*(?:it|they|he|she|that|this)?\s*(?:is|are|does|do|'s)?(?:\s+(?:correct|true|right))?)?[\s.。!！]*", _I
)
_NO = re.compile(
    r"(?:no|nope|false|incorrect|wrong|不是的?|否|不|不对|错误?|没有?|不会|不正确)(?:\s*[,，.。!！]\s*(?:it|they|he|she|that|this)?\s*(?:is|are|does|do)?(?:n't|\s+not)?(?:\s+(?:correct|true|right))?)?[\s.。!！]*", _I
)
_OPEN = re.compile(
    r"\b(?:unclear|unknown|unsure|not\s+sure|don't\s+know|cannot|can't|could|might|may|maybe|perhaps|probably|possibly|both|neither|none|either|or|equally|depends|unable|same)\b|"
    r"不确定|不知道|不清楚|无法|可能|也许|都|一样|或者?|还是|大概率",
    _I,
)
_COUNTED = re.compile(
    r"(?:there\s+(?:is|are)\s+|i\s+(?:can\s+)?(?:see|count)\s+|(?:图中|一共|共)?有|一共|共)?(?:exactly\s+|only\s+|a\s+total\s+of\s+)?(?P<n>\d{1,4}|[a-z]+|[一二两三四五六七八九十零]{1,3})\s*(?:[个只把张台辆本支瓶件盏棵位名座部块条杯人])?(?P<what>\s*[^.。]{0,40}?)[\s.。!！]*", _I
)
_MORE = re.compile(r"(?:more|less|fewer|at\s+least|at\s+most|over|about|around|超过|至少|不到|大约|约)\b", _I)
_RELATION_WORDS = {
    "left": "left_of", "to the left": "left_of", "on the left": "left_of", "left side": "left_of", "on the left side": "left_of",
    "right": "right_of", "to the right": "right_of", "on the right": "right_of", "right side": "right_of", "on the right side": "right_of",
    "above": "above", "over": "above", "below": "below", "under": "below", "underneath": "below", "beneath": "below", "behind": "behind", "in front": "in_front_of",
    "in the front": "in_front_of", "front": "in_front_of", "on top": "on", "on": "on", "closer": "closer", "nearer": "closer", "farther": "farther", "further": "farther",
    "further away": "farther", "farther away": "farther", "larger": "larger", "bigger": "larger", "smaller": "smaller", "taller": "taller", "wider": "wider",
    "左": "left_of", "左边": "left_of", "左侧": "left_of", "左方": "left_of", "左面": "left_of", "右": "right_of", "右边": "right_of", "右侧": "right_of", "右方": "right_of", "右面": "right_of",
    "前": "in_front_of", "前面": "in_front_of", "前方": "in_front_of", "前边": "in_front_of", "后": "behind", "后面": "behind", "后方": "behind", "后边": "behind", "背后": "behind",
    "上": "above", "上面": "above", "上方": "above", "下": "below", "下面": "below", "下方": "below", "底下": "below",
}  # fmt: skip
_EDGE_WORDS = re.compile(
    r"^(?:it\s+is|it's|they\s+are|is|are|the\s+answer\s+is|answer\s*:|答案[是:：]|在|位于|它在|它位于)\s*|\s*(?:of\s+(?:it|them)|it|them|side|one|of|to\s+it)?[\s.。!！]*$", _I
)


def claims_of_bare_answer(text: str, question: str, choice: str | None = None) -> tuple[Claim, ...]:
    """The claims that a short answer makes about its question; none if either is not understood.

    Args:
        text: The answer, without its reasoning, JSON and code.
        question: The question.
        choice: The option that the answer chose; its words stand in for the answer.
    """
    options = options_of(question)
    if options:
        if choice is None:
            return ()
        words = options[choice]
    else:
        words = plain_text(text[: 4 * _LONGEST]).text.strip()
    if not words or len(words) > _LONGEST or "\n" in words:
        return ()
    asked = read_question(question)
    if asked is None and not options:
        return ()
    if asked is None:
        asked = _choice_of_things(question, tuple(options.values()))
    if asked is None:
        return ()
    try:
        made = _made(words, asked, tuple(options.values()))
    except RecordError:
        return ()
    return tuple(replace(claim, origin=Origin.PROSE) for claim in made)


def _choice_of_things(question: str, things: tuple[str, ...]) -> Asked | None:
    """A question such as "which is wider?" whose things are its options."""
    stem = re.split(r"[?？\n]", question)[0].strip()
    return read_question(f"{stem}? {', '.join(things)}") if len(things) > 1 and all(things) else None


def _made(words: str, asked: Asked, options: tuple[str, ...]) -> list[Claim]:
    if asked.kind in ("yes_no", "exists"):
        return _of_yes_or_no(words, asked)
    if asked.kind == "number":
        return _of_number(words, asked)
    if asked.kind == "count":
        return _of_count(words, asked)
    if _OPEN.search(words):
        return []
    if asked.kind == "relation":
        return _of_relation(words, asked)
    if asked.kind == "which":
        return _of_which(words, asked)
    return _of_what(words, asked)


def _of_yes_or_no(words: str, asked: Asked) -> list[Claim]:
    if _YES.fullmatch(words):
        return list(asked.claims)
    # What does not exist is not somewhere else.
    if asked.kind == "yes_no" and _NO.fullmatch(words) and len(asked.claims) == 1 and asked.claims[0].value is None:
        claim = asked.claims[0]
        return [replace(claim, negated=not claim.negated)]
    return []


def _of_number(words: str, asked: Asked) -> list[Claim]:
    said = re.sub(r"^(?:it\s+is|it's|about\s+the|the\s+distance\s+is|the\s+answer\s+is)\s+", "", words, flags=_I)
    said = re.sub(r"\s*(?:away|apart|tall|high|wide|deep|long|from\s+\w+(?:\s+\w+)?|高|宽|长|深|远)?[\s.。!！]*$", "", said, flags=_I)
    quantity = parse_quantity(said)
    if quantity is None or quantity.unit is None or quantity.unit in (Unit.FRACTION, Unit.COUNT):
        return []
    rest = {"measure": asked.measure} if asked.relation == "size" and asked.measure else {}
    return make_claims(asked.relation, asked.subject, asked.objects, quantity, **rest)


def _of_count(words: str, asked: Asked) -> list[Claim]:
    if _MORE.search(words) or re.search(r"\b(?:or|maybe|to)\b|或|[-–~]\s*\d", words, _I):
        return []
    match = _COUNTED.fullmatch(words)
    number = parse_count(match["n"]) if match else (0 if re.fullmatch(r"(?:none|zero|没有)[\s.。]*", words, _I) else None)
    if number is None:
        return []
    what = bare_name(match["what"]) if match else ""
    if what and not re.fullmatch(r"(?:in|visible|of them|in total|in the \w+|in this \w+|个|只).*", what, _I):
        head = asked.subject.split(" of ")[0]
        if not (names_match(what, asked.subject) or normal_name(what) in normal_name(head) or what in asked.subject):
            return []
    return make_claims("count", asked.subject, (), Quantity(float(number), Unit.COUNT))


def _of_relation(words: str, asked: Asked) -> list[Claim]:
    said = _EDGE_WORDS.sub("", " ".join(words.casefold().split()))
    said = re.sub(rf"\s*(?:of|than|to)?\s*(?:the\s+)?{re.escape(asked.objects[0].casefold())}\s*(?:的)?", "", said) if asked.objects else said
    said = re.sub(r"^(?:directly|slightly|just|right(?=\s)|正)\s*|^的|边$(?<!左边)(?<!右边)(?<!前边)(?<!后边)", "", said).strip(" .。,，")
    relation = _RELATION_WORDS.get(said) or _RELATION_WORDS.get(_EDGE_WORDS.sub("", said))
    if relation is None and (named := relation_named(said)) is not None and not named[1]:
        relation = str(named[0])
    if relation is None or RELATIONS[relation].objects != 1 or RELATIONS[relation].value == "required":
        return []
    if asked.relations and relation not in asked.relations:
        return []
    return make_claims(relation, asked.subject, asked.objects, None)


def _of_which(words: str, asked: Asked) -> list[Claim]:
    name = bare_name(re.sub(r"^(?:it\s+is|it's|the\s+answer\s+is|答案是|是)\s*|\s+is(?:\s+(?:closer|nearer|farther|larger|taller|wider|smaller))?[.]?$", "", words.strip(), flags=_I))
    name = bare_name(re.sub(r"(?:更|比较)?(?:近|远|大|小|高|宽)(?:一些)?[。.]?$", "", name))
    chosen = [thing for thing in asked.objects if normal_name(thing) == normal_name(name)]
    if not chosen:
        chosen = [thing for thing in asked.objects if names_match(name, thing)]
    if len(chosen) != 1:
        return []
    return [
        claim
        for other in asked.objects
        if other != chosen[0]
        for claim in make_claims(asked.relation, chosen[0], (other,), None)
    ]


def _of_what(words: str, asked: Asked) -> list[Claim]:
    names = things_of(re.sub(r"^(?:it\s+is|it's|there\s+is|是|有)\s*", "", words.strip(), flags=_I))
    if len(names) != 1 or len(names[0].split()) > 5 or re.search(r"\b(?:is|are|nothing|something|it)\b|没有|什么", names[0], _I):
        return []
    name = re.sub(r"^一(?:个|只|把|张|台|辆|本|支|瓶|件|盏|棵)", "", names[0])
    return make_claims(asked.relation, name, asked.objects, None)
