"""Depth metrics and alignments as they are usually written: each its own pass in float64, with its own masking.

An independent reference, from the definitions of the papers that each function names; it shares no code with the
package. Depths are z in metres of shape (H, W), ``valid`` is bool (H, W). What is drawn at random (pairs of pixels,
points, minimal samples) is an argument, so that two programs can be given the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def abs_rel(predicted: Array, true: Array, valid: Array) -> float:
    """Mean of ``|p - t| / t``. Eigen, Puhrsch, Fergus, "Depth map prediction from a single image", NIPS 2014."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.mean(np.abs(p - t) / t))


def sq_rel(predicted: Array, true: Array, valid: Array) -> float:
    """Mean of ``(p - t)^2 / t`` [m]. Eigen et al. 2014."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.mean((p - t) ** 2 / t))


def rmse(predicted: Array, true: Array, valid: Array) -> float:
    """Root of the mean of ``(p - t)^2`` [m]. Eigen et al. 2014."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.sqrt(np.mean((p - t) ** 2)))


def mae(predicted: Array, true: Array, valid: Array) -> float:
    """Mean of ``|p - t|`` [m]."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.mean(np.abs(p - t)))


def rmse_log(predicted: Array, true: Array, valid: Array) -> float:
    """Root of the mean of ``(ln p - ln t)^2``. Eigen et al. 2014."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.sqrt(np.mean((np.log(p) - np.log(t)) ** 2)))


def log10(predicted: Array, true: Array, valid: Array) -> float:
    """Mean of ``|log10 p - log10 t|``. Saxena, Sun, Ng, "Make3D", PAMI 2009."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.mean(np.abs(np.log10(p) - np.log10(t))))


def si_log(predicted: Array, true: Array, valid: Array) -> float:
    """``100 sqrt(mean(d^2) - mean(d)^2)`` with ``d = ln p - ln t``: KITTI's depth benchmark, Uhrig et al. 2017.

    The difference of means is computed as the mean squared deviation, which is the same without cancellation.
    """
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    d = np.log(p) - np.log(t)
    return float(100 * np.sqrt(np.mean((d - np.mean(d)) ** 2)))


def delta(predicted: Array, true: Array, valid: Array, power: int) -> float:
    """Share of pixels with ``max(p / t, t / p) < 1.25^power``. Ladicky et al. 2014; Eigen et al. 2014."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.mean(np.maximum(p / t, t / p) < 1.25**power))


def midas_error_rate(predicted: Array, true: Array, valid: Array) -> float:
    """Share of pixels with ``max(p / t, t / p) > 1.25``, an error. Ranftl et al., "MiDaS", PAMI 2020."""
    p, t = predicted[valid].astype(np.float64), true[valid].astype(np.float64)
    return float(np.mean(np.maximum(p / t, t / p) > 1.25))


def _relation(first: Array, second: Array, threshold: float) -> Array:
    """1 where the first is farther by more than the threshold, -1 where the second is, else 0."""
    relation = np.zeros(first.shape, dtype=np.int64)
    relation[first / second > 1 + threshold] = 1
    relation[second / first > 1 + threshold] = -1
    return relation


def whdr(predicted: Array, true: Array, pairs: Array, threshold: float) -> float:
    """Share of pairs whose relation (farther, nearer, equal) is not the true one, all with weight one.

    Chen, Fu, Yang, Deng, "Single-image depth perception in the wild", NIPS 2016; sampled from dense truth with a
    threshold of equality as in Xian et al. 2018.

    Args:
        predicted: Depths, flat or (H, W).
        true: The same of the truth.
        pairs: Flat indices of pixels, int (N, 2).
        threshold: Depths whose ratio is at most one plus this are equal.
    """
    p, t = predicted.ravel().astype(np.float64), true.ravel().astype(np.float64)
    theirs = _relation(p[pairs[:, 0]], p[pairs[:, 1]], threshold)
    truth = _relation(t[pairs[:, 0]], t[pairs[:, 1]], threshold)
    return float(np.mean(theirs != truth))


def pair_order(predicted: Array, true: Array, pairs: Array, threshold: float) -> float:
    """Share of the pairs with clearly different true depths (by the ratio) that the prediction orders likewise."""
    p, t = predicted.ravel().astype(np.float64), true.ravel().astype(np.float64)
    truth = _relation(t[pairs[:, 0]], t[pairs[:, 1]], threshold)
    theirs = np.sign(p[pairs[:, 0]] - p[pairs[:, 1]])
    clear = truth != 0
    return float(np.mean(theirs[clear] == truth[clear]))


def object_order(predicted: Array, true: Array, valid: Array, masks: Sequence[Array], threshold: float) -> float:
    """Share of pairs of objects with clearly different median depths that the prediction orders likewise."""
    right = []
    for i in range(len(masks)):
        for j in range(i):
            first, second = masks[i] & valid, masks[j] & valid
            if not first.any() or not second.any():
                continue
            t = np.median(true[first].astype(np.float64)), np.median(true[second].astype(np.float64))
            p = np.median(predicted[first].astype(np.float64)), np.median(predicted[second].astype(np.float64))
            if max(t) / min(t) > 1 + threshold:
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


def boundary_f1(predicted: Array, true: Array, valid: Array) -> float:
    """Scale-invariant boundary F1: Bochkovskii et al., "Depth Pro", 2024, with the weights of its own program.

    At each of ten thresholds from 1.05 to 1.25, precision and recall of occluding contours between neighbours are
    averaged over four directions; F1 is averaged with weights proportional to the threshold.
    """
    thresholds = np.linspace(1.05, 1.25, 10)
    total = 0.0
    for threshold in thresholds:
        theirs, truth = _edges(predicted, valid, threshold), _edges(true, valid, threshold)
        precision = recall = 0.0
        for found, wanted in zip(theirs, truth, strict=True):
            hits = np.count_nonzero(found & wanted)
            precision += hits / max(np.count_nonzero(found), 1) / 4
            recall += hits / max(np.count_nonzero(wanted), 1) / 4
        if precision + recall > 0:
            total += threshold * 2 * precision * recall / (precision + recall)
    return float(total / thresholds.sum())


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
    """F1 of points with a neighbour in the other cloud at most that far. Knapitsch et al., SIGGRAPH 2017."""
    precision = float(np.mean(nearest_m(predicted_m, true_m) < threshold_m))
    recall = float(np.mean(nearest_m(true_m, predicted_m) < threshold_m))
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
