"""Whether an object ends at an edge of its region, or something nearer hides the rest of it."""

from __future__ import annotations

import numpy as np

from pipeline.geometry.regions import Window

SIDES = ("left", "top", "right", "bottom")


def hidden_share(
    coordinate: np.ndarray,
    valid: np.ndarray,
    mask: np.ndarray,
    window: Window,
    side: str,
    *,
    edge_px: int,
    least_step: float,
) -> float:
    """Share of one side of a region along which a nearer surface begins.

    Depth is read in strips along the side: one within the object and two outside. A nearer surface that
    only leads up to the object, as a table does to a cup, is recognised by extending the two outer strips
    to the inner one.

    Args:
        coordinate: float (H, W) of the frame, order coordinate.
        valid: bool (H, W), where it means something.
        mask: bool (H, W), the object's pixels.
        window: The object's extent.
        side: One of ``SIDES``.
        edge_px: Pixels on both sides of the edge that are not read [px].
        least_step: How much nearer the other surface must begin, in the coordinate's unit.

    Returns:
        A share in [0, 1] of the places along the side where the object has depth; 0 where there are none.
    """
    if side in ("left", "right"):
        coordinate, valid, mask = coordinate.T, valid.T, mask.T
        window = Window(window.left, window.right, window.top, window.bottom)
    if side in ("bottom", "right"):
        coordinate, valid, mask = coordinate[::-1], valid[::-1], mask[::-1]
        window = Window(len(mask) - window.bottom, len(mask) - window.top, window.left, window.right)
    # The side is now the top one.
    columns = slice(window.left, window.right)
    width = 2 * edge_px + 1

    def strip(start: int, within: np.ndarray) -> np.ndarray:
        rows = slice(max(start, 0), max(start + width, 0))
        kept = within[rows, columns]
        sums = np.where(kept, coordinate[rows, columns], 0).sum(axis=0)
        counts = kept.sum(axis=0)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    inside = strip(window.top + edge_px, mask & valid)
    near = strip(window.top - edge_px - width, valid)
    far = strip(window.top - edge_px - 2 * width, valid)
    extended = near + (near - far) * (2 * edge_px + width) / width
    extended = np.where(np.isnan(extended), near, extended)
    seen = np.isfinite(inside)
    if not seen.any():
        return 0.0
    hidden = (np.maximum(near, extended) < inside - least_step) & seen
    return float(hidden.sum() / seen.sum())
