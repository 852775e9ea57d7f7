"""The noise model of a depth backend, fitted to maps with ground truth.

Residuals of cells give the smooth error, their variogram (Matheron 1963) its reach, and residuals within the cells the
pixel noise. Every place counts the same, however many frames show it. Few places predict the next one poorly, so
Student's t widens the smooth error and that of the scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from scipy.special import erf, ndtri, stdtrit

from pipeline.geometry.residuals import FEWEST_CELLS, Residuals, aligned_residuals, robust_spread
from pipeline.records import DepthMap, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.noise import SHAPE, NoiseModel, disagreement_factor

# Level of the widening: the default of the verifier.
_LEVEL = 0.95
# Standard deviations of a normal distribution that hold this share, the level of the test on places left out.
_WITHIN = float(ndtri((1 + _LEVEL) / 2))
# Distances of the variogram, as shares of the longer side.
_LAGS = np.linspace(0.05, 0.7, 14)
_VARIOGRAM_PAIRS = 20_000
# A step of true depth: a share of z over this many pixels.
_STEP, _STEP_PX = 0.12, 2
_WIDEST_BLUR_PX = 16
# Keeps multiples of an error finite.
_LEAST_ERROR = 1e-6

Number = TypeVar("Number", float, None)


@dataclass(frozen=True)
class NoiseSummary:
    """Summary of the noise of one map, small enough to keep thousands.

    Args:
        spread: Robust standard deviation of the smooth error, as a fraction.
        pixel: Robust standard deviation of the pixel noise, as a fraction; None where ground truth is too sparse.
        far_share: Level of the 2nd percentile as a share of the range; 0 if the shift is known.
        blur_px: Pixels over which steps are blurred; None where ground truth shows too few steps.
        lag_sums: Sums of squared differences of cells by their distance, in units of twice the variance.
        lag_counts: Number of differences in each sum.
        is_reversed: Whether the map falls where the ground truth rises, is constant, or is wrong by its whole depth;
            then only its spread, 1, counts.
        log_scale: log(true / stated) of metric depth whose scale is the network's; None for all others.
        disagreement: See ``DepthMap``.
    """

    spread: float
    pixel: float | None
    far_share: float
    blur_px: float | None
    lag_sums: tuple[float, ...]
    lag_counts: tuple[int, ...]
    is_reversed: bool = False
    log_scale: float | None = None
    disagreement: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are finite and its sums are complete."""
        known = (self.pixel, self.blur_px, self.log_scale, self.disagreement)
        numbers = (self.spread, self.far_share, *self.lag_sums, *(number for number in known if number is not None))
        lags = 0 if self.is_reversed else len(_LAGS)
        return all(map(math.isfinite, numbers)) and len(self.lag_sums) == len(self.lag_counts) == lags

    def factor(self, typical: float | None) -> float:
        """Its smooth error as a multiple of the backend's, see ``image_factor``."""
        return disagreement_factor(self.disagreement, typical)


_REVERSED = NoiseSummary(1.0, None, 0.0, None, (), (), is_reversed=True)


@dataclass(frozen=True)
class LeftOut:
    """Errors of places as multiples of what the model says that was fitted to all others.

    Args:
        spread: Root of their mean square, 1 if the model is right.
        within: Share of errors within 1.96 standard deviations, 0.95 if the model is right.
    """

    spread: float
    within: float


def fit_noise(pairs: Sequence[tuple[DepthMap, DepthMap]], places: Sequence[str] | None = None) -> NoiseModel:
    """Fit a noise model.

    Args:
        pairs: Maps of the backend, all of one kind, each with the true metric depth of its frame. Every map is aligned
            to the truth first, also a metric one, because the error budget treats the error of its scale separately.
        places: The place that each pair shows; None where each shows another.

    Raises:
        InputError: If no pair has enough common depth.
    """
    names = [str(index) for index in range(len(pairs))] if places is None else places
    found = [(summarise_noise(*pair), name) for pair, name in zip(pairs, names, strict=True)]
    known = [(summary, name) for summary, name in found if summary is not None]
    return noise_of([summary for summary, _ in known], [name for _, name in known])


