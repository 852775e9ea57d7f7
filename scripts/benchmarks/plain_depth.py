"""Depth metrics and alignments as they are usually written: each its own pass in float64, with its own masking.

An independent reference, from the definitions of the papers that are named; it shares no code with the
package. Depths are z in metres of shape (H, W), ``valid`` is bool (H, W). What is drawn at random (pairs of pixels,
points, minimal samples) is an argument, so that two programs can be given the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray


# Metrics of the predicted and the true depth of valid pixels.
METRICS: dict[str, Callable[[Array, Array], Any]] = {
    # Eigen, Puhrsch, Fergus, "Depth map prediction from a single image", NIPS 2014, as the next two and rmse_log.
    "abs_rel": lambda p, t: np.mean(np.abs(p - t) / t),
    "sq_rel": lambda p, t: np.mean((p - t) ** 2 / t),
    "rmse": lambda p, t: np.sqrt(np.mean((p - t) ** 2)),
    "mae": lambda p, t: np.mean(np.abs(p - t)),
    "rmse_log": lambda p, t: np.sqrt(np.mean((np.log(p) - np.log(t)) ** 2)),
    # Saxena, Sun, Ng, "Make3D", PAMI 2009.
    "log10": lambda p, t: np.mean(np.abs(np.log10(p) - np.log10(t))),
    # KITTI's depth benchmark, Uhrig et al. 2017; the deviation from the mean, which loses no digits.
    "si_log": lambda p, t: 100 * np.std(np.log(p) - np.log(t)),
    # Ladicky et al. 2014; Eigen et al. 2014.
    "delta1": lambda p, t: np.mean(np.maximum(p / t, t / p) < 1.25),
    "delta2": lambda p, t: np.mean(np.maximum(p / t, t / p) < 1.25**2),
    "delta3": lambda p, t: np.mean(np.maximum(p / t, t / p) < 1.25**3),
    # An error; Ranftl et al., "MiDaS", PAMI 2020.
    "midas_error_rate": lambda p, t: np.mean(np.maximum(p / t, t / p) > 1.25),
}


def of_pixels(name: str, predicted: Array, true: Array, valid: Array) -> float:
    """One of ``METRICS`` of two maps."""
    return float(METRICS[name](predicted[valid].astype(np.float64), true[valid].astype(np.float64)))


def _relation(first: Array, second: Array, equal_ratio: float) -> Array:
    """1 where the first is farther by more than the ratio, -1 where the second is, else 0."""
    relation = np.zeros(first.shape, dtype=np.int64)
    relation[first / second > equal_ratio] = 1
    relation[second / first > equal_ratio] = -1
    return relation


def whdr(predicted: Array, true: Array, valid: Array, pairs: Array, equal_ratio: float) -> float:
    """Share of pairs whose relation (farther, nearer, equal) is not the true one, all with weight one.

    Chen, Fu, Yang, Deng, "Single-image depth perception in the wild", NIPS 2016; pairs with a ratio of at most
    ``equal_ratio`` are equal, as in Zoran, Isola, Krishnan, Freeman, ICCV 2015.

    Args:
        predicted: Aligned depth.
        true: True depth.
        valid: Where both count.
        pairs: Numbers of valid pixels, counted row by row, int (N, 2).
        equal_ratio: Above 1.
    """
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    theirs = _relation(p[pairs[:, 0]], p[pairs[:, 1]], equal_ratio)
    truth = _relation(t[pairs[:, 0]], t[pairs[:, 1]], equal_ratio)
    return float(np.mean(theirs != truth))


def pair_order(farness: Array, true: Array, valid: Array, pairs: Array, clear_ratio: float) -> float:
    """Share of the pairs with clearly different true depths that the prediction orders likewise.

    Args:
        farness: The prediction as it came, larger is farther.
        true: True depth.
        valid: Where both count.
        pairs: As for ``whdr``.
        clear_ratio: True depths with a larger ratio differ clearly.
    """
    p, t = farness[valid].astype(np.float64), true[valid].astype(np.float64)
    truth = _relation(t[pairs[:, 0]], t[pairs[:, 1]], clear_ratio)
    theirs = np.sign(p[pairs[:, 0]] - p[pairs[:, 1]])
    clear = truth != 0
    return float(np.mean(theirs[clear] == truth[clear])) if clear.any() else float("nan")


def object_order(farness: Array, true: Array, valid: Array, masks: Sequence[Array], clear_ratio: float) -> float:
    """Share of pairs of objects with clearly different true medians that the prediction's medians order likewise."""
    right = []
    for i in range(len(masks)):
        for j in range(i):
            first, second = masks[i] & valid, masks[j] & valid
            if not first.any() or not second.any():
                continue
            t = np.median(true[first].astype(np.float64)), np.median(true[second].astype(np.float64))
            p = np.median(farness[first].astype(np.float64)), np.median(farness[second].astype(np.float64))
            if max(t) / min(t) > clear_ratio:
                right.append(np.sign(p[0] - p[1]) == np.sign(t[0] - t[1]))
    return float(np.mean(right)) if right else float("nan")


