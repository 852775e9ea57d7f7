"""Intervals of all figures of a set of judgements from one set of bootstrap draws.

The figures and the draws are those of ``pipeline.evaluate.claims.scores``; here a draw is a weight per judgement, so
that nothing is sorted again and hundreds of draws of thousands of claims take a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluate.claims.scores import Judgement

FIGURES = ("coverage", "accuracy", "forced_accuracy", "risk_coverage_area", "calibration_error")
"""Names of the figures that have an interval, as in ``Scores``."""

_FEWEST_GROUPS = 3
Interval = tuple[float, float]


def figure_intervals(
    judgements: Sequence[Judgement], *, level: float = 0.95, draws: int = 300, seed: int = 0, bins: int = 10
) -> dict[str, Interval]:
    """Percentile intervals of all figures when whole groups are drawn again, see ``bootstrap_interval``.

    Args:
        judgements: The judgements.
        level: Share of the draws inside, in (0, 1).
        draws: How often the groups are drawn; 0 gives no interval.
        seed: Seed of the draws.
        bins: Bins of the calibration error.

    Returns:
        (low, high) by the name of the figure; NaN where there are fewer than three groups, or no draws.
    """
    groups = {name: index for index, name in enumerate(dict.fromkeys(item.group for item in judgements))}
    if len(groups) < _FEWEST_GROUPS or not draws:
        return dict.fromkeys(FIGURES, (math.nan, math.nan))
    table = _Table.of(judgements, groups, bins)
    rng = np.random.default_rng(seed)
    found = np.array([table.figures(counts) for counts in _draws(rng, len(groups), draws)])
    return {name: _interval(found[:, column], level) for column, name in enumerate(FIGURES)}


def mean_interval(
    values: Sequence[float], groups: Sequence[str], *, level: float = 0.95, draws: int = 300, seed: int = 0
) -> Interval:
    """The same for the mean of one value per item; values that are NaN do not count."""
    places = {name: index for index, name in enumerate(dict.fromkeys(groups))}
    if len(places) < _FEWEST_GROUPS or not draws:
        return math.nan, math.nan
    known = ~np.isnan(np.asarray(values, dtype=float))
    where = np.array([places[name] for name in groups])
    totals = np.bincount(where, np.where(known, values, 0.0), len(places))
    sizes = np.bincount(where, known, len(places))
    rng = np.random.default_rng(seed)
    found = [_ratio(float(counts @ totals), float(counts @ sizes)) for counts in _draws(rng, len(places), draws)]
    return _interval(np.array(found), level)


def _draws(rng: np.random.Generator, groups: int, draws: int) -> list[np.ndarray]:
    """How often each group is drawn, int (groups,), for every draw."""
    return [np.bincount(rng.integers(groups, size=groups), minlength=groups) for _ in range(draws)]


def _interval(values: np.ndarray, level: float) -> Interval:
    if np.isnan(values).all():
        return math.nan, math.nan
    low, high = np.nanquantile(values, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class _Table:
    """Judgements as arrays (N,), the most confident first."""

    group: np.ndarray
    error: np.ndarray
    is_decided: np.ndarray
    # First judgement of every run of equal confidence.
    starts: np.ndarray
    # Bin of the reliability diagram, and its gap; both only of judgements with a probability.
    measured: np.ndarray
    bin: np.ndarray
    gap: np.ndarray
    bins: int

    @classmethod
    def of(cls, judgements: Sequence[Judgement], groups: dict[str, int], bins: int) -> _Table:
        ordered = sorted(judgements, key=lambda item: -item.confidence)
        confidence = np.array([item.confidence for item in ordered])
        probability = np.array([math.nan if item.probability is None else item.probability for item in ordered])
        measured = ~np.isnan(probability)
        known = probability[measured]
        truth = np.array([item.truth for item in ordered], dtype=float)[measured]
        return cls(
            np.array([groups[item.group] for item in ordered]),
            np.array([item.error for item in ordered]),
            np.array([item.is_decided for item in ordered]),
            np.flatnonzero(np.concatenate(([True], np.diff(confidence) != 0))),
            measured,
            np.minimum((known * bins).astype(int), bins - 1),
            known - truth,
            bins,
        )

    def figures(self, counts: np.ndarray) -> list[float]:
        """The figures in the order of ``FIGURES`` where group g counts ``counts[g]`` times."""
        weight = counts[self.group]
        total, wrong = float(weight.sum()), weight * self.error
        decided = float(weight[self.is_decided].sum())
        gaps = np.bincount(self.bin, weight[self.measured] * self.gap, self.bins)
        return [
            _ratio(decided, total),
            1 - _ratio(float(wrong[self.is_decided].sum()), decided),
            1 - _ratio(float(wrong.sum()), total),
            _area(np.add.reduceat(weight, self.starts), np.add.reduceat(wrong, self.starts)),
            _ratio(float(np.abs(gaps).sum()), float(weight[self.measured].sum())),
        ]


def _area(counts: np.ndarray, errors: np.ndarray) -> float:
    """Area under the risk-coverage curve of runs of equal confidence, the most confident first.

    Within a run of mean error e that begins after n claims with E errors, the risk of the j-th is
    (E + j e) / (n + j) = e + (E - n e) / (n + j), whose sum is one of harmonic numbers.
    """
    counts, errors = counts[counts > 0], errors[counts > 0]
    total = int(counts.sum())
    if not total:
        return math.nan
    harmonic = np.concatenate(([0.0], np.cumsum(1 / np.arange(1, total + 1))))
    after = np.cumsum(counts)
    before = after - counts
    errors_before = np.cumsum(errors) - errors
    mean = errors / counts
    sums = counts * mean + (errors_before - before * mean) * (harmonic[after] - harmonic[before])
    return float(sums.sum()) / total


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
