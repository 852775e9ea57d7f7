"""Boxes, masks, labels and evidence of one frame, as numbers of an SVG drawing over its photo.

Convention: the drawing is ``WIDTH`` units wide and as high as the photo's shape makes it; the outer corner of the top
left pixel is (0, 0), so that pixel (u, v), which is a centre, is drawn at (u + 0.5, v + 0.5) times the scale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pipeline.export.drawing import readable_on
from pipeline.export.palette import Colour, region_colours, region_names
from pipeline.export.report.label_layout import Label, Rectangle, Wish, placed_beside, placed_labels
from pipeline.records import Camera, Evidence, Origin, Region, Result, Status

WIDTH = 1000.0
"""Width of a drawing in its own units."""

# Labels for drawings that are shown small and large: units of the drawing per unit of the layout, and the font in the
# latter. A drawing 430 px wide shows the small ones 12 px high, one 900 px wide the large ones 16 px high.
_SIZES = ((WIDTH / 460, 13.0), (1.0, 18.0))
_MOST_LABELS = 40
_MOST_OUTLINES, _LEAST_OUTLINE_SHARE = 24, 2e-5
_MOST_CONTOUR_POINTS, _MOST_MASK_POINTS = 600, 2000
_TEXT_COLOUR: Colour = (235, 235, 235)


@dataclass(frozen=True)
class Shape:
    """A region in a drawing.

    Args:
        region: Index of the region in the result.
        name: Its name in claims.
        colour: Its colour, as CSS.
        ink: A readable colour of text on it.
        box: Left, top, width and height; None where it lies outside the photo.
        point: Centre of a region without area; None for boxes.
        mask: Outline of its mask as path data; empty without one.
        is_named: Whether it has a label: text without a verdict has none.
        signs: Number of claims about it by status.
    """

    region: int
    name: str
    colour: str
    ink: str
    box: Rectangle | None
    point: tuple[float, float] | None
    mask: str
    is_named: bool
    signs: dict[Status, int]


@dataclass(frozen=True)
class Line:
    """A measured distance in a drawing.

    Args:
        ends: Its ends (x1, y1, x2, y2).
        is_dashed: Whether it stands beside the line that decides.
        text: Its length in words.
    """

    ends: Rectangle
    is_dashed: bool
    text: str


@dataclass(frozen=True)
class Measure:
    """What decided a claim, in a drawing.

    Args:
        claim: Index of the verdict.
        contour: Points of the contour as path data; empty without one.
        lines: The measured distances.
        labels: Labels of the distances, for each of the sizes.
    """

    claim: int
    contour: str
    lines: tuple[Line, ...]
    labels: tuple[list[Label], ...]


@dataclass(frozen=True)
class Drawing:
    """All of one frame.

    Args:
        height: Height in units of the drawing.
        shapes: Its regions, the largest first.
        labels: Their labels, for each of the sizes.
        scales: Units of the drawing per unit of the labels, for each of the sizes.
        measures: What decided its claims.
    """

    height: float
    shapes: tuple[Shape, ...]
    labels: tuple[list[Label], ...]
    scales: tuple[float, ...]
    measures: tuple[Measure, ...]


def css_colour(colour: Colour) -> str:
    """A colour as CSS.

    >>> css_colour((0, 140, 110))
    '#008c6e'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def shapes_of(result: Result) -> list[Shape]:
    """The regions of all frames, without their places; those of one name share their colour."""
    names, colours = region_names(result.regions), region_colours(result.regions)
    judged = {name for verdict in result.verdicts for name in verdict.claim.things}
    signs: dict[tuple[str, int], Counter[Status]] = {}
    for verdict in result.verdicts:
        frames = verdict.claim.frames or range(len(result.frames))
        for frame in frames:
            signs.setdefault((verdict.claim.subject, frame), Counter())[verdict.status] += 1
    made = []
    for index, (region, name, colour) in enumerate(zip(result.regions, names, colours, strict=True)):
        is_named = region.origin is not Origin.OCR or name in judged
        drawn = colour if is_named else _TEXT_COLOUR
        counts = signs.get((name, region.frame), Counter())
        made.append(
            Shape(index, name, css_colour(drawn), css_colour(readable_on(drawn)), None, None, "", is_named,
                  {status: counts[status] for status in Status if counts[status]})
        )  # fmt: skip
    return made


def drawing_of(
    result: Result,
    frame: int,
    camera: Camera,
    shapes: Sequence[Shape],
    claims: Sequence[Mapping[str, Any]] = (),
) -> Drawing:
    """What is drawn over the photo of one frame.

    Args:
        result: Regions and verdicts.
        frame: Index of the frame.
        camera: Its camera, which projects measured points.
        shapes: From ``shapes_of``.
        claims: The ``claims`` of ``view_data``, so that photo and 3D view show the same distances.
    """
    scale, height = WIDTH / camera.width, WIDTH * camera.height / camera.width
    own = [(shape, result.regions[shape.region]) for shape in shapes if result.regions[shape.region].frame == frame]
    placed = [_placed(shape, region, scale, height) for shape, region in own]
    placed.sort(key=_area, reverse=True)
    named = [shape for shape in placed if shape.is_named and (shape.box or shape.point)]
    # More labels than this hide the photo; regions of claims come first.
    named = sorted(named, key=lambda shape: (not shape.signs, shape.region))[:_MOST_LABELS]
    labels = tuple(
        placed_labels([_wish(shape, factor) for shape in named], WIDTH / factor, height / factor, font)
        for factor, font in _SIZES
    )
    measures = []
    for index, verdict in enumerate(result.verdicts):
        evidence = next((one for one in verdict.evidence if one.frame == frame), None)
        lines = [line for line in (claims[index]["lines"] if claims else ()) if line["frame"] == frame]
        if evidence is not None or lines:
            measures.append(_measure(index, evidence, lines, camera, scale, height, labels))
    found = tuple(measure for measure in measures if measure is not None)
    return Drawing(height, tuple(placed), labels, tuple(factor for factor, _ in _SIZES), found)


