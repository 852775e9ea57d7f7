"""The noise model of a depth backend, fitted to maps with ground truth.

Residuals of cells give the smooth error, their variogram (Matheron 1963) its reach, and residuals within the cells the
pixel noise. Few frames predict the next one poorly, so Student's t widens the smooth error.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.special import ndtri, stdtrit

from pipeline.records import DepthMap
from pipeline.records.errors import InputError
from pipeline.records.noise import NoiseModel

logger = logging.getLogger(__name__)

# Cells along the longer side of an image.
_CELLS = 24
# A cell counts if at least this share of it has both depths.
_LEAST_CELL = 0.3
_FEWEST_CELLS = 20
# Level of the widening: the default of the verifier.
_LEVEL = 0.95
# Values are constant if their range is a smaller share of their magnitude.
_LEAST_SPREAD = 1e-6
# A ground truth is flat if its range is a smaller share of its magnitude.
_LEAST_RANGE = 1e-3
# Distances of the variogram, as shares of the longer side.
_LAGS = np.linspace(0.05, 0.7, 14)
_VARIOGRAM_PAIRS = 20_000
# A step of true depth: a share of z over this many pixels.
_STEP, _STEP_PX = 0.12, 2
_WIDEST_BLUR_PX = 16


@dataclass(frozen=True)
class NoiseSummary:
    """Summary of the noise of one map, small enough to keep thousands.

    Args:
        spread: Robust standard deviation of the smooth error, as a fraction.
        pixel: Robust standard deviation of the pixel noise, as a fraction.
        far_share: Level of the 2nd percentile as a share of the range; 0 if the shift is known.
        blur_px: Pixels over which steps are blurred.
        lag_sums: Sums of squared differences of cells by their distance, in units of twice the variance.
        lag_counts: Number of differences in each sum.
        is_reversed: Whether the map falls where the ground truth rises, is constant, or is wrong by its whole depth;
            then only its spread, 1, counts.
    """

    spread: float
    pixel: float
    far_share: float
    blur_px: float
    lag_sums: tuple[float, ...]
    lag_counts: tuple[int, ...]
    is_reversed: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are finite and its sums are complete."""
        numbers = (self.spread, self.pixel, self.far_share, self.blur_px, *self.lag_sums)
        lags = 0 if self.is_reversed else len(_LAGS)
        return all(map(math.isfinite, numbers)) and len(self.lag_sums) == len(self.lag_counts) == lags


_REVERSED = NoiseSummary(1.0, 0.0, 0.0, 0.0, (), (), is_reversed=True)


def fit_noise(pairs: Sequence[tuple[DepthMap, DepthMap]]) -> NoiseModel:
    """Fit a noise model.

    Args:
        pairs: Maps of the backend, all of one kind, each with the true metric depth of its frame. Every map is aligned
            to the truth first, also a metric one, because the error budget treats the error of its scale separately.

    Raises:
        InputError: If no pair has enough common depth.
    """
    return noise_of([found for found in (summarise_noise(*pair) for pair in pairs) if found is not None])


def summarise_noise(prediction: DepthMap, truth: DepthMap) -> NoiseSummary | None:
    """Summary of one pair of ``fit_noise``; None if the maps have too little depth in common."""
    residuals = _residuals(prediction, truth)
    if residuals is None or isinstance(residuals, NoiseSummary):
        return residuals
    errors, far_share = residuals
    values, places = _cells(errors)
    if len(values) < _FEWEST_CELLS:
        return None
    spread, pixel = _spread(values), _roughness(errors)
    # Errors as large as the depth itself make a map useless.
    if not (spread < 1 and pixel < 1):
        return _REVERSED
    return NoiseSummary(spread, pixel, far_share, _blur_px(prediction, truth), *_variogram(values, places))


def noise_of(summaries: Sequence[NoiseSummary]) -> NoiseModel:
    """The noise model from the summaries of many maps.

    Raises:
        InputError: If there are no summaries.
    """
    if not summaries:
        raise InputError("No map has enough depth in common with its ground truth; a noise model needs at least one.")
    spreads = np.array([item.spread for item in summaries])
    # Reversed maps give no estimate but that of the smooth error.
    summaries = [item for item in summaries if not item.is_reversed]
    if not summaries:
        return NoiseModel(relative=1.0)
    mean_square = float(np.mean(spreads**2))
    # The spread of the next frame is as uncertain as these vary.
    widening = stdtrit(len(spreads) - 1, _LEVEL) / ndtri(_LEVEL) if len(spreads) > 1 else 2.0
    relative = math.sqrt(mean_square) * max(float(widening), 1.0)
    return NoiseModel(
        relative=round(relative, 4),
        place_share=round(_place_share(summaries), 3),
        pixel=round(float(np.median([item.pixel for item in summaries])), 4),
        far_share=round(float(np.median([item.far_share for item in summaries])), 3),
        blur_px=round(float(np.median([item.blur_px for item in summaries])), 1),
    )


def write_noise(path: Path, name: str, model: NoiseModel, origin: str) -> None:
    """Write a model as a configuration of the group ``noise`` that extends the defaults.

    Args:
        path: A YAML file in a folder ``noise`` of the configuration.
        name: Name of the depth backend.
        model: The model.
        origin: The data of the fit, in words, for the comment at the top.
    """
    numbers = "\n".join(f"    {key}: {value}" for key, value in vars(model).items())
    path.write_text(
        f"# Errors of {name}, fitted to {origin}.\n"
        f"defaults:\n  - default\n\n# By the name of the depth map.\nmodels:\n"
        f"  # Keys as in conf/noise/default.yaml.\n  {name}:\n{numbers}\n",
        encoding="utf-8",
    )


