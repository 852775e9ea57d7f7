"""Reads what a question asks, so that a bare answer such as "yes" or "two" becomes the claim that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.claims import question_patterns as patterns
from pipeline.claims.english_patterns import POSITION
from pipeline.claims.options import options_of
from pipeline.claims.phrases import AFTER_BE, BASE_VERBS, CAMERA, pattern_relation
from pipeline.claims.prose import parse_prose
from pipeline.claims.quantities import unit_named
from pipeline.records import Claim, Unit
from pipeline.records.relations import RELATIONS, ValueUse

_LONGEST = 300
_I = re.IGNORECASE
_END = re.compile(r"\s*[?？.。!]*\s*$")
_INSTRUCTION = re.compile(
    r"(?:please\s+)?(?:answer|reply|respond|choose|select|give|output|use)\b.*|(?:请|只)?(?:用|回答|选择).{0,30}|"
    r"options?\s*:?.*|choices?\s*:?.*",
    _I | re.DOTALL,
)
_FIRST_OPTION = re.compile(r"(?:^|[\s(（:：,，;；?？。])[(（]?[Aa1]\s{0,2}[.)）、:：．]\s{0,4}\S")
_LEAD = re.compile(
    r"(?:question|问题|q)\s*[:：]\s*|(?:in|from|looking at|based on|according to|judge from)\s+(?:the|this)\s+"
    r"(?:given\s+)?"
    r"(?:image|picture|photo|scene)\s*,\s*|of\s+(?:the|these)\s+(?:two|three|four|marked|circled)\s[^,]{0,40},\s*|"
    r"(?:考虑|从|根据)?(?:在)?(?:这张)?(?:图|图片|画面|照片|图像)(?:中|里|上)?[，,]\s*",
    _I,
)
_CAMERA = re.compile(rf"(?:{CAMERA})|相机|镜头|摄像头|我们|观察者", _I)
_CHINESE = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class Asked:
    """What a question asks.

    Args:
        kind: ``count``, ``yes_no``, ``exists``, ``relation`` (how A is related to B), ``place`` (where A is),
            ``which`` (which thing stands first in an order), ``what`` (what is related to B so) or ``number`` (a
            distance or a size).
        subject: A, or what is counted.
        objects: B; for ``which`` all things that are compared.
        relation: Name of the relation, where the question fixes it; a leading minus exchanges the two things.
        relations: Names among which the answer chooses, for ``relation``.
        measure: The measure of a size.
        claims: The claims that "yes" makes.
        unit: Unit of a number without one.
    """

    kind: str
    subject: str = ""
    objects: tuple[str, ...] = ()
    relation: str = ""
    relations: tuple[str, ...] = ()
    measure: str | None = None
    claims: tuple[Claim, ...] = ()
    unit: Unit | None = None


def read_question(question: str) -> Asked | None:
    """What a question asks about the relation, the number or the size of things; None for any other question.

    Args:
        question: A question in English or Chinese; its options and instructions do not matter.
    """
    question = _plain(question)
    if not question or len(question) > _LONGEST:
        return None
    if truth := _first(patterns.TRUTH, question):
        return _stated(truth["said"])
    words = _END.sub("", question)
    return _chinese(words) if _CHINESE.search(question) else _english(words)


def things_of(words: str) -> tuple[str, ...]:
    """The names of a list such as "the mug, the laptop or the lamp"."""
    words = re.sub(r"\s*\([^()]{0,40}\)|^(?:the\s+(?:two|following)\s+\w+\s*,?\s*)", "", words.strip(" ?？.。:："))
    parts = re.split(r"\s*,\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+|、|还是|或者?|和|与|，", words)
    return tuple(name for part in parts if (name := bare_name(part)))


def bare_name(words: str) -> str:
    """A name without article and punctuation.

    >>> bare_name("the red mug?")
    'red mug'
    """
    words = words.strip(" \t\n?？.。!！,，:：\"'“”()（）*`")
    words = re.sub(r"^(?:[Tt]he|[Aa]n|a|A(?!\s+is\b)|[Tt]his|[Tt]hat)\s+(?=\S)", "", words)
    words = re.sub(r"^(?:这|那|该)(?:个|只|把|张|台|辆|本)?(?=.)", "", words)
    return re.sub(r"\s+(?:in|on|at)\s+(?:the|this)\s+(?:image|picture|photo|scene|frame|view)$", "", words, flags=_I)


def _plain(question: str) -> str:
    """A question without its options, instructions and lead, on one line."""
    if options_of(question) and (first := _FIRST_OPTION.search(question)):
        question = question[: first.start() + 1]
    question = " ".join(question.split())
    while lead := _LEAD.match(question):
        question = question[lead.end() :]
    sentences = [part for part in re.split(r"(?<=[?？])\s*", question) if part]
    if len(sentences) > 1 and _INSTRUCTION.fullmatch(sentences[1]):
        question = sentences[0]
    return question.strip()


def _first(several: Iterable[re.Pattern[str]], words: str) -> re.Match[str] | None:
    return next((match for pattern in several if (match := pattern.fullmatch(words))), None)


def _english(words: str) -> Asked | None:
    for read in (_english_number, _english_order, _english_statement):
        if (asked := read(words)) is not None:
            return asked
    return None


def _english_number(words: str) -> Asked | None:
    """Questions for a count, a distance or a size."""
    unit = _unit(words)
    words = patterns.IN_UNIT.sub("", words)
    if match := _first(patterns.METRES, words):
        return _distance(match, Unit.METRE)
    if match := _first(patterns.COUNT, words):
        restricted = patterns.RESTRICTED.search(match["rest"]) or patterns.RESTRICTED.search(match["a"])
        return None if restricted else Asked("count", bare_name(match["a"]))
    if match := _first(patterns.FAR, words):
        return _distance(match, unit)
    if match := _first(patterns.SIZE, words):
        measure = patterns.MEASURES[match["w"].casefold()]
        return Asked("number", bare_name(match["a"]), relation="size", measure=measure, unit=unit)
    return None


def _unit(words: str) -> Unit | None:
    """The unit in which a question wants its answer."""
    match = patterns.IN_UNIT.search(words)
    named = unit_named(match["unit"]) if match else None
    return named[0] if named is not None else None


def _distance(match: re.Match[str], unit: Unit | None = None) -> Asked | None:
    a, b = match["a"], (match.groupdict().get("b") or "").strip()
    if patterns.NOT_STRAIGHT.search(f"{a} {b}"):
        return None
    if not b or _CAMERA.fullmatch(b):
        return Asked("number", bare_name(a), relation="distance_to_camera", unit=unit)
    return Asked("number", bare_name(a), (bare_name(b),), "distance_between", unit=unit)


def _english_order(words: str) -> Asked | None:
    """Questions which thing comes first, how one thing lies to another, and where it is."""
    if match := _first(patterns.WHICH, words):
        return _which(match)
    if match := patterns.TWO_WAYS.fullmatch(words):
        relations = tuple(patterns.ORDER[" ".join(match[group].casefold().split())] for group in ("w1", "w2"))
        return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),), relations=relations)
    if match := _first(patterns.WHERE, words):
        return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),))
    if match := patterns.PLACE.fullmatch(words) or patterns.PLACES.fullmatch(words):
        return Asked("place", bare_name(match["a"]))
    return None


def _which(match: re.Match[str]) -> Asked | None:
    groups = match.groupdict()
    if (to := groups.get("to")) and not _CAMERA.fullmatch(to.strip()):
        return None
    word = re.sub(r"^the\s+|\s+one$", "", " ".join(groups["w"].casefold().split()))
    things = things_of(groups["list"])
    return Asked("which", objects=things, relation=patterns.ORDER[word]) if len(things) > 1 else None


def _english_statement(words: str) -> Asked | None:
    """Questions whether something is the case, and what stands in a relation."""
    if match := patterns.EXISTS.fullmatch(words):
        return _stated(f"There is {match['rest']}", exists=True)
    if match := patterns.CONFIRM.fullmatch(words):
        return _stated(match["said"])
    if match := patterns.APPEAR.fullmatch(words):
        return _stated(f"{match['a']} {'is' if match['verb'].casefold() == 'does' else 'are'} {match['rest']}")
    if match := patterns.YES_NO.fullmatch(words):
        return _yes_no(match["verb"].casefold(), match["rest"])
    if match := patterns.WHAT.fullmatch(words):
        return _what(match["rest"])
    return None


def _yes_no(verb: str, rest: str) -> Asked | None:
    """What "is A left of B" asks: the claims of "A is left of B"."""
    if re.search(r"\bor\b|\bnot\b", rest, _I):
        return None
    if verb in ("is", "are"):
        tried = (f"{rest[: match.start()]} {verb} {rest[match.end() :]}" for match in re.finditer(r"\s(?=\S)", rest))
    else:
        tried = (
            rest[: match.start()] + _finite(match.group(), verb) + rest[match.end() :]
            for match in BASE_VERBS.finditer(rest)
        )
    return next((asked for said in tried if (asked := _stated(said)) is not None), None)


def _finite(words: str, verb: str) -> str:
    """The verb "occlude" as it follows a subject: "occludes"."""
    if verb == "do":
        return words
    first, _, more = words.partition(" ")
    ending = "es" if first.endswith(("ch", "sh", "x", "s")) else "s"
    return f"{first}{ending} {more}".strip()


def _stated(said: str, *, exists: bool = False) -> Asked | None:
    """The question whether a statement is true; None if the statement is not understood as a whole."""
    said = said.strip(" .。“”\"'")
    claims, problems = parse_prose(f"{said[:1].upper()}{said[1:]}{'。' if _CHINESE.search(said) else '.'}")
    if not claims or problems:
        return None
    return Asked("exists" if exists else "yes_no", claims=tuple(replace(claim, text_span=None) for claim in claims))


def _what(rest: str) -> Asked | None:
    """What "what is to the left of B" asks."""
    if placed := POSITION.match(rest):
        rest = rest[placed.end() :]
    match = AFTER_BE.match(rest)
    if match is None or not rest[match.end() :].strip():
        return None
    relation, rest = pattern_relation(match), rest[match.end() :]
    if RELATIONS[relation].value is ValueUse.REQUIRED or RELATIONS[relation].objects == 0:
        return None
    objects = things_of(rest) if RELATIONS[relation].objects == 2 else (bare_name(rest),)
    return Asked("what", objects=objects, relation=relation) if len(objects) == RELATIONS[relation].objects else None


def _chinese(words: str) -> Asked | None:
    if "难道" in words:
        return None
    for read in (_chinese_order, _chinese_number, _chinese_statement):
        if (asked := read(words)) is not None:
            return asked
    return None


def _chinese_order(words: str) -> Asked | None:
    if match := patterns.CHINESE_TWO_WAYS.fullmatch(words):
        relations = (patterns.ORDER[match["w1"]], patterns.ORDER[match["w2"]])
        return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),), relations=relations)
    if match := _first(patterns.CHINESE_WHICH, words):
        return _which(match)
    if match := patterns.CHINESE_PLACE.fullmatch(words):
        return Asked("place", bare_name(match["a"]))
    if match := _first(patterns.CHINESE_WHERE, words):
        return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),))
    if match := _first(patterns.CHINESE_WHAT, words):
        relation = "on" if match["w"] == "上" else patterns.ORDER[match["w"][0]]
        return Asked("what", objects=(bare_name(match["b"]),), relation=relation)
    return None


def _chinese_number(words: str) -> Asked | None:
    if match := patterns.CHINESE_SIZE.fullmatch(words):
        return Asked(
            "number", bare_name(match["a"]), relation="size", measure=patterns.MEASURES[match["w"] or match["w2"]]
        )
    if match := _first(patterns.CHINESE_COUNT, words):
        restricted = re.search(r"[上下左右前后里]的|在|[边面侧]", match["a"])
        return None if restricted else Asked("count", bare_name(match["a"]))
    if match := _first(patterns.CHINESE_FAR, words):
        return _distance(match, Unit.METRE if match["metres"] else None)
    return None


def _chinese_statement(words: str) -> Asked | None:
    match = patterns.CHINESE_YES_NO.fullmatch(words)
    if match is None or "还是" in words or "不是" in words.replace("是不是", ""):
        return None
    groups = match.groupdict()
    said = groups["said"] or "".join(groups[key] or "" for key in ("said2", "rest2", "said3", "rest3"))
    said = re.sub(r"了$", "", re.sub(r"^.*[:：]\s*", "", said))
    return _stated(said, exists=bool(re.search(r"[上里中]有|有没有", said)))
