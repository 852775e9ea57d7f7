"""Known lengths in depth of unknown scale, and for affine kinds of unknown shift.

Convention: z of a value v under the shift u, up to one positive factor (the scale): v where the kind has shape, v + u
for affine depth, 1 / (v + u) for affine disparity. Rays are (x, y, 1) of the camera frame (OpenCV axes), so a point
is its ray times z.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.geometry.extents import centre, nearest_points
from pipeline.geometry.robust import CLEAR, LITTLE, REFITS
from pipeline.records import DepthKind

# A floor's normal may lean this far from the camera's own vertical.
_LEAST_VERTICAL = math.cos(math.radians(60.0))


@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels of one object.

    Args:
        rays: float64 (N, 3), their rays, z = 1.
        values: float64 (N,), their depth values.
        noise: Error that they share: a fraction of z where the kind has shape, else in the unit of the values.
        z_noise: Further shared error as a fraction of z, for any kind.
    """

    rays: np.ndarray
    values: np.ndarray
    noise: float = 0.0
    z_noise: float = 0.0


@dataclass(frozen=True, eq=False)
class KnownLength:
    """A known length, and how the depth shows it.

    Args:
        length_m: The length [m].
        objects: The pixels of the objects that it is measured on.
        measure: Length of the objects' points, one float64 (N, 3) each; NaN where they cannot be what was meant.
        error: Its standard deviation as a fraction, except for what depends on depth or focal length.
        focal_error: Standard deviation of the focal length as a fraction.
    """

    length_m: float
    objects: tuple[Pixels, ...]
    measure: Callable[..., float]
    error: float = 0.0
    focal_error: float = 0.0


def shape_of(values: np.ndarray, kind: DepthKind, shift: float) -> np.ndarray:
    """Depth z up to one factor, float64 of the values' shape; NaN where it is not positive."""
    z = np.asarray(values, dtype=np.float64)
    if not kind.has_shape:
        z = z + shift
    z = np.where(z > 0, z, np.nan)
    return 1 / z if kind is DepthKind.DISPARITY_AFFINE else z


def measured_length(
    known: KnownLength, kind: DepthKind, shift: float, factors: tuple[float, ...] | None = None, widening: float = 1.0
) -> float:
    """A known length as the depth shows it under a shift, up to the scale.

    Args:
        known: The length.
        kind: What the values mean.
        shift: The shift.
        factors: Optional factor on the z of each object.
        widening: Factor on the rays' x and y, as another focal length gives.

    Returns:
        The length in the map's own unit; NaN where too many pixels have no z or the measure refuses.
    """
    points = []
    for pixels, factor in zip(known.objects, factors or (1.0,) * len(known.objects), strict=True):
        z = shape_of(pixels.values, kind, shift) * factor
        kept = np.isfinite(z)
        if not kept.any() or kept.mean() < 1 - LITTLE:
            return math.nan
        points.append(pixels.rays[kept] * (widening, widening, 1.0) * z[kept, None])
    length = known.measure(*points)
    return length if length > 0 else math.nan


def length_errors(known: KnownLength, kind: DepthKind, shift: float) -> tuple[float, float]:
    """How far the logarithm of a measured length may be off under a shift.

    Args:
        known: The length.
        kind: What the values mean.
        shift: The shift.

    Returns:
        Its standard deviation without the focal length; and its change with one standard deviation of the focal
        length, which all lengths of a frame share. Infinite where the depth's error leaves the length open.
    """
    parts = [known.error]
    for index, pixels in enumerate(known.objects):
        z = shape_of(pixels.values, kind, shift)
        relative = pixels.noise
        if not kind.has_shape:
            # d log z = dv / (v + u), for disparity with the other sign.
            middle = float(np.nanmedian(z))
            relative *= middle if kind is DepthKind.DISPARITY_AFFINE else 1 / middle
        relative = math.hypot(relative, pixels.z_noise)
        if relative > 0:
            up, down = (
                measured_length(
                    known, kind, shift, tuple(factor if at == index else 1.0 for at in range(len(known.objects)))
                )
                for factor in (math.exp(relative), math.exp(-relative))
            )
            parts.append(_half_log(up, down))
    wide, narrow = (
        measured_length(known, kind, shift, widening=factor)
        for factor in (1 / (1 + known.focal_error), 1 + known.focal_error)
    )
    focal = 0.0 if known.focal_error == 0 else math.log(wide / narrow) / 2
    return math.sqrt(sum(part * part for part in parts)), focal if math.isfinite(focal) else math.inf


def _half_log(up: float, down: float) -> float:
    if not (math.isfinite(up) and math.isfinite(down)):
        return math.inf
    return abs(math.log(up / down)) / 2


def straight_distance(points: np.ndarray) -> float:
    """Median distance of points (N, 3) to the camera."""
    return float(np.median(np.linalg.norm(points, axis=1)))


def z_distance(points: np.ndarray) -> float:
    """Median distance of points (N, 3) along the optical axis."""
    return float(np.median(points[:, 2]))


def lateral_length(points: np.ndarray) -> float:
    """The x of a single point (1, 3): a side of an object that starts on the optical axis."""
    return float(points[0, 0])


def centre_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Distance between the middles of two surfaces, (N, 3) and (M, 3)."""
    return float(np.linalg.norm(centre(first) - centre(second)))


def nearest_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Distance of the nearest points of two surfaces, (N, 3) and (M, 3)."""
    near_first, near_second = nearest_points(first, second)
    return float(np.linalg.norm(near_first - near_second))


def plane_normal(points: np.ndarray) -> np.ndarray:
    """The n of the plane ``n @ p = 1`` that fits points (N, 3) by least squares of their relative z.

    Outliers are left out.

    Returns:
        float64 (3,); the plane's distance to the camera is 1 / |n|. NaN for fewer than three points.
    """
    if len(points) < 3:
        return np.full(3, np.nan)
    kept = np.ones(len(points), dtype=bool)
    normal = np.full(3, np.nan)
    for _ in range(REFITS):
        normal = np.linalg.lstsq(points[kept], np.ones(int(kept.sum())), rcond=None)[0]
        residuals = np.abs(points @ normal - 1)
        again = residuals <= CLEAR * max(1.4826 * float(np.median(residuals)), 1e-7)
        if again.sum() < 3 or (again == kept).all():
            break
        kept = again
    return normal


def plane_distance(points: np.ndarray) -> float:
    """Distance of the camera to the plane through points (N, 3)."""
    length = float(np.linalg.norm(plane_normal(points)))
    return 1 / length if length > 0 else math.nan


def floor_distance(points: np.ndarray) -> float:
    """The same for a presumed floor; NaN where the plane leans too far to be one."""
    normal = plane_normal(points)
    length = float(np.linalg.norm(normal))
    return 1 / length if normal[1] > _LEAST_VERTICAL * length else math.nan


def bend(flat: Pixels, shift: float) -> np.ndarray:
    """How far the values of a flat region are from those of a plane, for affine depth under a shift.

    Returns:
        float64 (N,), in the unit of the values; large where the shift leaves no z.
    """
    z = flat.values + shift
    if not (z > 0).all():
        return np.full(len(z), np.ptp(flat.values) + 1e-30)
    points = flat.rays * z[:, None]
    residuals: np.ndarray = (points @ np.linalg.lstsq(points, np.ones(len(z)), rcond=None)[0] - 1) * z
    return residuals
