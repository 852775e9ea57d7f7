"""Distance between the point clouds of a predicted and a true depth map."""

from __future__ import annotations

import numpy as np

from pipeline.evaluate.depth.moments import Moments
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.records.camera import Camera


def pixel_clouds(
    columns: np.ndarray, rows: np.ndarray, predicted_m: np.ndarray, true_m: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true points of the same pixels [m], float64 (N, 3) each, with the true intrinsics."""
    predicted = back_project_pixels(columns, rows, predicted_m, camera)
    return predicted, back_project_pixels(columns, rows, true_m, camera)


def cloud_moments(predicted_m: np.ndarray, true_m: np.ndarray, threshold_m: float) -> Moments:
    """Sums of the distances between two clouds.

    Chamfer distance: mean of the two mean distances to the nearest point of the other cloud, not squared (Fan, Su,
    Guibas, CVPR 2017, in the form of Mescheder et al., CVPR 2019). F-score: harmonic mean of the shares of predicted
    and true points with a point of the other cloud below the threshold (Knapitsch et al., SIGGRAPH 2017).

    Args:
        predicted_m: float64 (N, 3), predicted points [m].
        true_m: float64 (N, 3), true points [m].
        threshold_m: Distance of the F-score [m].

    Returns:
        ``points``; ``cloud_predicted`` and ``cloud_true``, the sums of the distances from those points to the other
        cloud [m]; ``cloud_precise`` and ``cloud_recalled``, the numbers of distances below the threshold.
    """
    from scipy.spatial import cKDTree

    to_true, _ = cKDTree(true_m).query(predicted_m)
    to_predicted, _ = cKDTree(predicted_m).query(true_m)
    return {
        "points": float(len(true_m)),
        "cloud_predicted": float(to_true.sum()),
        "cloud_true": float(to_predicted.sum()),
        "cloud_precise": float(np.count_nonzero(to_true < threshold_m)),
        "cloud_recalled": float(np.count_nonzero(to_predicted < threshold_m)),
    }
