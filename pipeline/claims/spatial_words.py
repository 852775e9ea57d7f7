"""Tags the spatial words of an answer, in English and Chinese."""

from __future__ import annotations

import re

from pipeline.claims.markup import alternatives, listed
from pipeline.claims.phrases import CHINESE, ENGLISH
from pipeline.records import SpatialTag
from pipeline.records.relations import RelationName

_NOT_SPATIAL_ALONE = frozenset(
    listed("from|away|tall|high|wide|long|deep|in number|个|只|把|张|台|辆|高|宽|长|深|大于|小于|放在|摆在")
)
_MORE_ENGLISH = {
    "to the left": "left_of",
    "on the left": "left_of",
    "leftmost": None,
    "left": "left_of",
    "to the right": "right_of",
    "on the right": "right_of",
    "rightmost": None,
    "right": "right_of",
    "in front": "in_front_of",
    "closer to the camera": "closer",
    "closer": "closer",
    "nearer": "closer",
    "farther from the camera": "farther",
    "farther": "farther",
    "further away": "farther",
    "farther away": "farther",
} | dict.fromkeys(
    listed(
        "next to|beside|alongside|adjacent to|close to|near to|near|nearby|far from|far away|far|closest|nearest|"
        "farthest|furthest|inside|outside|within|opposite|across from|against|around|surrounding|among|along|"
        "in the middle|middle|in the center|in the centre|center|centre|at the top|at the bottom|top|bottom|"
        "in the background|background|in the foreground|foreground|upper|lower|parallel to|facing|through|"
        "distance|depth|corner|upside down"
    )
)
_MORE_CHINESE = {
    "左": "left_of",
    "右": "right_of",
    "靠近相机": "closer",
} | dict.fromkeys(
    listed(
        "旁边|旁|附近|靠近|临近|邻近|相邻|隔壁|对面|最近|最远|远处|近处|近|远|里面|里边|内部|外面|外边|外部|中央|中心|"
        "正中|顶部|底部|上部|下部|前景|背景|角落|周围|四周|左上|左下|右上|右下|左上角|左下角|右上角|右下角|左前方|右前方|"
        "左后方|右后方|最左|最右|最上|最下|朝向|面向|平行|之内|之外|距|离|间隔"
    )
)
_NEUTRAL = (
    r"right\?|right now|right away|right here|that's right|all right|alright|is right\b(?=[.,!])|"
    r"(?:has|have|had) left|left (?:over|behind by)|left (?:the|a) (?:room|house|building|scene)|"
    r"(?:based|depending|depends|depend|focus|focused|rely|relies|relying|later|so|and so|carry|move) on|"
    r"over time|all over again|in the long run|as long as|so far|as far as (?:I|we)\b|around \d|within \d|over \d|"
    r"under \d|near-|of course|"
    r"最后|然后|以后|今后|后来|随后|目前|以前|前往|提前|前提|当前|离开|距今|最近的(?:研究|新闻)|近似|接近|左右(?=[，。,.\s]|$)"
)


_RELATION_OF: dict[str, str | None] = {
    word: relation
    for word, relation in {**_MORE_ENGLISH, **_MORE_CHINESE, **ENGLISH, **CHINESE}.items()
    if word not in _NOT_SPATIAL_ALONE
}
_ENGLISH_WORDS = alternatives(filter(str.isascii, _RELATION_OF)).replace(" ", r"\s+")
_CHINESE_WORDS = alternatives(word for word in _RELATION_OF if not word.isascii())
_PATTERN = re.compile(
    rf"(?P<neutral>(?<![A-Za-z])(?:{_NEUTRAL}))|(?<![\w'-])(?P<english>{_ENGLISH_WORDS})(?![\w]|-\w)|"
    rf"(?P<chinese>{_CHINESE_WORDS})",
    re.IGNORECASE | re.ASCII,
)


def spatial_tags(text: str) -> tuple[SpatialTag, ...]:
    """The spatial words of prose; the longest phrase wins.

    Args:
        text: An answer whose JSON and code were blanked; spans are characters of it.

    Returns:
        The words in the order of the text, each with its relation in the registry, if any.

    >>> [(tag.word, tag.relation) for tag in spatial_tags("It is to the left of the mug.")]
    [('to the left of', <RelationName.LEFT_OF: 'left_of'>)]
    """
    tags = []
    for match in _PATTERN.finditer(text):
        if match.lastgroup == "neutral":
            continue
        name = _RELATION_OF.get(" ".join(match.group().casefold().split()))
        tags.append(SpatialTag(match.group(), match.start(), match.end(), RelationName(name) if name else None))
    return tuple(tags)


_NOT_A_STATEMENT_ALONE = frozenset({"depth", "distance", "around", "through", "top", "along"})
# Words of sizes, lengths and orders that are no spatial words by themselves.
_MORE_WORDS = re.compile(
    r"\b(?:exceeds?|surpass(?:es)?|leftwards?|rightwards?|upwards? of|underneath|atop|twice|half|times)"
    r"\s+(?:as|of|the|larger)\b|"
    r"\d\s?(?:m|cm|mm|ft|feet|met(?:er|re)s?)\s+(?:from|away|apart|tall|wide|high|long|deep|to|between)\b|"
    r"\bin\s+the\s+distance\b|\bcloser\b|\btaller\b|\bshorter\b|\bwider\b|\blarger\b|\bsmaller\b|\bbigger\b",
    re.IGNORECASE,
)


def states_space(text: str) -> bool:
    """Whether a text may state something about space: it has a spatial word that seldom means something else."""
    alone = (tag.word.casefold() not in _NOT_A_STATEMENT_ALONE for tag in spatial_tags(text))
    return any(alone) or _MORE_WORDS.search(text) is not None
