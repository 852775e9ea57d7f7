"""Logistic models whose weights have the signs that reason demands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.optimize import minimize

from pipeline.records.weights import CueModel

# Strength of the penalty on large weights, in units of the loss of one example.
_PENALTY = 0.05
_DIGITS = 4
Cues = Mapping[str, float]
Signs = Mapping[str, int]


def fit_binary(cues: Sequence[Cues], truths: Sequence[bool], counts: Sequence[float], signs: Signs) -> CueModel:
    """A model of whether something holds.

    Args:
        cues: Cues of every example.
        truths: Whether it holds.
        counts: Weight of the example.
        signs: Sign of the weight of every cue: 1, -1, or 0 where either may be.
    """
    table, truth, count = _table(cues, signs), np.asarray(truths, dtype=float), np.asarray(counts, dtype=float)
    table = np.hstack((table, np.ones((len(table), 1))))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = table @ weights
        residual = count * (1 / (1 + np.exp(-scores)) - truth)
        return float(count @ np.logaddexp(0, np.where(truth > 0, -scores, scores))), table.T @ residual

    *weights, intercept = _minimised(loss, [*signs.values(), 0], free=1)
    return CueModel(dict(zip(signs, weights, strict=True)), intercept)


def fit_choice(
    alternatives: Sequence[Sequence[Cues]], chosen: Sequence[int], counts: Sequence[float], signs: Signs
) -> CueModel:
    """A model of which of several alternatives holds (McFadden's conditional logit).

    Args:
        alternatives: Cues of the alternatives of every example, at least one each.
        chosen: Number of that which holds.
        counts: Weight of the example.
        signs: See ``fit_binary``.
    """
    table, count = _table([cues for some in alternatives for cues in some], signs), np.asarray(counts, dtype=float)
    sizes = np.array([len(some) for some in alternatives])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    taken, per_row = starts + np.asarray(chosen), np.repeat(count, sizes)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = table @ weights
        scores = scores - np.repeat(np.maximum.reduceat(scores, starts), sizes)
        odds = np.exp(scores)
        totals = np.add.reduceat(odds, starts)
        shares = odds / np.repeat(totals, sizes)
        value = float(count @ (np.log(totals) - scores[taken]))
        return value, table.T @ (per_row * shares) - table[taken].T @ count

    return CueModel(dict(zip(signs, _minimised(loss, list(signs.values())), strict=True)))


def _table(cues: Sequence[Cues], signs: Signs) -> np.ndarray:
    return np.array([[one[name] for name in signs] for one in cues], dtype=float).reshape(len(cues), len(signs))


def _minimised(
    loss: Callable[[np.ndarray], tuple[float, np.ndarray]], signs: Sequence[int], free: int = 0
) -> list[float]:
    """Weights with the least penalised loss; the last ``free`` ones have no penalty."""
    penalty = np.full(len(signs), _PENALTY)
    penalty[len(signs) - free :] = 0.0

    def penalised(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(weights)
        return value + 0.5 * float(penalty @ weights**2), slope + penalty * weights

    bounds = [{0: (None, None), 1: (0, None), -1: (None, 0)}[sign] for sign in signs]
    found = minimize(penalised, np.zeros(len(signs)), jac=True, bounds=bounds, method="L-BFGS-B").x
    return [round(float(value), _DIGITS) + 0.0 for value in found]
