"""Calibration of verdicts: curves, and the guarantee on the share of wrong ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize
from scipy.stats import binom

from pipeline.records.calibration import Curve

# Verdicts of one scene share most of their errors: the second and further ones count so much each.
_FURTHER = 0.3
# The slope deviates from 1 by about this, before anything is seen: standard deviation of its logarithm.
_PRIOR_SPREAD = 0.3
_SLOPES = (0.05, 3.0)
_FINITE = 1e-6
# Features that hardly vary in the data may vary by this much.
_LEAST_DEVIATION = 0.05
# Beside few real verdicts, rendered ones together count as much as so many.
_LEAST_RENDERED = 20.0
# Largest share of verdicts that are wrong however certain they are; no curve draws everything to one half.
_MOST_STRAY = 0.4
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
        features: Features of the depth map, see ``features_of``.
    """

    key: str
    scene: str
    probability: float
    truth: bool
    is_rendered: bool = False
    features: Mapping[str, float] = field(default_factory=dict)


def fit_curve(stated: Sequence[Stated], *, risk: float, confidence: float) -> Curve:
    """The curve of comparable verdicts by maximum likelihood.

    Its two numbers are the slope of the log-odds, and the share of verdicts that are wrong however certain they are,
    which is at least 1/n for n verdicts, those of one scene discounted. Rendered verdicts together weigh no more than
    real ones, or than twenty.

    Args:
        stated: At least one.
        risk: Share of wrong verdicts that the guarantee bounds.
        confidence: Confidence of that bound.
    """
    probabilities = np.clip([item.probability for item in stated], _FINITE, 1 - _FINITE)
    odds = np.log(probabilities / (1 - probabilities)) * np.where([item.truth for item in stated], 1, -1)
    counts = _counts(stated)
    least = 1 / (effective_count([item.scene for item in stated]) + 1)

    def loss(numbers: np.ndarray) -> float:
        log_slope, stray = numbers
        likelihood = stray + (1 - 2 * stray) / (1 + np.exp(-math.exp(log_slope) * odds))
        return float(-counts @ np.log(likelihood)) + 0.5 * (log_slope / _PRIOR_SPREAD) ** 2

    bounds = ((math.log(_SLOPES[0]), math.log(_SLOPES[1])), (min(least, _MOST_STRAY), _MOST_STRAY))
    starts = ([0.0, min(max(least, stray), _MOST_STRAY)] for stray in (least, 0.05))
    found = min((minimize(loss, start, bounds=bounds, method="L-BFGS-B") for start in starts), key=lambda one: one.fun)
    curve = Curve(math.exp(found.x[0]), 1 - float(found.x[1]))
    return Curve(
        round(curve.slope, 3),
        round(curve.most, 5),
        len(stated),
        len({item.scene for item in stated}),
        missing_scenes(curve, stated, risk=risk, confidence=confidence),
        _features(stated),
    )


def _features(stated: Sequence[Stated]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every feature over the depth maps."""
    maps = list({id(item.features): item.features for item in stated}.values())
    found = {}
    for name in sorted({name for features in maps for name in features}):
        values = np.array([features[name] for features in maps if name in features])
        found[name] = (round(float(values.mean()), 3), round(max(float(values.std()), _LEAST_DEVIATION), 3))
    return found


def _counts(stated: Sequence[Stated]) -> np.ndarray:
    """Weight of every verdict: those of one scene are discounted, and rendered ones weigh no more than real ones."""
    sizes = Counter(item.scene for item in stated)
    counts = np.array([(1 + _FURTHER * (sizes[item.scene] - 1)) / sizes[item.scene] for item in stated])
    rendered = np.array([item.is_rendered for item in stated])
    real_total, rendered_total = counts[~rendered].sum(), counts[rendered].sum()
    most = max(real_total, _LEAST_RENDERED)
    if real_total > 0 and rendered_total > most:
        counts[rendered] *= most / rendered_total
    return counts


def effective_count(scenes: Sequence[str]) -> float:
    """Number of independent verdicts, those of one scene discounted for what they share."""
    return sum(1 + _FURTHER * (size - 1) for size in Counter(scenes).values())


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
