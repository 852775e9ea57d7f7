"""The surfaces in a box that may be its object, and the cues that tell which one is.

Convention: a *patch* is the window of a box with a ring around it; arrays are (H, W) of the patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from pipeline.geometry.objects import modes_of, triangle
from pipeline.geometry.robust import MOST_COMPARED, MOST_READ, STRAYS
from pipeline.geometry.scattered import groups_of_pairs

LEAST_SHARE = 0.05
"""Surfaces with a smaller share of a box's depth, and smaller overlaps of two objects, are left out."""
# Fewest returns of a surface among scattered ones.
_FEWEST_RETURNS = 2
NEIGHBOUR_SPACINGS = 2.5
"""Returns within so many spacings of each other are neighbours."""
GAP = 0.03
"""Depth of one surface does not jump by more than this share of z, or of the frame's range."""
SAME = 0.01
"""Depth within this share of z, or of the frame's range, of a surface continues it."""


@dataclass(frozen=True, eq=False)
class Patch:
    """The depth in and around a box.

    Args:
        coordinate: float32 (H, W), order coordinate.
        valid: bool (H, W), where it is known.
        box: The box within the patch: slices of rows and columns.
        spread: Unit of differences of the coordinate.
        spacing_px: Spacing of returns along x and y, where depth is scattered [px]; None where it is dense.
    """

    coordinate: np.ndarray
    valid: np.ndarray
    box: tuple[slice, slice]
    spread: float
    spacing_px: tuple[float, float] | None = None

    @cached_property
    def weight(self) -> np.ndarray:
        """Weights of the box's pixels, which fall from its middle to its edges, float64 (h, w)."""
        return np.minimum.outer(*(triangle(side) for side in self.valid[self.box].shape))

    @cached_property
    def total_weight(self) -> float:
        """Weight of all pixels of the box with depth."""
        return max(float(self.weight[self.valid[self.box]].sum()), 1e-9)

    @cached_property
    def beside(self) -> np.ndarray:
        """Coordinates of the ring, thinned out, float32 (N,)."""
        outside = self.valid.copy()
        outside[self.box] = False
        found: np.ndarray = self.coordinate[outside]
        return found[:: 1 + len(found) // MOST_COMPARED]

    def share_outside(self, surface: np.ndarray) -> float:
        """Share of a surface, bool (H, W), that lies in the ring."""
        total = np.count_nonzero(surface)
        return 1 - np.count_nonzero(surface[self.box]) / total if self.spacing_px is not None else 0.0


def surfaces(patch: Patch, chosen: np.ndarray | None) -> list[np.ndarray]:
    """Split the depth of a box into surfaces.

    Dense depth is split at the valleys of its histogram, scattered depth into returns that follow each other in the
    image and in depth.

    Args:
        patch: The depth.
        chosen: bool (h, w) of the box, pixels that were taken for the object; they stay a surface of their own. None
            if there are none, or depth is scattered.

    Returns:
        Disjoint masks, bool (H, W) of the patch, the chosen one first. Of scattered depth they go on into the ring.
    """
    valid = np.zeros_like(patch.valid)
    valid[patch.box] = patch.valid[patch.box]
    least = LEAST_SHARE * int(np.count_nonzero(valid))
    if patch.spacing_px is not None:
        return _connected(patch, patch.spacing_px, least)
    found, rest = [], valid
    if chosen is not None:
        first = np.zeros_like(valid)
        first[patch.box] = chosen
        found, rest = [first], valid & ~first
    found += [rest & mode for mode in modes_of(patch.coordinate, valid)]
    return [surface for surface in found if np.count_nonzero(surface[patch.box]) >= max(least, 1)]


def _connected(patch: Patch, spacing_px: tuple[float, float], least: float) -> list[np.ndarray]:
    """Groups of neighbouring returns of similar depth with at least so many in the box, bool (H, W) each."""
    rows, columns = np.nonzero(patch.valid)
    if len(rows) == 0:
        return []
    # Of very many returns, every n-th one shows the same groups.
    step = 1 + len(rows) // MOST_READ
    thin_rows, thin_columns = rows[::step], columns[::step]
    values = patch.coordinate[thin_rows, thin_columns]
    width_px, height_px = (side * math.sqrt(step) for side in spacing_px)
    places = np.stack((thin_columns / width_px, thin_rows / height_px), axis=1)
    pairs = cKDTree(places).query_pairs(NEIGHBOUR_SPACINGS, output_type="ndarray")
    pairs = pairs[np.abs(np.subtract(*values[pairs].T)) < GAP * patch.spread]
    labels = groups_of_pairs(pairs[:, 0], pairs[:, 1], len(values))
    inside = np.zeros_like(patch.valid)
    inside[patch.box] = True
    counts = np.bincount(labels, weights=inside[thin_rows, thin_columns], minlength=labels.max() + 1) * step
    groups = []
    for label in np.flatnonzero(counts >= max(_FEWEST_RETURNS, least)):
        group = np.zeros_like(patch.valid)
        group[thin_rows[labels == label], thin_columns[labels == label]] = True
        groups.append(group)
    return groups


def surface_cues(
    patch: Patch,
    surface: np.ndarray,
    rivals: np.ndarray | None,
    owned: Sequence[tuple[np.ndarray, float]],
    *,
    chosen: bool,
) -> dict[str, float]:
    """The cues that tell whether a surface is the object of its box.

    Args:
        patch: The depth.
        surface: Its pixels, bool (H, W).
        rivals: bool (h, w) of the box, pixels that lie in another region's box; None without any.
        owned: The same of what was found in each of these boxes, and how much better it fills that box than this one,
            in [0, 1].
        chosen: Whether the rule for boxes chose it.

    Returns:
        share: logarithm of its share of the box's depth, weighted to the middle; cover: share of the box that its
        extents cover; around: share of the ring at its depth; farther_around: share of the ring behind it; continued:
        share of it that lies in the ring; claimed: share of it in another region's box; owned: largest share of it that
        was taken for another region's object, weighted by how much better it fills that box; chosen: 1 or 0.
    """
    own = surface[patch.box]
    places = np.flatnonzero(own)
    rows, columns = np.divmod(places[:: 1 + len(places) // MOST_COMPARED], own.shape[1])
    values = np.sort(patch.coordinate[patch.box][rows, columns])
    low, high = values[len(values) // 20] - SAME * patch.spread, values[-1 - len(values) // 20] + SAME * patch.spread
    beside = patch.beside
    # The outermost places, a few strays aside.
    stray = len(rows) // 50
    # Rows are in order already.
    sides = [
        min(1.0, float(end[-1 - stray] - end[stray] + 1) / side)
        for end, side in zip((rows, np.sort(columns)), own.shape, strict=True)
    ]
    return {
        "share": math.log(float(patch.weight.ravel()[places].sum() / patch.total_weight) + STRAYS),
        "cover": sides[0] * sides[1],
        "around": float(((beside >= low) & (beside <= high)).mean()) if beside.size else 0.0,
        "farther_around": float((beside > high).mean()) if beside.size else 0.5,
        "continued": patch.share_outside(surface),
        "claimed": 0.0 if rivals is None else np.count_nonzero(rivals & own) / len(places),
        "owned": max((np.count_nonzero(other & own) / len(places) * better for other, better in owned), default=0.0),
        "chosen": float(chosen),
    }
