"""Intervals of all figures of a set of judgements from one set of bootstrap draws.

The figures are those of ``pipeline.evaluate.claims.scores``; each judgement has a weight here, so that nothing is
sorted again and hundreds of draws of thousands of claims take a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluate.bootstrap import Interval, drawn_weights, interval_of, ratio
from pipeline.evaluate.claims.scores import Judgement

FIGURES = ("coverage", "accuracy", "forced_accuracy", "risk_coverage_area", "calibration_error")
"""Names of the figures that have an interval, as in ``Scores``."""


def figure_intervals(
    judgements: Sequence[Judgement], *, draws: int = 300, seed: int = 0, bins: int = 10
) -> dict[str, Interval]:
    """95 % intervals of all figures when whole groups are drawn again.

    Args:
        judgements: The judgements.
        draws: How often the groups are drawn; 0 gives no interval.
        seed: Seed of the draws.
        bins: Bins of the calibration error.

    Returns:
        (low, high) by the name of the figure; NaN where there are fewer than three groups, or no draws.
    """
    table = _Table.of(judgements, bins)
    groups = [item.group for item in judgements]
    drawn = [table.figures(weights) for weights in drawn_weights(groups, draws, seed)]
    return {name: interval_of([figures[column] for figures in drawn]) for column, name in enumerate(FIGURES)}


@dataclass(frozen=True, eq=False)
class _Table:
    """Judgements as arrays (N,), the most confident first."""

    order: np.ndarray
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
    def of(cls, judgements: Sequence[Judgement], bins: int) -> _Table:
        order = np.argsort([-item.confidence for item in judgements], kind="stable")
        ordered = [judgements[index] for index in order]
        confidence = np.array([item.confidence for item in ordered])
        probability = np.array([math.nan if item.probability is None else item.probability for item in ordered])
        measured = ~np.isnan(probability)
        known = probability[measured]
        truth = np.array([item.truth for item in ordered], dtype=float)[measured]
        return cls(
            order,
            np.array([item.error for item in ordered]),
            np.array([item.is_decided for item in ordered]),
            np.flatnonzero(np.concatenate(([True], np.diff(confidence) != 0))),
            measured,
            np.minimum((known * bins).astype(int), bins - 1),
            known - truth,
            bins,
        )

    def figures(self, weights: np.ndarray) -> list[float]:
        """The figures in the order of ``FIGURES`` where each judgement counts as often as its weight says."""
        weight = weights[self.order]
        total, wrong = float(weight.sum()), weight * self.error
        decided = float(weight[self.is_decided].sum())
        gaps = np.bincount(self.bin, weight[self.measured] * self.gap, self.bins)
        return [
            ratio(decided, total),
            1 - ratio(float(wrong[self.is_decided].sum()), decided),
            1 - ratio(float(wrong.sum()), total),
            _area(np.add.reduceat(weight, self.starts), np.add.reduceat(wrong, self.starts)),
            ratio(float(np.abs(gaps).sum()), float(weight[self.measured].sum())),
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
