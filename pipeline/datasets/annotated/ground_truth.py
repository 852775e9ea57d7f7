"""Ground truth of claims about measured or annotated objects.

The definitions are those of exact geometry (``pipeline.synthetic.ground_truth``). Measurements err, so the band in
which nothing is clearly true or false is wider. Where readings of a word disagree, a claim is neither true nor false.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from pipeline.datasets.annotated.objects import AnnotatedObject, boxes_distance_m
from pipeline.geometry.extents import centre, thin
from pipeline.records import Claim, Comparison
from pipeline.records.relations import RELATIONS
from pipeline.synthetic.truth import TOLERANCE, Sizes, Truth, agreed, between, clear, extents, image_order, number

# Half widths of the band in which nothing is clearly true or false.
_SIZE = 0.05
_RELATIVE = 0.03
# Depth: a share of z and a length [m], more than the error of the median over many pixels of a sensor.
_DEPTH_SHARE, _DEPTH_M = 0.015, 0.01
# A number: a share of it and a length [m].
_NUMBER = 0.04, 0.01

# Most points of a surface between which distances are measured.
_MOST_POINTS = 1500


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """Annotated objects of one image, and which of them hide others.

    Args:
        objects: The objects, with unique labels.
        occlusions: For pairs of labels (front, back): how clearly the front hides a part of the back, in [-1, 1];
            negative where it does not. Unknown pairs are missing.
        frame: Index of the frame.
        depth_share: Relative error of depths: the half width of the band of orders.
    """

    objects: tuple[AnnotatedObject, ...]
    occlusions: Mapping[tuple[str, str], float] = field(default_factory=dict)
    frame: int = 0
    depth_share: float = _DEPTH_SHARE

    def object_of(self, label: str) -> AnnotatedObject:
        """The object of a label."""
        return next(item for item in self.objects if item.label == label)

    @cached_property
    def _distances(self) -> dict[tuple[str, ...], dict[str, tuple[float, ...]]]:
        return {}

    def distances_m(self, first: AnnotatedObject, second: AnnotatedObject) -> dict[str, tuple[float, ...]]:
        """Readings of the distance between two objects, see ``distances_m``; each pair is measured once."""
        pair = tuple(sorted((first.label, second.label)))
        if pair not in self._distances:
            self._distances[pair] = distances_m(first, second)
        return self._distances[pair]


def truth_of(claim: Claim, image: AnnotatedImage) -> Truth:
    """Ground truth of a claim about an annotated image.

    Args:
        claim: A claim whose names are labels of objects, not negated, as the camera sees it.
        image: The image.

    Returns:
        The truth with its margin; neither true nor false where it is unclear or unknown.
    """
    relation = RELATIONS[claim.relation]
    judge = _TRUTHS.get(relation.rule)
    if judge is None:
        return _UNKNOWN
    names = claim.things
    found = judge(claim, image, *(image.object_of(name) for name in names), **relation.options)
    return Truth(None if found.holds is None else bool(found.holds), float(found.margin), found.unit)


_UNKNOWN = Truth(None, 0.0, "")


def _image_order(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, axis: str, sign: int
) -> Truth:
    """Order of the boxes' centres; the centres of gravity of the visible pixels must not contradict it [px]."""
    return image_order((subject.box_px, other.box_px), (subject.mask, other.mask), axis, sign)


def _between(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, first: AnnotatedObject, second: AnnotatedObject
) -> Truth:
    """In the image: beside the line between the two, off it by less than half its length."""
    return between(subject.box_px, first.box_px, second.box_px)


def _depth_order(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, sign: int
) -> Truth:
    """Order of z: all readings must agree, and the first must be clear [m]. With a value, the difference must fit too.

    Readings are medians and nearest points of the visible surfaces and centres of boxes in space, where both objects
    have them; of boxes alone also their nearest and farthest corners.
    """
    gaps = [sign * gap for gap in depth_gaps_m(subject, other)]
    if not gaps:
        return _UNKNOWN
    band = _depth_band(image, subject, other)
    order = Truth(agreed(gaps, band), gaps[0], "m")
    if claim.value is None or order.holds is not True:
        return order
    inner = outer = sorted(map(abs, gaps))
    if subject.visible_z_m is not None and other.visible_z_m is not None:
        # People may also mean the far ends of surfaces that extend in depth.
        outer = sorted((*inner, abs(other.visible_z_m[2] - subject.visible_z_m[2])))
    found = number(claim, inner, outer, _with_error(band))
    return Truth(found.holds, min(found.margin, gaps[0]), "m")


def depth_gaps_m(first: AnnotatedObject, second: AnnotatedObject) -> list[float]:
    """How much farther the second object lies, in every reading that both have [m], the defining one first."""
    boxes = (first.box_z_m, second.box_z_m)
    gaps = []
    if first.visible_z_m is not None and second.visible_z_m is not None:
        gaps += [there - here for here, there in zip(first.visible_z_m[:2], second.visible_z_m[:2], strict=True)]
    if boxes[0] is not None and boxes[1] is not None:
        every = [there - here for here, there in zip(boxes[0], boxes[1], strict=True)]
        gaps += every[:1] if gaps else every
    return gaps