def _placed(shape: Shape, region: Region, scale: float, height: float) -> Shape:
    left, top, right, bottom = (_clamped(edge * scale) for edge in region.box_px)
    box: Rectangle | None = None
    point: tuple[float, float] | None = None
    if right >= 0 and bottom >= 0 and left <= WIDTH and top <= height:
        left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, WIDTH), min(bottom, height)
        if region.is_point:
            point = (round((left + right) / 2, 1), round((top + bottom) / 2, 1))
        else:
            box = (round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1))
    mask = "" if region.mask is None else mask_path(region.mask)
    return Shape(shape.region, shape.name, shape.colour, shape.ink, box, point, mask, shape.is_named, shape.signs)


def _clamped(value: float) -> float:
    return min(max(value, -1e6), 1e6)


def _area(shape: Shape) -> float:
    return shape.box[2] * shape.box[3] if shape.box else 0.0


def _edges(shape: Shape) -> Rectangle:
    if shape.box is not None:
        x, y, width, height = shape.box
        return x, y, x + width, y + height
    assert shape.point is not None
    x, y = shape.point
    return x - 8, y - 8, x + 8, y + 8


def _wish(shape: Shape, factor: float) -> Wish:
    left, top, right, bottom = (edge / factor for edge in _edges(shape))
    return Wish(shape.region, shape.name, (left, top, right, bottom), len(shape.signs))


def mask_path(mask: np.ndarray) -> str:
    """Outlines of a mask in a drawing, as SVG path data; holes need ``fill-rule: evenodd``.

    Args:
        mask: bool (H, W).
    """
    height, width = mask.shape
    scale = WIDTH / width
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    sized = sorted(((cv2.contourArea(outline), outline) for outline in found), key=lambda pair: -pair[0])
    least = _LEAST_OUTLINE_SHARE * mask.size
    outlines = [outline for number, (area, outline) in enumerate(sized[:_MOST_OUTLINES]) if not number or area >= least]
    error_px = max(0.6, 0.0012 * max(width, height))
    smooth = [cv2.approxPolyDP(outline, error_px, True) for outline in outlines]
    while sum(map(len, smooth)) > _MOST_MASK_POINTS:
        error_px *= 2
        smooth = [cv2.approxPolyDP(outline, error_px, True) for outline in outlines]
    places = (np.round((outline[:, 0] + 0.5) * scale, 1).tolist() for outline in smooth)
    return "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z" for points in places)


def _measure(
    claim: int,
    evidence: Evidence | None,
    lines: Sequence[Mapping[str, Any]],
    camera: Camera,
    scale: float,
    height: float,
    labels: tuple[list[Label], ...],
) -> Measure | None:
    contour = "" if evidence is None else _contour_path(evidence, scale)
    drawn = []
    for line in lines:
        start, end = (_projected(line[key], camera, scale) for key in ("from", "to"))
        if end is not None:
            # A line from the camera is a point in its photo.
            drawn.append(Line((*(start or end), *end), bool(line["dashed"]), line["text"]))
    if not contour and not drawn:
        return None
    placed = []
    for (factor, font), names in zip(_SIZES, labels, strict=True):
        wishes = [Wish(at, line.text, _middle(line.ends, factor)) for at, line in enumerate(drawn) if line.text]
        placed.append(placed_beside(wishes, WIDTH / factor, height / factor, font, names))
    return Measure(claim, contour, tuple(drawn), tuple(placed))


def _contour_path(evidence: Evidence, scale: float) -> str:
    """The points of a contour, each as a line of no length, which round caps show as a dot."""
    points = evidence.contour_px
    step = -(-len(points) // _MOST_CONTOUR_POINTS) or 1
    return "".join(f"M{(u + 0.5) * scale:.1f} {(v + 0.5) * scale:.1f}h0" for u, v in points[::step])


def _projected(point: Sequence[float], camera: Camera, scale: float) -> tuple[float, float] | None:
    """Where a point of the camera frame is drawn; None where it is not in front of the camera."""
    if not point[2] > 1e-9:
        return None
    u, v = camera.fx * point[0] / point[2] + camera.cx, camera.fy * point[1] / point[2] + camera.cy
    return round(_clamped((u + 0.5) * scale), 1), round(_clamped((v + 0.5) * scale), 1)


def _middle(line: Rectangle, factor: float) -> Rectangle:
    x, y = (line[0] + line[2]) / 2 / factor, (line[1] + line[3]) / 2 / factor
    return x - 2, y - 2, x + 2, y + 2
