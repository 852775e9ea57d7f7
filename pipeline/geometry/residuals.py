"""How far depth is from measured depth of the same frame, after alignment by what its kind leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.records import DepthKind, DepthMap

# Cells along the longer side of an image.
_CELLS = 24
# A cell counts if at least this share of it has both depths.
_LEAST_CELL = 0.3
FEWEST_CELLS = 20
"""Fewest cells, or single points, that show the error of a map."""
# Values are constant if their range is a smaller share of their magnitude.
_LEAST_SPREAD = 1e-6
# A ground truth is flat if its range is a smaller share of its magnitude.
_LEAST_RANGE = 1e-3


@dataclass(frozen=True, eq=False)
class Residuals:
    """Errors of an aligned map.

    Args:
        errors: float64 (H, W), fractions as in ``NoiseModel``; NaN where one of the depths is unknown.
        far_share: Level of the 2nd percentile as a share of the range; 0 if the shift is known.
        log_scale: log(measured / stated) of metric depth, the median of all pixels; None for other kinds.
        is_reversed: Whether the map falls where measured depth rises, or is constant; then there are no errors.
    """

    errors: np.ndarray
    far_share: float = 0.0
    log_scale: float | None = None
    is_reversed: bool = False

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean error of each cell with enough known pixels, (N,), and its position in longer sides, (N, 2).

        Where measured depth is too sparse to fill cells, a single pixel suffices.
        """
        shape = self.errors.shape
        side = max(1, round(max(shape) / _CELLS))
        # Pixels beyond the last whole cell are left out.
        rows, columns = shape[0] // side, shape[1] // side
        blocks = self.errors[: rows * side, : columns * side].reshape(rows, side, columns, side)
        known = np.isfinite(blocks)
        counts = known.sum(axis=(1, 3))
        means = np.where(known, blocks, 0).sum(axis=(1, 3)) / np.maximum(counts, 1)
        enough = counts >= _LEAST_CELL * side**2
        if np.count_nonzero(enough) < FEWEST_CELLS:
            enough = counts > 0
        return means[enough], np.argwhere(enough) * side / max(shape)


def aligned_residuals(prediction: DepthMap, measured: DepthMap) -> Residuals | None:
    """Errors of a map against measured metric depth of the same size.

    Metric depth is aligned too, by its scale, because the error budget holds the error of the scale apart.

    Returns:
        None without enough common depth, or where flat measured depth says nothing about an unknown shift.
    """
    known = prediction.valid & measured.valid
    if np.count_nonzero(known) < FEWEST_CELLS:
        return None
    errors = np.full(measured.shape, np.nan)
    true = measured.values[known].astype(np.float64)
    values = prediction.values[known].astype(np.float64)
    if prediction.kind.has_shape:
        logs = np.log(values) - np.log(true)
        middle = float(np.median(logs))
        errors[known] = logs - middle
        return Residuals(errors, log_scale=-middle if prediction.kind is DepthKind.METRIC else None)
    aim = 1 / true if prediction.kind.larger_is_nearer else true
    low, high = np.percentile(aim, (2, 98))
    if high - low <= _LEAST_RANGE * abs(high):
        # Any scale fits flat depth.
        return None
    scale, shift = _robust_line(values, aim)
    if scale <= 0:
        return Residuals(errors, is_reversed=True)
    aligned = scale * values + shift
    # Errors are relative to the whole level, including the part below the 2nd percentile.
    far_share = float(low / max(high - low, 1e-12))
    level = np.maximum(aligned - np.percentile(aligned, 2), 0) + far_share * (high - low)
    errors[known] = (aligned - aim) / level
    return Residuals(errors, far_share)


def robust_spread(values: np.ndarray) -> float:
    """Robust standard deviation: half the width of the middle 68 %."""
    low, high = np.percentile(values, (16, 84))
    return float(max(high - low, 0.0) / 2)


def _robust_line(values: np.ndarray, aim: np.ndarray) -> tuple[float, float]:
    """Scale and shift of the least-squares line, refitted twice without the worst fifth."""
    kept = np.ones(len(values), dtype=bool)
    scale, shift = 0.0, float(np.mean(aim))
    for _ in range(3):
        if np.ptp(values[kept]) <= _LEAST_SPREAD * np.abs(values[kept]).max():
            return 0.0, float(np.mean(aim))
        scale, shift = (float(number) for number in np.polyfit(values[kept], aim[kept], 1))
        errors = np.abs(scale * values + shift - aim)
        kept = errors <= np.quantile(errors, 0.8)
    return scale, shift
