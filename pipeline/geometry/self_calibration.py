"""The focal length that the right angles of a scene ask for.

Convention: with pixel offsets a, b from the principal point, a plane of a depth map is linear in the inverse depth,
1/z = alpha * a + beta * b + gamma, and its normal is (alpha * f, beta * f, gamma) for a focal length f [px]. Two planes
at right angles therefore give f^2 = -gamma_1 * gamma_2 / (alpha_1 * alpha_2 + beta_1 * beta_2), the constraint of two
vanishing lines (Hartley & Zisserman, "Multiple View Geometry", 2nd ed., 8.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from pipeline.records.camera import Camera
from pipeline.records.depth import DepthMap

# Longer side of the grid on which planes are sought [px], and the part of its pixels that depth must cover.
_SIDE_PX, _LEAST_COVERED = 80, 0.6
# Side of the window that proposes a plane and distance of windows [px], proposals per plane, and most planes.
_WINDOW_PX, _STEP_PX, _PROPOSALS, _MOST_PLANES = 9, 3, 40, 6
# Pixels on which a proposal is tried, and how often a plane is fitted to the pixels near it.
_SAMPLED, _REFINEMENTS = 800, 3
# Inverse depth of a plane's pixels deviates by less than this share; a plane covers this share of the known pixels.
_TOLERANCE, _LEAST_SHARE = 0.006, 0.03
# Two planes tell where the cosine between them changes by this much per factor e of the focal length.
_LEAST_SENSITIVITY = 0.25
# Focal lengths within this factor agree; only those that cameras have count, as shares of the longer side.
_AGREEING, _POSSIBLE = 1.15, (0.4, 1.6)


@dataclass(frozen=True)
class FocalEvidence:
    """What pairs of planes say about a focal length.

    Args:
        focal_px: Focal length that most of them agree on, by weight, if these are at right angles [px].
        weight: Weight of the pairs behind it: sensitivities, each times the smaller plane's share.
        weight_of_given: Weight of the pairs behind the camera's own focal length.
    """

    focal_px: float
    weight: float
    weight_of_given: float


def focal_evidence(depth: DepthMap, camera: Camera) -> FocalEvidence | None:
    """What the planes of a dense depth map say about the focal length of its camera.

    Args:
        depth: z-depth that a sensor measured, at any resolution.
        camera: Intrinsics of the same view, of any size; the principal point and the ratio of fx to fy are believed.

    Returns:
        None where no two planes tell.
    """
    found = _planes(depth, camera, of_inverse=True)
    if found is None:
        return None
    planes, shares, own = found
    pairs = []
    for first, second in combinations(range(len(planes)), 2):
        across = planes[first][:2] @ planes[second][:2]
        squared = -planes[first][2] * planes[second][2] / across if across else 0.0
        focal = float(np.sqrt(squared)) if squared > 0 else 0.0
        if _POSSIBLE[0] <= focal / max(own.width, own.height) <= _POSSIBLE[1]:
            sensitivity = _sensitivity(planes[first], planes[second], focal)
            if sensitivity >= _LEAST_SENSITIVITY:
                pairs.append((focal / own.fx, sensitivity * min(shares[first], shares[second])))
    if not pairs:
        return None
    ratios, weights = np.array(pairs).T
    agree = np.abs(np.log(ratios[:, None] / ratios)) <= np.log(_AGREEING)
    support = agree @ weights
    best = agree[support.argmax()]
    ratio = float(np.exp(np.average(np.log(ratios[best]), weights=weights[best])))
    of_given = float(weights[np.abs(np.log(ratios)) <= np.log(_AGREEING)].sum())
    return FocalEvidence(ratio * camera.fx, float(support.max()), of_given)


def straight_planes(depth: DepthMap, *, of_inverse: bool) -> tuple[float, int]:
    """Share of a dense map's pixels on planes, and how many these are, if numbers or inverse are linear on them.

    Inverse depth and disparity are linear in the pixels of a plane; depth is not.

    Args:
        depth: Positive numbers of any kind.
        of_inverse: Whether the inverse of the numbers is tried, as for depth, instead of the numbers themselves.
    """
    found = _planes(depth, Camera.from_fov(depth.shape[1], depth.shape[0], 60.0), of_inverse=of_inverse)
    return (0.0, 0) if found is None else (sum(found[1]), len(found[1]))


def _sensitivity(first: np.ndarray, second: np.ndarray, focal: float) -> float:
    """Change of the cosine between two planes that are at right angles, per factor e of the focal length."""
    scale = np.array([focal, focal, 1.0])
    normals = [plane * scale / np.linalg.norm(plane * scale) for plane in (first, second)]
    return float(2 * abs(normals[0][:2] @ normals[1][:2]))


def _planes(
    depth: DepthMap, camera: Camera, *, of_inverse: bool
) -> tuple[list[np.ndarray], list[float], Camera] | None:
    """Planes (alpha, beta, gamma) of the grid, their shares of the known pixels, and the camera of the grid."""
    height, width = depth.shape
    block = -(-max(height, width) // _SIDE_PX)
    size = max(2, width // block), max(2, height // block)
    # Every second pixel is enough to average from.
    step = 2 if block >= 6 else 1
    valid = depth.valid[: size[1] * block : step, : size[0] * block : step]
    values = depth.values[: size[1] * block : step, : size[0] * block : step]
    covered = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    if of_inverse:
        numbers = np.divide(1.0, values, out=np.zeros(values.shape, np.float32), where=valid)
    else:
        numbers = np.where(valid, values, 0)
    total = cv2.resize(numbers, size, interpolation=cv2.INTER_AREA)
    known = covered > _LEAST_COVERED
    if known.sum() < _WINDOW_PX**2:
        return None
    near = np.where(known, total / np.maximum(covered, 1e-6), 0).astype(np.float64)
    own = camera.resized(width, height).cropped(0, 0, size[0] * block, size[1] * block).resized(*size)
    columns, rows = np.meshgrid(np.arange(size[0]) - own.cx, (np.arange(size[1]) - own.cy) * own.fx / own.fy)
    pixels = np.stack((columns, rows, np.ones_like(columns)), axis=-1)
    centres, proposals = _local_planes(pixels, near, known)
    at, value = pixels[known], near[known]
    count = len(value)
    # Proposals whose own pixel still belongs to no plane are tried.
    place = np.cumsum(known.ravel()) - 1
    usable = known.ravel()[centres]
    centres, proposals = place[centres[usable]], proposals[usable]
    left = np.ones(count, dtype=bool)
    planes, shares = [], []
    for _ in range(_MOST_PLANES):
        places, free = np.flatnonzero(left), np.flatnonzero(left[centres])
        if len(places) < _LEAST_SHARE * count or len(free) == 0:
            break
        rays, inverse = at[places], value[places]
        tried = proposals[free[np.linspace(0, len(free) - 1, _PROPOSALS).astype(int)]]
        step = max(1, len(places) // _SAMPLED)
        misses = np.abs(rays[::step] @ tried.T - inverse[::step, None])
        plane = tried[(misses < _TOLERANCE * inverse[::step, None]).sum(axis=0).argmax()]
        for _ in range(_REFINEMENTS):
            members = np.abs(rays @ plane - inverse) < _TOLERANCE * inverse
            if members.sum() < _LEAST_SHARE * count:
                break
            own_rays = rays[members]
            plane = np.linalg.solve(own_rays.T @ own_rays + 1e-12 * np.eye(3), own_rays.T @ inverse[members])
        misses = np.abs(rays @ plane - inverse) / inverse
        share = float(np.count_nonzero(misses < _TOLERANCE)) / count
        if share < _LEAST_SHARE:
            break
        planes.append(plane)
        shares.append(share)
        left[places[misses <= 2 * _TOLERANCE]] = False
    return planes, shares, own


def _local_planes(pixels: np.ndarray, near: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the flat grid, int (N,), and the plane that fits the window around each best, float64 (N, 3)."""
    weight = known.astype(np.float64)
    values = [*np.moveaxis(pixels, -1, 0), near]
    size = (_WINDOW_PX, _WINDOW_PX)
    at = np.arange(near.size).reshape(near.shape)[::_STEP_PX, ::_STEP_PX]
    moments = np.empty((at.size, 4, 4))
    for i in range(4):
        for j in range(i, 4):
            summed = cv2.boxFilter(weight * values[i] * values[j], -1, size, borderType=cv2.BORDER_CONSTANT)
            moments[:, i, j] = moments[:, j, i] = summed[::_STEP_PX, ::_STEP_PX].ravel()
    planes = np.linalg.solve(moments[:, :3, :3] + 1e-9 * np.eye(3), moments[:, :3, 3:])[..., 0]
    return at.ravel(), planes
