"""Recognises the English noun phrases that may stand in a claim."""

from __future__ import annotations

import re
from itertools import pairwise

from pipeline.claims.markup import Span, listed
from pipeline.claims.sentences import NAME, QUOTED, Sentence

_ARTICLE = re.compile(r"(?:the|an|this|that|a)\s+(?=\S)", re.IGNORECASE)
_TOKEN = re.compile(rf"(?:[\w'’#&/.-]|{NAME})+|{QUOTED}+")
_WRITTEN = re.compile(
    rf"\s(?:(?:that|which)\s+)?(?:says|reads|saying|reading|labell?ed|marked)\s+(?:{QUOTED}+|[A-Z][\w' ]*)$"
)
_ARTICLES = ("the", "a", "an")
_INNER = frozenset(listed("of|with|in|on|at|the|a|an|for|and|holding|wearing|carrying|riding"))
_NOT_IN_NAMES = frozenset(
    listed(
        "it|they|them|he|she|her|him|hers|we|you|i|this|that|these|those|which|who|whom|what|where|when|there|here|its|one|ones|"
        "is|are|was|were|be|been|being|am|has|have|had|says|said|means|shows|states|do|does|did|not|no|nor|neither|none|nothing|nobody|"
        "something|anything|everything|someone|anyone|everyone|all|each|every|any|some|most|many|several|few|both|"
        "either|or|but|so|because|since|as|than|then|if|while|whereas|although|though|however|thus|hence|therefore|"
        "to|from|by|into|onto|toward|towards|through|across|along|around|about|after|before|until|upon|"
        "left|right|behind|front|above|below|under|underneath|beneath|between|near|nearer|nearest|closer|closest|"
        "farther|farthest|further|furthest|next|beside|inside|outside|within|without|opposite|over|away|apart|"
        "more|less|very|too|quite|rather|also|only|just|other|another|others|same|such|still|yet|already|almost|nearly|"
        "located|positioned|placed|situated|visible|hidden|occluded|meaning|making|given|will|shall|must|"
        "and|half|part|portion|rest|much"
    )
)
_NOT_AN_OBJECT = frozenset(
    listed(
        "image|picture|photo|photograph|scene|view|viewpoint|foreground|background|middle|center|centre|side|"
        "sides|left|right|top|bottom|front|back|edge|corner|position|distance|depth|width|height|size|length|way|sense|case|order|question|answer|"
        "option|options|choice|choices|statement|claim|goal|reason|result|conclusion|problem|fact|idea|point|example|"
        "step|camera|viewer|observer|photographer|lens|area|space|place|object|objects|item|items|thing|things|"
        "direction|line|axis|angle|perspective|difference|order|layout|setup|arrangement|layer|"
        "floor plan|rest|location|region|relation|relationship|average|contrast|addition|general"
    )
)
_SURFACES = frozenset(listed("wall|ceiling|window|screen|door|page|mirror|side|rope|hook|sky|air|fire|display|monitor"))
_IDIOMATIC = ("on", "above", "below", "behind", "touching", "occludes", "occluded_by")
_WIDE_OBJECTS = frozenset(
    listed(
        "table|desk|room|street|road|bed|shelf|floor|wall|counter|countertop|kitchen|hallway|building|house|path|"
        "sidewalk|lane|intersection|court|field|stage|garden|yard|door|doorway|cabinet|rack|tray|plate|board|page"
    )
)


# "Standing on the balcony" names nothing.
_PLACING = frozenset(listed("on|in|at|by|with|next|under|over|near|behind|above|below|the|a|an"))
_NOT_COUNTED = frozenset(
    listed(
        "way|option|reason|thing|possibility|answer|choice|step|side|part|time|kind|type|example|point|claim|statement|"
        "object|item|element|area|factor|question|difference|case|category"
    )
)


def may_be_counted(name: str, is_known: bool) -> bool:
    """Whether a number of something is a number of objects in the image: "two ways to see it" is not.

    Args:
        name: What is counted.
        is_known: Whether it is the name of a region.
    """
    head = _head(name.casefold().split())
    return is_known or not {head, head.removesuffix("s"), head.removesuffix("ies") + "y"} & _NOT_COUNTED


def noun_phrase(sentence: Sentence, start: int, end: int) -> str | None:
    """The name of an object that a span of a sentence gives, without its article; None if that is not certain.

    Pronouns, quantities, parts of the image ("the background") and phrases that contain another relation are
    refused. A known name at the end of the phrase stands for all of it.
    """
    start, end = _without_article(sentence, start, end)
    mask, words = sentence.mask[start:end], sentence.words(start, end)
    if not mask or not words:
        return None
    if set(mask) == {NAME}:
        return words
    written = _WRITTEN.search(mask)
    plain = (mask[: written.start()] if written else mask).split()
    lower = [token if token == "A" else token.casefold() for token in plain]
    if not plain or len(plain) > 8 or not all(_TOKEN.fullmatch(token) for token in plain):
        return None
    if lower[0].endswith("ing") and len(lower) > 1 and lower[1] in _PLACING:
        return None
    if any(token in _NOT_IN_NAMES for token in lower) or lower[0] in _INNER or lower[-1] in _INNER:
        return None
    if any(second in _ARTICLES and first not in _INNER for first, second in pairwise(lower)):
        return None
    if _head(lower) in _NOT_AN_OBJECT or not re.search(rf"[^\W\d_]|{NAME}|{QUOTED}", mask):
        return None
    name = re.search(rf"(?:^|\s)({NAME}+)$", mask)
    return sentence.text[start + name.start(1) : end] if name and len(plain) <= 4 else words


def _head(words: list[str]) -> str:
    """The head noun of a phrase: "cup" of "red cup on the table"."""
    inner = next((index for index, word in enumerate(words) if word in _INNER), len(words))
    return words[max(inner, 1) - 1]


def _without_article(sentence: Sentence, start: int, end: int) -> Span:
    start, end = sentence.trimmed(start, end)
    article = _ARTICLE.match(sentence.mask, start, end)
    return (article.end() if article else start), end


def is_determined(sentence: Sentence, start: int, end: int) -> bool:
    """Whether a span has an article or is a known, quoted, numbered or capitalised name."""
    start, end = sentence.trimmed(start, end)
    words = sentence.mask[start:end]
    begins_name = words[:1].isupper() or words[:1] == QUOTED or NAME in words
    return begins_name or bool(_ARTICLE.match(words) or re.search(r"[\s#]\d+$", words))


def may_be_object(sentence: Sentence, start: int, end: int, relation: str, phrase: str) -> bool:
    """Whether a span can be the object of a relation.

    "On the left side of the table" is a part of the table, an object "on the wall" hangs there, and "behind
    schedule" is not a place.

    Args:
        sentence: The sentence.
        start: Start of the object.
        end: Its end.
        relation: Name of the relation.
        phrase: The words that state it.
    """
    head = _head(sentence.mask[slice(*_without_article(sentence, start, end))].casefold().split() or [""])
    if relation == "on" and phrase.casefold() == "on" and head in _SURFACES:
        return False
    if phrase.casefold().startswith(("on the left", "on the right")) and head in _WIDE_OBJECTS:
        return False
    return relation not in _IDIOMATIC or is_determined(sentence, start, end)
