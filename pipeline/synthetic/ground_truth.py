"""The exact ground truth of claims about a rendered view, with how clear it is.

Each function's docstring defines its relations. The definitions are those of the verifier's rules, read off the exact
geometry instead of boxes and depth. Where people may mean different things by a relation and the readings disagree, or
the truth lies within a small band around the boundary, a claim is neither true nor false.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pipeline.records import Box3D, Claim, Comparison
from pipeline.records.errors import InputError
from pipeline.records.relations import RELATIONS
from pipeline.synthetic.truth import TOLERANCE, Sizes, Truth, agreed, between, clear, extents, image_order, number
from pipeline.synthetic.view import RenderedObject, RenderedView

# Half widths of the band in which nothing is clearly true or false; for centres of gravity, in which none contradicts.
_IMAGE_PX = 1.0
_DEPTH_M = 0.005
_RELATIVE = 0.01
_SIZE = 0.03
_BOX = 0.05
# A number's band: a share of it and a length [m].
_NUMBER = 0.02, 0.002
# Largest gap of touching surfaces, and smallest gap of others [m].
_TOUCHING_M, _APART_M = 0.003, 0.01
# Least share and fewest pixels of another object that an occluding object hides.
_HIDDEN_SHARE, _HIDDEN_PX = 0.01, 10
# Least share of bearing points that a carrying object supports.
_BORNE_SHARE = 0.2


def truth_of(claim: Claim, view: RenderedView, stated: Box3D | None = None) -> Truth:
    """Ground truth of a claim about one view, by its exact geometry.

    Args:
        claim: A claim whose names are labels of the view's objects; claims of a count may also name their last noun.
        view: The view.
        stated: For claims about a 3D box, that box; None is the subject's exact one.

    Returns:
        The truth with its margin; neither true nor false where the perspective is that of an object.

    Raises:
        InputError: If no object has a label that the claim names.
    """
    relation = RELATIONS[claim.relation]
    if relation.counts:
        found = _count(claim, view)
    elif relation.rule == "box_3d":
        found = _box_3d(_object(claim.subject, view), stated)
    else:
        named = claim.things
        parts = [_object(name, view) for name in named]
        found = _TRUTHS[relation.rule](claim, view, *parts, **relation.options)
    holds = found.holds if claim.perspective == "camera" else None
    if claim.negated:
        return Truth(None if holds is None else not holds, -found.margin, found.unit)
    return Truth(holds, found.margin, found.unit)


def _object(label: str, view: RenderedView) -> RenderedObject:
    objects = {item.label: item for item in view.objects}
    if label not in objects:
        raise InputError(f"The view has no object {label!r}; it has {', '.join(objects)}.")
    return objects[label]


def _image_order(
    claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject, *, axis: str, sign: int
) -> Truth:
    """Left of, right of, above, below: order of the centres of the visible boxes along an axis of the image [px].

    The centres of gravity of the visible pixels must not contradict it. With the measure ``world``: order of the
    middles of the boxes along gravity [m].
    """
    if claim.measure == "world":
        heights = [float(np.array(item.box_3d.center_m) @ view.up) for item in (subject, other)]
        rise_m = sign * (heights[0] - heights[1])
        return Truth(clear(rise_m, _DEPTH_M), rise_m, "m")
    masks = (subject.visible, other.visible)
    return image_order((subject.box_px, other.box_px), masks, axis, sign, _IMAGE_PX)


def _between(
    claim: Claim, view: RenderedView, subject: RenderedObject, first: RenderedObject, second: RenderedObject
) -> Truth:
    """Between: in the image, the subject's centre lies beside the line between the other two centres.

    Its projection lies within the line, and off it by less than half its length; centres are those of the
    visible boxes. The margin is a share of that length.
    """
    return between(subject.box_px, first.box_px, second.box_px)


def _depth_order(
    claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject, *, sign: int
) -> Truth:
    """Closer, farther, in front of, behind: order of the median z of the visible surfaces [m].

    Nearest visible points and box centres must not contradict it. With a value, the order must hold and the
    difference fit, from nearest point to nearest point, median to median, or anything between; a value is wrong
    only if the difference of the centres does not fit either.
    """
    medians, nearest, centres = _depths(subject, other)
    gaps = [sign * (second - first) for first, second in (medians, nearest, centres)]
    order = Truth(agreed(gaps, _DEPTH_M, _DEPTH_M), gaps[0], "m")
    if claim.value is None or order.holds is not True:
        return order
    surfaces = sorted(map(abs, gaps[:2]))
    found = number(claim, surfaces, sorted(map(abs, gaps)), _NUMBER)
    return Truth(found.holds, min(found.margin, gaps[0]), "m")


def _same_depth(claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject) -> Truth:
    """At the same depth: the medians of the visible surfaces' z differ by less than the tolerance, relative."""
    first, second = _depths(subject, other)[0]
    margin = TOLERANCE - abs(math.log(second / first))
    return Truth(clear(margin, _RELATIVE), margin, "relative")


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
    return number(claim, [float(share)], [float(share)], (_NUMBER[0], 0.0), unit)


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
    return _sizes(view, subject).order(_sizes(view, other), extent, sign, _SIZE)


