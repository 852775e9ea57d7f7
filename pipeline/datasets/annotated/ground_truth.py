"""Whether a claim about objects that were measured or annotated holds.

Measurements err, so that the band in which nothing is clearly true or false is wider than that of exact geometry
(``pipeline.synthetic.ground_truth``); the definitions are the same. Where readings of a word disagree, a claim is
neither true nor false.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from pipeline.datasets.annotated.objects import AnnotatedObject, boxes_distance_m, extents_m
from pipeline.geometry.extents import centre, thin
from pipeline.records import Box, Claim, Comparison
from pipeline.records.relations import RELATIONS
from pipeline.synthetic.ground_truth import TOLERANCE, Truth

# Half widths of the band in which nothing is clearly true or false.
_IMAGE_PX = 1.0
_BETWEEN = 0.02
_SIZE = 0.05
_RELATIVE = 0.03
# Depth: a share of z and a length [m], more than the median of many pixels of a sensor errs.
_DEPTH_SHARE, _DEPTH_M = 0.015, 0.01
# A number's band, and its share for what is known of boxes alone.
_NUMBER_SHARE, _NUMBER_M = 0.04, 0.01

# Most points of a surface between which distances are measured.
_MOST_POINTS = 1500


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """What is known of one image.

    Args:
        objects: The objects, with unique labels.
        occlusions: For pairs of labels (front, back): how clearly the front hides a part of the back, in [-1, 1];
            negative where it does not. Pairs of which nothing is known are missing.
        frame: Index of the frame.
        depth_share: Relative error of depths that stays clearly below the truth's; the band of orders.
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
    """Judge a claim by what is known of an image.

    Args:
        claim: A claim whose names are labels of objects, not negated, as the camera sees it.
        image: What is known.

    Returns:
        The truth with its margin; neither true nor false where it is not clear or not known.
    """
    relation = RELATIONS[claim.relation]
    judge = _TRUTHS.get(relation.rule)
    if judge is None:
        return _UNKNOWN
    names = [name for name in (claim.subject, claim.object, claim.other_object) if name is not None]
    found = judge(claim, image, *(image.object_of(name) for name in names), **relation.options)
    return Truth(None if found.holds is None else bool(found.holds), float(found.margin), found.unit)


_UNKNOWN = Truth(None, 0.0, "")


def _image_order(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, axis: str, sign: int
) -> Truth:
    """Order of the boxes' centres; the centres of gravity of the visible pixels must not say the opposite [px]."""
    at = 0 if axis == "x" else 1
    gaps = [sign * (_box_centre(other.box_px)[at] - _box_centre(subject.box_px)[at])]
    if subject.mask is not None and other.mask is not None:
        masses = [float(np.nonzero(mask)[1 - at].mean()) for mask in (subject.mask, other.mask)]
        gaps.append(sign * (masses[1] - masses[0]))
    return Truth(_agreed(gaps, _IMAGE_PX), gaps[0], "px")


def _between(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, first: AnnotatedObject, second: AnnotatedObject
) -> Truth:
    """In the image: beside the line between two centres, off it by less than half its length."""
    middle, start, end = (np.array(_box_centre(item.box_px)) for item in (subject, first, second))
    line = end - start
    squared = max(float(line @ line), 1e-9)
    share = float((middle - start) @ line) / squared
    off_line = abs(float((middle - start)[0] * line[1] - (middle - start)[1] * line[0])) / squared
    margin = min(share, 1 - share, 0.5 - off_line)
    return Truth(_clear(margin, _BETWEEN), margin, "of the distance between the two")


