"""GrabCut through OpenCV: needs no model, and works where object and surroundings differ in colour.

Source: C. Rother, V. Kolmogorov, A. Blake, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts",
SIGGRAPH 2004.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from annotated_types import Interval

from pipeline.geometry.regions import Window, box_window
from pipeline.models.segment.base import Segmenter
from pipeline.models.segment.masks import MaskLimits, grown
from pipeline.records import Box, Frame, Region
from pipeline.records.settings import Count, NonNegative, Share, checked

logger = logging.getLogger(__name__)

# Below this a colour model of object and surroundings has too few pixels.
_LEAST_SIDE_PX = 8
_LEAST_SURROUNDINGS = 50
# Least width of the surroundings, for the smallest boxes.
_LEAST_MARGIN_PX = 8
# A mask that leaves out less than this of its box has found no background and adds nothing to the box.
_FULL_SHARE = 0.98
_SEED = 0
_NO_RECTANGLE = (0, 0, 1, 1)  # Not looked at where the labels are given.


@checked
@dataclass(eq=False)
class GrabCutSegmenter(Segmenter):
    """Masks by colour: the box against what surrounds it, cut along edges of the image.

    Args:
        iterations: How often colour models and cut are refined, from 1.
        max_side_px: Longest side of the image that is cut [px]; larger crops are made smaller.
        margin_share: Width of the surroundings that teach what the background looks like, as a share of the box's
            longer side.
        grow_px: How far a mask may reach beyond each edge of its box [px].
        least_share: Least share of the box's area that a mask must fill, in [0, 1].

    Raises:
        ConfigError: If a setting is out of its range.
    """

    loads_model = False

    iterations: Count = 5
    max_side_px: Annotated[int, Interval(ge=4 * _LEAST_SIDE_PX)] = 160
    margin_share: Annotated[float, Interval(gt=0, le=4)] = 0.25
    grow_px: NonNegative = 3.0
    least_share: Share = 0.05

    @property
    def identity(self) -> str:
        """Version of OpenCV, and all settings."""
        return (
            f"grabcut {cv2.__version__} iterations={self.iterations} max_side_px={self.max_side_px} "
            f"margin_share={self.margin_share:g} grow_px={self.grow_px:g} "
            f"least_share={self.least_share:g}"
        )

    def masks(self, frame: Frame, regions: Sequence[Region]) -> list[np.ndarray | None]:
        """One mask per region; None for boxes that are tiny, fill the frame, or look like their surroundings."""
        return [self._mask(frame.rgb, region.box_px) for region in regions]

    def _mask(self, rgb: np.ndarray, box_px: Box) -> np.ndarray | None:
        shape = rgb.shape[0], rgb.shape[1]
        box = box_window(box_px, shape)
        if min(box.shape) < _LEAST_SIDE_PX:
            return None
        margin_px = max(_LEAST_MARGIN_PX, self.margin_share * max(box.shape)) + self.grow_px
        crop = box_window(grown(box_px, margin_px), shape)
        cut = self._cut(rgb[crop.slices], box_px, crop)
        if cut is None:
            return None
        mask = np.zeros(shape, dtype=bool)
        mask[crop.slices] = cut
        if np.count_nonzero(mask[box.slices]) > _FULL_SHARE * box.shape[0] * box.shape[1]:
            return None
        return MaskLimits(self.grow_px, self.least_share).apply(mask, box_px)

    def _cut(self, rgb: np.ndarray, box_px: Box, crop: Window) -> np.ndarray | None:
        """The object in a crop, bool (h, w), or None where there are no surroundings to compare with."""
        height, width = rgb.shape[:2]
        scale = min(1.0, self.max_side_px / max(height, width))
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        image = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else np.ascontiguousarray(rgb)
        labels = self._labels(image.shape[:2], box_px, crop)
        if np.count_nonzero(labels == cv2.GC_BGD) < _LEAST_SURROUNDINGS:
            return None
        # The first colour models come from a random clustering; OpenCV's generator belongs to the thread.
        cv2.setRNGSeed(_SEED)
        models = np.zeros((2, 1, 65))
        try:
            cv2.grabCut(image, labels, _NO_RECTANGLE, models[0], models[1], self.iterations, cv2.GC_INIT_WITH_MASK)
        except cv2.error as error:
            logger.debug("GrabCut gives no mask for the box %s: %s", box_px, error)
            return None
        object_pixels = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
        if scale == 1:
            return object_pixels
        share = cv2.resize(object_pixels.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        cut: np.ndarray = share > 0.5
        return cut

    def _labels(self, shape: tuple[int, int], box_px: Box, crop: Window) -> np.ndarray:
        """What is known beforehand, uint8 (h, w): background beyond the grown box, perhaps object within the box."""
        labels = np.full(shape, cv2.GC_BGD, dtype=np.uint8)
        for grow_px, label in ((self.grow_px, cv2.GC_PR_BGD), (0.0, cv2.GC_PR_FGD)):
            labels[_within(grown(box_px, grow_px), crop, shape).slices] = label
        return labels


def _within(box_px: Box, crop: Window, shape: tuple[int, int]) -> Window:
    """The pixels of a resized crop that lie in a box of the frame."""
    scale = np.tile((shape[1] / crop.shape[1], shape[0] / crop.shape[0]), 2)
    left, top, right, bottom = ((np.array(box_px) - np.tile((crop.left, crop.top), 2)) * scale).tolist()
    return box_window((left, top, right, bottom), shape)
