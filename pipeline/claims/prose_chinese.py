"""Reads claims from a Chinese sentence.

A sentence is split at its commas, and each part must match one of a few shapes as a whole. A part without a subject
takes that of the part before.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.claims.claim_making import make_claims
from pipeline.claims.markup import Span, alternatives, listed
from pipeline.claims.phrases import CAMERA_NAMES
from pipeline.claims.prose_english import NotUnderstood, Reading
from pipeline.claims.quantities import MEASURE, Quantity, parse_count, parse_quantity
from pipeline.claims.sentences import NAME, QUOTED, Sentence
from pipeline.records import Claim, Origin, Unit
from pipeline.records.errors import RecordError
from pipeline.records.relations import RELATIONS

CHINESE = re.compile(r"[\u3400-\u9fff]")
"""A Chinese character."""

CHINESE_HEDGE = re.compile(
    r"如果|假如|假设|要是|倘若|是否|能否|能不能|可不可以|会不会|可能|也许|或许|似乎|好像|看起来|看上去|看似|应该|应当|推测|估计|"
    r"可以(?!看到|看出|看见)|能够|不能|无法|难以|不确定|不清楚|需要|必须|才能|将会|(?<![机智])会(?!议)|除非|不一定|未必|吗|呢|或者|还是|想要|请|"
    r"不是(?![，,:：])|并非|错误|大概(?!\d|[一二两三四五六七八九十半])|几乎"
)
"""Words of sentences that are not plain statements about the image."""

_LEAD = re.compile(
    r"\s*(?:(?:从|在)?(?:这张|该|本)?(?:图片|图像|图|画面|照片)(?:中|里|上)?(?:可以)?(?:看到|看出|可见)?|因此|所以|但是?|而且?|并且?|且|"
    r"同时|此外|另外|其中|是的|不是|不|对|答案|答|结论|由此可见|可见|首先|其次|最后|从(?:相机|镜头|观察者)的?(?:视角|角度)(?:来)?看)[，,:：]\s*"
    r"|\s*(?:因此|所以|但是|但|而且|而|并且|并|且|同时|其中)(?=.)"
)
_FRAME = re.compile(
    r"\s*(?:在)?(?:第\s*(\d{1,2}|[一二三四五六七八九十])\s*张?(?:图片|图像|图|照片)|(?:图片|图)\s*(\d{1,2}))(?:中|里)?[，,]?\s*"
)
_VIEW = re.compile(r"\s*从(?P<view>[^，,的]{1,12})的?(?:视角|角度)(?:来)?看[，,]\s*")
_PART = re.compile(r"[^，,]*[^，,\s][^，,]*")
_NOT_IN_NAMES = (
    "，,。；;：:、！!？?（）()\\s在比被离距与跟及是有把让使不没对从到这那它他她们我你哪谁每各都也就则但而或吧…"
)
_LETTER = rf"[^{_NOT_IN_NAMES}]"
_NAME = rf"(?:这|那|该)?(?:{NAME}+|(?:{_LETTER}|{QUOTED}){{1,20}}?)"
_S, _O = rf"(?P<s>{_NAME})", rf"(?P<o>{_NAME})"
_M = rf"(?P<m>{MEASURE})"
_NOT = r"(?P<not>并?不|没有?|并?未)"
_CAMERA = r"(?:相机|镜头|摄像头|摄像机|观察者|我们)"
_AT = rf"(?:{_NOT}?(?:就|正|直接)?(?:位于|处于|坐落于|放在|摆在|站在|在))"
_COUNTERS = "个只把张台辆本支瓶件盏棵位名座部块条杯"
_HERE = "图中|图片中|画面中|照片中|图里|场景中|房间里|这里"
_HERE_SAID = re.compile(
    rf"{_HERE}|(?:图片|图像|图|画面|照片)(?:中|里|上)|(?:图片|图像|图|照片)\s*\d{{1,2}}|张(?:图|照)"
)
_PLACED = ("left_of", "right_of", "above", "below", "in_front_of", "behind")
_PLACES = alternatives(phrase for name in _PLACED for phrase in RELATIONS[name].chinese)
_HIDING = "部分遮挡|遮挡|遮住|挡住|盖住|遮盖"
_NUMBER = r"(?P<n>\d{1,3}|[一二两三四五六七八九十])"
COUNTING = re.compile(rf"有{_NUMBER}[{_COUNTERS}]")
"""Words that state a number of objects."""
_COMPARED = {
    "closer": (*RELATIONS["closer"].chinese, "靠近相机", "靠近镜头", "离相机近", "近"),
    "farther": (*RELATIONS["farther"].chinese, "离相机远", "远"),
    "larger": (*RELATIONS["larger"].chinese, "大"),
    "smaller": (*RELATIONS["smaller"].chinese, "小"),
    "taller": (*RELATIONS["taller"].chinese, "高"),
    "wider": (*RELATIONS["wider"].chinese, "宽"),
}
_RELATION_OF = {phrase: name for name, phrases in _COMPARED.items() for phrase in phrases} | {
    phrase: name for name in _PLACED for phrase in RELATIONS[name].chinese
}
_COMPARISONS = alternatives(word for words in _COMPARED.values() for word in words)
_SIZES = {"高": "height", "宽": "width", "深": "depth", "长": None, "高度": "height", "宽度": "width", "深度": "depth"}
_DIAGONAL = {"左": "left_of", "右": "right_of", "前": "in_front_of", "后": "behind", "上": "above", "下": "below"}
_RELATION_OF_SHAPE = {
    "hides": "occludes",
    "hidden": "occluded_by",
    "camera": "distance_to_camera",
    "apart": "distance_between",
    "same": "same_depth",
    "touch": "touching",
}

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("between", rf"{_S}?{_AT}{_O}(?:和|与|跟){_O.replace('<o>', '<o2>')}的?(?:正)?(?:之间|中间)"),
        ("diagonal", rf"{_S}?{_AT}{_O}的?(?P<sides>[左右][前后上下])(?:方|侧|边|面)?"),
        ("place", rf"{_S}?{_AT}{_O}的?(?:正)?(?P<r>{_PLACES})(?:{_M}(?:处|远)?)?"),
        ("on", rf"{_S}?(?P<not>没有?|并?不)?(?:放置|摆放|放|摆|坐|躺|立)?在{_O}(?:的)?(?:上|顶部)"),
        ("compare", rf"{_S}?(?P<not>并?不)?要?比{_O}要?(?P<r>{_COMPARISONS})了?(?:一些|一点|得多|很多|{_M})?"),
        ("verb", rf"{_S}?(?P<not>并?不)?(?P<r>大于|小于|宽于|高于|低于|高过){_O}"),
        ("hides", rf"{_S}?{_NOT}?(?:完全)?(?:{_HIDING})[了着住]?(?:(?:一?部分|{_M})的?)?{_O}(?:的一?部分)?"),
        ("hidden", rf"{_S}?(?P<not>没有?|并?未)?被{_O}(?:完全|所)?(?:{_HIDING})(?:了|住)?(?:一部分|部分|{_M})?"),
        ("camera", rf"{_S}?(?:离|距离?|到){_CAMERA}(?:的距离)?(?:是|为|有)?{_M}(?:远)?"),
        ("apart", rf"{_S}?(?:离|距离?){_O}(?:有|是|为)?{_M}(?:远)?"),
        ("apart", rf"{_S}(?:和|与|跟){_O}(?:之间)?(?:的)?(?:距离|相距|相隔|间距)(?:是|为|有)?{_M}"),
        ("same", rf"{_S}(?:和|与|跟){_O}(?:离相机|距离相机)?(?:的)?(?:同样远|一样远|在同一深度|深度相同|处于同一深度)"),
        ("touch", rf"{_S}(?:和|与|跟){_O}(?:互相|相互|直接)?(?:接触|紧贴|靠在一起|碰在一起)"),
        ("touch", rf"{_S}?(?P<not>没有?|并?未)?(?:靠着|紧贴|碰到|接触到?)(?:了|着)?{_O}"),
        ("size", rf"{_S}?的?(?P<r>高度|宽度|深度|高|宽|长|深)(?:是|为)?{_M}"),
        ("count", rf"(?:{_HERE})?(?:一?共)?有{_NUMBER}[{_COUNTERS}]{_O}"),
    )
)


def read_chinese(sentence: Sentence) -> Reading:
    """Read the claims of a sentence that is not a question and has no word of ``CHINESE_HEDGE``.

    Args:
        sentence: A masked sentence; the spans of the result are characters of it.

    Returns:
        The claims; if a part is not understood, those of the parts before it.
    """
    reading = Reading()
    start, rest = _context(sentence)
    subject: str | None = None
    for part in _PART.finditer(sentence.mask, start):
        part_start, part_end = part.span()
        while lead := _LEAD.match(sentence.mask, part_start, part_end):
            part_start = lead.end()
        span = sentence.trimmed(part_start, part_end)
        try:
            subject, claims = _read_part(sentence, span, subject, rest)
        except (RecordError, NotUnderstood):
            reading.complete = False
            break
        reading.claims += [(claim, span) for claim in claims]
    return reading


def _context(sentence: Sentence) -> tuple[int, dict[str, Any]]:
    """Start of the statement, and the frame and perspective named before it."""
    rest: dict[str, Any] = {"origin": Origin.PROSE}
    start = 0
    while match := _LEAD.match(sentence.mask, start) or _FRAME.match(sentence.mask, start):
        if match.re is _FRAME:
            rest["frames"] = (max((parse_count(match[1] or match[2]) or 1) - 1, 0),)
        start = match.end()
    if view := _VIEW.match(sentence.mask, start):
        if view["view"] not in CAMERA_NAMES:
            rest["perspective"] = sentence.words(*view.span("view"))
        start = view.end()
    return start, rest


def _read_part(sentence: Sentence, span: Span, subject: str | None, rest: dict[str, Any]) -> tuple[str, list[Claim]]:
    for kind, pattern in _SHAPES:
        match = pattern.fullmatch(sentence.mask, *span)
        if not match:
            continue
        groups = match.groupdict()
        names = {key: _object_name(sentence, match.span(key)) for key in ("s", "o", "o2") if groups.get(key)}
        if kind == "count":
            if not (_HERE_SAID.search(sentence.mask) or NAME in groups["o"]):
                raise NotUnderstood
            names["s"] = names.pop("o")
        if None in names.values() or (kind == "on" and not _SUPPORT.search(sentence.mask, 0, match.end("o"))):
            continue
        name = names.get("s") or subject
        quantity = parse_quantity(groups["m"]) if groups.get("m") else None
        objects = tuple(str(names[key]) for key in ("o", "o2") if key in names)
        rest = {**rest, "negated": bool(groups.get("not"))}
        if name is None or (rest["negated"] and (quantity or kind in ("diagonal", "same"))):
            raise NotUnderstood
        relations = [_RELATION_OF_SHAPE.get(kind, kind)]
        if kind == "diagonal":
            relations = [_DIAGONAL[side] for side in groups["sides"]]
        elif kind == "size":
            rest["measure"] = _SIZES[groups["r"]]
        elif kind == "count":
            quantity = Quantity(float(parse_count(groups["n"]) or 0), Unit.COUNT)
        elif "r" in groups:
            relations = [_RELATION_OF[groups["r"]]]
        return name, [
            claim for relation in relations for claim in make_claims(relation, name, objects, quantity, **rest)
        ]
    raise NotUnderstood


_NOT_AN_OBJECT = frozenset(
    listed(
        "图|图中|画面|图像|图片|照片|左|右|前|后|上|下|中|两者|两个|二者|彼此|对方|自己|相机|镜头|其|其他|所有|距离|位置"
    )
)
_NOT_IN_OBJECTS = re.compile(
    rf"(?:[左右前后上下][方侧边面]?|中间|之间|旁边?|附近|的|了|着|一)$|和|{_HIDING}|"
    r"说(?!明)|认为|表示|显示(?![器屏])|指出|知道|\d+(?:\.\d+)?\s*(?:米|厘米|cm|m)"
)
_DETERMINER = re.compile(rf"(?:(?:{_HERE})的|[这那该][{_COUNTERS}]?|一[{_COUNTERS}])(?=.)")
_SUPPORT = re.compile(
    rf"(?:桌|桌子|椅子|凳子|沙发|床|架|架子|柜|柜子|台|台子|台面|地板|地面|地毯|盘子|盒子|箱子|板|垫子|{NAME})$"
)
"""Nouns that an object can stand or lie on; after other nouns, 上 has another meaning."""


def _object_name(sentence: Sentence, span: Span) -> str | None:
    """The name of an object in a span, without determiner and measure word; None if it cannot be one."""
    start, end = span
    if set(sentence.mask[start:end]) != {NAME}:
        article = _DETERMINER.match(sentence.mask, start, end)
        start = article.end() if article else start
        if sentence.mask[start:end] in _NOT_AN_OBJECT or _NOT_IN_OBJECTS.search(sentence.mask, start, end):
            return None
    return sentence.words(start, end) or None
