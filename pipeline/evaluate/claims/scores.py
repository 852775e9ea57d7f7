"""Accuracy, coverage, risk-coverage curve and calibration of judgements, with intervals.

Each claim has one judgement: the probability that it holds, None where nothing could be measured, and whether it was
decided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluate.bootstrap import (
    Interval,
    bound_of,
    count_groups,
    drawn_weights,
    interval_of,
    ratio,
    share_interval,
)

TAILS = (0.01, 0.001)
"""Stated errors below which verdicts are counted apart; the bins of a reliability diagram are too wide to show them."""
_BINS = 10


@dataclass(frozen=True)
class Judgement:
    """The judgement of one claim, with its ground truth.

    Args:
        relation: Name of the claim's relation.
        truth: Whether the claim holds.
        probability: Probability that it holds, in [0, 1]; None where nothing could be measured.
        is_decided: Whether the verdict is supported or refuted.
        group: The group that is resampled as a whole: the scene.
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
        """1 where the likelier answer is wrong, 0 where it is correct, 0.5 where neither is likelier."""
        if self.probability is None or self.probability == 0.5:
            return 0.5
        return float((self.probability > 0.5) is not self.truth)


@dataclass(frozen=True)
class Scores:
    """Figures of a set of judgements.

    Args:
        claims: Number of claims.
        coverage: Share of decided claims.
        accuracy: Share of correct judgements among the decided ones; NaN if none is decided.
        forced_accuracy: Share of correct judgements if every claim gets its likelier answer; without one it counts
            one half.
        risk_coverage_area: Area under the risk-coverage curve: the mean of its risks.
        calibration_error: Expected calibration error of the measured probabilities (Naeini et al. 2015): mean gap of
            the reliability diagram, weighted by claims; NaN if there are none.
    """

    claims: int
    coverage: float
    accuracy: float
    forced_accuracy: float
    risk_coverage_area: float
    calibration_error: float


FIGURES = ("coverage", "accuracy", "forced_accuracy", "risk_coverage_area", "calibration_error")
"""The figures of ``Scores`` that have an interval."""
_SHARES = FIGURES[:3]


def scores(judgements: Sequence[Judgement]) -> Scores:
    """All figures of a set of judgements; of an empty set they are NaN."""
    return Scores(len(judgements), *_Table.of(judgements).figures(np.ones(len(judgements), dtype=int)))


def figure_intervals(judgements: Sequence[Judgement], *, draws: int = 300, seed: int = 0) -> dict[str, Interval]:
    """95 % intervals of all figures from draws of whole groups.

    Args:
        judgements: The judgements.
        draws: Number of draws; 0 gives no interval.
        seed: Seed of the draws.

    Returns:
        (low, high) by the name of the figure, as ``interval_of`` gives it for the groups that have the figure. A
        share that is 0 or 1 has a one-sided bound, see ``bound_of``.
    """
    table = _Table.of(judgements)
    groups = [item.group for item in judgements]
    known = {
        "accuracy": [item.is_decided for item in judgements],
        "calibration_error": [item.probability is not None for item in judgements],
    }
    drawn = [table.figures(weights) for weights in drawn_weights(groups, draws, seed)]
    found = {}
    for column, (name, value) in enumerate(zip(FIGURES, table.figures(np.ones(len(groups), dtype=int)), strict=True)):
        count = count_groups(groups, known.get(name, [True] * len(groups)))
        is_bounded = draws > 0 and name in _SHARES and value in (0, 1)
        found[name] = (
            bound_of(value, count) if is_bounded else interval_of([figures[column] for figures in drawn], count)
        )
    return found


@dataclass(frozen=True)
class Tail:
    """The most certain verdicts, decided or not, and how many of them are wrong.

    Args:
        below: The verdicts state an error below this, in (0, 0.5]: probability ``p`` states the error min(p, 1 - p).
        verdicts: How many they are.
        groups: Number of their groups.
        wrong: How many of them are wrong.
        stated_error: Mean of the errors that they state; NaN without any.
        wrong_interval: 95 % interval of the share of wrong ones.
    """

    below: float
    verdicts: int
    groups: int
    wrong: int
    stated_error: float
    wrong_interval: Interval


def tails(judgements: Sequence[Judgement], *, draws: int = 300, seed: int = 0) -> tuple[Tail, ...]:
    """The verdicts below each of ``TAILS``; those of a lower limit are also among those of a higher one."""
    found = []
    for below in TAILS:
        chosen = [item for item in judgements if 1 - item.confidence < below]
        groups, wrong = [item.group for item in chosen], [item.error for item in chosen]
        stated = ratio(sum(1 - item.confidence for item in chosen), len(chosen))
        interval = share_interval(wrong, groups, draws=draws, seed=seed)
        found.append(Tail(below, len(chosen), len(set(groups)), round(sum(wrong)), stated, interval))
    return tuple(found)


def risk_coverage_curve(judgements: Sequence[Judgement]) -> tuple[np.ndarray, np.ndarray]:
    """Error rate of the most confident claims against the share of claims answered.

    Geifman & El-Yaniv 2017, "Selective classification for deep neural networks". Claims of equal confidence enter
    together with their mean error, so their order in the input does not matter.

    Args:
        judgements: At least one.

    Returns:
        (coverage, risk), float64 (N,) each, for the 1, 2, ..., N most confident claims.
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
    """Number, mean probability and share of true claims among claims of similar probability."""

    count: int
    probability: float
    true_share: float


def reliability(judgements: Sequence[Judgement]) -> tuple[ReliabilityBin, ...]:
    """The points of a reliability diagram: ten bins of equal width, without the empty ones."""
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
    """Judgements as arrays (N,), the most confident first; draws only weight them, without sorting again."""

    order: np.ndarray
    error: np.ndarray
    is_decided: np.ndarray
    # First judgement of every run of equal confidence.
    starts: np.ndarray
    # Bin of the reliability diagram, and gap between probability and truth, both for measured judgements only.
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
        """The figures in the order of ``FIGURES``, each judgement counted with its weight."""
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
    """Index of the reliability diagram's bin of each probability."""
    return np.minimum((probabilities * _BINS).astype(int), _BINS - 1)


def balanced_accuracy(judgements: Sequence[Judgement], *, decided_only: bool = False) -> float:
    """Mean of the shares of true and of false claims that are answered correctly; NaN if one kind is missing.

    A claim for which nothing could be measured counts as denied, unless only decided claims count.
    """
    shares = []
    for truth in (True, False):
        chosen = [item for item in judgements if item.truth is truth and (item.is_decided or not decided_only)]
        shares.append(ratio(sum(((item.probability or 0.0) > 0.5) is truth for item in chosen), len(chosen)))
    return sum(shares) / 2