def _edges(depth: Array, valid: Array, threshold: float) -> list[Array]:
    """Where a neighbour is nearer by a ratio above the threshold, in four directions; DepthPro's equation 5."""
    known = np.where(valid, depth.astype(np.float64), np.nan)
    nearness = 1 / known
    with np.errstate(invalid="ignore"):
        return [
            nearness[:, :-1] / nearness[:, 1:] > threshold,
            nearness[:, 1:] / nearness[:, :-1] > threshold,
            nearness[:-1] / nearness[1:] > threshold,
            nearness[1:] / nearness[:-1] > threshold,
        ]


def is_dense(known: Array) -> bool:
    """Whether at least 80 % of the right and lower neighbours of known pixels are known."""
    pairs = np.count_nonzero(known[:, :-1]) + np.count_nonzero(known[:-1])
    both = np.count_nonzero(known[:, :-1] & known[:, 1:]) + np.count_nonzero(known[:-1] & known[1:])
    return bool(both >= 0.8 * pairs)


def boundary_f1(predicted: Array, true: Array, valid: Array) -> float:
    """Scale-invariant boundary F1: Bochkovskii et al., "Depth Pro", 2024, with the weights of its own program.

    At each of ten thresholds from 1.05 to 1.25, precision and recall of occluding contours between neighbours are
    averaged over four directions; F1 is averaged with weights proportional to the threshold. NaN without true edges.
    """
    thresholds = np.linspace(1.05, 1.25, 10)
    if not any(edges.any() for edges in _edges(true, valid, thresholds[0])):
        return float("nan")
    total = 0.0
    for threshold in thresholds:
        theirs, truth = _edges(predicted, valid, threshold), _edges(true, valid, threshold)
        precision = recall = 0.0
        for found, wanted in zip(theirs, truth, strict=True):
            hits = int(np.count_nonzero(found & wanted))
            precision += hits / max(int(np.count_nonzero(found)), 1) / 4
            recall += hits / max(int(np.count_nonzero(wanted)), 1) / 4
        if precision + recall > 0:
            total += threshold * 2 * precision * recall / (precision + recall)
    return float(total / thresholds.sum())


def edge_fly(predicted: Array, true: Array, valid: Array, edge_ratio: float) -> float:
    """Share of pixels at true edges whose predicted depth lies in the middle half between both sides, in logarithms.

    Flying points: Reynolds et al., "Capturing time-of-flight data with confidence", CVPR 2011. Each pair of valid
    neighbours with a ratio of true depths above ``edge_ratio`` has two such pixels.
    """
    p, t = predicted.astype(np.float64), true.astype(np.float64)
    flying = edges = 0
    for first, second in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        both = valid[first] & valid[second]
        near, far = np.minimum(t[first], t[second])[both], np.maximum(t[first], t[second])[both]
        edge = far / near > edge_ratio
        for side in (first, second):
            position = np.log(p[side][both][edge] / near[edge]) / np.log(far[edge] / near[edge])
            flying += int(np.count_nonzero((position > 0.25) & (position < 0.75)))
            edges += len(position)
    return flying / edges if edges else float("nan")


def points(depth: Array, fx: float, fy: float, cx: float, cy: float) -> Array:
    """Points of all pixels in the camera's frame [m], float64 (H * W, 3)."""
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]].astype(np.float64)
    z = depth.astype(np.float64)
    return np.stack([(columns - cx) / fx * z, (rows - cy) / fy * z, z], axis=-1).reshape(-1, 3)


def nearest_m(points_m: Array, others_m: Array) -> Array:
    """Distance from each point to the nearest of the others [m]."""
    from scipy.spatial import cKDTree

    return cKDTree(others_m).query(points_m)[0]


def chamfer(predicted_m: Array, true_m: Array) -> float:
    """Mean of both mean distances to the nearest point of the other cloud [m]. Fan, Su, Guibas, CVPR 2017."""
    return float((np.mean(nearest_m(predicted_m, true_m)) + np.mean(nearest_m(true_m, predicted_m))) / 2)


def f_score(predicted_m: Array, true_m: Array, threshold_m: float) -> float:
    """F1 of points with a point of the other cloud nearer than that. Knapitsch et al., SIGGRAPH 2017."""
    precision = float(np.mean(nearest_m(predicted_m, true_m) < threshold_m))
    recall = float(np.mean(nearest_m(true_m, predicted_m) < threshold_m))
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
