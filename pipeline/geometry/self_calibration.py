"""The focal length that the right angles of a scene ask for.

Convention: with pixel offsets a, b from the principal point, a plane of a depth map is linear in the inverse depth,
1/z = alpha * a + beta * b + gamma, and its normal is (alpha * f, beta * f, gamma) for a focal length f [px]. Two planes
at right angles therefore give f^2 = -gamma_1 * gamma_2 / (alpha_1 * alpha_2 + beta_1 * beta_2), the constraint of two
vanishing lines (Hartley & Zisserman, "Multiple View Geometry", 2nd ed., 8.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pipeline.geometry.image_planes import grid_of, planes_of
from pipeline.records.camera import Camera
from pipeline.records.depth import DepthMap

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
    grid = grid_of(depth, inverse=True)
    if grid is None:
        return None
    own = grid.camera(camera, depth.shape)
    found = planes_of(grid, own)
    planes, shares = found.parameters, found.shares
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


def _sensitivity(first: np.ndarray, second: np.ndarray, focal: float) -> float:
    """Change of the cosine between two planes that are at right angles, per factor e of the focal length."""
    scale = np.array([focal, focal, 1.0])
    normals = [plane * scale / np.linalg.norm(plane * scale) for plane in (first, second)]
    return float(2 * abs(normals[0][:2] @ normals[1][:2]))
