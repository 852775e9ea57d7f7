"""Depth order of sampled pairs of pixels, and of the objects of an image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from operator import itemgetter

import numpy as np

from pipeline.evaluate.depth.moments import Moments
from pipeline.geometry.regions import box_window, mask_box
from pipeline.records import Region

# A point region covers the pixels within this distance [px].
_POINT_RADIUS_PX = 1.0


def sampled_pairs(pixels: int, count: int, seed: int) -> np.ndarray:
    """Seeded pairs of different pixels.

    Args:
        pixels: Number of pixels to draw from, at least one.
        count: Number of pairs to draw; pairs of a pixel with itself are then left out.
        seed: Seed of the draws.

    Returns:
        Indices, int64 (N, 2).
    """
    pairs = np.random.default_rng(seed).integers(pixels, size=(count, 2))
    return pairs[pairs[:, 0] != pairs[:, 1]]


def order_moments(
    farness: np.ndarray,
    predicted_m: np.ndarray,
    true_m: np.ndarray,
    pairs: np.ndarray,
    *,
    equal_ratio: float,
    clear_ratio: float,
) -> Moments:
    """Counts of WHDR and of the order of clear pairs.

    WHDR is the share of pairs whose relation (farther, nearer or equal, by the ratio of aligned depths) differs from
    that of the truth, each of weight one: Chen et al., "Single-image depth perception in the wild", NIPS 2016, on pairs
    drawn from known depth and with an equality threshold as in Zoran et al., ICCV 2015. The order of clear pairs uses
    the unaligned prediction, because order needs no alignment; a pair predicted equal is wrong.

    Args:
        farness: float (N,), the unaligned prediction, with disparity negated.
        predicted_m: float64 (N,), aligned depth [m].
        true_m: float64 (N,), true depth [m].
        pairs: Indices, int (M, 2).
        equal_ratio: Depths whose ratio is at most this are equal in WHDR.
        clear_ratio: True depths whose ratio is above this have a clear order.

    Returns:
        ``pairs``, ``whdr`` (number that disagree), ``clear_pairs``, ``clear_right``.
    """
    first, second = pairs.T
    true_first, true_second = true_m[first], true_m[second]
    theirs = _relation(predicted_m[first], predicted_m[second], equal_ratio)
    disagree = np.count_nonzero(theirs != _relation(true_first, true_second, equal_ratio))
    truth = _relation(true_first, true_second, clear_ratio)
    order = np.sign(farness[first] - farness[second])
    return {
        "pairs": float(len(pairs)),
        "whdr": float(disagree),
        "clear_pairs": float(np.count_nonzero(truth)),
        "clear_right": float(np.count_nonzero((order == truth) & (truth != 0))),
    }


def _relation(first: np.ndarray, second: np.ndarray, ratio: float) -> np.ndarray:
    """1 where the first is farther, -1 where the second is, 0 where they are equal."""
    return (first / second > ratio).astype(np.int8) - (second / first > ratio)


def object_moments(
    farness: np.ndarray, true_m: np.ndarray, known: np.ndarray, regions: Sequence[Region], *, clear_ratio: float
) -> Moments:
    """Counts of pairs of objects whose true medians differ clearly, and of those predicted in the same order.

    This is the relative depth of objects in benchmarks of vision-language models (CV-Bench, Tong et al. 2024), from the
    medians over the known pixels of each region's mask, or of its box if it has no mask.

    Args:
        farness: float (H, W), the unaligned prediction, with disparity negated.
        true_m: float (H, W), true depth [m].
        known: bool (H, W), the compared pixels.
        regions: Objects of that image.
        clear_ratio: True medians whose ratio is above this have a clear order.

    Returns:
        ``objects_clear`` and ``objects_right``.
    """
    medians = []
    for region in regions:
        # A mask of another size belongs to another image.
        mask = region.mask if region.mask is not None and region.mask.shape == known.shape else None
        box_px = None if mask is None else mask_box(mask)
        window = box_window(box_px or region.box_px, known.shape, _POINT_RADIUS_PX).slices
        inside = known[window] if mask is None else known[window] & mask[window]
        if inside.any():
            medians.append([float(np.median(values[window][inside])) for values in (farness, true_m)])
    clear = [
        (first, second)
        for (first, first_m), (second, second_m) in (
            sorted(pair, key=itemgetter(1)) for pair in combinations(medians, 2)
        )
        if second_m / first_m > clear_ratio
    ]
    return {"objects_clear": float(len(clear)), "objects_right": float(sum(first < second for first, second in clear))}
