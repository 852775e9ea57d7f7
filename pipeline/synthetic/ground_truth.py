"""The exact truth of claims about a rendered view, with how clear it is.

Each function's docstring defines its relations. The definitions are those of the verifier's rules, read
off the exact geometry instead of boxes and depth. Where people may mean different things by a relation
and the readings disagree, or the truth lies within a small band around the boundary, it is neither true
nor false.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.geometry.boxes_3d import box_rotation
from pipeline.records import Box, Box3D, Claim, Comparison
from pipeline.records.errors import InputError
from pipeline.records.relations import RELATIONS
from pipeline.synthetic.view import RenderedObject, RenderedView
from pipeline.verify.rules.base import Settings

TOLERANCE = Settings().tolerance
"""Accepted relative deviation where a claim names none, as the verifier takes it."""

# Half widths of the band in which nothing is clearly true or false.
_IMAGE_PX = 1.0
_DEPTH_M = 0.005
_RELATIVE = 0.01
_BETWEEN = 0.02
_SIZE = 0.03
_BOX = 0.05
# A number's band: a share of it and a length [m].
_NUMBER_SHARE, _NUMBER_M = 0.02, 0.002
# Two surfaces this close touch, and this far apart do not [m].
_TOUCHING_M, _APART_M = 0.003, 0.01
# An object that hides so much of another, and so many pixels, occludes it.
_HIDDEN_SHARE, _HIDDEN_PX = 0.01, 10
# An object that bears so much of another carries it.
_BORNE_SHARE = 0.2


@dataclass(frozen=True)
class Truth:
    """Whether a claim holds.

    Args:
        holds: None where it is not clearly true or false.
        margin: Distance from the boundary between true and false, positive where the claim holds.
        unit: Unit of the margin.
    """

    holds: bool | None
    margin: float
    unit: str


def truth_of(claim: Claim, view: RenderedView, stated: Box3D | None = None) -> Truth:
    """Judge a claim about one view by its exact geometry.

    Args:
        claim: A claim whose names are labels of the view's objects; to count, also the noun that ends them.
        view: The view.
        stated: For claims about a 3D box, that box; None is the subject's exact one.

    Returns:
        The truth with its margin; neither true nor false where it takes the view of an object.

    Raises:
        InputError: If no object has a label that the claim names.
    """
    relation = RELATIONS[claim.relation]
    if relation.counts:
        found = _count(claim, view)
    elif relation.rule == "box_3d":
        found = _box_3d(_object(claim.subject, view), stated)
    else:
        named = [name for name in (claim.subject, claim.object, claim.other_object) if name is not None]
        parts = [_object(name, view) for name in named]
        found = _TRUTHS[relation.rule](claim, view, *parts, **relation.options)
    holds = found.holds if claim.perspective == "camera" else None
    if claim.negated:
        return Truth(None if holds is None else not holds, -found.margin, found.unit)
    return Truth(holds, found.margin, found.unit)


def _object(label: str, view: RenderedView) -> RenderedObject:
    for item in view.objects:
        if item.label == label:
            return item
    raise InputError(f"The view has no object {label!r}; it has {', '.join(item.label for item in view.objects)}.")


def _image_order(
    claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject, *, axis: str, sign: int
) -> Truth:
    """Left of, right of, above, below: order of the centres of the visible boxes along an axis of the image [px].

    The centres of gravity of the visible pixels must not say the opposite. With the measure ``world``: order of the
    middles of the boxes along gravity [m].
    """
    if claim.measure == "world":
        heights = [float(np.array(item.box_3d.center_m) @ view.up) for item in (subject, other)]
        rise_m = sign * (heights[0] - heights[1])
        return Truth(_clear(rise_m, _DEPTH_M), rise_m, "m")
    at = 0 if axis == "x" else 1
    gap = sign * (_box_centre(other.box_px)[at] - _box_centre(subject.box_px)[at])
    masses = [float(np.nonzero(item.visible)[1 - at].mean()) for item in (subject, other)]
    return Truth(_agreed([gap, sign * (masses[1] - masses[0])], _IMAGE_PX), gap, "px")


def _between(
    claim: Claim, view: RenderedView, subject: RenderedObject, first: RenderedObject, second: RenderedObject
) -> Truth:
    """Between: in the image, the subject's centre lies beside the line between the other two centres.

    Its projection lies within the line, and off it by less than half its length; centres are those of the
    visible boxes. The margin is a share of that length.
    """
    middle, start, end = (np.array(_box_centre(item.box_px)) for item in (subject, first, second))
    line = end - start
    squared = max(float(line @ line), 1e-9)
    share = float((middle - start) @ line) / squared
    off_line = abs(float((middle - start)[0] * line[1] - (middle - start)[1] * line[0])) / squared
    margin = min(share, 1 - share, 0.5 - off_line)
    return Truth(_clear(margin, _BETWEEN), margin, "of the distance between the two")


def _depth_order(
    claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject, *, sign: int
) -> Truth:
    """Closer, farther, in front of, behind: order of the median z of the visible surfaces [m].

    Nearest visible points and box centres must not say the opposite. With a value, the order must hold and the
    difference fit, from nearest point to nearest point, median to median, or anything between; a value is wrong
    only if the difference of the centres does not fit either.
    """
    medians, nearest, centres = _depths(subject, other)
    gaps = [sign * (second - first) for first, second in (medians, nearest, centres)]
    order = Truth(_agreed(gaps, _DEPTH_M), gaps[0], "m")
    if claim.value is None or order.holds is not True:
        return order
    surfaces = sorted(map(abs, gaps[:2]))
    number = _number(claim, surfaces, sorted(map(abs, gaps)))
    return Truth(number.holds, min(number.margin, gaps[0]), "m")


def _same_depth(claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject) -> Truth:
    """At the same depth: the medians of the visible surfaces' z differ by less than the tolerance, relative."""
    first, second = _depths(subject, other)[0]
    margin = TOLERANCE - abs(math.log(second / first))
    return Truth(_clear(margin, _RELATIVE), margin, "relative")


