"""Shape of two masks beside each other: which outline goes on, and which one the other interrupts.

These cues need no depth. The outline of a hidden object ends where it meets that of the object in front (T-junctions,
Guzman 1969), and what hides a part of an object without holes lies within the hull of its visible part.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.geometry.objects import dilate
from pipeline.geometry.robust import LITTLE


def hull_of(mask: np.ndarray) -> np.ndarray:
    """Convex hull of a mask, bool (h, w); empty for an empty mask."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros(mask.shape, np.uint8)
    if contours:
        cv2.fillConvexPoly(filled, cv2.convexHull(np.concatenate(contours)), 1)
    return filled.astype(bool)


def filled_share(front: np.ndarray, back: np.ndarray) -> float:
    """Area of one mask within the hull of another, as a share of the smaller one, in [0, 1]; 0 if one is empty."""
    smaller = min(np.count_nonzero(front), np.count_nonzero(back))
    return min(1.0, float(np.count_nonzero(hull_of(back) & front) / smaller)) if smaller else 0.0


def masks_gap(first: np.ndarray, second: np.ndarray) -> float:
    """Pixels between two masks, bool (h, w), along the shortest way; 0 where they touch, infinite if one is empty."""
    if not (first.any() and second.any()):
        return float("inf")
    distance = cv2.distanceTransform((~first).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return max(0.0, float(distance[second].min()) - 1)


def junction_lead(first: np.ndarray, second: np.ndarray, radius_px: float) -> float:
    """How much straighter the first outline goes through the ends of the common border than the second.

    An object in front fills half of a disc around such an end, whatever lies behind it; what it hides fills less.

    Args:
        first: bool (h, w).
        second: bool (h, w), disjoint from the first.
        radius_px: Radius of the discs [px].

    Returns:
        In [-1, 1], the mean over all ends; 0 where there are none.
    """
    free = ~(first | second)
    border = dilate(first, 1) & dilate(second, 1)
    count, _, _, centres = cv2.connectedComponentsWithStats((dilate(border, 1) & dilate(free, 1)).astype(np.uint8))
    leads = []
    reach = int(np.ceil(radius_px))
    for x, y in centres[1:count]:
        top, left = max(round(y) - reach, 0), max(round(x) - reach, 0)
        near = (slice(top, round(y) + reach + 1), slice(left, round(x) + reach + 1))
        rows, columns = np.indices(free[near].shape)
        disc = (rows + top - y) ** 2 + (columns + left - x) ** 2 <= radius_px**2
        one, other, neither = (float(mask[near][disc].mean()) for mask in (first, second, free))
        if neither >= LITTLE:
            leads.append(2 * (abs(other - 0.5) - abs(one - 0.5)))
    return float(np.mean(leads)) if leads else 0.0
