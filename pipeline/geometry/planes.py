"""The direction of up, and level surfaces, in a depth map.

Convention: OpenCV axes of the camera frame (x right, y down, z forward); lengths in the unit of the depth,
which may be any. Nothing is random beyond a fixed seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pipeline.geometry.plane_samples import Samples, SurfacePlane, sampled, surface_planes
from pipeline.geometry.robust import REFITS
from pipeline.records.camera import Camera

HELD_UP = np.array((0.0, -1.0, 0.0))
"""Where up is for a camera that is held upright."""
# Angles below this are not told apart, whatever the fit's own error says [rad].
_LEAST_ANGLE_RAD = math.radians(1.0)
# The fits' own errors come out too small by this, as smooth errors of depth are partly absorbed by the planes.
_OPTIMISM = 1.3
# Cameras are turned about the view little more than this, and directions farther apart are rivals [rad].
_APART_RAD = math.radians(12.0)
# With a larger error, or a camera that is turned by more where nothing upright confirms it, up is not known; cameras
# are tilted up by hardly more [rad].
_WORST_RAD = math.radians(15.0)
# A rival with this share of the best support makes it a guess.
_RIVAL_SHARE = 0.75
# A ceiling is seen by cameras that are tilted less than this.
_CEILING_RAD = math.radians(35.0)
MOST_TILT_DEG = 47.0
"""Cameras are tilted down up to this much; with more, a wall could be mistaken for a floor [deg]."""
LEVEL = 0.9
"""A surface is level where the cosine of its normal to gravity is larger."""
LEVEL_SHARE = 0.06
"""Least share of the surface that a level surface must hold; with less that is upright, nothing confirms it."""
# Share of the surface that must be level or upright; and, where nothing upright confirms it, level, without a rival
# of so much of its support: a floor beside a large ramp.
_SUPPORT_SHARE = 0.2


@dataclass(frozen=True)
class Plane:
    """All x with ``normal @ x + offset = 0``.

    Args:
        normal: Unit vector, float64 (3,).
        offset: Signed distance of the origin, in the unit of the points.
        inlier_share: Share of the points that lie on it.
        residual: Root mean square distance of those, in the unit of the points.
    """

    normal: np.ndarray
    offset: float
    inlier_share: float
    residual: float

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Signed distances of points (N, 3), positive on the normal's side; float64 (N,)."""
        signed: np.ndarray = np.asarray(points, dtype=np.float64) @ self.normal + self.offset
        return signed


@dataclass(frozen=True)
class Up:
    """The direction against gravity for a camera.

    Args:
        direction: Unit vector against gravity in the camera frame, float64 (3,).
        error_rad: Standard deviation of its angle to the true one [rad].
        support: Share of the visible surface that is level or upright as it says.
    """

    direction: np.ndarray
    error_rad: float
    support: float


