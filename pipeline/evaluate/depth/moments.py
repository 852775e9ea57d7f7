"""Sums and counts from which every metric follows, for a single image or pooled over many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Moments = dict[str, float | tuple[float, ...]]
"""Sums by name; a tuple holds one sum per threshold. All are additive over images."""

BIN_EDGES_M: tuple[float, ...] = tuple(float(2 ** (quarter / 4)) for quarter in range(-12, 41))
"""Edges of the bins of true depth [m]: four per octave from 0.125 to 1024 m; the outermost bins are open-ended."""
_BINS = len(BIN_EDGES_M) - 1
_BLOCK = 16_384
_SUMS = ("abs", "sq", "abs_rel", "sq_rel", "log", "abs_log", "sq_log", "delta1", "delta2", "delta3", "above1")
_LOG = _SUMS.index("log")


@dataclass(frozen=True)
class DepthBins:
    """Error by true depth: sums per bin of ``BIN_EDGES_M``.

    Args:
        pixels: How many pixels.
        abs_rel: Sum of |p - t| / t.
        abs_m: Sum of |p - t| [m].
    """

    pixels: tuple[float, ...] = (0.0,) * _BINS
    abs_rel: tuple[float, ...] = (0.0,) * _BINS
    abs_m: tuple[float, ...] = (0.0,) * _BINS

    @property
    def is_whole(self) -> bool:
        """Whether every sum has all its bins."""
        return all(len(sums) == _BINS for sums in vars(self).values())

    def __add__(self, other: DepthBins) -> DepthBins:
        """Sum of the bins of both."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return DepthBins(*(tuple(map(sum, zip(first, second, strict=True))) for first, second in pairs))


def pixel_moments(predicted_m: np.ndarray, true_m: np.ndarray) -> tuple[Moments, DepthBins]:
    """Sums of the usual errors over pixels, in one pass.

    Args:
        predicted_m: float64 (N,), aligned depth p [m], positive.
        true_m: float64 (N,), true depth t [m], positive.

    Returns:
        ``pixels`` and the sums of: ``abs`` |p - t|, ``sq`` its square, ``abs_rel`` |p - t| / t, ``sq_rel`` (p - t)^2 /
        t; ``log`` ln p - ln t, ``abs_log`` and ``sq_log`` of it; ``log_within``, its squared deviations from the
        image's mean, and ``log_between``, N times that mean squared; ``delta1`` to ``delta3``, where max(p / t, t /
        p) < 1.25^k, and ``above1``, where it is > 1.25. Second, the sums by true depth.
    """
    sums = np.zeros(len(_SUMS))
    bins = np.zeros((3, _BINS))
    pixels, within = 0, 0.0
    # Blocks fit into the cache; whole images take three times as long.
    for start in range(0, len(true_m), _BLOCK):
        p, t = predicted_m[start : start + _BLOCK], true_m[start : start + _BLOCK]
        found, deviations = _block(p, t, bins)
        if pixels:
            # Squared deviations of two parts about their common mean: Chan, Golub, LeVeque 1979.
            apart = sums[_LOG] / pixels - found[_LOG] / len(t)
            within += apart * apart * pixels * len(t) / (pixels + len(t))
        within += deviations
        sums += found
        pixels += len(t)
    moments: Moments = {"pixels": float(pixels), **dict(zip(_SUMS, sums.tolist(), strict=True))}
    moments |= {"log_within": within, "log_between": float(sums[_LOG] ** 2 / max(pixels, 1))}
    return moments, DepthBins(*(tuple(row) for row in bins.tolist()))


def _block(p: np.ndarray, t: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, float]:
    """Sums in the order of ``_SUMS`` and the squared deviations of the logarithm; adds to the bins (3, B)."""
    ratio = p / t
    error = np.abs(p - t)
    relative = error / t
    log = np.log(ratio)
    log_sum = log.sum()
    away = log - log_sum / len(log)
    worse = np.maximum(ratio, t / p)
    place = np.floor(4 * np.log2(t)) - 4 * np.log2(BIN_EDGES_M[0])
    index = np.clip(place, 0, _BINS - 1).astype(np.intp)
    for row, weights in zip(bins, (None, relative, error), strict=True):
        row += np.bincount(index, weights, _BINS)
    limits = (np.count_nonzero(worse < 1.25**k) for k in (1, 2, 3))
    sums = (error.sum(), error @ error, relative.sum(), relative @ error, log_sum, np.abs(log).sum(), log @ log)
    return np.array([*sums, *limits, np.count_nonzero(worse > 1.25)], dtype=np.float64), float(away @ away)
