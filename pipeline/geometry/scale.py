"""Solving for the scale, and the shift of affine kinds, from known lengths.

For every shift the best scale follows in closed form, so one unknown is searched on a grid and refined (variable
projection: Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares", 1973). Residuals are
logarithms of lengths; their covariance holds an error of its own for each and the focal length's, which all share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.geometry.known_lengths import KnownLength, Pixels, bend, length_errors, measured_length, shape_of
from pipeline.geometry.robust import STRAYS
from pipeline.records import DepthKind
from pipeline.records.errors import MessageError

# Least error of a known length; keeps weights finite [fraction].
_LEAST_ERROR = 1e-6
# Shifts are searched from the least that leaves every anchored object a z, up to this many spreads of the map beyond.
_GRID = np.linspace(math.log(1e-3), math.log(1e3), 139)
# Other shifts whose misfit is larger by less than this, and whose z differ by more than this, are rivals.
_RIVAL_MISFIT, _RIVAL_DIFFERENCE = 4.0, 0.05
_MOST_HALVINGS = 6
# The misfit, in standard deviations, up to which known lengths may be said to fit the depth.
_MOST_MISFIT = 25.0
# A flat region counts as this many independent measurements, because neighbouring pixels share their errors.
_FLAT_MEASUREMENTS = 10.0
# Quantiles of the map's values on which the effect of a shift's error is kept.
_LEVELS = 129


class CannotScale(MessageError):
    """Known lengths do not fix the scale and shift."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The scale and shift of a depth map.

    Args:
        scale: Metres per unit of ``shape_of(values, kind, shift)``.
        shift: The shift; 0 where the kind has shape.
        error: Standard deviation of the scale where the shift is known, as a fraction.
        factors: The scale that each known length alone gives, as a factor on the solution's scale.
        misfit: How far the known lengths disagree, in standard deviations; 1 is as expected, 0 where none is redundant.
        levels: float64 (L,) ascending values of the map.
        level_errors: float64 (L,), error of z at these values because of the shift, as a fraction.
    """

    scale: float
    shift: float
    error: float
    factors: tuple[float, ...]
    misfit: float
    levels: np.ndarray
    level_errors: np.ndarray

    def error_at(self, values: np.ndarray) -> np.ndarray:
        """Standard deviation of the scale of z at values of the map, as a fraction; float64 of their shape."""
        if not len(self.levels):
            return np.full(np.shape(values), self.error)
        return np.hypot(self.error, np.interp(values, self.levels, self.level_errors))


@dataclass(frozen=True, eq=False)
class _Errors:
    """Covariance of the residuals, as the matrix that makes them independent, and the unit vector through it."""

    whiten: np.ndarray
    ones: np.ndarray

    @classmethod
    def of(cls, own: np.ndarray, focal: np.ndarray) -> _Errors:
        covariance = np.diag(np.maximum(own, _LEAST_ERROR) ** 2) + np.outer(focal, focal)
        whiten = np.linalg.inv(np.linalg.cholesky(covariance))
        return cls(whiten, whiten @ np.ones(len(own)))

    @property
    def scale_error(self) -> float:
        return 1 / math.sqrt(float(self.ones @ self.ones))

    def log_scale(self, logs: np.ndarray) -> float:
        return float(self.ones @ self.whiten @ logs / (self.ones @ self.ones))

    def residuals(self, logs: np.ndarray) -> np.ndarray:
        """Residuals of the logarithms after the best scale, in standard deviations."""
        left: np.ndarray = self.whiten @ logs - self.ones * self.log_scale(logs)
        return left


def solve_scale(known: Sequence[KnownLength], kind: DepthKind) -> Solution:
    """The scale of depth whose shape is known, by generalised least squares of logarithms.

    Args:
        known: At least one known length.
        kind: ``metric`` or ``scale_invariant``.

    Raises:
        CannotScale: If no length can be measured.
    """
    logs, errors = _logs(known, kind, 0.0), _errors(known, kind, 0.0)
    if not np.isfinite(logs).all() or errors is None:
        raise CannotScale("unseen_length")
    log_scale, misfit = errors.log_scale(logs), _misfit(errors.residuals(logs), len(known) - 1)
    error = errors.scale_error * max(1.0, misfit)
    return Solution(math.exp(log_scale), 0.0, error, _factors(logs, log_scale), misfit, np.empty(0), np.empty(0))


def solve_affine(
    known: Sequence[KnownLength], kind: DepthKind, values: np.ndarray, flat: Sequence[Pixels] = ()
) -> Solution:
    """Scale and shift of affine depth or disparity.

    Args:
        known: Known lengths; two, or one and a flat region for affine depth.
        kind: ``depth_affine`` or ``disparity_affine``.
        values: float (N,), valid values of the map, or an even sample of them.
        flat: Regions that are planes in space; they fix the shift of affine depth. A plane stays one under every
            shift of disparity, so for disparity they are ignored.

    Raises:
        CannotScale: If they do not fix both, or no shift fits.
    """
    flat = tuple(flat) if kind is DepthKind.DEPTH_AFFINE else ()
    noun = "disparity" if kind is DepthKind.DISPARITY_AFFINE else "depth_itself"
    if not known:
        raise CannotScale("no_length")
    if len(known) + len(flat) < 2:
        raise CannotScale("shift_of_disparity_open" if noun == "disparity" else "shift_of_depth_open")
    levels = np.unique(np.quantile(values, np.linspace(0, 1, _LEVELS)))
    if len(levels) < 2:
        raise CannotScale("constant_map")
    search = _Search(tuple(known), kind, flat, levels)
    shift, errors = search.solve(noun)
    return search.solution(shift, errors, noun)


class _Search:
    """The search for the shift: its logarithm above the least one, in spreads of the map."""

    def __init__(
        self, known: tuple[KnownLength, ...], kind: DepthKind, flat: tuple[Pixels, ...], levels: np.ndarray
    ) -> None:
        self.known, self.kind, self.flat, self.levels = known, kind, flat, levels
        low, high = np.interp((STRAYS, 1 - STRAYS), np.linspace(0, 1, len(levels)), levels)
        objects = [pixels.values for item in known for pixels in item.objects] + [pixels.values for pixels in flat]
        self.spread = float(high - low) or float(np.ptp(levels))
        self.least = -min(float(low), *(float(np.quantile(part, 0.05)) for part in objects))
        self._known_logs: dict[float, np.ndarray] = {}
        self.grid_logs = np.array([self._logs(float(step)) for step in _GRID])
        self.usable = np.isfinite(self.grid_logs).all(axis=1)
        bends = [np.array([np.mean(bend(pixels, self.shift(step)) ** 2) for step in _GRID]) for pixels in flat]
        self.flat_noise = tuple(
            max(pixels.noise, math.sqrt(squares.min()), 1e-9 * self.spread)
            for pixels, squares in zip(flat, bends, strict=True)
        )
        self.grid_flat = np.zeros(len(_GRID))
        for squares, noise in zip(bends, self.flat_noise, strict=True):
            self.grid_flat += _FLAT_MEASUREMENTS * squares / noise**2

    def shift(self, step: float) -> float:
        return self.least + self.spread * math.exp(step)

    def solve(self, noun: str) -> tuple[float, _Errors]:
        """The step with the least misfit, and the errors there."""
        no_fit = CannotScale("no_fit", noun=noun)
        if not self.usable.any():
            raise no_fit
        errors = _Errors.of(np.array([max(item.error, 0.05) for item in self.known]), np.zeros(len(self.known)))
        at_first = self._minima(errors)[0][1]
        found = _errors(self.known, self.kind, self.shift(at_first))
        if found is None:
            if not _GRID[0] < at_first < _GRID[-1]:
                raise no_fit
            raise CannotScale("no_fit_within_error", noun=noun)
        errors = found
        minima = self._minima(errors)
        (cost, step), rivals = minima[0], minima[1:]
        is_determined = len(self.known) + len(self.flat) == 2
        if cost > _RIVAL_MISFIT and (is_determined or not _GRID[0] < step < _GRID[-1]):
            raise no_fit
        middles = [np.median(pixels.values) for item in self.known for pixels in item.objects]
        compared = np.concatenate((middles, self.levels))
        costs = self._grid_costs(errors)
        for other_cost, other in rivals:
            between = costs[(min(step, other) < _GRID) & (max(step, other) > _GRID)]
            is_rival = other_cost < cost + _RIVAL_MISFIT < between.max(initial=0.0)
            if is_rival and self._difference(step, other, errors, compared) > _RIVAL_DIFFERENCE:
                raise CannotScale("two_shifts", noun=noun)
        return step, errors

    def solution(self, step: float, errors: _Errors, noun: str) -> Solution:
        logs = self._logs(step)
        misfit = _misfit(errors.residuals(logs), len(self.known) + len(self.flat) - 2)
        if misfit > _MOST_MISFIT:
            raise CannotScale("no_fit", noun=noun)
        widening = max(1.0, misfit)
        least = self._cost(step, errors)
        ends = [self._end(step, side, least + widening**2, errors) for side in (-1, 1)]
        if any(end is None for end in ends):
            raise CannotScale("anchors_at_one_depth", noun=noun)
        at_best = self._log_z(step, errors, self.levels)
        off = [np.abs(self._log_z(end, errors, self.levels) - at_best) for end in ends if end is not None]
        level_errors = np.nan_to_num(np.maximum(*off), nan=np.inf)
        log_scale = errors.log_scale(logs)
        return Solution(
            math.exp(log_scale),
            self.shift(step),
            errors.scale_error * widening,
            _factors(logs, log_scale),
            misfit,
            self.levels,
            level_errors,
        )

    def _logs(self, step: float) -> np.ndarray:
        if step not in self._known_logs:
            self._known_logs[step] = _logs(self.known, self.kind, self.shift(step))
        return self._known_logs[step]

    def _residuals(self, step: float, errors: _Errors) -> np.ndarray:
        shift = self.shift(step)
        parts = [errors.residuals(self._logs(step))]
        for pixels, noise in zip(self.flat, self.flat_noise, strict=True):
            parts.append(bend(pixels, shift) * (math.sqrt(_FLAT_MEASUREMENTS / len(pixels.values)) / noise))
        return np.nan_to_num(np.concatenate(parts), nan=1e6)

    def _cost(self, step: float, errors: _Errors) -> float:
        return float(np.sum(self._residuals(step, errors) ** 2))

    def _grid_costs(self, errors: _Errors) -> np.ndarray:
        costs = np.full(len(_GRID), math.inf)
        costs[self.usable] = [float(np.sum(errors.residuals(logs) ** 2)) for logs in self.grid_logs[self.usable]]
        return costs + self.grid_flat

    def _minima(self, errors: _Errors) -> list[tuple[float, float]]:
        """(misfit, step) of the local minima, least first."""
        costs = self._grid_costs(errors)
        padded = np.concatenate(((math.inf,), costs, (math.inf,)))
        at = np.flatnonzero((costs <= padded[:-2]) & (costs < padded[2:]) & np.isfinite(costs))
        found = []
        for index in at[np.argsort(costs[at], kind="stable")]:
            step = self._refined(int(index), errors)
            found.append((self._cost(step, errors), step))
        return sorted(found)

    def _refined(self, index: int, errors: _Errors) -> float:
        """Gauss-Newton from a grid step, kept between its neighbours."""
        low, high = _GRID[max(index - 1, 0)], _GRID[min(index + 1, len(_GRID) - 1)]
        step, best = float(_GRID[index]), self._cost(float(_GRID[index]), errors)
        for _ in range(30):
            change = 1e-5
            here = self._residuals(step, errors)
            slope = (self._residuals(step + change, errors) - self._residuals(step - change, errors)) / (2 * change)
            steepness = float(slope @ slope)
            if steepness <= 0 or not math.isfinite(steepness):
                break
            move = -float(slope @ here) / steepness
            tried = [min(max(step + move / 4**halving, low), high) for halving in range(_MOST_HALVINGS)]
            better = next((at for at in tried if self._cost(at, errors) < best), None)
            if better is None or abs(better - step) < 1e-12:
                break
            step, best = better, self._cost(better, errors)
        return float(step)

    def _end(self, step: float, side: int, most: float, errors: _Errors) -> float | None:
        """The step on one side of the best one at which the misfit exceeds a value; None where it never does."""
        beyond = _GRID[step - _GRID < 0] if side > 0 else _GRID[step - _GRID > 0][::-1]
        inner = step
        for outer in beyond:
            if self._cost(float(outer), errors) > most:
                for _ in range(25):
                    middle = (inner + outer) / 2
                    inner, outer = (inner, middle) if self._cost(middle, errors) > most else (middle, outer)
                return float(outer)
            inner = float(outer)
        return None

    def _log_z(self, step: float, errors: _Errors, values: np.ndarray) -> np.ndarray:
        log_z: np.ndarray = np.log(shape_of(values, self.kind, self.shift(step)))
        return log_z + errors.log_scale(self._logs(step))

    def _difference(self, first: float, second: float, errors: _Errors, values: np.ndarray) -> float:
        difference = np.abs(self._log_z(first, errors, values) - self._log_z(second, errors, values))
        return float(np.nanmax(difference, initial=0.0))


def _logs(known: Sequence[KnownLength], kind: DepthKind, shift: float) -> np.ndarray:
    """Logarithm of the scale that each known length alone gives; NaN where it cannot be measured."""
    return np.array([math.log(item.length_m) - math.log(measured_length(item, kind, shift)) for item in known])


def _errors(known: Sequence[KnownLength], kind: DepthKind, shift: float) -> _Errors | None:
    pairs = np.array([length_errors(item, kind, shift) for item in known])
    return _Errors.of(pairs[:, 0], pairs[:, 1]) if np.isfinite(pairs).all() else None


def _misfit(residuals: np.ndarray, left_over: int) -> float:
    return math.sqrt(float(residuals @ residuals) / left_over) if left_over > 0 else 0.0


def _factors(logs: np.ndarray, log_scale: float) -> tuple[float, ...]:
    return tuple(math.exp(log - log_scale) for log in logs)