def _depth_order(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, sign: int
) -> Truth:
    """Order of z; all readings must agree, and the first be clear [m]. With a value, the difference must fit too.

    Readings are medians and nearest points of the visible surfaces and centres of boxes in space, where both objects
    have them; of boxes alone also their nearest and farthest corners.
    """
    gaps = [sign * gap for gap in depth_gaps_m(subject, other)]
    if not gaps:
        return _UNKNOWN
    band = _depth_band(image, subject, other)
    order = Truth(_agreed(gaps, band), gaps[0], "m")
    if claim.value is None or order.holds is not True:
        return order
    inner = sorted(map(abs, gaps))
    outer = inner
    if subject.visible_z_m is not None and other.visible_z_m is not None:
        # Of surfaces that run in depth, people may also mean the far ends.
        outer = sorted((*inner, abs(other.visible_z_m[2] - subject.visible_z_m[2])))
    found = _number(claim, inner, band, outer)
    return Truth(found.holds, min(found.margin, gaps[0]), "m")


def depth_gaps_m(first: AnnotatedObject, second: AnnotatedObject) -> list[float]:
    """How much farther the second object lies, in every reading that both have [m]; the first one defines it."""
    boxes = (first.box_z_m, second.box_z_m)
    gaps = []
    if first.visible_z_m is not None and second.visible_z_m is not None:
        gaps += [there - here for here, there in zip(first.visible_z_m[:2], second.visible_z_m[:2], strict=True)]
    if boxes[0] is not None and boxes[1] is not None:
        every = [there - here for here, there in zip(boxes[0], boxes[1], strict=True)]
        gaps += every[:1] if gaps else every
    return gaps


def _depth_band(image: AnnotatedImage, *objects: AnnotatedObject) -> float:
    """Differences of depth within this are not clear [m]."""
    return image.depth_share * max(item.z_m or 0.0 for item in objects) + _DEPTH_M


def _same_depth(claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject) -> Truth:
    """The depths differ by less than the verifier's tolerance, relative."""
    gaps = depth_gaps_m(subject, other)
    if not gaps or subject.z_m is None or other.z_m is None or min(subject.z_m, other.z_m) <= 0:
        return _UNKNOWN
    base = min(subject.z_m, other.z_m)
    margin = TOLERANCE - math.log1p(abs(gaps[0]) / base)
    return Truth(_clear(margin, _RELATIVE + image.depth_share), margin, "relative")


def _occlusion(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, sign: int
) -> Truth:
    """As the data set knows of the pair."""
    front, back = (subject, other) if sign > 0 else (other, subject)
    margin = image.occlusions.get((front.label, back.label))
    if margin is None or claim.value is not None:
        return _UNKNOWN
    return Truth(margin > 0, margin, "clearness")


def _size_order(
    claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject, *, sign: int, extent: str
) -> Truth:
    """True sizes of the boxes in space, in every reading of the word; the margin is the smallest log ratio."""
    if subject.box_3d is None or other.box_3d is None:
        return _UNKNOWN
    pairs = zip(_sizes(subject, extent), _sizes(other, extent), strict=True)
    gaps = [sign * (math.log(first) - math.log(second)) for first, second in pairs]
    agreed = all(gap > 0 for gap in gaps) or all(gap < 0 for gap in gaps)
    margin = min(gaps, key=abs)
    return Truth(_clear(margin, _SIZE) if agreed else None, margin, "relative")


def _sizes(item: AnnotatedObject, extent: str) -> list[float]:
    """The ways to read a size [m]."""
    assert item.box_3d is not None
    width, height, _ = extents_m(item)
    longest = max(_level_sides(item))
    return {
        "height": [height],
        "width": [width, longest],
        "size": [math.sqrt(width * height), math.prod(item.box_3d.size_m) ** (1 / 3), max(*item.box_3d.size_m)],
    }[extent]


def _level_sides(item: AnnotatedObject) -> list[float]:
    """The two sides of a gravity-aligned box that are not its height [m]."""
    assert item.box_3d is not None
    height = extents_m(item)[1]
    sides = sorted(item.box_3d.size_m, key=lambda side: abs(side - height))
    return sorted(sides[1:])