def _size(claim: Claim, view: RenderedView, subject: RenderedObject) -> Truth:
    """Size: true extents, whether visible or not [m].

    Height: along gravity. Width: across the view, level. Depth: along the view, level. Without a measure, anything
    from height to width fits. A width or depth is wrong only if the box's level sides do not fit either.
    """
    return _sizes(view, subject).truth(claim, _NUMBER)


def _distance_between(claim: Claim, view: RenderedView, subject: RenderedObject, other: RenderedObject) -> Truth:
    """Distance between: of the nearest surface points, or of the box centres [m].

    Without a measure, anything from one to the other fits.
    """
    nearest = view.world.surface_distance_m(subject.piece, other.piece)
    centres = math.dist(subject.box_3d.center_m, other.box_3d.center_m)
    readings = {"nearest": [nearest], "centre": [centres], None: sorted((nearest, centres))}[claim.measure]
    return number(claim, readings, readings, _NUMBER)


def _distance_to_camera(claim: Claim, view: RenderedView, subject: RenderedObject) -> Truth:
    """Distance to the camera: along the ray, from the nearest to the median visible point [m].

    A value is wrong only if the box's centre does not fit either.
    """
    inner = [float(subject.visible_range_m.min()), float(np.median(subject.visible_range_m))]
    return number(claim, inner, sorted((*inner, math.hypot(*subject.box_3d.center_m))), _NUMBER)


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
    """3D box: the centre and each side are off by less than the tolerance.

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
    turns = np.abs(exact.rotation.T @ stated.rotation).argmax(axis=0)
    sides = np.maximum(stated.size_m, 1e-9) / np.maximum(np.array(exact.size_m)[turns], 1e-9)
    margins = (
        TOLERANCE - abs(along_m) / distance_m,
        0.5 - across_m / (float(np.linalg.norm(exact.size_m)) / 2),
        math.log1p(TOLERANCE) - float(np.abs(np.log(sides)).max()),
    )
    return Truth(clear(min(margins), _BOX), min(margins), "relative")


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
    assert view.frame.pose is not None
    return extents(view.world.pieces[item.piece].mesh.vertices_m @ view.frame.pose[:3, :3], view.up)


def hidden_share(front: RenderedObject, back: RenderedObject) -> float:
    """Share of the back object, as it would show alone, that the front one covers."""
    return _hidden_px(front, back) / float(np.count_nonzero(back.amodal))


def _hidden_px(front: RenderedObject, back: RenderedObject) -> int:
    return int(np.count_nonzero(front.visible & back.amodal))


def _depths(subject: RenderedObject, other: RenderedObject) -> tuple[list[float], ...]:
    """Depths z of both [m]: medians of the visible surfaces, nearest visible points, box centres."""
    pair = (subject, other)
    medians = [float(np.median(item.visible_z_m)) for item in pair]
    return medians, [float(item.visible_z_m.min()) for item in pair], [item.box_3d.center_m[2] for item in pair]


def _sizes(view: RenderedView, item: RenderedObject) -> Sizes:
    size_m = view.world.pieces[item.piece].size_m
    return Sizes(extents_m(view, item), size_m, size_m[:2])
