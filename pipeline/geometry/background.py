"""Separates the object in a box from the surfaces around it.

Floors, walls and table tops are planes, which are linear in nearness (see ``geometry.occlusion``), whatever scale and
shift a depth map leaves open. The planes of the ring around a box are continued into it; what lies on them is
background.
"""

from __future__ import annotations

import numpy as np

from pipeline.geometry.regions import Window
from pipeline.geometry.robust import HYPOTHESES, LITTLE, REFITS, SEED

# Width of the ring: a share of the box's shorter side, in these bounds [px].
_RING_SHARE, _RING_PX = 0.15, (3, 24)
# Most ring pixels that hypotheses are scored on.
_SCORED = 160


def ring_window(window: Window, shape: tuple[int, int]) -> Window:
    """The window of a box with the ring around it, within an image of that (height, width)."""
    ring = int(np.clip(_RING_SHARE * min(window.shape), *_RING_PX))
    return window.grown(ring, shape)


def surroundings(
    near: np.ndarray, valid: np.ndarray, around: Window, window: Window, *, tolerance: float, relative: bool
) -> np.ndarray:
    """Pixels of a box that lie on planes of the ring around it.

    Args:
        near: float64 (H, W) of ``around``, nearness.
        valid: bool (H, W), where it is known.
        around: The box with its ring, see ``ring_window``.
        window: The box.
        tolerance: Largest deviation from a plane: as a share of the nearness, or in its unit.
        relative: Whether the tolerance is a share.

    Returns:
        bool (h, w) of the box. The same input gives the same pixels.
    """
    inside = np.zeros(around.shape, dtype=bool)
    box = window.within(around)
    inside[box] = True
    rows, columns = np.nonzero(valid & ~inside)
    found = np.zeros(window.shape, dtype=bool)
    total = len(rows)
    if total < 12:
        return found
    step = max(1, total // _SCORED)
    rows, columns = rows[::step], columns[::step]
    values = near[rows, columns]
    # Coordinates about the middle keep the fits well conditioned.
    points = np.stack((np.ones(len(rows)), columns - around.shape[1] / 2, rows - around.shape[0] / 2), axis=1)
    grid_y, grid_x = np.indices(window.shape, dtype=np.float64)
    grid_x = grid_x + (window.left - around.left) - around.shape[1] / 2
    grid_y = grid_y + (window.top - around.top) - around.shape[0] / 2
    left = np.ones(len(rows), dtype=bool)
    rng = np.random.default_rng(SEED)
    while True:
        plane, on_it = _best_plane(points[left], values[left], rng, tolerance, relative)
        if plane is None or np.count_nonzero(on_it) < LITTLE * len(rows):
            break
        expected = plane[0] + plane[1] * grid_x + plane[2] * grid_y
        found |= np.abs(near[box] - expected) < (tolerance * np.abs(expected) if relative else tolerance)
        left[np.flatnonzero(left)[on_it]] = False
        if np.count_nonzero(left) < LITTLE * len(rows):
            break
    return found & valid[box]


def _best_plane(
    points: np.ndarray, values: np.ndarray, rng: np.random.Generator, tolerance: float, relative: bool
) -> tuple[np.ndarray | None, np.ndarray]:
    """The plane through most values: seeded RANSAC, refitted; and which values lie on it."""
    nothing = np.zeros(len(values), dtype=bool)
    if len(values) < 6:
        return None, nothing
    chosen = rng.integers(len(values), size=(HYPOTHESES, 3))
    planes = _through(points[chosen], values[chosen])
    if not len(planes):
        return None, nothing
    allowed = tolerance * np.abs(values) if relative else np.full(len(values), tolerance)
    # Single precision, in place: large temporary arrays cost more than the arithmetic. Values about their mean keep it.
    middle = values.mean()
    off = (planes - (middle, 0.0, 0.0)).astype(np.float32) @ points.T.astype(np.float32)
    off -= (values - middle).astype(np.float32)
    np.abs(off, out=off)
    fits = off < allowed.astype(np.float32)
    best = fits[int(np.argmax(fits.sum(axis=1)))]
    plane = None
    for _ in range(REFITS):
        if np.count_nonzero(best) < 6:
            return None, nothing
        # The points are centred, so the normal equations are well conditioned.
        kept = points[best]
        plane = np.linalg.solve(kept.T @ kept + 1e-9 * np.eye(3), kept.T @ values[best])
        best = np.abs(points @ plane - values) < allowed
    return plane, best


def _through(corners: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Planes (value, slopes along x and y) through triples of points (N, 3, 3) with values (N, 3).

    Thin triples, which give no plane, are left out.
    """
    # In closed form: a batch of small systems costs several times more.
    _, (x, x_1, x_2), (y, y_1, y_2) = np.moveaxis(corners, (2, 1), (0, 1))
    value, value_1, value_2 = values.T
    x_1, x_2, y_1, y_2, value_1, value_2 = x_1 - x, x_2 - x, y_1 - y, y_2 - y, value_1 - value, value_2 - value
    area = x_1 * y_2 - x_2 * y_1
    usable = np.abs(area) > 1.0
    divisor = np.where(usable, area, 1.0)
    slope_x, slope_y = (value_1 * y_2 - value_2 * y_1) / divisor, (x_1 * value_2 - x_2 * value_1) / divisor
    return np.stack((value - slope_x * x - slope_y * y, slope_x, slope_y), axis=1)[usable]
