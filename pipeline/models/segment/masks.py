"""Checks that a segmenter's mask passes before the verifier trusts it.

Convention: masks are bool (H, W) of the frame's size; box edges lie on the continuous image plane whose top-left
corner is (0, 0).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from pipeline.geometry.regions import Window, box_window, mask_box
from pipeline.records import Box, Origin, Region
from pipeline.records.settings import NonNegative, Share, checked

# Smaller pieces than this share of the largest one are specks, not parts of an object behind an occluder.
_SPECK_SHARE = 0.1
# Two regions whose masks overlap more than this are confused.
_SAME_IOU = 0.7
# The one of them that fills its box better by this much keeps its mask.
_BETTER_FILL = 0.1


@checked
@dataclass(frozen=True)
class MaskLimits:
    """How far a mask may leave its box, and how little of the box it may fill.

    Args:
        grow_px: How far a mask may reach beyond each edge of its box [px], from 0.
        least_share: Least share of the box's area that a mask must fill, in [0, 1].

    Raises:
        ConfigError: If a number is out of its range.
    """

    grow_px: NonNegative
    least_share: Share

    def apply(self, mask: np.ndarray, box_px: Box) -> np.ndarray | None:
        """The mask within the grown box and without specks, or None where too little is left.

        Args:
            mask: bool (H, W).
            box_px: (left, top, right, bottom) [px].
        """
        height, width = mask.shape
        box = box_window(box_px, (height, width)).shape
        window = box_window(grown(box_px, self.grow_px), (height, width))
        inside = without_specks(mask[window.slices])
        area = int(np.count_nonzero(inside))
        if area == 0 or area < self.least_share * box[0] * box[1]:
            return None
        kept = np.zeros((height, width), dtype=bool)
        kept[window.slices] = inside
        return kept


def grown(box_px: Box, grow_px: float) -> Box:
    """A box with every edge moved outwards.

    >>> grown((10.0, 20.0, 30.0, 40.0), 2)
    (8.0, 18.0, 32.0, 42.0)
    """
    left, top, right, bottom = box_px
    return left - grow_px, top - grow_px, right + grow_px, bottom + grow_px


def without_specks(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece of a bool (h, w) mask, and all that are at least a tenth of it.

    One stray pixel would otherwise move an edge of the object.
    """
    if not mask.any():
        return mask
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    large: np.ndarray = areas >= _SPECK_SHARE * areas.max()
    large[0] = False
    kept: np.ndarray = large[pieces]
    return kept


def confused(regions: Sequence[Region], made: Collection[int]) -> set[int]:
    """Regions whose new masks nearly equal those of another region, and so carry no information.

    Of two such regions the one that clearly fills its box better keeps its mask: a tray whose mask is that of the cup
    on it loses it, the cup does not. Two boxes around one object both lose theirs, and the verifier uses the boxes.

    Args:
        regions: Regions of all frames.
        made: Indices of those whose masks a segmenter made; others keep theirs.

    Returns:
        Indices, all of them in ``made``.
    """
    extents = {
        index: _Extent.of(region)
        for index, region in enumerate(regions)
        if region.mask is not None and region.mask.any() and region.origin is not Origin.OCR
    }
    dropped: set[int] = set()
    for first, second in combinations(extents, 2):
        one, other = extents[first], extents[second]
        if regions[first].frame != regions[second].frame or one.iou(other) <= _SAME_IOU:
            continue
        if one.fill < other.fill + _BETTER_FILL:
            dropped.add(first)
        if other.fill < one.fill + _BETTER_FILL:
            dropped.add(second)
    return dropped & set(made)


@dataclass(frozen=True, eq=False)
class _Extent:
    """Where a mask that is not empty lies.

    Args:
        mask: bool (H, W).
        window: The tight window around it.
        area: Its number of pixels.
        fill: Share of the region's box that it fills.
    """

    mask: np.ndarray
    window: Window
    area: int
    fill: float

    @classmethod
    def of(cls, region: Region) -> _Extent:
        """Measure a region's mask."""
        mask, tight = region.mask, None if region.mask is None else mask_box(region.mask)
        assert mask is not None and tight is not None
        height, width = box_window(region.box_px, mask.shape).shape
        area = int(np.count_nonzero(mask))
        return cls(mask, box_window(tight, mask.shape), area, area / max(height * width, 1))

    def iou(self, other: _Extent) -> float:
        """Intersection over union of two masks, 0 where their sizes differ."""
        if self.mask.shape != other.mask.shape:
            return 0.0
        common = self.window.overlap(other.window)
        if 0 in common.shape:
            return 0.0
        shared = int(np.count_nonzero(self.mask[common.slices] & other.mask[common.slices]))
        return shared / (self.area + other.area - shared)
