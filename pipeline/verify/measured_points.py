"""A network's depth against a sensor's measurements of the same frame, which show its errors on this image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.geometry.residuals import FEWEST_CELLS, aligned_residuals, robust_spread
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.error_budget import ErrorBudget


def with_measured_errors(frame: Frame, depth: DepthMap, budget: ErrorBudget) -> DepthMap:
    """The depth map with the errors that the frame's own sensor shows, where they exceed what the budget says.

    A network is judged by its own depth even where a sensor saw some of the frame; the sensor's points only widen its
    errors. Its smooth error becomes at least that of the points, and the error of its scale at least what they miss.

    Args:
        frame: The frame; nothing happens where its given depth is not a sensor's.
        depth: Its depth; that of a sensor stays as it is.
        budget: Errors of the depth.
    """
    measured = frame.given_depth
    sensor = ScaleSource.SENSOR
    if measured is None or measured.scale_source is not sensor or depth.scale_source is sensor:
        return depth
    found = None if measured.shape != depth.shape else aligned_residuals(depth, measured)
    if found is None:
        return depth
    if depth.scale_source is ScaleSource.MODEL and found.log_scale is not None:
        depth = replace(depth, scale_error=max(budget.scale_error(depth), abs(found.log_scale)))
    errors = np.empty(0) if found.is_reversed else found.cells()[0]
    if not found.is_reversed and len(errors) < FEWEST_CELLS:
        return depth
    # A reversed map is wrong by its whole depth.
    spread = 1.0 if found.is_reversed else robust_spread(errors)
    level_m = float(np.median(depth.values[depth.valid])) if depth.kind is DepthKind.METRIC else 0.0
    expected = budget.noise.of(depth).smooth(level_m)
    return replace(depth, misfit=max(depth.misfit, spread / expected)) if expected > 0 else depth
