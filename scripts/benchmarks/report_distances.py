"""How often the interval of a two-point distance holds the ground truth, on rendered scenes with simulated depth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure, bounded

PAIRS = 500
_PAIRS_PER_SCENE = 10
# Seeds of scenes on which nothing was fitted or chosen.
_FIRST_SEED = 910_000
_INSIDE = 0.93
KINDS = ("sensor", "metric", "exact")
"""Depth of a simulated sensor, of a simulated network, and exact depth."""


def figures() -> Iterator[Figure]:
    """Share of the pairs inside their 95 % interval, for each kind of depth."""
    for kind in KINDS:
        inside, widths = covered(kind, _FIRST_SEED)
        share, middle = sum(inside) / len(inside), sorted(widths)[len(widths) // 2]
        name = f"two-point distance in its +-, {kind} depth, {len(inside)} pairs (median +- {middle:.1%})"
        yield bounded(name, share, "", least=_INSIDE)


def covered(kind: str, first_seed: int, pairs: int = PAIRS) -> tuple[list[bool], list[float]]:
    """Measure random pairs of pixels with depth.

    Args:
        kind: One of ``KINDS``.
        first_seed: Seed of the first scene; the next ones follow.
        pairs: Number of pairs, ten a scene.

    Returns:
        Whether each interval holds the true distance, and half its width as a share of the measured distance.
    """
    inside: list[bool] = []
    widths: list[float] = []
    for seed in range(first_seed, first_seed + math.ceil(pairs / _PAIRS_PER_SCENE)):
        for true_m, found in _measured(kind, seed):
            inside.append(found.low <= true_m <= found.high)
            widths.append((found.high - found.low) / 2 / max(found.length, 1e-9))
    return inside[:pairs], widths[:pairs]


def _measured(kind: str, seed: int) -> Iterator[tuple[float, Any]]:
    """True distances of random pairs of one scene, and what is measured of them."""
    import numpy as np

    from pipeline.export.viewer.points import edge_codes, edge_errors, edges_of_codes
    from pipeline.geometry.backprojection import back_project_pixels
    from pipeline.geometry.two_points import PixelPoint, distance_of
    from pipeline.records.error_budget import ErrorBudget
    from pipeline.synthetic.depth_errors import monocular_metric, sensor_depth
    from pipeline.synthetic.scenes import rendered_scene

    frame = rendered_scene(seed).scene.frames[0]
    camera, true = frame.camera, frame.given_depth
    if kind == "sensor":
        depth = sensor_depth(true.values, camera, seed)
    else:
        depth = true if kind == "exact" else monocular_metric(true.values, seed)
    errors = ErrorBudget().depth_errors(depth, camera.source)
    noise = errors.pixel + errors.pixel_per_m * float(np.median(depth.values[depth.valid]))
    edges = edges_of_codes(edge_codes(edge_errors(depth.values, depth.valid, errors.blur_px, noise)))
    rng = np.random.default_rng((seed, 2))
    rows, columns = np.nonzero(depth.valid & true.valid)
    for _ in range(_PAIRS_PER_SCENE):
        chosen = rng.choice(len(rows), 2, replace=False)
        v, u = rows[chosen], columns[chosen]
        places = back_project_pixels(u, v, true.values[v, u], camera)
        seen = back_project_pixels(u, v, depth.values[v, u], camera)
        axis = np.array((0.0, 0.0, 1.0))
        first, second = (
            PixelPoint(
                seen[k],
                seen[k],
                axis,
                (float(u[k]), float(v[k])),
                0,
                max(depth.shape),
                errors,
                float(edges[v[k], u[k]]),
            )
            for k in (0, 1)
        )
        yield float(np.linalg.norm(places[1] - places[0])), distance_of(first, second)