def _occlusion(claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject, *, sign: int) -> Truth:
    """Occludes: the subject's visible pixels cover part of what the object would show alone, within the image.

    Less than 1 % or 10 pixels is neither true nor false, and so is the lesser part where each hides some of the
    other. A value is the covered share of the object alone. The margin is that share, or, where nothing is
    covered, minus the share that is covered the other way round.
    """
    front, back = (subject, other) if sign > 0 else (other, subject)
    hidden, returned = _hidden_px(front, back), _hidden_px(back, front)
    share = hidden / np.count_nonzero(back.amodal)
    unit = "of the hidden object"
    if hidden == 0:
        return Truth(False, -returned / float(np.count_nonzero(front.amodal)), unit)
    is_clear = hidden >= _HIDDEN_PX and share >= _HIDDEN_SHARE and hidden > returned
    if claim.value is None or not is_clear:
        return Truth(True if is_clear else None, float(share), unit)
    return _number(claim, [float(share)], [float(share)], unit)


def _contact(
    claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject, *, axis: str | None = None
) -> Truth:
    """Touching: the surfaces come within 3 mm; beyond 1 cm they do not touch.

    On: the object bears at least a fifth of the points on which the subject stands; what it bears only by way of
    another is neither true nor false. The margin of ``on`` is the share of those points less a fifth.
    """
    if axis is None:
        distance_m = view.world.surface_distance_m(subject.piece, other.piece)
        holds = None if _TOUCHING_M < distance_m < _APART_M else distance_m <= _TOUCHING_M
        return Truth(holds, _TOUCHING_M - distance_m, "m")
    share = view.world.supported_share(subject.piece, other.piece)
    unit = "of the bearing points"
    if share >= _BORNE_SHARE:
        return Truth(True, share - _BORNE_SHARE, unit)
    rests = view.world.rests_on(subject.piece, other.piece)
    return Truth(None if rests else False, share - _BORNE_SHARE, unit)