def summarise_noise(prediction: DepthMap, truth: DepthMap) -> NoiseSummary | None:
    """Summary of one pair of ``fit_noise``; None if the maps have too little depth in common."""
    found = aligned_residuals(prediction, truth)
    if found is None:
        return None
    summary = _smooth_summary(prediction, truth, found)
    if summary is None:
        return None
    log_scale = found.log_scale if prediction.scale_source is ScaleSource.MODEL else None
    return replace(summary, log_scale=log_scale, disagreement=prediction.disagreement)


def _smooth_summary(prediction: DepthMap, truth: DepthMap, found: Residuals) -> NoiseSummary | None:
    if found.is_reversed:
        return _REVERSED
    values, positions = found.cells()
    if len(values) < FEWEST_CELLS:
        return None
    spread, pixel = robust_spread(values), _roughness(found.errors)
    # Errors as large as the depth itself make a map useless.
    if not (spread < 1 and (pixel is None or pixel < 1)):
        return _REVERSED
    return NoiseSummary(spread, pixel, found.far_share, _blur_px(prediction, truth), *_variogram(values, positions))


def noise_of(summaries: Sequence[NoiseSummary], places: Sequence[str] | None = None) -> NoiseModel:
    """The noise model from the summaries of many maps.

    Args:
        summaries: The summaries.
        places: The place that each map shows; None where each shows another.

    Raises:
        InputError: If there are no summaries.
    """
    if not summaries:
        raise InputError("No map has enough depth in common with its ground truth; a noise model needs at least one.")
    names = [str(index) for index in range(len(summaries))] if places is None else places
    # Reversed maps give no estimate but those of the smooth error and the scale.
    usable = [item for item in summaries if not item.is_reversed]
    typical = _median([item.disagreement for item in summaries], None, 4)
    # The spread of a reversed map is the largest there is.
    spreads = [item.spread / (1.0 if item.is_reversed else item.factor(typical)) for item in summaries]
    logs = [(item.log_scale, name) for item, name in zip(summaries, names, strict=True) if item.log_scale is not None]
    model = NoiseModel(
        relative=1.0,
        scale=round(_root_mean_square(*zip(*logs, strict=True)), 4) if logs else None,
        typical_disagreement=typical,
    )
    if not usable:
        return model
    return replace(
        model,
        relative=round(_root_mean_square(spreads, names), 4),
        place_share=round(_place_share(usable), 3),
        pixel=_median([item.pixel for item in usable], SHAPE.pixel, 4),
        far_share=_median([item.far_share for item in usable], 0.0, 3),
        blur_px=_median([item.blur_px for item in usable], SHAPE.blur_px, 1),
    )


def left_out(summaries: Sequence[NoiseSummary], places: Sequence[str]) -> dict[str, LeftOut]:
    """How well the models of all other places fit each place.

    Args:
        summaries: The summaries of the maps.
        places: The place that each shows.

    Returns:
        ``smooth``, the smooth error of the maps, whose errors are taken as normal with their own spread, and ``scale``,
        where the depth states one. Empty for a single place.
    """
    spreads: dict[str, list[float]] = {"smooth": [], "scale": []}
    within: dict[str, list[float]] = {"smooth": [], "scale": []}
    kept = list(zip(summaries, places, strict=True))
    for place in dict.fromkeys(places):
        others = [(item, name) for item, name in kept if name != place]
        if not others:
            return {}
        model = noise_of([item for item, _ in others], [name for _, name in others])
        for item in (item for item, name in kept if name == place):
            ratio = item.spread / max(model.relative * item.factor(model.typical_disagreement), _LEAST_ERROR)
            spreads["smooth"].append(ratio)
            within["smooth"].append(float(erf(_WITHIN / (math.sqrt(2) * max(ratio, _LEAST_ERROR)))))
            if item.log_scale is not None and model.scale is not None:
                ratio = abs(item.log_scale) / max(model.scale, _LEAST_ERROR)
                spreads["scale"].append(ratio)
                within["scale"].append(float(ratio <= _WITHIN))
    return {
        name: LeftOut(float(np.sqrt(np.mean(np.square(found)))), float(np.mean(within[name])))
        for name, found in spreads.items()
        if found
    }