def _depth_band(image: AnnotatedImage, *objects: AnnotatedObject) -> float:
    """Smallest clear difference of depth [m]."""
    return image.depth_share * max(item.z_m or 0.0 for item in objects) + _DEPTH_M


def _with_error(error_m: float) -> tuple[float, float]:
    """The band of a number whose readings have an error."""
    return _NUMBER[0], _NUMBER[1] + error_m


def _same_depth(claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject) -> Truth:
    """The depths differ by less than the verifier's tolerance, relative."""
    gaps = depth_gaps_m(subject, other)
    if not gaps or subject.z_m is None or other.z_m is None or min(subject.z_m, other.z_m) <= 0:
        return _UNKNOWN
    base = min(subject.z_m, other.z_m)
    margin = TOLERANCE - math.log1p(abs(gaps[0]) / base)
    return Truth(clear(margin, _RELATIVE + image.depth_share), margin, "relative")


def _occlusion(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, sign: int
) -> Truth:
    """As the data set annotates the pair."""
    front, back = (subject, other) if sign > 0 else (other, subject)
    margin = image.occlusions.get((front.label, back.label))
    if margin is None or claim.value is not None:
        return _UNKNOWN
    return Truth(margin > 0, margin, "clearness")


def _size_order(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, sign: int, extent: str
) -> Truth:
    """Sizes of the boxes in space, in every reading of the word; the margin is the smallest log ratio."""
    if (first := _sizes(subject)) is None or (second := _sizes(other)) is None:
        return _UNKNOWN
    return first.order(second, extent, sign, _SIZE)


def _size(claim: Claim, image: AnnotatedImage, subject: AnnotatedObject) -> Truth:
    """Extents of the box in space [m]: height along gravity; width across the view and depth along it."""
    sizes = _sizes(subject)
    return _UNKNOWN if sizes is None else sizes.truth(claim, _NUMBER)


def _sizes(item: AnnotatedObject) -> Sizes | None:
    if item.box_3d is None:
        return None
    extents_m = extents(item.box_3d.corners_m, item.up)
    # The box is aligned with gravity; the sides that are not its height are level.
    by_height = sorted(item.box_3d.size_m, key=lambda side: abs(side - extents_m[1]))
    return Sizes(extents_m, item.box_3d.size_m, sorted(by_height[1:]))


def _distance_between(claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject) -> Truth:
    """Of the nearest points, or of the centres [m]; without a measure, anything from one to the other fits.

    Visible surfaces bound the distance of the nearest points from above only: the backs may come closer. A smaller
    length is therefore not wrong, and nothing proves that the distance is at least that length.
    """
    readings = image.distances_m(subject, other)
    wanted = ("nearest", "centre") if claim.measure is None else (claim.measure,)
    if any(name not in readings for name in wanted):
        return _UNKNOWN
    inner = sorted(value for name in wanted for value in readings[name])
    band = _depth_band(image, subject, other)
    if claim.measure == "centre" or (subject.box_3d is not None and other.box_3d is not None):
        return number(claim, inner, inner, _with_error(band))
    found = number(claim, inner, [0.0, *inner], _with_error(band))
    return _UNKNOWN if claim.comparison is Comparison.AT_LEAST and found.holds else found


def distances_m(first: AnnotatedObject, second: AnnotatedObject) -> dict[str, tuple[float, ...]]:
    """Readings of the distance between two objects [m], by measure; empty where it is unknown."""
    if first.box_3d is not None and second.box_3d is not None:
        centres = math.dist(first.box_3d.center_m, second.box_3d.center_m)
        return {"nearest": (boxes_distance_m(first.box_3d, second.box_3d),), "centre": (centres,)}
    if first.points_m is None or second.points_m is None:
        return {}
    # The nearest of many noisy points is too near.
    gaps, _ = cKDTree(thin(second.points_m, _MOST_POINTS)).query(thin(first.points_m, _MOST_POINTS))
    nearest = tuple(float(gap) for gap in np.quantile(gaps, (0.002, 0.02)))
    found: dict[str, tuple[float, ...]] = {"nearest": nearest}
    middles = [(centre(item.points_m), item.points_m.mean(axis=0)) for item in (first, second)]  # type: ignore[union-attr, arg-type]
    if first.is_whole and second.is_whole:
        found["centre"] = tuple(math.dist(one, two) for one, two in zip(*middles, strict=True))
    return found


def _distance_to_camera(claim: Claim, image: AnnotatedImage, subject: AnnotatedObject) -> Truth:
    """Along the ray, from the nearest to the middle of the visible surface [m]; wrong only beyond the farthest."""
    if subject.range_m is None:
        return _UNKNOWN
    error_m = image.depth_share * subject.range_m[1]
    return number(claim, subject.range_m[:2], sorted(subject.range_m), _with_error(error_m))


_TRUTHS: dict[str, Callable[..., Truth]] = {
    "image_order": _image_order,
    "between": _between,
    "depth_order": _depth_order,
    "same_depth": _same_depth,
    "occlusion": _occlusion,
    "size_order": _size_order,
    "size": _size,
    "distance_between": _distance_between,
    "distance_to_camera": _distance_to_camera,
}
