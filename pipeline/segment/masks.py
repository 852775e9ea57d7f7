"""What a segmenter's mask must be before the verifier may trust it.

Convention: masks are bool (H, W) of the frame's size; box edges lie on the continuous image plane whose top-left
corner is (0, 0).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from pipeline.errors import ConfigError
from pipeline.geometry.regions import box_window, boxes_gap, boxes_iou, mask_box
from pipeline.records import Box, Origin, Region

# Smaller pieces than this share of the largest one are specks, not parts of an object behind an occluder.
_SPECK_SHARE = 0.1
# Two regions whose masks overlap more than this have not been told apart.
_SAME_IOU = 0.7
# The one of them that fills its box better by this much keeps its mask.
_BETTER_FILL = 0.1


@dataclass(frozen=True)
class MaskLimits:
    """How far a mask may leave its box, and how little of it a mask may fill.

    Args:
        grow_px: How far a mask may reach beyond each edge of its box [px], from 0.
        least_share: Least share of the box's area that a mask must fill, in [0, 1].

    Raises:
        ConfigError: If a number is out of its range.
    """

    grow_px: float
    least_share: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.grow_px < float("inf"):
            raise ConfigError(f"segment.grow_px must be a number of pixels from 0, not {self.grow_px!r}.")
        if not 0 <= self.least_share <= 1:
            raise ConfigError(f"segment.least_share must lie between 0 and 1, not {self.least_share!r}.")

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
    """A box that is larger by so many pixels to every side.

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
    """Regions whose new masks are nearly those of another region, so that they tell nothing.

    Of two such regions the one that clearly fills its box better keeps its mask: a tray whose mask is that of the cup
    on it loses it, the cup does not. Two boxes around one thing both lose theirs, and the verifier treats them as the
    boxes that they are.

    Args:
        regions: Regions of all frames.
        made: Indices of those whose masks a segmenter made; others keep theirs.

    Returns:
        Indices, all of them in ``made``.
    """
    with_mask = [
        index for index, region in enumerate(regions) if region.mask is not None and region.origin is not Origin.OCR
    ]
    dropped: set[int] = set()
    for first, second in combinations(with_mask, 2):
        if not _same_mask(regions[first], regions[second]):
            continue
        fill_first, fill_second = _fill(regions[first]), _fill(regions[second])
        if fill_first < fill_second + _BETTER_FILL:
            dropped.add(first)
        if fill_second < fill_first + _BETTER_FILL:
            dropped.add(second)
    return dropped & set(made)


def _same_mask(first: Region, second: Region) -> bool:
    """Whether the masks of two regions of one frame nearly coincide."""
    if first.frame != second.frame or boxes_gap(first.box_px, second.box_px) >= 0:
        return False
    assert first.mask is not None and second.mask is not None
    boxes = mask_box(first.mask), mask_box(second.mask)
    if first.mask.shape != second.mask.shape or boxes[0] is None or boxes[1] is None:
        return False
    # Masks cannot overlap by more than s if their boxes overlap by less than s/2 and are filled by half or more;
    # thinner ones are rare, so the boxes only rule out what does not touch.
    if boxes_iou(boxes[0], boxes[1]) == 0:
        return False
    union = np.count_nonzero(first.mask | second.mask)
    return bool(np.count_nonzero(first.mask & second.mask) > _SAME_IOU * union)


def _fill(region: Region) -> float:
    """Share of its box that a region's mask fills."""
    assert region.mask is not None
    height, width = box_window(region.box_px, region.mask.shape).shape
    return float(np.count_nonzero(region.mask)) / max(height * width, 1)
