"""How far the package's metrics and alignments agree with those written the plain way, pair by pair."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from benchmarks import plain_alignment, plain_depth
from benchmarks.depth_pairs import random_pair

PAIRS = 200
# First and last row, first and last column, as shares of the size: Eigen et al. 2014 and Garg et al. 2016.
_CROPS = {
    "eigen_nyu": (45 / 480, 471 / 480, 41 / 640, 601 / 640),
    "eigen_kitti": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    "garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
}


def plain_aligned(prediction: Any, truth: Any, mask: np.ndarray, alignment: str, *, least_m: float,
                  most_m: float | None, seed: int) -> tuple[np.ndarray, float]:  # fmt: skip
    """Depth [m], NaN where the prediction is not valid, and the factor that leads to it.

    Args:
        prediction: The map to align.
        truth: Metric depth.
        mask: bool (H, W), the pixels to fit to; both depths are known there.
        alignment: Value of ``Alignment``.
        least_m: Clamp of the result.
        most_m: The same; None is the largest true depth for alignment in disparity, else no clamp.
        seed: Of what is drawn.
    """
    from pipeline.evaluate.depth.alignment_robust import ransac_draws, sampled_pixels

    values = np.where(prediction.valid, prediction.values.astype(np.float64), np.nan)
    true = truth.values.astype(np.float64)
    in_disparity = alignment.endswith("disparity")
    if in_disparity and prediction.kind != "disparity_affine":
        values = 1 / values
    x, y = values[mask], (1 / true if in_disparity else true)[mask]
    if alignment.startswith(("huber", "ransac")):
        drawn = sampled_pixels(len(x), seed)
        x, y = x[drawn], y[drawn]
    draws = (ransac_draws(len(x), seed),) if alignment.startswith("ransac") else ()
    scale, shift = 1.0, 0.0
    if alignment != "none":
        align = getattr(plain_alignment, alignment.removesuffix("_disparity").removesuffix("_depth"))
        scale, shift = align(x, y, *draws)
    line = scale * values + shift
    if in_disparity:
        return plain_alignment.depth_of_disparity(line, most_m or float(true[mask].max()), least_m), scale
    return np.clip(line, least_m, most_m), scale


def plain_score(sample: Any, prediction: Any, protocol: Any) -> dict[str, float]:
    """All metrics of a prediction, and the ``scale`` of its alignment; NaN for those that have nothing to measure."""
    from pipeline.evaluate.depth.alignment_robust import sampled_pixels
    from pipeline.evaluate.depth.order import sampled_pairs

    true = sample.truth.values.astype(np.float64)
    wanted = sample.truth.valid & (true > protocol.min_depth_m) & _crop(true.shape, protocol.crop)
    if protocol.max_depth_m is not None:
        wanted &= true < protocol.max_depth_m
    valid = wanted & prediction.valid
    aligned, scale = plain_aligned(
        prediction, sample.truth, valid, str(protocol.alignment),
        least_m=protocol.min_depth_m, most_m=protocol.max_depth_m, seed=protocol.seed,
    )  # fmt: skip
    farness = -prediction.values if prediction.kind == "disparity_affine" else prediction.values
    pairs = sampled_pairs(np.count_nonzero(valid), protocol.pair_count, protocol.seed)
    points = sampled_pixels(np.count_nonzero(valid), protocol.seed, protocol.cloud_points)
    camera = sample.frame.camera
    predicted_m, true_m = (
        plain_depth.points(depth, camera.fx, camera.fy, camera.cx, camera.cy)[valid.ravel()][points]
        for depth in (aligned, true)
    )
    near_m = protocol.cloud_share * float(np.median(true[valid][points]))
    masks = [_mask(region, true.shape) for region in sample.regions]
    pixels = (aligned, true, valid)
    has_boundaries = plain_depth.is_dense(wanted)
    return {
        **{name: plain_depth.of_pixels(name, *pixels) for name in plain_depth.METRICS},
        "whdr": plain_depth.whdr(*pixels, pairs, protocol.equal_ratio),
        "pair_order": plain_depth.pair_order(farness, true, valid, pairs, protocol.clear_ratio),
        "object_order": plain_depth.object_order(farness, true, valid, masks, protocol.clear_ratio),
        "boundary_f1": plain_depth.boundary_f1(*pixels) if has_boundaries else math.nan,
        "edge_fly": plain_depth.edge_fly(*pixels, protocol.edge_ratio) if has_boundaries else math.nan,
        "chamfer": plain_depth.chamfer(predicted_m, true_m),
        "cloud_f": plain_depth.f_score(predicted_m, true_m, near_m),
        "coverage": np.count_nonzero(valid) / np.count_nonzero(wanted),
        "scale": scale,
    }


def random_case(seed: int) -> tuple[Any, Any, Any]:
    """A random pair and a protocol for it: the alignments that its kind allows in turn, caps and crops among them."""
    from pipeline.evaluate.depth.alignment import ALLOWED
    from pipeline.evaluate.depth.protocol import Crop, EvaluationProtocol

    sample, prediction = random_pair(seed)
    allowed = ALLOWED[prediction.kind]
    turn = seed // 4
    protocol = EvaluationProtocol(
        alignment=allowed[turn % len(allowed)],
        min_depth_m=(1e-3, 0.5)[turn % 2],
        max_depth_m=(None, 6.0, 80.0)[turn % 3],
        crop=(Crop.NONE, Crop.NONE, Crop.GARG, Crop.EIGEN_NYU, Crop.EIGEN_KITTI)[turn % 5],
        seed=turn,
        pair_count=500,
        cloud_points=400,
    )
    return sample, prediction, protocol


def differences(seed: int) -> dict[str, float]:
    """Relative differences of one random case by name: each metric, and the scale of the alignment.

    A metric that neither program can measure is left out; one that a single program measures has the difference NaN.
    The metrics cover the shift, which itself may be next to nothing.
    """
    from pipeline.evaluate.depth.score import score

    sample, prediction, protocol = random_case(seed)
    found, plain = score(sample, prediction, protocol), plain_score(sample, prediction, protocol)
    measured = {"scale": found.scale, **found.metrics}
    return {
        name: relative_difference(measured.get(name, math.nan), value)
        for name, value in plain.items()
        if name in measured or not math.isnan(value)
    }


def relative_difference(value: float, reference: float) -> float:
    """Difference as a share of the larger of both magnitudes, zero where they are equal."""
    return 0.0 if value == reference else abs(value - reference) / max(abs(value), abs(reference))


def _crop(shape: tuple[int, int], name: str) -> np.ndarray:
    inside = np.ones(shape, dtype=bool)
    if name in _CROPS:
        top, bottom, left, right = _CROPS[name]
        inside[:] = False
        inside[int(top * shape[0]) : int(bottom * shape[0]), int(left * shape[1]) : int(right * shape[1])] = True
    return inside


def _mask(region: Any, shape: tuple[int, int]) -> np.ndarray:
    """The region's mask, or the pixels whose centres lie in its box."""
    if region.mask is not None:
        return region.mask
    left, top, right, bottom = region.box_px
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    return (columns > left) & (columns < right) & (rows > top) & (rows < bottom)
