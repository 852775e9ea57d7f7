"""A depth map as a few smoothed samples, and the planes that they form.

A plane's inverse depth is linear in the pixel, so means of inverse depth over blocks of pixels lie exactly on
it. Convention: OpenCV axes; lengths are multiples of the median depth of the samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.geometry.robust import FEWEST_OF_PLANES, GOOD_PART, HYPOTHESES, MOST_COMPARED, REFITS, SEED, STRAYS
from pipeline.records.camera import Camera

_SAMPLES = 1900
# Side of a block, in the pixels of it that are read.
_BLOCK_PX = 5
# Places of the image within which errors of depth may be common, along its longer side.
_PLACES = 8
# Errors of neighbouring places are correlated, so a plane absorbs more of them than of independent ones.
_ABSORBED = 1.6


@dataclass(frozen=True, eq=False)
class Samples:
    """Smoothed points of a depth map, N of them on an incomplete grid.

    Args:
        points: float64 (N, 3), in the unit of the depth.
        scale: Median depth, in that unit.
        normals: float64 (N, 3), local normals that face the camera; zero where there is none.
        places: intp (N,), the coarse place of the image in which each lies.
    """

    points: np.ndarray
    scale: float
    normals: np.ndarray
    places: np.ndarray


@dataclass(frozen=True, eq=False)
class SurfacePlane:
    """A plane of the visible surface.

    Args:
        normal: Unit vector that faces the camera, float64 (3,).
        covariance: Covariance of the normal, float64 (3, 3) [rad^2].
        share: Share of the samples on it that no larger plane has.
    """

    normal: np.ndarray
    covariance: np.ndarray
    share: float

    @property
    def error_rad(self) -> float:
        """Standard deviation of the normal along its worst direction [rad]."""
        return math.sqrt(float(np.linalg.eigvalsh(self.covariance)[-1]))


def sampled(depth_values: np.ndarray, valid: np.ndarray, camera: Camera) -> Samples | None:
    """Means of inverse depth over blocks of pixels, as points; None where there are too few.

    Args:
        depth_values: float (H, W), z in any unit.
        valid: bool (H, W), where it means something.
        camera: Intrinsics of a frame of that size.
    """
    # A few pixels of each block are enough.
    step = max(1, math.isqrt(depth_values.size // (_SAMPLES * _BLOCK_PX**2)))
    depth_values, valid = depth_values[::step, ::step], valid[::step, ::step]
    height, width = depth_values.shape
    block = max(1, math.ceil(math.sqrt(height * width / _SAMPLES)))
    rows, columns = height // block, width // block
    if rows < 3 or columns < 3:
        return None
    known = valid[: rows * block, : columns * block]
    depth = np.where(known, depth_values[: rows * block, : columns * block], 1).astype(np.float32)
    kept = (known & (depth > 0)).astype(np.float32)
    inverse = kept / np.maximum(depth, 1e-12)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)

    filled = mean(kept)
    pixel_x = np.broadcast_to(step * np.arange(columns * block, dtype=np.float32), kept.shape)
    pixel_y = np.broadcast_to(step * np.arange(rows * block, dtype=np.float32)[:, None], kept.shape)
    usable = filled > GOOD_PART
    if np.count_nonzero(usable) < FEWEST_OF_PLANES:
        return None
    weight = np.where(usable, filled, 1)
    disparity = np.where(usable, mean(inverse) / weight, 0).astype(np.float64)
    ray_x = (mean(kept * pixel_x) / weight - camera.cx) / camera.fx
    ray_y = (mean(kept * pixel_y) / weight - camera.cy) / camera.fy
    rays = np.stack((ray_x, ray_y, np.ones_like(ray_x)), axis=-1).astype(np.float64)
    scale = 1 / float(np.median(disparity[usable]))
    slopes = _local_slopes(rays, disparity * scale, usable)
    lengths = np.linalg.norm(slopes, axis=-1, keepdims=True)
    normals = -np.divide(slopes, lengths, out=np.zeros_like(slopes), where=lengths > 0)
    points = rays[usable] / disparity[usable, None]
    cell = max(rows, columns) / _PLACES
    at = np.argwhere(usable)
    places = (at[:, 0] // cell).astype(np.intp) * (_PLACES + 1) + (at[:, 1] // cell).astype(np.intp)
    return Samples(points, scale, normals[usable], places)


def _local_slopes(rays: np.ndarray, disparity: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Planes through 3 x 3 samples: m (h, w, 3) with ``m @ ray = disparity``, zero where there are too few samples."""
    weight = usable.astype(np.float64)
    terms = np.concatenate((rays, disparity[..., None]), axis=-1)
    products = (terms[..., :, None] * terms[..., None, :] * weight[..., None, None]).reshape(*usable.shape, 16)
    sums = np.concatenate(
        [cv2.boxFilter(products[..., k : k + 4], -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
         for k in range(0, 16, 4)], axis=-1,
    ).reshape(*usable.shape, 4, 4)  # fmt: skip
    enough = usable & (cv2.boxFilter(weight, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT) >= 6)
    slopes = np.zeros(rays.shape)
    matrices = sums[enough]
    # A little ridge keeps samples on a line from being singular.
    ridge = 1e-9 * np.trace(matrices[:, :3, :3], axis1=1, axis2=2)[:, None, None] * np.eye(3)
    slopes[enough] = np.linalg.solve(matrices[:, :3, :3] + ridge, matrices[:, :3, 3:])[..., 0]
    return slopes


def surface_planes(samples: Samples, relative_noise: float, seed: int = SEED) -> tuple[SurfacePlane, ...]:
    """The largest planes of a surface, each of samples that no larger one has.

    Hypotheses are the local planes and seeded triples of samples; all are scored at once, and the best is
    taken until none has enough.

    Args:
        samples: The surface.
        relative_noise: Error of depth from place to place, as a share of z.
        seed: Seed of the triples.
    """
    points = samples.points / samples.scale
    tolerance = max(0.004, 2 * relative_noise)
    slopes = _hypotheses(points, samples.normals, seed)
    scored = np.random.default_rng(seed).permutation(len(points))[:MOST_COMPARED]
    scores = slopes.astype(np.float32) @ points[scored].T.astype(np.float32)
    scores -= 1
    scores *= 1 / tolerance
    # Near hits count more, or a plane midway between two would win over both.
    np.square(scores, out=scores)
    np.subtract(1, scores, out=scores)
    np.maximum(scores, 0, out=scores)
    free = np.ones(len(points), dtype=bool)
    planes: list[SurfacePlane] = []
    while True:
        best = int(np.argmax(scores @ free[scored].astype(np.float32)))
        slope, covariance, on_it = _refitted(points, samples.places, slopes[best], free, tolerance, relative_noise)
        share = float(np.mean(on_it & free))
        if share < STRAYS:
            break
        length = float(np.linalg.norm(slope))
        normal = -slope / length
        turn = (np.eye(3) - np.outer(normal, normal)) / length
        planes.append(SurfacePlane(normal, turn @ covariance @ turn, share))
        free &= ~on_it
    return tuple(planes)


def _hypotheses(points: np.ndarray, normals: np.ndarray, seed: int) -> np.ndarray:
    """Planes m (H, 3) with ``m @ x = 1``."""
    rng = np.random.default_rng(seed)
    facing = -np.einsum("ij,ij->i", normals, points)
    local = np.flatnonzero(facing > 1e-3)
    local = rng.permutation(local)[:HYPOTHESES]
    first, second, third = np.moveaxis(points[rng.integers(len(points), size=(HYPOTHESES, 3))], 1, 0)
    across = np.cross(second - first, third - first)
    volume = np.einsum("ij,ij->i", first, across)
    usable = np.abs(volume) > 1e-6
    through = across[usable] / volume[usable, None]
    return np.concatenate((-normals[local] / facing[local, None], through, np.array([[0.0, 0.0, 1.0]])))


def _refitted(
    points: np.ndarray,
    places: np.ndarray,
    slope: np.ndarray,
    free: np.ndarray,
    tolerance: float,
    relative_noise: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares of a plane's relative deviations: (m, its covariance, the samples on it).

    The covariance allows for errors that are common within a place (Liang & Zeger 1986): those that are left, and
    those that the plane itself may have absorbed.
    """
    bread = np.eye(3)
    for _ in range(REFITS):
        deviations = points @ slope - 1
        # Tukey's weights keep points that merely come near from pulling.
        weights = np.where(free, np.maximum(0, 1 - (deviations / tolerance) ** 2) ** 2, 0)
        matrix = (points * weights[:, None]).T @ points
        bread = np.linalg.inv(matrix + 1e-9 * np.trace(matrix) * np.eye(3) + 1e-12 * np.eye(3))
        slope = bread @ (weights @ points)
    deviations = points @ slope - 1
    on_it = np.abs(deviations) <= tolerance
    left, absorbed = (
        np.stack([np.bincount(places, points[:, axis] * pull) for axis in range(3)], axis=1)
        for pull in (weights * deviations, weights * _ABSORBED * relative_noise)
    )
    count = len(np.unique(places[weights > 0]))
    meat = left.T @ left * (count / max(count - 3.0, 1.0)) + absorbed.T @ absorbed
    return slope, bread @ meat @ bread + 1e-8 * np.eye(3), on_it
