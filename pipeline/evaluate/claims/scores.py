"""How good judgements are: accuracy, coverage, risk against coverage, calibration.

Everything works on one judgement per claim: the probability that the claim holds, or None where nothing could be
measured, and whether a verdict was given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
        risk_coverage_area: Area under the risk-coverage curve.
        calibration_error: Expected calibration error of the measured probabilities; NaN where there are none.
    """

    claims: int
    coverage: float
    accuracy: float
    forced_accuracy: float
    risk_coverage_area: float
    calibration_error: float


def scores(judgements: Sequence[Judgement]) -> Scores:
    """All figures of a set of judgements; those that an empty set does not have are NaN."""
    decided = [item for item in judgements if item.is_decided]
    return Scores(
        len(judgements),
        len(decided) / len(judgements) if judgements else math.nan,
        1 - _mean([item.error for item in decided]),
        1 - _mean([item.error for item in judgements]),
        risk_coverage_area(judgements),
        calibration_error(judgements),
    )


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


def risk_coverage_area(judgements: Sequence[Judgement]) -> float:
    """Area under the risk-coverage curve: the mean of its risks; NaN for the empty set."""
    return float(risk_coverage_curve(judgements)[1].mean()) if judgements else math.nan


@dataclass(frozen=True)
class ReliabilityBin:
    """Claims of similar probability: their number, mean probability, and the share that is true."""

    count: int
    probability: float
    true_share: float


def reliability(judgements: Sequence[Judgement], bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """The points of a reliability diagram: bins of equal width over [0, 1], the empty ones left out."""
    measured = [item for item in judgements if item.probability is not None]
    probabilities = np.array([item.probability for item in measured], dtype=float)
    truths = np.array([item.truth for item in measured], dtype=float)
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    return tuple(
        ReliabilityBin(int(here.sum()), float(probabilities[here].mean()), float(truths[here].mean()))
        for here in (which == index for index in range(bins))
        if here.any()
    )


def calibration_error(judgements: Sequence[Judgement], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al. 2015): mean gap of the reliability diagram, weighted by claims.

    Only claims with a probability count; NaN where there are none.
    """
    points = reliability(judgements, bins)
    total = sum(point.count for point in points)
    if not total:
        return math.nan
    return sum(point.count * abs(point.probability - point.true_share) for point in points) / total


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