def estimate_up(
    depth_values: np.ndarray,
    valid: np.ndarray,
    camera: Camera,
    *,
    max_tilt_deg: float = 60.0,
    relative_noise: float = 0.01,
    uneven_rad: float = 0.0,
) -> Up | None:
    """The direction against gravity, from the level and upright surfaces of one depth map.

    Floors, table tops and the tops of boxes are level; walls and the sides of boxes are upright. The depth map is
    cut into planes; each normal near the image's own up is a candidate, scored by the shares of the surface that would
    be level and upright, and by how people hold cameras; the best one is refined by weighted least squares
    over all planes that agree with it.

    Args:
        depth_values: float (H, W), z in metres or in any unit, without an unknown shift.
        valid: bool (H, W), where it means something.
        camera: Intrinsics of a frame of that size.
        max_tilt_deg: Largest angle to the up of a camera that is held upright [deg].
        relative_noise: Error of depth from place to place as a share of z: about 0.005 for sensors, 0.06 for
            networks.
        uneven_rad: How far level and upright surfaces are from that, as a standard deviation: nothing indoors, while
            roads fall to their sides [rad].

    Returns:
        The direction and its error, or None where too little supports any or two are equally supported.
    """
    samples = sampled(depth_values, valid, camera)
    if samples is None:
        return None
    planes = tuple(_uneven(plane, uneven_rad) for plane in surface_planes(samples, relative_noise))
    candidates = _candidates(planes, math.radians(max_tilt_deg))
    if not len(candidates):
        return None
    shares = np.array([_shares(candidate, planes) for candidate in candidates])
    scores = shares.sum(axis=1) * [_plausibility(candidate) for candidate in candidates]
    best = int(np.argmax(scores))
    rivals = np.arccos(np.clip(candidates @ candidates[best], -1, 1)) > _APART_RAD
    is_confirmed = shares[best, 1] >= LEVEL_SHARE
    if (scores[rivals] > (_RIVAL_SHARE if is_confirmed else _SUPPORT_SHARE) * scores[best]).any():
        return None
    direction, error_rad = _refined(candidates[best], planes)
    level, upright = _shares(direction, planes)
    # Planes that are neither level nor upright cast doubt on those that are.
    error_rad *= sum(plane.share for plane in planes) / max(level + upright, 1e-9)
    if level < LEVEL_SHARE or level + upright < _SUPPORT_SHARE or error_rad > _WORST_RAD:
        return None
    pitch, roll = _pitch_and_roll(direction)
    if upright < LEVEL_SHARE and (
        level < _SUPPORT_SHARE or abs(roll) > _WORST_RAD or pitch > math.radians(MOST_TILT_DEG)
    ):
        return None
    return Up(direction, float(error_rad), float(level + upright))


def support_plane(
    depth_values: np.ndarray,
    valid: np.ndarray,
    camera: Camera,
    up: np.ndarray,
    *,
    relative_noise: float = 0.01,
) -> Plane | None:
    """The largest level surface below the camera: a floor or a table top.

    Args:
        depth_values: float (H, W), z in any unit.
        valid: bool (H, W), where it means something.
        camera: Intrinsics of a frame of that size.
        up: Unit vector against gravity, float (3,), as ``estimate_up`` gives it.
        relative_noise: As in ``estimate_up``.

    Returns:
        The plane with ``normal`` up; its ``offset`` is the height of the camera above it, in the unit of the depth,
        and ``inlier_share`` its share of the visible surface. None where there is none.
    """
    samples = sampled(depth_values, valid, camera)
    if samples is None:
        return None
    normal = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    below = -samples.points @ normal
    # Errors of depth change the height of a point below the camera by a factor, so the mode is that of its logarithm.
    level = (below > 0) & _may_be_level(samples, normal, relative_noise)
    if np.count_nonzero(level) < 10:
        return None
    heights = np.sort(np.log(below[level]))
    width = 4 * max(relative_noise, 0.003)
    counts = np.searchsorted(heights, heights + width, side="right") - np.arange(len(heights))
    start = int(np.argmax(counts))
    middle = float(np.median(heights[start : start + counts[start]]))
    within = level & (np.abs(np.log(np.where(below > 0, below, 1)) - middle) <= width)
    share = float(within.mean())
    if share < LEVEL_SHARE:
        return None
    height = float(np.median(below[within]))
    return Plane(normal, height, share, float(np.sqrt(np.mean((below[within] - height) ** 2))))


def _uneven(plane: SurfacePlane, uneven_rad: float) -> SurfacePlane:
    """A plane whose normal says less of up by that much."""
    tangent = np.eye(3) - np.outer(plane.normal, plane.normal)
    return replace(plane, covariance=plane.covariance + uneven_rad**2 * tangent)


def _may_be_level(samples: Samples, up: np.ndarray, relative_noise: float) -> np.ndarray:
    """Samples whose local normal is compatible with a level surface, bool (N,)."""
    cosines = np.abs(samples.normals @ up)
    # Smooth errors of networks turn local normals by tens of degrees.
    slack = math.radians(20.0) + 6 * relative_noise
    kept: np.ndarray = cosines > math.cos(min(slack, math.radians(60.0)))
    return kept