def _size(claim: Claim, image: AnnotatedImage, subject: AnnotatedObject) -> Truth:
    """True extents [m]: height along gravity; width across the view and depth along it, or the box's level sides."""
    if subject.box_3d is None:
        return _UNKNOWN
    width, height, depth = extents_m(subject)
    inner = {"height": [height], "width": [width], "depth": [depth], None: sorted((width, height))}[claim.measure]
    outer = inner if claim.measure == "height" else sorted((*inner, *_level_sides(subject)))
    return _number(claim, inner, 0.0, outer)


def _distance_between(claim: Claim, image: AnnotatedImage, subject: AnnotatedObject, other: AnnotatedObject) -> Truth:
    """Of the nearest points, or of the centres [m]; without a measure, anything from one to the other fits.

    What is visible bounds the distance of the nearest points from above only: the backs may come closer. So a length
    below it is not wrong, and nothing proves that it is at least so much.
    """
    readings = image.distances_m(subject, other)
    wanted = ("nearest", "centre") if claim.measure is None else (claim.measure,)
    if any(name not in readings for name in wanted):
        return _UNKNOWN
    inner = sorted(value for name in wanted for value in readings[name])
    band = _depth_band(image, subject, other)
    if claim.measure == "centre" or (subject.box_3d is not None and other.box_3d is not None):
        return _number(claim, inner, band)
    found = _number(claim, inner, band, [0.0, *inner])
    return _UNKNOWN if claim.comparison is Comparison.AT_LEAST and found.holds else found


def distances_m(first: AnnotatedObject, second: AnnotatedObject) -> dict[str, tuple[float, ...]]:
    """Readings of the distance between two objects [m], by what is measured; empty where nothing is known."""
    if first.box_3d is not None and second.box_3d is not None:
        centres = math.dist(first.box_3d.center_m, second.box_3d.center_m)
        return {"nearest": (boxes_distance_m(first.box_3d, second.box_3d),), "centre": (centres,)}
    if first.points_m is None or second.points_m is None:
        return {}
    # Single points err, so the nearest of many is too near.
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
    return _number(claim, list(subject.range_m[:2]), image.depth_share * subject.range_m[1], sorted(subject.range_m))


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


def _number(claim: Claim, inner: Sequence[float], error_m: float, outer: Sequence[float] | None = None) -> Truth:
    """Compare a claim's length with readings.

    Args:
        claim: A claim with a length.
        inner: Readings, ascending [m]; all of them and what lies between them are right.
        error_m: Error of the readings [m].
        outer: These and further readings, ascending [m]; what lies beyond them is wrong.
    """
    value = claim.value_m
    assert value is not None
    outer = outer or inner
    slack = TOLERANCE * value if claim.comparison is Comparison.ABOUT else 0.0

    def margin(low: float, high: float) -> float:
        return {
            Comparison.ABOUT: slack - max(0.0, low - value, value - high),
            Comparison.AT_LEAST: low - value,
            Comparison.AT_MOST: value - high,
        }[claim.comparison]

    # For bounds, the reading that is hardest to satisfy proves and the easiest one disproves.
    ends = outer if claim.comparison is Comparison.ABOUT else outer[::-1]
    surely, possibly = margin(inner[0], inner[-1]), margin(ends[0], ends[-1])
    band = _NUMBER_SHARE * value + _NUMBER_M + error_m
    holds = True if surely > band else (False if possibly < -band else None)
    return Truth(holds, possibly if holds is False else surely, "m")


def _clear(margin: float, band: float) -> bool | None:
    return None if abs(margin) < band else margin > 0


def _agreed(gaps: Sequence[float], band: float) -> bool | None:
    """Sign of the first gap, where it is clear and no other says the opposite."""
    first = _clear(gaps[0], band)
    if first is None or any((gap > 0) is not first and gap != 0 for gap in gaps[1:]):
        return None
    return first


def _box_centre(box_px: Box) -> tuple[float, float]:
    left, top, right, bottom = box_px
    return (left + right) / 2, (top + bottom) / 2
