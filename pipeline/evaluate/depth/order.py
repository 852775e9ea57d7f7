"""Order in depth: of sampled pairs of pixels, and of the objects of an image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from pipeline.evaluate.depth.moments import Moments
from pipeline.geometry.regions import Window, box_window, mask_box
from pipeline.records import Region

# A region that is a point is the pixels within this of it [px].
_POINT_RADIUS_PX = 1.0


def sampled_pairs(pixels: int, count: int, seed: int) -> np.ndarray:
    """Seeded pairs of different pixels.

    Args:
        pixels: How many pixels there are to draw from, at least one; in ``score`` those compared, row by row.
        count: How many pairs to draw; pairs of a pixel with itself are then left out.
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

    WHDR is the share of pairs whose relation (farther, nearer or equal, by the ratio of aligned depths) is not that of
    the truth, each of weight one: Chen et al., "Single-image depth perception in the wild", NIPS 2016, on pairs drawn
    from known depth and with a threshold of equality as in Zoran et al., ICCV 2015. The order of clear pairs takes the
    prediction as it came, because order needs no alignment; a pair that it holds equal is wrong.

    Args:
        farness: float (N,), the prediction itself, with disparity negated.
        predicted_m: float64 (N,), aligned depth [m].
        true_m: float64 (N,), true depth [m].
        pairs: Indices, int (M, 2).
        equal_ratio: Depths whose ratio is at most this are equal in WHDR.
        clear_ratio: True depths whose ratio is above this have a clear order.

    Returns:
        ``pairs``, ``whdr`` (how many disagree), ``clear_pairs``, ``clear_right``.
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
    """Counts of the order of objects: of all pairs whose true medians differ clearly, how many are ordered likewise.

    The accuracy of relative depth of objects, as benchmarks of vision-language models ask for it (CV-Bench, Tong et
    al. 2024), on the medians of each region's mask, or box where it has none, over the pixels that are known.

    Args:
        farness: float (H, W), the prediction itself, with disparity negated.
        true_m: float (H, W), true depth [m].
        known: bool (H, W), where both are known and count.
        regions: Objects of that image.
        clear_ratio: True medians whose ratio is above this have a clear order.

    Returns:
        ``objects_clear`` and ``objects_right``.
    """
    medians = []
    for region in regions:
        window = _window(region, known.shape).slices
        inside = known[window]
        if _has_mask(region, known.shape):
            inside = inside & region.mask[window]  # type: ignore[index]
        theirs, true = farness[window][inside], true_m[window][inside]
        if len(true):
            medians.append((float(np.median(theirs)), float(np.median(true))))
    clear = [pair for pair in combinations(medians, 2) if _are_clear(pair[0][1], pair[1][1], clear_ratio)]
    right = sum((first[0] - second[0]) * (first[1] - second[1]) > 0 for first, second in clear)
    return {"objects_clear": float(len(clear)), "objects_right": float(right)}


def _has_mask(region: Region, shape: tuple[int, int]) -> bool:
    """Whether it has a mask that speaks of this image; one of another size belongs to another."""
    return region.mask is not None and region.mask.shape == shape


def _window(region: Region, shape: tuple[int, int]) -> Window:
    """The pixels that hold the region's mask, or those of its box."""
    box_px = mask_box(region.mask) if region.mask is not None and _has_mask(region, shape) else None
    return box_window(box_px or region.box_px, shape, _POINT_RADIUS_PX)


def _are_clear(first_m: float, second_m: float, ratio: float) -> bool:
    return max(first_m, second_m) / min(first_m, second_m) > ratio