def _candidates(planes: tuple[SurfacePlane, ...], max_tilt_rad: float) -> np.ndarray:
    """Directions that may be up, float64 (C, 3): normals of planes, and what two upright planes have in common."""
    found = []
    for index, plane in enumerate(planes):
        for sign, limit in ((1.0, max_tilt_rad), (-1.0, min(max_tilt_rad, _CEILING_RAD))):
            if sign * plane.normal @ HELD_UP > math.cos(limit):
                found.append(sign * plane.normal)
        for other in planes[:index]:
            edge = np.cross(plane.normal, other.normal)
            length = float(np.linalg.norm(edge))
            if length > 0.5 and abs(edge @ HELD_UP) > length * math.cos(min(max_tilt_rad, _CEILING_RAD)):
                found.append(edge * np.sign(edge @ HELD_UP) / length)
    return np.array(found).reshape(-1, 3)


def _shares(up: np.ndarray, planes: tuple[SurfacePlane, ...]) -> tuple[float, float]:
    """Shares of the surface that are level and upright for a direction, weighted by how well planes fit."""
    level, upright = np.array([plane.share for plane in planes]) @ [_fits(plane, up) for plane in planes]
    return float(level), float(upright)


def _fits(plane: SurfacePlane, up: np.ndarray) -> tuple[float, float]:
    """How well a plane agrees with being level and with being upright, each in [0, 1]."""
    sigma = math.hypot(_LEAST_ANGLE_RAD, plane.error_rad)
    cosine = min(abs(float(plane.normal @ up)), 1.0)
    return _fit(math.acos(cosine), sigma), _fit(math.asin(cosine), sigma)


def _fit(angle_rad: float, sigma_rad: float) -> float:
    return math.exp(-0.5 * (angle_rad / sigma_rad) ** 2)


def _pitch_and_roll(up: np.ndarray) -> tuple[float, float]:
    """Pitch (downwards) and roll of a camera [rad]."""
    forward = np.array((0.0, 0.0, 1.0))
    return math.asin(float(np.clip(-up @ forward, -1, 1))), math.asin(
        float(np.clip(up @ np.cross(HELD_UP, forward), -1, 1))
    )


def _plausibility(up: np.ndarray) -> float:
    """Plausibility of a direction, given how people hold cameras, in (0, 1]."""
    pitch, roll = _pitch_and_roll(up)
    beyond = max(0.0, pitch - math.radians(MOST_TILT_DEG), -_WORST_RAD - pitch)
    return _fit(roll, 2 * _APART_RAD) * _fit(beyond, _APART_RAD)


def _refined(up: np.ndarray, planes: tuple[SurfacePlane, ...]) -> tuple[np.ndarray, float]:
    """The direction that fits level and upright planes best, and the standard deviation of its angle [rad].

    Each plane adds information in the tangent plane of the direction: a level one on both axes, an upright one
    across it.
    """
    error_rad = math.inf
    for _ in range(REFITS):
        side = np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))])
        side /= np.linalg.norm(side)
        axes = np.stack((side, np.cross(up, side)))
        information, pull, misfit, count = np.zeros((2, 2)), np.zeros(2), 0.0, 0.0
        for plane in planes:
            cosine = float(plane.normal @ up)
            level_fit, upright_fit = _fits(plane, up)
            if max(level_fit, upright_fit) < 0.01:
                continue
            if level_fit > upright_fit:
                offset = axes @ (plane.normal * np.sign(cosine))
                inverse = level_fit * np.linalg.inv(axes @ plane.covariance @ axes.T)
                information += inverse
                pull += inverse @ offset
                misfit += float(offset @ inverse @ offset)
                count += 2 * level_fit
            else:
                across = axes @ plane.normal
                weight = upright_fit / float(up @ plane.covariance @ up)
                # normal @ (up + axes.T @ step) = 0
                information += weight * np.outer(across, across)
                pull -= weight * cosine * across
                misfit += weight * cosine**2
                count += upright_fit
        if np.linalg.matrix_rank(information) < 2:
            return up, math.inf
        covariance = np.linalg.inv(information)
        step = covariance @ pull
        left = max(0.0, misfit - float(pull @ step))
        # Planes that disagree by more than their errors widen them.
        excess = max(1.0, left / max(count - 2, 1.0))
        error_rad = _OPTIMISM * math.sqrt(float(np.trace(covariance)) * excess)
        up = up + axes.T @ step
        up = up / np.linalg.norm(up)
    return up, error_rad
