"""What comparing a depth map with its truth costs, and how exact it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchmarks.depth_agreement import PAIRS, differences, plain_score
from benchmarks.depth_pairs import random_pair
from benchmarks.figures import Figure, in_turn

_WIDTH, _HEIGHT, _RUNS = 1216, 352, 9
_REACH_MS, _REACH_RATIO = 40.0, 3.0
_REACH_AGREEMENT = _REACH_RECOVERY = 1e-6


def metric_figures() -> Iterator[Figure]:
    """Time of all metrics with their alignment, agreement with plain ones, and recovery of a known disparity."""
    for alignment in ("scale_shift_disparity", "median_scale", "huber_disparity", "ransac_disparity"):
        yield _time(alignment, noise_px=8.0)
    yield _time("scale_shift_disparity", noise_px=0.0)
    by_name: dict[str, float] = {}
    for seed in range(PAIRS):
        for name, value in differences(seed).items():
            by_name[name] = value if not value <= by_name.get(name, 0.0) else by_name.get(name, 0.0)
    worst = max(by_name, key=lambda name: by_name[name])
    yield Figure(
        f"largest relative difference from plain metrics and alignments, {PAIRS} pairs ({worst})",
        by_name[worst], "", reach=_REACH_AGREEMENT, ok=all(value <= _REACH_AGREEMENT for value in by_name.values()),
    )  # fmt: skip
    error = max(_recovery(scale, shift) for scale in (1e-3, 1.0, 250.0, 1e4) for shift in (-30.0, 0.0, 0.7, 400.0))
    yield Figure(
        "AbsRel of a disparity s * d + t of the truth after the alignment of MiDaS",
        error, "", reach=_REACH_RECOVERY, ok=error < _REACH_RECOVERY,
    )  # fmt: skip


def _time(alignment: str, noise_px: float) -> Figure:
    """All metrics and one alignment of a dense pair of KITTI's size, against plain NumPy."""
    from pipeline.evaluate.depth.metrics import METRICS
    from pipeline.evaluate.depth.protocol import EvaluationProtocol
    from pipeline.evaluate.depth.score import score

    sample, prediction = _dense_pair(noise_px)
    protocol = EvaluationProtocol(alignment=alignment, max_depth_m=80.0)
    assert set(score(sample, prediction, protocol).metrics) == set(METRICS)
    own, plain = in_turn(
        _RUNS,
        lambda: score(sample, prediction, protocol),
        lambda: plain_score(sample, prediction, protocol),
    )
    texture = "smooth errors" if noise_px else "errors of single pixels"
    figure = Figure(f"all metrics and {alignment}, {_WIDTH} x {_HEIGHT}, {texture}", own, "ms", plain, plain / own)
    if not noise_px:
        return figure
    return replace(figure, reach=_REACH_MS, ok=own <= _REACH_MS and plain / own >= _REACH_RATIO)


def _dense_pair(noise_px: float) -> tuple[Any, Any]:
    """A pair with several objects whose every pixel counts: blurred steps, and errors of 4 % of some extent.

    A network's errors are smooth. Errors of single pixels are those of a sensor; they make a step of depth out of every
    second pair of neighbours, which is the worst case of the metrics of boundaries and has no reach.
    """
    import cv2
    import numpy as np

    from pipeline.records import DepthKind, DepthMap, ScaleSource

    sample, _ = random_pair(4, _WIDTH, _HEIGHT)
    true = sample.truth.values
    noise = np.random.default_rng(0).normal(size=true.shape)
    if noise_px:
        noise = cv2.GaussianBlur(noise, (0, 0), noise_px)
    seen = cv2.GaussianBlur(true, (0, 0), 0.8) * np.exp(0.04 * noise / noise.std())
    truth = DepthMap.from_values(true, DepthKind.METRIC, ScaleSource.SENSOR)
    return replace(sample, truth=truth), DepthMap.from_values(seen, DepthKind.METRIC, ScaleSource.MODEL)


def _recovery(scale: float, shift: float) -> float:
    """AbsRel after alignment of ``scale * d + shift``.

    The truth follows from the disparity as float32 holds it, so that what a large shift rounds away is not asked for.
    """
    import numpy as np

    from pipeline.evaluate.depth.protocol import EvaluationProtocol
    from pipeline.evaluate.depth.score import score
    from pipeline.records import DepthKind, DepthMap

    sample, _ = random_pair(0, 160, 120)
    disparity = (scale / sample.truth.values.astype(np.float64) + shift).astype(np.float32)
    true = scale / (disparity.astype(np.float64) - shift)
    truth = replace(sample.truth, values=true)
    prediction = DepthMap.from_values(disparity, DepthKind.DISPARITY_AFFINE)
    protocol = EvaluationProtocol(alignment="scale_shift_disparity")
    return score(replace(sample, truth=truth), prediction, protocol).metrics["abs_rel"]