def _root_mean_square(errors: Sequence[float], places: Sequence[str]) -> float:
    """Root of the mean square over places, each of which counts once, widened because they are few."""
    squares: dict[str, list[float]] = {}
    for error, place in zip(errors, places, strict=True):
        squares.setdefault(place, []).append(error**2)
    # The error at the next place is as uncertain as these vary.
    widening = stdtrit(len(squares) - 1, _LEVEL) / ndtri(_LEVEL) if len(squares) > 1 else 2.0
    return math.sqrt(float(np.mean([np.mean(found) for found in squares.values()]))) * max(float(widening), 1.0)


def _median(numbers: Sequence[float | None], default: Number, digits: int) -> float | Number:
    known = [number for number in numbers if number is not None]
    return round(float(np.median(known)), digits) if known else default


def write_noise(path: Path, name: str, model: NoiseModel, origin: str) -> None:
    """Write a model as a configuration of the group ``noise`` that extends the defaults.

    Args:
        path: A YAML file in a folder ``noise`` of the configuration.
        name: Name of the depth backend.
        model: The model.
        origin: The data of the fit, in words, for the comment at the top.
    """
    # What was not measured, null, is left to the defaults.
    numbers = "\n".join(f"    {key}: {value}" for key, value in vars(model).items() if value is not None)
    path.write_text(
        f"# Errors of {name}, fitted to {origin}.\n"
        f"defaults:\n  - default\n\n# By the name of the depth map.\nmodels:\n"
        f"  # Keys as in conf/noise/default.yaml.\n  {name}:\n{numbers}\n",
        encoding="utf-8",
    )


def _roughness(errors: np.ndarray) -> float | None:
    """Standard deviation of neighbouring pixels about a smooth surface; None without neighbours."""
    filled = np.where(np.isfinite(errors), errors, 0).astype(np.float32)
    known = np.isfinite(errors).astype(np.float32)
    weight = cv2.boxFilter(known, -1, (5, 5))
    mean = cv2.boxFilter(filled, -1, (5, 5)) / np.maximum(weight, 1e-6)
    inside = weight > 0.99
    return robust_spread((filled - mean)[inside]) if inside.any() else None


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
def _blur_px(prediction: DepthMap, truth: DepthMap) -> float | None:
    """Distance from a step of true depth at which a map reaches half the step [px]; None for too few steps."""
    values = np.log(prediction.values) if prediction.kind.has_shape else prediction.values
    z = np.where(truth.valid, truth.values, np.nan)
    left, right = z[:, : -2 * _STEP_PX], z[:, 2 * _STEP_PX :]
    step = np.abs(np.log(left) - np.log(right)) > _STEP
    rows, columns = np.nonzero(step)
    columns = columns + _STEP_PX
    inside = (columns >= 2 * _WIDEST_BLUR_PX) & (columns < z.shape[1] - 2 * _WIDEST_BLUR_PX)
    rows, columns = rows[inside], columns[inside]
    if len(rows) < FEWEST_CELLS:
        return None
    reach = np.arange(1, _WIDEST_BLUR_PX + 1)
    changes = np.array([np.nanmean(np.abs(values[rows, columns + k] - values[rows, columns - k])) for k in reach])
    # The widest distance always reaches half of its own change.
    return float(reach[np.argmax(changes >= 0.5 * changes[-1])] if changes[-1] > 0 else _WIDEST_BLUR_PX)
