"""Finds the floor, or a table top, in depth of unknown shift."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.known_lengths import shape_of
from pipeline.geometry.planes import LEVEL
from pipeline.geometry.robust import (
    CLEAR,
    FEWEST_OF_PLANES,
    HYPOTHESES,
    LITTLE,
    MOST_COMPARED,
    REFITS,
    SEED,
    inner_range,
)
from pipeline.records import DepthKind

# Nothing lies below a floor; below a table lies more than this share of the pixels.
MOST_BELOW = 0.01
# How far a level surface must be below another as a factor of their distances to the camera, and how far two level ones
# may seem turned against each other.
LOWER = 1.25
_MOST_TURNED = 0.1
# How far a floor may be turned about the view, and how much of the map's range it must cover, which a wall that faces
# the camera does not.
_MOST_ROLL = math.tan(math.acos(LEVEL))
_LEAST_RANGE = 0.2
# Shifts tried for affine depth, in spreads of the map above the least.
_SHIFTS = np.geomspace(0.02, 50.0, 18)


def floor_pixels(
    rays: np.ndarray, values: np.ndarray, kind: DepthKind, noise: float, *, seed: int = SEED
) -> np.ndarray | None:
    """The pixels of the floor: the lowest of the larger planes that come nearer towards the bottom of the image.

    A plane in space is one in disparity over the image, whatever the shift of the disparity (Labayrade, Aubert,
    Tarel, "Real time obstacle detection in stereovision on non flat road geometry", 2002), and of parallel planes the
    lower one is less steep. Of affine depth several shifts are tried, and the one under which most pixels lie on a
    plane counts. Seeded RANSAC.

    Args:
        rays: float64 (N, 3), rays of the pixels, z = 1.
        values: float64 (N,), their values.
        kind: ``depth_affine`` or ``disparity_affine``.
        noise: Error of values against each other, in their unit.
        seed: Seed of the samples.

    Returns:
        bool (N,), or None where no such plane holds enough of them, or something lies below it.
    """
    if len(values) < FEWEST_OF_PLANES:
        return None
    low, high = inner_range(values)
    spread = float(high - low)
    if spread <= 0:
        return None
    tolerance = max(2 * noise, 2e-3 * spread)
    if kind is DepthKind.DISPARITY_AFFINE:
        return _lowest(rays, values, np.full(len(values), 1 / tolerance), seed)
    best, most = None, 0.0
    for step in _SHIFTS:
        z = shape_of(values, kind, float(spread * step - low))
        usable = np.isfinite(z)
        # An error dv of z is one of dv / z^2 in its inverse.
        target, weights = np.where(usable, 1 / z, 0.0), np.where(usable, z**2 / tolerance, 0.0)
        found = _largest(rays, target, weights, usable, seed)
        if found is not None and found[0].mean() > most:
            best, most = (target, weights), float(found[0].mean())
    return None if best is None else _lowest(rays, *best, seed)


def _lowest(rays: np.ndarray, target: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray | None:
    """Pixels of the lowest of the larger floor-like planes ``rays @ n = target``, bool (N,)."""
    left = weights > 0
    best: tuple[np.ndarray, np.ndarray] | None = None
    while True:
        found = _largest(rays, target, weights, left, seed)
        if found is None or found[0].mean() < LITTLE:
            break
        within, normal = found
        if best is None or _is_below(normal, best[1]):
            best = found
        left = left & ~within
    if best is None:
        return None
    within, normal = best
    # Where the plane is seen, what lies below it is farther away than it.
    low, high = inner_range(rays[within, 1])
    beside = (rays[:, 1] >= low) & (rays[:, 1] <= high)
    farther = beside & ((target - rays @ normal) * weights < -CLEAR)
    return within if farther.mean() <= MOST_BELOW else None


def _is_below(normal: np.ndarray, other: np.ndarray) -> bool:
    """Whether a plane is parallel to another, as far as the unknown shift allows to tell, and clearly lower."""
    turned = abs(normal[0] / normal[1] - other[0] / other[1])
    return bool(turned < _MOST_TURNED and normal[1] * LOWER < other[1])


def _largest(
    rays: np.ndarray, target: np.ndarray, weights: np.ndarray, left: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The floor-like plane ``rays @ n = target`` with most of the pixels that are left.

    Args:
        rays: float64 (N, 3).
        target: float64 (N,).
        weights: float64 (N,), 1 / tolerance.
        left: bool (N,), pixels that count.
        seed: Seed of the samples.

    Returns:
        Its pixels, bool (N,), and n, float64 (3,); None where there is no such plane.
    """
    if np.count_nonzero(left) < FEWEST_OF_PLANES:
        return None
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.flatnonzero(left))[:MOST_COMPARED]
    sample, sample_target, sample_weights = rays[chosen], target[chosen], weights[chosen]
    triples = rng.integers(len(chosen), size=(HYPOTHESES, 3))
    corners = sample[triples]
    usable = np.abs(np.linalg.det(corners)) > 1e-6
    range_per_slope = float(np.ptp(rays[:, 1])) / float(np.ptp(inner_range(target)) or 1.0)
    normals = np.linalg.solve(corners[usable], sample_target[triples][usable][..., None])[..., 0]
    normals = normals[_is_floor(normals, range_per_slope)]
    if not len(normals):
        return None
    scores = (np.abs((normals @ sample.T - sample_target) * sample_weights) <= 1).sum(axis=1)
    normal = normals[int(np.argmax(scores))]
    within = np.zeros(len(rays), dtype=bool)
    for _ in range(REFITS):
        within = left & (np.abs((rays @ normal - target) * weights) <= 1)
        if within.sum() < FEWEST_OF_PLANES:
            return None
        rows = rays[within] * weights[within, None]
        normal = np.linalg.lstsq(rows, target[within] * weights[within], rcond=None)[0]
    return (within, normal) if _is_floor(normal[None], range_per_slope)[0] else None


def _is_floor(normals: np.ndarray, range_per_slope: float) -> np.ndarray:
    """Which planes lie below the camera, come nearer towards it, and are not turned about the view.

    Args:
        normals: float64 (M, 3).
        range_per_slope: What a slope of one downwards is over the image, as a share of the map's range.

    Returns:
        bool (M,).
    """
    steep_enough = normals[:, 1] * range_per_slope >= _LEAST_RANGE
    kept: np.ndarray = steep_enough & (np.abs(normals[:, 0]) <= _MOST_ROLL * normals[:, 1])
    return kept
