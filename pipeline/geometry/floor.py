"""Finds the floor, or a table top, in depth whose shift is not known."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.known_lengths import shape_of
from pipeline.records import DepthKind

_HYPOTHESES = 300
_SCORED = 1500
# Share of the pixels that must lie on the floor, how far it may be turned about the view, and how much of the
# map's range it must cover, which a wall that faces the camera does not.
_LEAST_SHARE = 0.1
_MOST_ROLL = math.tan(math.radians(25.0))
_LEAST_RANGE = 0.2
# Shifts of affine depth that are tried, in spreads of the map above the least.
_SHIFTS = np.geomspace(0.02, 50.0, 18)


def floor_pixels(
    rays: np.ndarray, values: np.ndarray, kind: DepthKind, noise: float, *, seed: int = 0
) -> np.ndarray | None:
    """The pixels of the largest plane that may be a floor: it comes nearer towards the bottom of the picture.

    A plane in space is one in disparity over the picture, whatever the shift of the disparity (Labayrade, Aubert,
    Tarel, "Real time obstacle detection in stereovision on non flat road geometry", 2002). Of affine depth several
    shifts are tried, and the one under which most pixels lie on a plane counts. Seeded RANSAC.

    Args:
        rays: float64 (N, 3), rays of the pixels, z = 1.
        values: float64 (N,), their values.
        kind: ``depth_affine`` or ``disparity_affine``.
        noise: Error of neighbouring values against each other, in their unit.
        seed: Seed of the samples.

    Returns:
        bool (N,), or None where no such plane holds enough of them.
    """
    if len(values) < 50:
        return None
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(values))[:_SCORED]
    triples = rng.integers(len(chosen), size=(_HYPOTHESES, 3))
    low, high = np.quantile(values, (0.02, 0.98))
    spread = float(high - low)
    if spread <= 0:
        return None
    tolerance = max(2 * noise, 2e-3 * spread)
    best, most = None, 0.0
    shifts = (0.0,) if kind is DepthKind.DISPARITY_AFFINE else tuple(float(spread * step - low) for step in _SHIFTS)
    for shift in shifts:
        if kind is DepthKind.DISPARITY_AFFINE:
            target, weights = values, np.full(len(values), 1 / tolerance)
        else:
            z = shape_of(values, kind, shift)
            # An error dv of z is one of dv / z^2 in its inverse.
            target, weights = 1 / z, z**2 / tolerance
        usable = np.isfinite(target)
        found = _largest(rays, np.where(usable, target, 0.0), np.where(usable, weights, 0.0), chosen, triples)
        if found is not None and found.mean() > most:
            best, most = found, float(found.mean())
    if best is None or most < _LEAST_SHARE:
        return None
    covered = np.ptp(np.quantile(values[best], (0.05, 0.95)))
    return best if covered >= _LEAST_RANGE * spread else None


def _largest(
    rays: np.ndarray, target: np.ndarray, weights: np.ndarray, chosen: np.ndarray, triples: np.ndarray
) -> np.ndarray | None:
    """Pixels of the floor-like plane ``rays @ n = target`` with most of them, bool (N,); weights are 1 / tolerance."""
    sample, sample_target, sample_weights = rays[chosen], target[chosen], weights[chosen]
    corners = sample[triples]
    usable = np.abs(np.linalg.det(corners)) > 1e-6
    if not usable.any():
        return None
    normals = np.linalg.solve(corners[usable], sample_target[triples][usable][..., None])[..., 0]
    steepest = float(np.ptp(rays[:, 1])) / float(np.ptp(np.quantile(sample_target, (0.02, 0.98))) or 1.0)
    normals = normals[_is_floor(normals, steepest)]
    if not len(normals):
        return None
    scores = (np.abs((normals @ sample.T - sample_target) * sample_weights) <= _within(sample_weights)).sum(axis=1)
    normal = normals[int(np.argmax(scores))]
    within = np.zeros(len(rays), dtype=bool)
    for _ in range(3):
        within = np.abs((rays @ normal - target) * weights) <= _within(weights)
        if within.sum() < 3:
            return None
        rows = rays[within] * weights[within, None]
        normal = np.linalg.lstsq(rows, target[within] * weights[within], rcond=None)[0]
    return within if _is_floor(normal[None], steepest)[0] else None


def _within(weights: np.ndarray) -> np.ndarray:
    """1 where a pixel counts; below any distance where it does not."""
    return np.where(weights > 0, 1.0, -1.0)


def _is_floor(normals: np.ndarray, range_per_slope: float) -> np.ndarray:
    """Which planes lie below the camera, come nearer towards it, and are not turned about the view.

    Args:
        normals: float64 (M, 3).
        range_per_slope: What a slope of one downwards is over the picture, as a share of the map's range.

    Returns:
        bool (M,).
    """
    steep_enough = normals[:, 1] * range_per_slope >= _LEAST_RANGE
    kept: np.ndarray = steep_enough & (np.abs(normals[:, 0]) <= _MOST_ROLL * normals[:, 1])
    return kept
