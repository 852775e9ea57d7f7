"""The distance of two points of depth maps, with its 95 % interval.

Convention: both points are in one frame of reference of any axes, in metres, or in the unit of the depth. Errors are
standard deviations, as fractions of z.

Derivation. A point lies at ``c + z r``, with the camera's centre c and the ray r of its pixel. An error e of its depth
as a fraction moves it along its ray by ``e v``, with ``v = z r``. The difference d of two points then moves by
``e2 v2 - e1 v1``, whose covariance is

    C = A1 v1 v1' + A2 v2 v2' - s12 (v1 v2' + v2 v1'),

with ``A = smooth^2 + pixel^2 + edge^2`` for each point and ``s12 = correlation * smooth1 * smooth2``: of the three only
the smooth error is shared, between places of one depth map, by ``exp(-0.5 (distance / place_share)^2)`` as in
``NoiseModel``. Its part along the line n = d / |d| has the variance ``n' C n``; to first order it alone changes the
length. The part across, ``trace C - n' C n``, can only lengthen the line, so it raises the upper limit.

Within a depth map the error of the scale multiplies the length by a log-normal factor, and that of the focal length
divides the part across the optical axis by one. Between depth maps, whose poses count as exact, both move each point;
since it is not known whether the maps err alike, the worse case counts. Deviations of different causes add as
squares, each side of the interval for itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.records.error_budget import HALF_INTERVAL, DepthErrors

"""Standard deviations of a normal distribution to each side of its middle 95 %."""


@dataclass(frozen=True, eq=False)
class PixelPoint:
    """A point of a depth map.

    Args:
        position: float (3,), in the common frame of reference.
        offset: float (3,), the same from the centre of its camera.
        axis: float (3,), unit vector along the optical axis of its camera.
        pixel_px: (u, v) [px].
        frame: Index of the frame.
        longer_px: Longer side of the frame [px].
        errors: Errors of its depth map.
        edge: Error of its depth because its place may be beside a step of depth, as a fraction.
    """

    position: np.ndarray
    offset: np.ndarray
    axis: np.ndarray
    pixel_px: tuple[float, float]
    frame: int
    longer_px: int
    errors: DepthErrors
    edge: float = 0.0

    @property
    def z(self) -> float:
        """Depth, along the optical axis."""
        return float(self.offset @ self.axis)

    @property
    def smooth(self) -> float:
        """Error that neighbouring places share, as a fraction."""
        return self.errors.relative + self.errors.relative_per_m * self.z

    @property
    def own(self) -> float:
        """Error that no other place shares, as a fraction."""
        return math.hypot(self.errors.pixel + self.errors.pixel_per_m * self.z, self.edge)

    @property
    def lateral(self) -> np.ndarray:
        """The part of the offset across the optical axis, float64 (3,)."""
        across: np.ndarray = self.offset - self.z * self.axis
        return across


@dataclass(frozen=True)
class Distance:
    """A distance with its 95 % interval, in the unit of the points.

    Args:
        length: The distance of the points as measured.
        low: Lower limit, not negative.
        high: Upper limit.
    """

    length: float
    low: float
    high: float


def distance_of(first: PixelPoint, second: PixelPoint) -> Distance:
    """The distance of two points with its 95 % interval; see the module for the derivation.

    Args:
        first: A point.
        second: Another one, in the same frame of reference.

    Example:
        >>> errors, axis = DepthErrors(pixel=0.01), np.array([0.0, 0.0, 1.0])
        >>> near, far = (PixelPoint(z * axis, z * axis, axis, (0, 0), 0, 640, errors) for z in (1.0, 2.0))
        >>> found = distance_of(near, far)
        >>> round(found.length, 3), round(found.low, 3), round(found.high, 3)
        (1.0, 0.956, 1.044)
    """
    between = second.position - first.position
    length = float(np.linalg.norm(between))
    along = between / length if length > 0 else np.zeros(3)
    one, other = first.offset, second.offset
    shared = _correlation(first, second) * first.smooth * second.smooth
    parts = [(first.smooth**2 + first.own**2, one), (second.smooth**2 + second.own**2, other)]
    variance = sum(share * float(along @ way) ** 2 for share, way in parts)
    variance -= 2 * shared * float(along @ one) * float(along @ other)
    trace = sum(share * float(way @ way) for share, way in parts) - 2 * shared * float(one @ other)
    if first.frame == second.frame:
        scale = first.errors.scale
        shorter, longer = length * math.exp(-HALF_INTERVAL * scale), length * math.exp(HALF_INTERVAL * scale)
        narrow, wide = (_with_focal(first, second, sign * first.errors.focal) for sign in (-1, 1))
    else:
        shorter = longer = narrow = wide = length
        for name, ways in (("scale", (one, other)), ("focal", (first.lateral, second.lateral))):
            moved = [getattr(point.errors, name) * way for point, way in zip((first, second), ways, strict=True)]
            apart = float(along @ moved[0]) ** 2 + float(along @ moved[1]) ** 2
            variance += max(apart, float(along @ (moved[1] - moved[0])) ** 2)
            trace += float(moved[0] @ moved[0] + moved[1] @ moved[1])
    variance = max(variance, 0.0)
    reach, across = HALF_INTERVAL * math.sqrt(variance), HALF_INTERVAL * math.sqrt(max(trace - variance, 0.0))
    low = length - math.hypot(reach, length - shorter, length - narrow)
    high = length + math.hypot(reach, longer - length, wide - length)
    return Distance(length, max(low, 0.0), math.hypot(high, across))


def _correlation(first: PixelPoint, second: PixelPoint) -> float:
    """Correlation of the smooth errors of the two points."""
    reach = first.errors.place_share * first.longer_px
    if first.frame != second.frame or reach <= 0:
        return 0.0
    return math.exp(-0.5 * (math.dist(first.pixel_px, second.pixel_px) / reach) ** 2)


def _with_focal(first: PixelPoint, second: PixelPoint, error: float) -> float:
    """The distance of two points of one camera whose field of view is wider by 1.96 errors of the focal length."""
    lateral = second.lateral - first.lateral
    return math.hypot(float(np.linalg.norm(lateral)) * math.exp(HALF_INTERVAL * error), second.z - first.z)
