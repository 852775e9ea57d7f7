"""Reads coordinates in running text, lists and named sides: "mug: [150, 300, 400, 700]"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.claims.coordinates.entries import Entry, Found
from pipeline.claims.coordinates.shapes import Shape, bounds, joined, plain_key, shape_of, shapes_in
from pipeline.claims.markup import alternatives, listed

_NUMBER = r"[-+]?(?:\d{1,5}(?:\.\d{1,12})?|\.\d{1,12})(?:\s?(?:%|％|px|pixels?))?"
_BETWEEN = r"(?:\s{0,3}[,，;；、]\s{0,3}|\s{1,3})"
_GROUP = re.compile(rf"[\[(（【{{]{{1,3}}\s{{0,3}}{_NUMBER}(?:{_BETWEEN}{_NUMBER}){{1,15}}\s{{0,3}}[\])）】}}]{{1,3}}")
_BARE = re.compile(rf"(?<![\w.,(\[])(?:{_NUMBER}\s{{0,3}},\s{{0,3}}){{3}}{_NUMBER}(?![\w.,)\]])")
_ALONE = re.compile(rf"^[ \t]*{_NUMBER}(?:[ \t]+{_NUMBER}){{3}}[ \t]*$", re.MULTILINE)
_RANGE = (
    (
        rf"\s{{0,2}}(?:from|in|between|ranges?|=|:)?\s{{0,2}}[\[(]?(?P<{{axis}}1>{_NUMBER})"
        rf"\s{{0,2}}(?:-|–|—|~|to|and|,|到|至)\s{{0,2}}(?P<{{axis}}2>{_NUMBER})[\])]?"
    )
    .replace("{0,2}", "{{0,2}}")
    .replace("{1,5}", "{{1,5}}")
    .replace("{1,12}", "{{1,12}}")
)
_RANGES = re.compile(
    rf"(?<![A-Za-z])x{_RANGE.format(axis='x')}\s{{0,2}}(?:,\s?and|[,;]|and)?\s{{0,2}}y{_RANGE.format(axis='y')}",
    re.IGNORECASE,
)
_NAME = (
    r"(?:x[_ ]?(?:1|2|0|min|max)?|y[_ ]?(?:1|2|0|min|max)?|left|right|top|bottom|width|height|w|h|cx|cy|"
    r"(?:x|y)[_ ]?cent(?:er|re)|cent(?:er|re)[_ ]?(?:x|y)|左|右|上|下)(?:\s(?:edge|side|border|坐标))?"
)
_VALUE = r"\s{0,3}(?:[=:：]|at|is|of|为|是|\s)\s{0,3}"
_SIDES = re.compile(
    rf"(?<![A-Za-z])(?:{_NAME}){_VALUE}{_NUMBER}"
    rf"(?:\s{{0,3}}(?:[,，;；、|]|and|\s)\s{{0,3}}(?:and\s)?(?:the\s)?(?<![A-Za-z])(?:{_NAME}){_VALUE}{_NUMBER}){{1,5}}",
    re.IGNORECASE,
)
_SIDE = re.compile(rf"(?P<name>{_NAME}){_VALUE}(?P<number>{_NUMBER})", re.IGNORECASE)
_CHINESE_SIDES = {"左": "left", "右": "right", "上": "top", "下": "bottom"}
_CORNER = (
    r"(?:(?:the\s+)?(?:bottom|lower|top|upper)[- ]?(?:right|left)(?:[- ](?:corner|point))?|"
    r"右[上下](?:角|点)?(?:坐标)?|(?:max|end|end_box|p2|br|右下)\b)"
)
_JOINED = re.compile(
    r"[\s\])）】]{0,4}(?:[,，;；、~～–—-]|to|and|through|till|until|->|→|至|到|和|与)?\s{0,3}(?:and\s+|to\s+)?"
    rf"(?P<corner>{_CORNER})?\s{{0,3}}(?:[=:：]|at|is|为|是)?[\s\[(（【]{{0,4}}",
    re.IGNORECASE,
)
_LINKING_WORDS = alternatives(
    listed(
        "is|are|was|located|positioned|situated|found|visible|seen|marked|given|placed|detected|enclosed|bounded|at|in|"
        "within|by|from|with|to|as|near|around|approximately|about|roughly|span|spans|spanning|occupies|occupying|cover|"
        "covers|covering|extend|extends|has|have|a|an|the|its|bounding|bounding box|bounding boxes|its box|their boxes|"
        "bbox|bbox_2d|coordinate|coordinates|coords|position|location|point|points|region|area|rect|rectangle|pixel|pixels|"
        "start_box|end_box|corner|"
        "polygon|quad|boxed|runs|goes|reaches|stretches|center|centre|centered|centred|start|min|normalized|normalised|"
        "and|can be|be|that|which|"
        "top-left|upper-left|bottom-left|lower-left|top left|upper left|bottom left|lower left|topleft"
    )
)
_CHINESE_LINKING = alternatives(
    listed("坐标|位置|边界框|检测框|框|位于|左上|左上角|左上点|范围|区域|中心|中心点|处|在|是|为|的")
)
_LINKING = re.compile(
    r"(?:[\s:：=,，*_`\"'“”‘’\-–—>→⇒|(（\[{$\\]|boxed\{|\(x,\s?y\)|"
    rf"(?<![A-Za-z])(?:{_LINKING_WORDS})(?![A-Za-z])|{_CHINESE_LINKING})+$",
    re.IGNORECASE,
)
_OF = re.compile(
    r"\b(?:box(?:es)?|bbox|coordinates?|coords?|position|location|point|cent(?:er|re)|region|rectangle|area|rect)\b"
    r"[^.:\n]{0,20}?\b(?:of|for|around|containing|enclosing)\s+",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:[\[(<]?(?:image|picture|frame|photo)\s{0,2}#?\d{1,3}[\])>]?\s{0,3}[-–—:：]?|的|[\s\-+•*·#>_&`\"'“”|,，;；:：.)、]|\d{1,3}[.)、]\s|(?:that\s+of|those\s+of|of|and|the|a|an|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"there\s+(?:is|are)|i\s+(?:can\s+)?(?:see|found|find|detect(?:ed)?)|here\s+(?:is|are)|in\s+(?:the|this)\s+"
    r"(?:image|picture|photo)|while|also|label|object|name|另外|图中|这里|有|一[个只把张台]|这[个只把张台])(?![A-Za-z]))+",
    re.IGNORECASE,
)
_NOT_A_LABEL = re.compile(
    r"(?:image|frame|objects?|boxes|detections?|result|answer|output|coordinates?|format|图|图片|x|y|x1|y1|json|and|or|"
    r"(?:[\\w.]+\\.)?click|claims?|it|they|this|that|here|[\d\s.,%]*)|"
    r"(?:image|picture|frame|photo|figure|page|table|step|option|图|图片)\s*#?\d+",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s:：=\-–—,>|]{0,4}(?P<label>[^\W\d][^\n\[\](){}<>:：,，;；|。.]{0,60})(?=\s*(?:[,，;；。.|]|$|\n))"
)
_STOP = re.compile(r"[.;；。!?！？]\s|[.;；。!?！？]$|\n")
# What a name owns: "the mug's bounding box is at [...]".
_OWNER = re.compile(
    r"(?P<name>.*\S)'s\s+(?:bounding\s+)?(?:box|bbox|position|location|coordinates?|cent(?:er|re)|region|rectangle)\b.*",
    re.IGNORECASE,
)
# An aside between a name and its coordinates: "mug, next to the laptop, [...]".
_PLACED = re.compile(
    r"\s*(?:next|close|near|beside|behind|above|below|under|on|in|at|by|with|left|right)\b", re.IGNORECASE
)
# Numbers after these words are no coordinates.
_OTHER_NUMBERS = re.compile(
    r"(?:\b(?:order|scores?|distances?|sizes?|resolution|dimensions?|ratio|eqs?|equations?|figs?|sections?|refs?|references?|versions?|"
    r"ranking|ranks?|values|weights|counts?|costs?|prices?|options?|pages?|dates?|steps)\b[\s:：=.]{0,4}(?:(?:is|are|of|was)\s{1,3})?)\s{0,3}$",
    re.IGNORECASE,
)
_UNIT_AFTER = re.compile(
    r"\s{0,3}(?:m|cm|mm|km|metres?|meters?|items|people|seconds|s|kg|years?|米|厘米)\b", re.IGNORECASE
)
# Words after an earlier name: "is left of the laptop", "next to a laptop".
_PREDICATE = re.compile(
    r"\s*(?:.*\b(?:is|are|was|lies|sits|stands|rests|hangs|leans)\b|"
    r"(?:next|close|near|beside|behind|above|below|under|over|on|in|at|by|with|to|from|left|right|"
    r"between|against|along|toward|beneath|underneath|inside|outside|across|opposite|holding|wearing|touching|occluding|hiding|covering)\b)",
    re.IGNORECASE,
)
_DETERMINER = re.compile(r"\b(?:the|an?|this|that|its|another)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class _Group:
    start: int
    end: int
    words: str
    shapes: tuple[Shape, ...]


def inline(text: str) -> Iterator[Found]:
    """Entries with a group of coordinates in a line of text, each with its span.

    Args:
        text: An answer whose JSON, tags and tables were blanked.
    """
    before = 0
    for group in _groups(text):
        label, end = _label(text, group, before)
        before = end
        is_point = all(len(shape.numbers) == 2 for shape in group.shapes)
        if is_point and label is None and not _stands_alone(text, group):
            continue
        for shape in group.shapes:
            kind = "box" if len(shape.numbers) == 4 else "point"
            yield (
                group.start,
                group.end,
                Entry(kind, shape, group.words[:80], label, unit=shape.unit, position=group.start),
            )


def _groups(text: str) -> list[_Group]:
    found = [
        _Group(match.start(), match.end(), match.group(), (shape,))
        for match in _SIDES.finditer(text)
        if (shape := _of_sides(match.group())) is not None
    ]
    taken = bytearray(len(text))
    for group in found:
        taken[group.start : group.end] = b"\1" * (group.end - group.start)
    brackets: list[_Group] = []
    for match in (*_GROUP.finditer(text), *_BARE.finditer(text), *_ALONE.finditer(text)):
        if taken.find(1, *match.span()) >= 0:
            continue
        if _are_other_numbers(text, match):
            continue
        if shapes := _shapes(match.group()):
            taken[slice(*match.span())] = b"\1" * (match.end() - match.start())
            brackets.append(_Group(match.start(), match.end(), match.group(), shapes))
    for match in _RANGES.finditer(text):
        if (shape := shape_of(match.groupdict())) is not None:
            found.append(_Group(match.start(), match.end(), match.group(), (shape,)))
    return sorted([*found, *_joined(text, sorted(brackets, key=lambda group: group.start))], key=lambda g: g.start)


def _are_other_numbers(text: str, match: re.Match[str]) -> bool:
    """Whether numbers are an order, a price, a measure or the like."""
    before = text[max(match.start() - 30, 0) : match.start()]
    is_price = match.group()[0].isdigit() and before.rstrip()[-1:] in tuple("$€£")
    return is_price or bool(_OTHER_NUMBERS.search(before) or _UNIT_AFTER.match(text, match.end()))


def _shapes(words: str) -> tuple[Shape, ...]:
    found = tuple(shapes_in(words, "box"))
    if any(len(shape.numbers) == 2 and not _is_likely_point(shape) for shape in found):
        return ()
    return found


def _is_likely_point(shape: Shape) -> bool:
    """Whether two numbers may be a point rather than, say, references: "(2, 3)" is not."""
    return shape.unit is not None or max(map(abs, shape.numbers)) >= 10 or not shape.is_whole


def _joined(text: str, groups: list[_Group]) -> list[_Group]:
    """The groups, with the two corners of a box joined."""
    found: list[_Group] = []
    for group in groups:
        last = found[-1] if found else None
        if last is not None and _is_corner(last) and _is_corner(group):
            words = text[last.end : group.start]
            between = _JOINED.fullmatch(words)
            if between and (between["corner"] or "and" not in words.casefold()):
                pair = (last.shapes[0].numbers, group.shapes[0].numbers)
                corners = bounds(pair) if between["corner"] else (*pair[0], *pair[1])
                shape = joined(corners, (last.shapes[0], group.shapes[0]))
                found[-1] = _Group(last.start, group.end, text[last.start : group.end], (shape,))
                continue
        found.append(group)
    return _polygons(text, found)


def _polygons(text: str, groups: list[_Group]) -> list[_Group]:
    """Two boxes of adjacent corners are one quadrilateral: (x, y), (x, y), (x, y), (x, y)."""
    merged: list[_Group] = []
    for group in groups:
        last = merged[-1] if merged else None
        if (
            last is not None
            and re.fullmatch(r"[\s,，;；]{0,4}", text[last.end : group.start])
            and all(re.search(r"[)）\]]\s*[,，;；]?\s*[(（\[]", each.words) for each in (last, group))
            and len(group.shapes) == len(last.shapes) == 1
        ):
            first, second = last.shapes[0].numbers, group.shapes[0].numbers
            pairs = [first[:2], first[2:], second[:2], second[2:]]
            shape = joined(bounds(pairs), (last.shapes[0], group.shapes[0]))
            merged[-1] = _Group(last.start, group.end, text[last.start : group.end], (shape,))
        else:
            merged.append(group)
    return merged


# What the thing before does to this one: "man [...] riding horse [...]".
_DOES = re.compile(
    r"^\W*(?:riding|holding|wearing|carrying|pushing|pulling|eating|watching|using|facing|touching|kicking|driving|reading)\s+",
    re.IGNORECASE,
)
# Names of functions: "pyautogui.click(x=500, y=200)".
_CALL = re.compile(
    r"(?:\w\.|^\W*)(?:click|tap|moveto|press|drag|swipe|scroll|long_?press|double_?click)$", re.IGNORECASE
)


def _is_corner(group: _Group) -> bool:
    return len(group.shapes) == 1 and len(group.shapes[0].numbers) == 2


def _of_sides(words: str) -> Shape | None:
    fields: dict[str, str] = {}
    for match in _SIDE.finditer(words):
        name = re.sub(r"\s(?:edge|side|border|坐标)$", "", match["name"])
        fields[_CHINESE_SIDES.get(name, plain_key(name))] = re.sub(r"(?i)\s?pixels?", "px", match["number"])
    return shape_of(fields)


def _stands_alone(text: str, group: _Group) -> bool:
    """Whether coordinates are all that their line holds, or follow words that announce them."""
    line = text[text.rfind("\n", 0, group.start) + 1 : group.start][-80:]
    return not line.strip(" \t-*•>[(") or bool(
        re.search(r"\b(?:points?|at|click|coordinates?)\b(?:\(\w+=)?[\s:：='\[(]*$", line, re.IGNORECASE)
    )


def _label(text: str, group: _Group, before: int) -> tuple[str | None, int]:
    """The label of a group, and the end of both."""
    line = max(before, text.rfind("\n", 0, group.start) + 1, group.start - 200)
    words = text[line : group.start]
    stops = list(_STOP.finditer(words))
    begin = line + (stops[-1].end() if stops else 0)
    if (label := _name(text[begin : group.start])) is not None:
        return label, group.end
    after = _AFTER.match(text, group.end)
    if after and not _LINKING.fullmatch(after["label"]) and (label := _name(after["label"])) is not None:
        return label, after.end()
    if not _LINKING.sub("", words) and (label := _name(_line_above(text, before, line))) is not None:
        return label, group.end
    return None, group.end


def _line_above(text: str, before: int, line: int) -> str:
    """The line above coordinates that stand alone in theirs, where it is an item of a list or ends with a colon."""
    above = text[before:line].rstrip().rsplit("\n", 1)[-1] if before < line else ""
    is_item = re.match(r"\s*(?:[-*+•#]|\d{1,3}[.)、]|\*\*)", above)
    return above if is_item or above.rstrip("*_ ").endswith((":", "：")) else ""


def _name(words: str) -> str | None:
    """The name of an object in the words before its coordinates."""
    words = re.sub(r"<[^<>]{0,40}>", " ", words).rstrip(" &")
    owner = _OWNER.match(words)
    words = owner["name"] if owner else _LINKING.sub("", words)
    if of := list(_OF.finditer(words)):
        words = words[of[-1].end() :]
    parts = [part for part in re.split(r"[,，;；:：|。]|\s(?:and|while|but)\s", words) if part.strip()] or [""]
    words = parts[0] if len(parts) == 2 and _PLACED.match(parts[1]) else parts[-1]
    if _PREDICATE.match(words) and (nouns := list(_DETERMINER.finditer(words))):
        words = words[nouns[-1].end() :]
    words = _LEAD.sub("", _DOES.sub("", words)).strip(" \t*_`\"'“”‘’.|-{}$\\")
    words = re.split(r"\s(?:is|are|lies|sits|stands|can|has)\s", words)[0]
    if _CALL.search(words):
        return None
    if not words or len(words) > 60 or len(words.split()) > 7 or _NOT_A_LABEL.fullmatch(words):
        return None
    return words if re.search(r"[^\W\d_]", words) else None


def label_before(text: str, position: int, *, needs_mark: bool = False) -> str | None:
    """The name before a position in its line: "mug" in "mug: {...}".

    Args:
        text: An answer.
        position: Where the coordinates begin.
        needs_mark: Whether a colon or an equals sign has to stand between the two.
    """
    line = max(text.rfind("\n", 0, position) + 1, text.rfind(">", 0, position) + 1, position - 100)
    words = text[line:position]
    stops = list(_STOP.finditer(words))
    words = words[stops[-1].end() :] if stops else words
    return _name(words) if not needs_mark or words.rstrip().endswith((":", "：", "=")) else None
