"""Calibration of verdicts: curves, and the guarantee on the share of wrong ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from pipeline.records.calibration import Curve

# Verdicts of one scene share most of their errors: the second and further ones count so much each.
_FURTHER = 0.3
# The slope deviates from 1 by about this, before anything is seen: standard deviation of its logarithm.
_PRIOR_SPREAD = 0.3
_SLOPES = (0.05, 3.0)
_FINITE = 1e-6
# No curve draws everything to one half.
_LEAST_MOST = 0.55
# Where the search for missing scenes ends.
_MOST_MISSING = 10_000


@dataclass(frozen=True)
class Stated:
    """A stated probability, before calibration, and whether the claim holds.

    Args:
        key: Family of relations and class of depth, as ``order/measured``.
        scene: The scene; scenes of one place share a name.
        probability: The stated probability.
        truth: Whether the claim holds.
        is_rendered: Whether the scene is rendered.
    """

    key: str
    scene: str
    probability: float
    truth: bool
    is_rendered: bool = False


def fit_curve(stated: Sequence[Stated], *, risk: float, confidence: float) -> Curve:
    """The curve of comparable verdicts: a slope of the log-odds by maximum likelihood, and a bound on certainty.

    In the slope, rendered verdicts together weigh no more than real ones. The largest probability is about 1 - 1/n for
    n verdicts without an error, those of one scene discounted.

    Args:
        stated: At least one.
        risk: Share of wrong verdicts that the guarantee bounds.
        confidence: Confidence of that bound.
    """
    probabilities = np.clip([item.probability for item in stated], _FINITE, 1 - _FINITE)
    odds = np.log(probabilities / (1 - probabilities)) * np.where([item.truth for item in stated], 1, -1)
    counts = _counts(stated)

    def loss(log_slope: float) -> float:
        return float(counts @ np.logaddexp(0, -math.exp(log_slope) * odds)) + 0.5 * (log_slope / _PRIOR_SPREAD) ** 2

    bounds = (math.log(_SLOPES[0]), math.log(_SLOPES[1]))
    slope = math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)
    curve = Curve(slope, _most(stated, slope))
    return Curve(
        round(slope, 3),
        round(curve.most, 5),
        len(stated),
        len({item.scene for item in stated}),
        missing_scenes(curve, stated, risk=risk, confidence=confidence),
    )


def _counts(stated: Sequence[Stated]) -> np.ndarray:
    """Weight of every verdict: scenes count by their discounted verdicts, rendered ones together as much as real ones."""
    sizes = Counter(item.scene for item in stated)
    counts = np.array([(1 + _FURTHER * (sizes[item.scene] - 1)) / sizes[item.scene] for item in stated])
    rendered = np.array([item.is_rendered for item in stated])
    real_total, rendered_total = counts[~rendered].sum(), counts[rendered].sum()
    if real_total > 0 and rendered_total > real_total:
        counts[rendered] *= real_total / rendered_total
    return counts


def effective_count(scenes: Sequence[str]) -> float:
    """Number of independent verdicts, those of one scene discounted for what they share."""
    return sum(1 + _FURTHER * (size - 1) for size in Counter(scenes).values())


def _most(stated: Sequence[Stated], slope: float) -> float:
    """Largest probability that the verdicts support.

    Among the verdicts from some confidence on, the error is their share of wrong ones, that of the real ones if it is
    larger, and one more than was seen (rule of succession). The confidence with the least such error gives the bound.
    """
    curve = Curve(slope, 1 - _FINITE)
    confidences = np.array([max(p, 1 - p) for p in (curve.apply(item.probability) for item in stated)])
    wrong = np.array([(item.probability > 0.5) is not item.truth for item in stated])
    rendered = np.array([item.is_rendered for item in stated])
    scenes = np.array([item.scene for item in stated])
    errors = []
    for level in np.quantile(confidences, np.linspace(0, 0.95, 20)):
        chosen = confidences >= level
        parts = [part for part in (chosen, chosen & ~rendered) if part.any()]
        share = max(float(wrong[part].mean()) for part in parts)
        errors.append(share + (1 - share) / (effective_count(scenes[chosen].tolist()) + 1))
    return max(1 - min(errors), _LEAST_MOST)


def missing_scenes(curve: Curve, stated: Sequence[Stated], *, risk: float, confidence: float) -> int:
    """How many more scenes without an error it takes until the share of wrong decided verdicts is bounded; 0 if it is.

    The loss of a scene is the share of wrong ones among its decided verdicts. Scenes are exchangeable, losses lie in
    [0, 1], and the threshold 1 - risk is fixed beforehand, so the bound on the mean loss of risk-controlling prediction
    sets holds for a finite sample (Bates et al. 2021, "Distribution-free, risk-controlling prediction sets":
    Hoeffding-Bentkus).

    Args:
        curve: The curve that the verdicts go through.
        stated: The verdicts.
        risk: Largest mean loss.
        confidence: Confidence of the bound.
    """
    losses: dict[str, list[float]] = {}
    for item in stated:
        probability = curve.apply(item.probability)
        if max(probability, 1 - probability) >= 1 - risk:
            losses.setdefault(item.scene, []).append(float((probability > 0.5) is not item.truth))
    means = [float(np.mean(scene)) for scene in losses.values()]
    for more in range(_MOST_MISSING):
        count = len(means) + more
        if count and hoeffding_bentkus(sum(means) / count, count, risk) <= 1 - confidence:
            return more
    return _MOST_MISSING


def hoeffding_bentkus(mean: float, count: int, risk: float) -> float:
    """P-value of the hypothesis that the expected loss exceeds a risk.

    Args:
        mean: Mean of the losses, each in [0, 1].
        count: Number of independent losses.
        risk: The risk.

    >>> round(hoeffding_bentkus(0.0, 45, 0.05), 3)
    0.099
    """
    if mean >= risk:
        return 1.0
    relative = (0.0 if mean == 0 else mean * math.log(mean / risk)) + (1 - mean) * math.log((1 - mean) / (1 - risk))
    hoeffding = math.exp(-count * relative)
    bentkus = math.e * float(binom.cdf(math.ceil(count * mean), count, risk))
    return min(hoeffding, bentkus, 1.0)