def _residuals(prediction: DepthMap, truth: DepthMap) -> tuple[np.ndarray, float] | NoiseSummary | None:
    """Relative errors of an aligned map, NaN where unknown, and its far share.

    The summary of a reversed map; None without enough common depth.
    """
    known = prediction.valid & truth.valid
    if np.count_nonzero(known) < _FEWEST_CELLS:
        return None
    errors = np.full(truth.shape, np.nan)
    true = truth.values[known].astype(np.float64)
    values = prediction.values[known].astype(np.float64)
    if prediction.kind.has_shape:
        logs = np.log(values) - np.log(true)
        errors[known] = logs - np.median(logs)
        return errors, 0.0
    aim = 1 / true if prediction.kind.larger_is_nearer else true
    low, high = np.percentile(aim, (2, 98))
    if high - low <= _LEAST_RANGE * abs(high):
        # Any scale fits a flat ground truth.
        return None
    scale, shift = _robust_line(values, aim)
    if scale <= 0:
        return _REVERSED
    aligned = scale * values + shift
    # Errors are relative to the whole level, including the part below the 2nd percentile.
    far_share = float(low / max(high - low, 1e-12))
    level = np.maximum(aligned - np.percentile(aligned, 2), 0) + far_share * (high - low)
    errors[known] = (aligned - aim) / level
    return errors, far_share


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


def _cells(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean error of each cell with enough known pixels, (N,), and its position in longer sides, (N, 2)."""
    side = max(1, round(max(errors.shape) / _CELLS))
    rows, columns = errors.shape[0] // side, errors.shape[1] // side
    blocks = errors[: rows * side, : columns * side].reshape(rows, side, columns, side)
    known = np.isfinite(blocks)
    counts = known.sum(axis=(1, 3))
    means = np.where(known, blocks, 0).sum(axis=(1, 3)) / np.maximum(counts, 1)
    enough = counts >= _LEAST_CELL * side**2
    places = np.argwhere(enough) * side / max(errors.shape)
    return means[enough], places


def _spread(values: np.ndarray) -> float:
    """Robust standard deviation: half the width of the middle 68 %."""
    low, high = np.percentile(values, (16, 84))
    return float(max(high - low, 0.0) / 2)


def _roughness(errors: np.ndarray) -> float:
    """Standard deviation of neighbouring pixels about a smooth surface."""
    filled = np.where(np.isfinite(errors), errors, 0).astype(np.float32)
    known = np.isfinite(errors).astype(np.float32)
    weight = cv2.boxFilter(known, -1, (5, 5))
    mean = cv2.boxFilter(filled, -1, (5, 5)) / np.maximum(weight, 1e-6)
    inside = weight > 0.99
    return _spread((filled - mean)[inside]) if inside.any() else 0.0


def _variogram(values: np.ndarray, places: np.ndarray) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Sums of squared differences of drawn pairs of cells by their distance, and their counts."""
    first, second = np.random.default_rng(0).integers(len(values), size=(2, _VARIOGRAM_PAIRS))
    distances = np.linalg.norm(places[first] - places[second], axis=1)
    squares = (values[first] - values[second]) ** 2 / max(2 * float(np.var(values)), 1e-12)
    which = np.digitize(distances, _LAGS)
    bins = len(_LAGS) + 1
    sums, counts = np.bincount(which, squares, bins)[:-1], np.bincount(which, minlength=bins)[:-1]
    return tuple(sums.tolist()), tuple(counts.tolist())


def _place_share(summaries: Sequence[NoiseSummary]) -> float:
    """Reach of the Gaussian variogram that best fits those of all maps."""
    sums = np.sum([item.lag_sums for item in summaries], axis=0)
    counts = np.sum([item.lag_counts for item in summaries], axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    middles = np.concatenate(([_LAGS[0] / 2], (_LAGS[1:] + _LAGS[:-1]) / 2))
    reaches = np.linspace(0.03, 0.5, 48)
    misfits = [np.nanmean((1 - np.exp(-0.5 * (middles / reach) ** 2) - means) ** 2) for reach in reaches]
    return float(reaches[int(np.argmin(misfits))])


@np.errstate(divide="ignore", invalid="ignore")
def _blur_px(prediction: DepthMap, truth: DepthMap) -> float:
    """Distance from a step of true depth at which a map reaches half the step [px]."""
    values = np.log(prediction.values) if prediction.kind.has_shape else prediction.values
    z = np.where(truth.valid, truth.values, np.nan)
    left, right = z[:, : -2 * _STEP_PX], z[:, 2 * _STEP_PX :]
    step = np.abs(np.log(left) - np.log(right)) > _STEP
    rows, columns = np.nonzero(step)
    columns = columns + _STEP_PX
    inside = (columns >= 2 * _WIDEST_BLUR_PX) & (columns < z.shape[1] - 2 * _WIDEST_BLUR_PX)
    rows, columns = rows[inside], columns[inside]
    if len(rows) < _FEWEST_CELLS:
        return 2.0
    reach = np.arange(1, _WIDEST_BLUR_PX + 1)
    changes = np.array([np.nanmean(np.abs(values[rows, columns + k] - values[rows, columns - k])) for k in reach])
    # The widest distance always reaches half of its own change.
    return float(reach[np.argmax(changes >= 0.5 * changes[-1])] if changes[-1] > 0 else _WIDEST_BLUR_PX)
