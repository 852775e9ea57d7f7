"""Planes of a depth map, sought in the image: where its numbers, or their inverse, are linear in the pixels.

Convention: inverse depth and disparity are linear in the pixels of a plane, numbers = alpha * a + beta * b + gamma with
pixel offsets a, b from the principal point; depth is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.records.camera import Camera
from pipeline.records.depth import DepthMap

# Longer side of the grid on which planes are sought [px], and the part of a pixel of it that depth must cover.
_SIDE_PX, _LEAST_COVERED = 80, 0.6
# Side of the window that proposes a plane and distance of windows [px], proposals per plane, and most planes.
_WINDOW_PX, _STEP_PX, _PROPOSALS, _MOST_PLANES = 9, 3, 40, 6
# Pixels on which a proposal is tried, and how often a plane is fitted to the pixels near it.
_SAMPLED, _REFINEMENTS = 800, 3
# Numbers of a plane's pixels deviate by less than this share; a plane covers this share of the known pixels.
_TOLERANCE, _LEAST_SHARE = 0.006, 0.03


@dataclass(frozen=True, eq=False)
class Grid:
    """Numbers of a depth map, averaged over blocks of pixels.

    Args:
        numbers: float64 (h, w).
        known: bool (h, w), where depth covers most of a block.
        block_px: Side of a block [px of the depth map]; what is left at two sides is less than a block.
    """

    numbers: np.ndarray
    known: np.ndarray
    block_px: int

    def camera(self, camera: Camera, shape: tuple[int, int]) -> Camera:
        """The camera of the grid, of that of the view of a depth map of this (height, width)."""
        size = self.numbers.shape[1], self.numbers.shape[0]
        whole = camera.resized(shape[1], shape[0])
        return whole.cropped(0, 0, size[0] * self.block_px, size[1] * self.block_px).resized(*size)


@dataclass(frozen=True, eq=False)
class Planes:
    """Planes of a grid.

    Args:
        parameters: float64 (N, 3): alpha, beta, gamma.
        shares: float64 (N,), shares of the known pixels.
    """

    parameters: np.ndarray
    shares: np.ndarray


def grid_of(depth: DepthMap, *, inverse: bool) -> Grid | None:
    """The numbers of a dense map, or their inverse, on a coarse grid; None where hardly any are positive.

    Args:
        depth: Depth or disparity.
        inverse: Whether the inverse is averaged.
    """
    height, width = depth.shape
    block = -(-max(height, width) // _SIDE_PX)
    size = max(2, width // block), max(2, height // block)
    # Every second pixel is enough to average from.
    step = 2 if block >= 6 else 1
    values = depth.values[: size[1] * block : step, : size[0] * block : step]
    valid = depth.valid[: size[1] * block : step, : size[0] * block : step] & (values > 0)
    covered = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    if inverse:
        numbers = np.divide(1.0, values, out=np.zeros(values.shape, np.float32), where=valid)
    else:
        numbers = np.where(valid, values, np.float32(0))
    total = cv2.resize(numbers, size, interpolation=cv2.INTER_AREA)
    known = covered > _LEAST_COVERED
    if known.sum() < _WINDOW_PX**2:
        return None
    return Grid(np.where(known, total / np.maximum(covered, 1e-6), 0).astype(np.float64), known, block)


def planes_of(grid: Grid, camera: Camera | None = None) -> Planes:
    """The planes on which the numbers of a grid are linear, largest first as they are found.

    Args:
        grid: The grid.
        camera: Its camera; None counts pixels from the middle, with square pixels.
    """
    height, width = grid.numbers.shape
    own = camera or Camera.from_fov(width, height, 60.0)
    near, known = grid.numbers, grid.known
    columns, rows = np.meshgrid(np.arange(width) - own.cx, (np.arange(height) - own.cy) * own.fx / own.fy)
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
    return Planes(np.array(planes).reshape(-1, 3), np.array(shares))


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