def _size_order(
    claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject, *, sign: int, extent: str
) -> Truth:
    """Larger, smaller, taller, wider: order of true sizes, whether visible or not; the margin is their log ratio.

    Taller: along gravity. Wider: across the view, level; the longer of the box's level sides must agree. Larger,
    smaller: the geometric mean of these height and width; the box's volume and longest side must agree.
    """
    gaps = [
        sign * (math.log(first) - math.log(second))
        for first, second in zip(_sizes(view, subject, extent), _sizes(view, other, extent), strict=True)
    ]
    holds = _agreed(gaps, _SIZE)
    # All readings must be clear, not only the first.
    holds = holds if min(map(abs, gaps)) >= _SIZE else None
    return Truth(holds, min(gaps, key=abs), "relative")


def _size(claim: Claim, view: RenderedView, subject: RenderedObject) -> Truth:
    """Size: true extents, whether visible or not [m].

    Height: along gravity. Width: across the view, level. Depth: along the view, level. Without a measure, anything
    from height to width fits. A width or depth is wrong only if the box's level sides do not fit either.
    """
    width, height, depth = extents_m(view, subject)
    level = view.world.pieces[subject.piece].size_m[:2]
    inner = {"height": [height], "width": [width], "depth": [depth], None: sorted((width, height))}[claim.measure]
    return _number(claim, inner, inner if claim.measure == "height" else sorted((*inner, *level)))


def _distance_between(claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject) -> Truth:
    """Distance between: of the nearest surface points, or of the box centres [m].

    Without a measure, anything from one to the other fits.
    """
    nearest = view.world.surface_distance_m(subject.piece, other.piece)
    centres = math.dist(subject.box_3d.center_m, other.box_3d.center_m)
    readings = {"nearest": [nearest], "centre": [centres], None: sorted((nearest, centres))}[claim.measure]
    return _number(claim, readings, readings)


def _distance_to_camera(claim: Claim, view: RenderedView, subject: RenderedObject) -> Truth:
    """Distance to the camera: along the ray, from the nearest to the median visible point [m].

    A value is wrong only if the box's centre does not fit either.
    """
    inner = [float(subject.visible_range_m.min()), float(np.median(subject.visible_range_m))]
    return _number(claim, inner, sorted((*inner, math.hypot(*subject.box_3d.center_m))))


def _count(claim: Claim, view: RenderedView) -> Truth:
    """Count: how many objects are in view; nothing is clear where one more shows only a few pixels."""
    named = [
        index
        for index, piece in enumerate(view.world.pieces)
        if claim.subject in (piece.label, piece.label.split()[-1]) and (view.ids == index).any()
    ]
    count = sum(item.piece in named for item in view.objects)
    assert claim.value is not None
    holds, margin = {
        Comparison.ABOUT: (count == claim.value, -abs(count - claim.value)),
        Comparison.AT_LEAST: (count >= claim.value, count - claim.value),
        Comparison.AT_MOST: (count <= claim.value, claim.value - count),
    }[claim.comparison]
    return Truth(holds if count == len(named) else None, float(margin), "count")


def _box_3d(item: RenderedObject, stated: Box3D | None) -> Truth:
    """Where its 3D box says: the centre and each side are off by less than the tolerance.

    Along the ray that is a share of the distance; across it, half of half the box's diagonal is allowed. Sides are
    compared with those of the exact box that they are closest to in direction. The margin is the least of the three:
    of the distance, of half the diagonal, and as a log ratio.
    """
    exact = item.box_3d
    stated = stated or exact
    centre = np.array(exact.center_m)
    distance_m = float(np.linalg.norm(centre))
    offset = np.array(stated.center_m) - centre
    along_m = float(offset @ centre) / distance_m
    across_m = math.sqrt(max(0.0, float(offset @ offset) - along_m**2))
    turns = np.abs(box_rotation(exact).T @ box_rotation(stated)).argmax(axis=0)
    sides = np.maximum(stated.size_m, 1e-9) / np.maximum(np.array(exact.size_m)[turns], 1e-9)
    margins = (
        TOLERANCE - abs(along_m) / distance_m,
        0.5 - across_m / (float(np.linalg.norm(exact.size_m)) / 2),
        math.log1p(TOLERANCE) - float(np.abs(np.log(sides)).max()),
    )
    return Truth(_clear(min(margins), _BOX), min(margins), "relative")


