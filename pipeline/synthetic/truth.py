"""Ground truth of a claim from measurements: bands around the boundary, and readings of a word that must agree.

Exact geometry (``pipeline.synthetic.ground_truth``) and annotated images (``pipeline.datasets.annotated``) share these
definitions and differ in the widths of their bands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.records import Box, Claim, Comparison
from pipeline.verify.rules.base import Settings

TOLERANCE = Settings().tolerance
"""Accepted relative deviation where a claim names none, as the verifier takes it."""

# Half widths of the band in which nothing is clearly true or false.
_IMAGE_PX = 1.0
_BETWEEN = 0.02


@dataclass(frozen=True)
class Truth:
    """Whether a claim holds.

    Args:
        holds: None where it is neither clearly true nor clearly false.
        margin: Distance from the boundary between true and false, positive where the claim holds.
        unit: Unit of the margin.
    """

    holds: bool | None
    margin: float
    unit: str


def clear(margin: float, band: float) -> bool | None:
    """Sign of a margin; None within the band."""
    return None if abs(margin) < band else margin > 0


def agreed(gaps: Sequence[float], band: float, least: float = 0.0) -> bool | None:
    """Sign of the first gap; None within the band, or where another gap of at least ``least`` has the other sign."""
    if any(gap * gaps[0] < 0 and abs(gap) >= least for gap in gaps[1:]):
        return None
    return clear(gaps[0], band)


def image_order(
    boxes_px: Sequence[Box], masks: Sequence[np.ndarray | None], axis: str, sign: int, least_px: float = 0.0
) -> Truth:
    """Order of two boxes' centres along an axis of the image [px].

    Args:
        boxes_px: Boxes of the subject and of the other object [px].
        masks: Their visible pixels, bool (H, W); where both are given, their centres of gravity must agree.
        axis: ``x`` or ``y``.
        sign: 1 where a smaller coordinate makes the claim true, else -1.
        least_px: Centres of gravity that contradict by less than this do not count [px].
    """
    at = 0 if axis == "x" else 1
    middles = [[box[at] + box[at + 2] for box in boxes_px]]
    if (present := [mask for mask in masks if mask is not None]) == list(masks):
        middles.append([2 * float(np.nonzero(mask)[1 - at].mean()) for mask in present])
    gaps = [sign * (other - subject) / 2 for subject, other in middles]
    return Truth(agreed(gaps, _IMAGE_PX, least_px), gaps[0], "px")


def between(subject: Box, first: Box, second: Box) -> Truth:
    """Whether a box's centre lies beside the line between two others, off it by less than half its length."""
    middle, start, end = (np.add(box[:2], box[2:]) / 2 for box in (subject, first, second))
    line = end - start
    squared = max(float(line @ line), 1e-9)
    share = float((middle - start) @ line) / squared
    off_line = abs(float((middle - start)[0] * line[1] - (middle - start)[1] * line[0])) / squared
    margin = min(share, 1 - share, 0.5 - off_line)
    return Truth(clear(margin, _BETWEEN), margin, "of the distance between the two")


def extents(points_m: np.ndarray, up: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """(width, height, depth) of points (N, 3) in a camera frame [m]: across the view, along gravity, along the view."""
    across = np.cross((0.0, 0.0, 1.0), up)
    across /= np.linalg.norm(across)
    axes = np.stack((across, up, np.cross(up, across)), axis=1)
    width, height, depth = np.ptp(points_m @ axes, axis=0)
    return float(width), float(height), float(depth)


@dataclass(frozen=True)
class Sizes:
    """Sizes of an object [m].

    Args:
        extents_m: Its width, height and depth as the camera stands, see ``extents``.
        sides_m: Sides of its box.
        level_m: The two level sides of its box.
    """

    extents_m: tuple[float, float, float]
    sides_m: Sequence[float]
    level_m: Sequence[float]

    def readings(self, extent: str) -> list[float]:
        """What people may mean by its ``height``, ``width`` or ``size`` [m], the defining reading first."""
        width, height, _ = self.extents_m
        return {
            "height": [height],
            "width": [width, max(self.level_m)],
            "size": [math.sqrt(width * height), math.prod(self.sides_m) ** (1 / 3), max(self.sides_m)],
        }[extent]

    def order(self, other: Sizes, extent: str, sign: int, band: float) -> Truth:
        """Order of two sizes in every reading; the margin is the smallest log ratio."""
        pairs = zip(self.readings(extent), other.readings(extent), strict=True)
        gaps = [sign * math.log(first / second) for first, second in pairs]
        margin = min(gaps, key=abs)
        return Truth(agreed([margin, *gaps], band), margin, "relative")

    def truth(self, claim: Claim, band: tuple[float, float]) -> Truth:
        """Compare a claim's length with the extents.

        Without a measure, anything from height to width fits. A width or depth is wrong only if the level sides of the
        box do not fit either.
        """
        width, height, depth = self.extents_m
        inner = {"height": [height], "width": [width], "depth": [depth], None: sorted((width, height))}[claim.measure]
        return number(claim, inner, inner if claim.measure == "height" else sorted((*inner, *self.level_m)), band)


def number(
    claim: Claim, inner: Sequence[float], outer: Sequence[float], band: tuple[float, float], unit: str = "m"
) -> Truth:
    """Compare a claim's number with readings.

    Args:
        claim: A claim with a value.
        inner: Readings, ascending; all of them and what lies between them are correct.
        outer: These and further readings, ascending; what lies beyond them is wrong.
        band: Half width of the band of unclear numbers: a share of the number, and a length in ``unit``.
        unit: ``m``, or what the number is a share of.
    """
    assert claim.value is not None and claim.unit is not None
    factor = claim.unit.metres if unit == "m" else 1.0
    value = claim.value * factor
    default = TOLERANCE * value if claim.comparison is Comparison.ABOUT else 0.0
    slack = default if claim.tolerance is None else claim.tolerance * factor

    def margin(low: float, high: float) -> float:
        return {
            Comparison.ABOUT: slack - max(0.0, low - value, value - high),
            Comparison.AT_LEAST: low - (value - slack),
            Comparison.AT_MOST: value + slack - high,
        }[claim.comparison]

    # A bound is proved by the reading that is hardest to satisfy and disproved by the easiest one.
    ends = outer if claim.comparison is Comparison.ABOUT else outer[::-1]
    surely, possibly = margin(inner[0], inner[-1]), margin(ends[0], ends[-1])
    width = band[0] * value + band[1]
    holds = True if surely > width else (False if possibly < -width else None)
    return Truth(holds, possibly if holds is False else surely, unit)
