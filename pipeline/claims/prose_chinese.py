"""Reads claims from a Chinese sentence.

A sentence is split at its commas, and each part must match one of a few shapes as a whole. A part without a subject
takes that of the part before. A hedge or a condition costs its own part.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from pipeline.claims.chinese_shapes import (
    COMPARED_PART,
    COUNTERS,
    COUNTING,
    DIAGONAL,
    ORDER,
    PLACES_OF_MEASURES,
    REFERENCE,
    RELATION_OF,
    RELATION_OF_SHAPE,
    SHAPES,
    SIZES,
)
from pipeline.claims.claim_making import make_claims
from pipeline.claims.english_memory import Memory, NotUnderstood
from pipeline.claims.markup import Span, listed
from pipeline.claims.phrases import CAMERA_NAMES
from pipeline.claims.prose_english import Reading
from pipeline.claims.quantities import Quantity, parse_count, parse_quantity
from pipeline.claims.sentences import NAME, Sentence
from pipeline.claims.spatial_words import states_space
from pipeline.records import Claim, Origin, Unit
from pipeline.records.errors import RecordError

__all__ = ["CHINESE", "COUNTING", "read_chinese"]

CHINESE = re.compile(r"[\u3400-\u9fff]")
"""A Chinese character."""

_HEDGE = re.compile(
    r"如果|假如|假设|要是|倘若|是否|能否|能不能|可不可以|会不会|可能|也许|或许|似乎|好像|看起来|看上去|看似|应该|应当|推测|估计|"
    r"可以(?!看到|看出|看见)|能够|不能|无法|难以|不确定|不清楚|需要|必须|才能|将会|(?<![机智])会(?!议)|除非|不一定|未必|吗|呢|或者|还是|想要|请|"
    r"不是(?![，,:：])|曾|原本|以前|昨天|刚才|并非|错误|大概(?!\d|[一二两三四五六七八九十半])|几乎|认为|觉得|说(?!明)|表示|就能|也得|希望|假装|听说|据说|根据|按照|通常|一般|往往|或许|难道|是不是"
)
_SCOPE = re.compile(r"\s*(?:根据|按照|据|通常|一般|往往|在?理论上|假如|如果|想象)")
_CONDITION = re.compile(r"如果|假如|假设|要是|倘若|除非|是否")
_LEAD = re.compile(
    r"\s*(?:(?:从|在)?(?:这张|该|本)?(?:图片|图像|图|画面|照片)(?:中|里|上)?(?:可以)?(?:看到|看出|可见)?|因此|所以|但是?|而且?|并且?|且|"
    r"同时|此外|另外|其中|是的|不是|不|对|答案|答|结论|由此可见|可见|首先|其次|最后|从(?:相机|镜头|观察者)的?(?:视角|角度)(?:来)?看)[，,:：]\s*"
    r"|\s*(?:因此|所以|但是|但|而且|而是|而|并且|并|且|同时|其中|因为|由于|虽然|尽管|不过|(?:可以|能)(?:看到|看见|看出)(?![\d一二两三四五六七八九十])|也(?!许)|即(?=.)|其实|确实|显然|当然|的确|不仅|不但|不光|还(?!是))(?=.)"
)
_FRAME = re.compile(
    r"\s*(?:在)?(?:第\s*(\d{1,2}|[一二三四五六七八九十])\s*张?(?:图片|图像|图|照片)|(?:图片|图)\s*(\d{1,2}))(?:中|里)?[，,]?\s*"
)
_VIEW = re.compile(r"\s*从(?P<view>[^，,的]{1,12})的?(?:视角|角度)(?:来)?看[，,]\s*")
_PART = re.compile(r"[^，,]*[^，,\s][^，,]*")
_HERE = "图中|图片中|画面中|照片中|图里|场景中|房间里|这里|图片里|照片里|画面里"
_PLACE_IN_IMAGE = re.compile(r"在?(?:图片|图像|画面|照片)的?[左右上下中前后]{1,2}(?:方|侧|边|部|间|角|半部分)?")
_SHOWN = re.compile(
    rf"(?:{_HERE})?(?:有|可以看到|能看到)?(?:一[{COUNTERS}])?(?P<s>[^，,的在是有]{{1,10}}?)(?=(?:是|很|开着|停|戴|穿|正|在|有|站|坐|躺))"
)


def read_chinese(sentence: Sentence, memory: Memory | None = None) -> Reading:
    """Read the claims of a sentence that is not a question.

    Args:
        sentence: A masked sentence; the spans of the result are characters of it.
        memory: What pronouns may mean, from the sentence before.

    Returns:
        The claims of the parts that are understood.
    """
    return _Reader(sentence, memory or Memory()).read()


class _Reader:
    """Reads one sentence part by part."""

    def __init__(self, sentence: Sentence, memory: Memory) -> None:
        self.sentence = sentence
        self.mask = sentence.mask
        self.memory = memory
        self.reading = Reading()
        self.rest: dict[str, Any] = {"origin": Origin.PROSE}
        self.reference: str | None = None

    def read(self) -> Reading:
        """Read all parts."""
        start = self._context()
        span = self.sentence.trimmed(start, len(self.mask))
        if (order := ORDER.fullmatch(self.mask, *span)) and (claims := self._ordered(order)):
            self.reading.claims = [(claim, span) for claim in claims]
            return self.reading
        subjects: list[str] = []
        conditional = bool(_SCOPE.match(self.mask))
        for part in _PART.finditer(self.mask, start):
            part_start, part_end = part.span()
            while lead := _LEAD.match(self.mask, part_start, part_end):
                part_start = lead.end()
            span = self.sentence.trimmed(part_start, part_end)
            words = self.mask[slice(*span)]
            condition = bool(_CONDITION.search(words))
            hedged = condition or (conditional and not lead_is_strong(part.group())) or bool(_HEDGE.search(words))
            conditional = condition or (conditional and hedged)
            if hedged:
                self._leave(words, hedged=True)
                continue
            if (named := REFERENCE.fullmatch(self.mask, *span)) and (name := self._name(named.span("o"))):
                self.reference = name
                continue
            try:
                subjects, claims = self._read_part(span, subjects)
            except (RecordError, NotUnderstood):
                self._leave(words, hedged=False)
                subjects = self._topic(span) or subjects
                continue
            self.memory.subjects = subjects
            self.reading.claims += [(claim, span) for claim in claims]
        return self.reading

    def _leave(self, words: str, *, hedged: bool) -> None:
        if (states_space(words) or COUNTING.search(words)) and not _PLACE_IN_IMAGE.fullmatch(words):
            self.reading.complete = False
            self.reading.hedged |= hedged

    def _topic(self, span: Span) -> list[str]:
        """What a part without claim speaks of."""
        match = _SHOWN.match(self.mask, *span)
        name = self._name(match.span("s")) if match else None
        if name:
            self.memory.subjects = [name]
        return [name] if name else []

    def _context(self) -> int:
        """Start of the statement; keeps the frame and the perspective named before it."""
        start = 0
        while match := _LEAD.match(self.mask, start) or _FRAME.match(self.mask, start):
            if match.re is _FRAME:
                self.rest["frames"] = (max((parse_count(match[1] or match[2]) or 1) - 1, 0),)
            elif _CONDITION.match(match.group()):
                break
            start = match.end()
        if view := _VIEW.match(self.mask, start):
            if view["view"] not in CAMERA_NAMES:
                self.rest["perspective"] = self.sentence.words(*view.span("view"))
            start = view.end()
        return start

    def _ordered(self, order: re.Match[str]) -> list[Claim]:
        names = [self._name(order.span(group)) for group in ("s", "o", "o2") if order[group]]
        if None in names:
            return []
        relation = "closer" if order["w"] == "最近" else "farther"
        return [
            claim
            for first, second in pairwise(names)
            for claim in make_claims(relation, str(first), (str(second),), None, **self.rest)
        ]

    def _read_part(self, span: Span, subjects: list[str]) -> tuple[list[str], list[Claim]]:
        if self.reference and (match := COMPARED_PART.fullmatch(self.mask, *span)):
            names = self._names(match.span("s"))
            relation = self._compared(match)
            if names and relation:
                return names, self._made(relation, names, [self.reference], None, {})
        for kind, pattern in SHAPES:
            match = pattern.fullmatch(self.mask, *span)
            if match and (read := self._of_shape(kind, match, subjects)) is not None:
                return read
        raise NotUnderstood

    def _compared(self, match: re.Match[str]) -> str | None:
        words = match["place"] or match["r"]
        return RELATION_OF.get(words) or (
            "closer" if words.endswith("近") else "farther" if words.endswith("远") else None
        )

    def _of_shape(self, kind: str, match: re.Match[str], subjects: list[str]) -> tuple[list[str], list[Claim]] | None:
        groups = match.groupdict()
        found = {key: self._names(match.span(key)) for key in ("s", "o", "o2", "o3") if groups.get(key)}
        if any(names is None for names in found.values()):
            return None
        names = {key: value for key, value in found.items() if value is not None}
        if kind == "on" and _NOT_ON.search(names["o"][0]):
            return None
        if kind == "count":
            names["s"] = names.pop("o")
            quantity: Quantity | None = Quantity(float(parse_count(groups["n"]) or 0), Unit.COUNT)
        else:
            quantity = parse_quantity(groups["m"]) if groups.get("m") else None
        said = names.get("s") or subjects
        objects = names.get("o") or names.get("o3") or []
        more: dict[str, Any] = {"negated": bool(groups.get("not"))}
        each = len(said) == 1 or "都" in match.group()
        if not said or (more["negated"] and (quantity or kind == "diagonal" or not each)):
            raise NotUnderstood
        relations = self._relations(kind, groups)
        if relations is None:
            return None
        if kind == "size":
            more["measure"] = SIZES[groups["r"]]
        if "o2" in names:
            claims = self._made(relations[0], said, [*objects, *names["o2"]], quantity, more, together=True)
        else:
            claims = [claim for relation in relations for claim in self._made(relation, said, objects, quantity, more)]
        return said, claims

    def _relations(self, kind: str, groups: dict[str, str]) -> list[str] | None:
        if kind == "diagonal":
            return [DIAGONAL[side] for side in groups["sides"]]
        if kind == "by_noun":
            noun = groups["noun"] if groups["noun"] in ("高度", "宽度", "深度", "位置") else "尺寸"
            more = groups["more"] or groups["over"]
            less = groups["less"] or groups["under"]
            if not (more or less):
                return None
            sign = ("高" if noun == "位置" else "大") if more else ("低" if noun == "位置" else "小")
            return [PLACES_OF_MEASURES[noun + sign]]
        if kind in ("is_there",):
            return ["on"]
        if kind in ("place", "compare", "verb", "describes"):
            words = groups["r"]
            return [RELATION_OF.get(words) or ("closer" if words.endswith("近") else "farther")]
        return [RELATION_OF_SHAPE.get(kind, kind)]

    def _made(
        self,
        relation: str,
        subjects: list[str],
        objects: list[str],
        quantity: Quantity | None,
        more: dict[str, Any],
        *,
        together: bool = False,
    ) -> list[Claim]:
        rest = {**self.rest, **more}
        turned, relation = relation.startswith("-"), relation.removeprefix("-")
        groups: list[tuple[str, ...]] = [tuple(objects)] if together or not objects else [(name,) for name in objects]
        pairs = [(subject, group) for subject in subjects for group in groups]
        return [
            claim
            for subject, group in pairs
            for claim in make_claims(
                relation, *((group[0], (subject,)) if turned else (subject, group)), quantity, **rest
            )
        ]

    def _names(self, span: Span) -> list[str] | None:
        """The names of a list; None if one of them cannot be the name of an object."""
        start, end = span
        if set(self.mask[start:end]) == {NAME}:
            name = self._name(span)
            return [name] if name else None
        names: list[str] = []
        at = start
        for separator in (*re.finditer(r"[和与跟、]", self.mask[start:end]), None):
            stop = start + separator.start() if separator else end
            words = self.mask[at:stop]
            if re.fullmatch(r"[它他她]们?", words):
                if not self.memory.subjects:
                    return None
                names += self.memory.subjects
            elif name := self._name((at, stop)):
                names.append(name)
            else:
                return None
            at = start + separator.end() if separator else end
        return names

    def _name(self, span: Span) -> str | None:
        """The name of an object in a span, without determiner and measure word; None if it cannot be one."""
        start, end = self.sentence.trimmed(*span)
        if set(self.mask[start:end]) != {NAME}:
            if one := _ONE.fullmatch(self.mask, start, end):
                return self._one_of(one)
            article = _DETERMINER.match(self.mask, start, end)
            start = article.end() if article else start
            if start + 1 == end and self.mask[start] in "位放还处许正就":
                return None
            if re.match(r"[\d.]|一[^\u3400-\u9fff]|一[段种些次直样般起]", self.mask[start:end]):
                return None
            if self.mask[start:end] in _NOT_AN_OBJECT or _NOT_IN_OBJECTS.search(self.mask, start, end):
                return None
        return self.sentence.words(start, end) or None

    def _one_of(self, match: re.Match[str]) -> str | None:
        kind = match["kind"] or self.memory.counted
        if not kind:
            return None
        self.memory.counted = kind
        return f"{match['one']}{kind}"


def lead_is_strong(words: str) -> bool:
    """Whether a part begins a statement of its own after a condition: "但是...", "不过..."."""
    return bool(re.match(r"\s*(?:但是?|不过|然而)", words))


_NOT_AN_OBJECT = frozenset(
    listed(
        "图|图中|画面|图像|图片|照片|左|右|前|后|上|下|中|两者|两个|二者|彼此|对方|自己|相机|镜头|其|其他|所有|距离|位置|左侧|右侧"
    )
)
_NOT_IN_OBJECTS = re.compile(
    r"(?:[左右前后上下][方侧边面]?|中间|之间|旁边?|附近|的|了|着|一|位置|尺寸|体积|高度|宽度|深度|一部分|部分)$|"
    r"不仅|不但|其实|通常|希望|部分遮挡|遮挡|遮住|挡住|盖住|遮盖|因为|虽然|相比|说(?!明)|认为|表示|显示(?![器屏])|指出|知道|\d+(?:\.\d+)?\s*(?:米|厘米|cm|m)"
)
_DETERMINER = re.compile(rf"(?:(?:{_HERE})的|[这那该][{COUNTERS}]?|一[{COUNTERS}])(?=.)")
_ONE = re.compile(rf"(?P<one>(?:另)一[{COUNTERS}]|一[{COUNTERS}](?=$))(?P<kind>.{{0,6}})")
_NOT_ON = re.compile(r"^(?:头|脸|手|身|身体|天|网|图|门|画面|照片|路线|时间)$|(?:墙壁?|天花板|窗户?|屏幕|天空|显示器)$")
"""Nouns after which 上 has another meaning."""