_TRUTHS: dict[str, Callable[..., Truth]] = {
    "image_order": _image_order,
    "between": _between,
    "depth_order": _depth_order,
    "same_depth": _same_depth,
    "occlusion": _occlusion,
    "contact": _contact,
    "size_order": _size_order,
    "size": _size,
    "distance_between": _distance_between,
    "distance_to_camera": _distance_to_camera,
}


def extents_m(view: RenderedView, item: RenderedObject) -> tuple[float, float, float]:
    """True (width, height, depth) of an object as the camera stands [m]: across the view, along gravity, along it."""
    across = np.cross((0.0, 0.0, 1.0), view.up)
    across /= np.linalg.norm(across)
    assert view.frame.pose is not None
    axes = view.frame.pose[:3, :3] @ np.stack((across, view.up, np.cross(view.up, across)), axis=1)
    width, height, depth = np.ptp(view.world.pieces[item.piece].mesh.vertices_m @ axes, axis=0)
    return float(width), float(height), float(depth)


def hidden_share(front: RenderedObject, back: RenderedObject) -> float:
    """Share of what the one would show alone that the other covers."""
    return _hidden_px(front, back) / float(np.count_nonzero(back.amodal))


def _hidden_px(front: RenderedObject, back: RenderedObject) -> int:
    return int(np.count_nonzero(front.visible & back.amodal))


def _depths(subject: RenderedObject, other: RenderedObject) -> tuple[tuple[float, float], ...]:
    """Depths z of both [m]: medians of the visible surfaces, nearest visible points, box centres."""
    pair = (subject, other)
    medians = [float(np.median(item.visible_z_m)) for item in pair]
    nearest = [float(item.visible_z_m.min()) for item in pair]
    centres = [item.box_3d.center_m[2] for item in pair]
    return (medians[0], medians[1]), (nearest[0], nearest[1]), (centres[0], centres[1])


def _sizes(view: RenderedView, item: RenderedObject, extent: str) -> list[float]:
    """The ways to read a size [m], the defining one first."""
    width, height, _ = extents_m(view, item)
    size = item.box_3d.size_m
    return {
        "height": [height],
        "width": [width, max(size[:2])],
        "size": [math.sqrt(width * height), math.prod(size) ** (1 / 3), max(size)],
    }[extent]


def _number(claim: Claim, inner: Sequence[float], outer: Sequence[float], unit: str = "m") -> Truth:
    """Compare a claim's number with what was measured.

    Args:
        claim: A claim with a value.
        inner: Readings, ascending; all of them and what lies between them are right.
        outer: These and further readings, ascending; what lies beyond them is wrong.
        unit: ``m``, or what the number is a share of.
    """
    assert claim.value is not None and claim.unit is not None
    factor = claim.unit.metres if unit == "m" else 1.0
    value = claim.value * factor
    is_exact = claim.tolerance is None and claim.comparison is not Comparison.ABOUT
    slack = claim.tolerance * factor if claim.tolerance is not None else (0.0 if is_exact else TOLERANCE * value)

    def margin(low: float, high: float) -> float:
        return {
            Comparison.ABOUT: slack - max(0.0, low - value, value - high),
            Comparison.AT_LEAST: low - (value - slack),
            Comparison.AT_MOST: value + slack - high,
        }[claim.comparison]

    # For bounds, the reading that is hardest to satisfy proves and the easiest one disproves.
    ends = outer if claim.comparison is Comparison.ABOUT else outer[::-1]
    surely, possibly = margin(inner[0], inner[-1]), margin(ends[0], ends[-1])
    band = _NUMBER_SHARE * value + (_NUMBER_M if unit == "m" else 0.0)
    holds = True if surely > band else (False if possibly < -band else None)
    return Truth(holds, possibly if holds is False else surely, unit)


def _clear(margin: float, band: float) -> bool | None:
    return None if abs(margin) < band else margin > 0


def _agreed(gaps: Sequence[float], band: float) -> bool | None:
    """Sign of the first gap, where it is clear and no other is clearly the opposite."""
    first = _clear(gaps[0], band)
    if first is None or any(_clear(gap, band) is (not first) for gap in gaps[1:]):
        return None
    return first


def _box_centre(box_px: Box) -> tuple[float, float]:
    left, top, right, bottom = box_px
    return (left + right) / 2, (top + bottom) / 2
