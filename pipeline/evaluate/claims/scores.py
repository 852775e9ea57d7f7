"""How good judgements are: accuracy, coverage, risk against coverage, calibration, with intervals.

Everything works on one judgement per claim: the probability that the claim holds, or None where nothing could be
measured, and whether a verdict was given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluate.bootstrap import Interval, drawn_weights, interval_of, ratio

_BINS = 10


@dataclass(frozen=True)
class Judgement:
    """What was said of one claim, and what is true.

    Args:
        relation: Name of the claim's relation.
        truth: Whether the claim holds.
        probability: Probability that it holds, in [0, 1]; None where nothing could be measured.
        is_decided: Whether it was called supported or refuted.
        group: What is resampled as a whole: the scene.
    """

    relation: str
    truth: bool
    probability: float | None
    is_decided: bool
    group: str

    @property
    def confidence(self) -> float:
        """Probability of the likelier answer, in [0.5, 1]; 0.5 where nothing could be measured."""
        return 0.5 if self.probability is None else max(self.probability, 1 - self.probability)

    @property
    def error(self) -> float:
        """1 where the likelier answer is wrong, 0 where it is right, 0.5 where neither is likelier."""
        if self.probability is None or self.probability == 0.5:
            return 0.5
        return float((self.probability > 0.5) is not self.truth)


@dataclass(frozen=True)
class Scores:
    """Figures of a set of judgements.

    Args:
        claims: How many there are.
        coverage: Share of decided ones.
        accuracy: Share of right ones among the decided; NaN where nothing is decided.
        forced_accuracy: Share of right ones if every claim is answered by its likelier side; none counts one half.
        risk_coverage_area: Area under the risk-coverage curve: the mean of its risks.
        calibration_error: Expected calibration error of the measured probabilities (Naeini et al. 2015): mean gap of
            the reliability diagram, weighted by claims; NaN where there are none.
    """

    claims: int
    coverage: float
    accuracy: float
    forced_accuracy: float
    risk_coverage_area: float
    calibration_error: float


FIGURES = ("coverage", "accuracy", "forced_accuracy", "risk_coverage_area", "calibration_error")
"""Names of the figures of ``Scores`` that have an interval."""


def scores(judgements: Sequence[Judgement]) -> Scores:
    """All figures of a set of judgements; those that an empty set does not have are NaN."""
    return Scores(len(judgements), *_Table.of(judgements).figures(np.ones(len(judgements), dtype=int)))


def figure_intervals(judgements: Sequence[Judgement], *, draws: int = 300, seed: int = 0) -> dict[str, Interval]:
    """95 % intervals of all figures when whole groups are drawn again.

    Args:
        judgements: The judgements.
        draws: How often the groups are drawn; 0 gives no interval.
        seed: Seed of the draws.

    Returns:
        (low, high) by the name of the figure; NaN where there are fewer than three groups, or no draws.
    """
    table = _Table.of(judgements)
    groups = [item.group for item in judgements]
    drawn = [table.figures(weights) for weights in drawn_weights(groups, draws, seed)]
    return {name: interval_of([figures[column] for figures in drawn]) for column, name in enumerate(FIGURES)}


def risk_coverage_curve(judgements: Sequence[Judgement]) -> tuple[np.ndarray, np.ndarray]:
    """Error rate of the most confident claims against the share that is answered.

    Geifman & El-Yaniv 2017, "Selective classification for deep neural networks". Claims of equal confidence enter
    together, with their mean error, so that their order in the input does not matter.

    Args:
        judgements: At least one.

    Returns:
        (coverage, risk), float64 (N,) each: of the 1, 2, ..., N most confident claims.
    """
    confidences = np.array([item.confidence for item in judgements])
    errors = np.array([item.error for item in judgements])
    order = np.argsort(-confidences, kind="stable")
    _, starts, counts = np.unique(-confidences[order], return_index=True, return_counts=True)
    tied = np.repeat(np.add.reduceat(errors[order], starts) / counts, counts)
    answered = np.arange(1, len(errors) + 1)
    return answered / len(errors), np.cumsum(tied) / answered


@dataclass(frozen=True)
class ReliabilityBin:
    """Claims of similar probability: their number, mean probability, and the share that is true."""

    count: int
    probability: float
    true_share: float


def reliability(judgements: Sequence[Judgement]) -> tuple[ReliabilityBin, ...]:
    """The points of a reliability diagram: ten bins of equal width, the empty ones left out."""
    measured = [item for item in judgements if item.probability is not None]
    probabilities = np.array([item.probability for item in measured], dtype=float)
    truths = np.array([item.truth for item in measured], dtype=float)
    which = _bin_of(probabilities)
    return tuple(
        ReliabilityBin(int(here.sum()), float(probabilities[here].mean()), float(truths[here].mean()))
        for here in (which == index for index in range(_BINS))
        if here.any()
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """Judgements as arrays (N,), the most confident first.

    Each may count several times, so that nothing is sorted again for a draw.
    """

    order: np.ndarray
    error: np.ndarray
    is_decided: np.ndarray
    # First judgement of every run of equal confidence.
    starts: np.ndarray
    # Bin of the reliability diagram, and its gap; both only of judgements with a probability.
    measured: np.ndarray
    bin: np.ndarray
    gap: np.ndarray

    @classmethod
    def of(cls, judgements: Sequence[Judgement]) -> _Table:
        order = np.argsort([-item.confidence for item in judgements], kind="stable")
        ordered = [judgements[index] for index in order]
        confidence = np.array([item.confidence for item in ordered])
        probability = np.array([math.nan if item.probability is None else item.probability for item in ordered])
        measured = ~np.isnan(probability)
        known = probability[measured]
        truth = np.array([item.truth for item in ordered], dtype=float)[measured]
        return cls(
            order,
            np.array([item.error for item in ordered], dtype=float),
            np.array([item.is_decided for item in ordered], dtype=bool),
            np.flatnonzero(np.diff(confidence, prepend=math.nan) != 0),
            measured,
            _bin_of(known),
            known - truth,
        )

    def figures(self, weights: np.ndarray) -> list[float]:
        """The figures in the order of ``FIGURES`` where each judgement counts as often as its weight says."""
        weight = weights[self.order]
        total, wrong = float(weight.sum()), weight * self.error
        decided = float(weight[self.is_decided].sum())
        gaps = np.bincount(self.bin, weight[self.measured] * self.gap, _BINS)
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


def _bin_of(probabilities: np.ndarray) -> np.ndarray:
    """Bin of the reliability diagram, of ``_BINS`` of equal width over [0, 1]."""
    return np.minimum((probabilities * _BINS).astype(int), _BINS - 1)


def balanced_accuracy(judgements: Sequence[Judgement], *, decided_only: bool = False) -> float:
    """Mean of the shares of true and of false claims that are answered rightly; NaN where one kind is missing.

    A claim for which nothing could be measured is answered with no, as whoever sees no sign of it would, unless only
    decided claims count.
    """
    shares = []
    for truth in (True, False):
        chosen = [item for item in judgements if item.truth is truth and (item.is_decided or not decided_only)]
        shares.append(_mean([float((item.probability or 0.0) > 0.5) if truth else _denied(item) for item in chosen]))
    return sum(shares) / 2


def _denied(item: Judgement) -> float:
    return float((item.probability or 0.0) <= 0.5)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
