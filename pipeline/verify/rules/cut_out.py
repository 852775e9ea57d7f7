"""Cuts the object of a region out of its box or mask: background, neighbours and edges removed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.geometry.background import ring_window, surroundings
from pipeline.geometry.candidates import GAP, LEAST_SHARE, NEIGHBOUR_SPACINGS, Patch, surface_cues, surfaces
from pipeline.geometry.objects import (
    ObjectPixels,
    object_of,
    object_pixels,
    order_coordinate,
    shared_pixels,
    without,
    without_strays,
)
from pipeline.geometry.occlusion import nearness
from pipeline.geometry.regions import Window, box_window, boxes_gap, boxes_iou, mask_box
from pipeline.geometry.robust import LITTLE
from pipeline.records import Box, Origin, Region
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.view import FrameView

SAME_IOU = 0.7
"""Two boxes of one label that overlap more than this show the same object."""
# A pixel lies on a plane around its box within this many deviations of the pixels plus this share of z or of the range.
_ON_PLANE, _LEAST_ON_PLANE = 2.0, 0.002
# Surfaces that are less likely to be the object are left out.
_LEAST_PROBABILITY = 0.02
# A box holds another where it is this many times larger and little of the other lies outside.
_MUCH_LARGER = 2.5


class Candidate(NamedTuple):
    """A surface that may be a region's object, and the probability that it is; without pixels where that is small."""

    pixels: ObjectPixels | None
    probability: float


class CutOut:
    """The object in one region's box or mask, found on first use.

    Args:
        view: The region's frame.
        regions: All regions of the result.
        index: Which of them.
    """

    def __init__(self, view: FrameView, regions: tuple[Region, ...], index: int) -> None:
        self.view = view
        self.regions = regions
        self.index = index
        self.region = regions[index]
        self.area_px = _area(self.region)

    @property
    def eroded_px(self) -> int:
        """Width of the edge whose depth is not trusted [px]: none of a mask of exact depth, or of single returns."""
        if self.view.depth.sampling.is_scattered:
            return 0
        blur_px = self.view.noise.blur_px
        if self.region.mask is not None and blur_px < self.view.settings.edge_px:
            return math.ceil(blur_px)
        return self.view.edge_px

    @cached_property
    def _others(self) -> tuple[int, ...]:
        """Other regions of the same frame that are objects: points have no extent, text is part of an object."""
        return tuple(
            index
            for index, other in enumerate(self.regions)
            if index != self.index
            and other.frame == self.region.frame
            and not other.is_point
            and other.origin is not Origin.OCR
        )

    @cached_property
    def rivals(self) -> tuple[int, ...]:
        """Other regions of the same frame whose boxes overlap this one.

        Text on an object and a second box around the same object do not compete with it.
        """
        own_px = self.region.box_px
        return tuple(
            index
            for index in self._others
            for other in (self.regions[index],)
            if boxes_gap(own_px, other.box_px) < 0
            and not (other.label == self.region.label and boxes_iou(own_px, other.box_px) > SAME_IOU)
        )

    @cached_property
    def found(self) -> ObjectPixels | CannotMeasure:
        """The object in the box or mask, or why there is none."""
        try:
            return self._cut_out()
        except CannotMeasure as refusal:
            return refusal

    @cached_property
    def window(self) -> Window:
        """The pixels of the box."""
        return box_window(self.region.box_px, self.view.depth.shape, self.view.settings.point_radius_px)

    @cached_property
    def coordinate(self) -> np.ndarray:
        """Order coordinate of the box, float32 (h, w)."""
        return self._patch.coordinate[self._patch.box]

    def candidates(self, chosen: ObjectPixels | None, others: Sequence[ObjectPixels] = ()) -> tuple[Candidate, ...]:
        """The surfaces in the box that may be its object, the likeliest first.

        Args:
            chosen: What was taken for the object.
            others: What was taken for the objects of overlapping boxes.
        """
        masks, cues, model = self.surfaces(chosen, others)
        if not masks:
            return ()
        shares = self.view.weights[model].shares(cues)
        found = []
        for mask, share, cue in zip(masks, shares, cues, strict=True):
            if share < _LEAST_PROBABILITY:
                if np.count_nonzero(mask) >= self.fewest:
                    found.append(Candidate(None, float(share)))
                continue
            pixels = chosen if cue["chosen"] else self._object(mask)
            if pixels is not None and np.count_nonzero(pixels.core) >= self.fewest:
                found.append(Candidate(pixels, float(share)))
        return tuple(sorted(found, key=lambda candidate: -candidate.probability))

    def shows_only(self, found: ObjectPixels) -> bool:
        """Whether what was found leaves too little of the box's dense depth for another surface."""
        depth = self.view.depth
        count = int(np.count_nonzero(depth.valid[self.window.slices]))
        rest = count - int(np.count_nonzero(found.mask))
        return not depth.sampling.is_scattered and rest < LEAST_SHARE * count

    def surfaces(
        self, chosen: ObjectPixels | None, others: Sequence[ObjectPixels] = ()
    ) -> tuple[list[np.ndarray], list[dict[str, float]], str]:
        """The surfaces in the box, bool (h, w) each, their cues, and the name of the model that weighs them."""
        patch = self._patch
        scattered = patch.spacing_px is not None
        masks = surfaces(patch, None if chosen is None else chosen.mask)
        rivals = ~self._exclusive(self.window) if self.rivals else None
        owned = []
        for other in others:
            both = self.window.overlap(other.window)
            mask = np.zeros(self.window.shape, dtype=bool)
            mask[both.within(self.window)] = other.mask[both.within(other.window)]
            fills = np.count_nonzero(mask) / mask.size, np.count_nonzero(other.mask) / other.mask.size
            owned.append((mask, fills[1] / max(sum(fills), 1e-9)))
        cues = [
            surface_cues(patch, mask, rivals, owned, chosen=not scattered and chosen is not None and number == 0)
            for number, mask in enumerate(masks)
        ]
        return [mask[patch.box] for mask in masks], cues, "surface_scattered" if scattered else "surface_dense"

    @cached_property
    def _patch(self) -> Patch:
        """The depth in and around the box."""
        depth, window = self.view.depth, self.window
        around, spacing_px = ring_window(window, depth.shape), None
        if depth.sampling.is_scattered:
            spacing_px = depth.sampling.width_px, depth.sampling.height_px
            around = around.union(window.grown(math.ceil(NEIGHBOUR_SPACINGS * max(spacing_px)), depth.shape))
        coordinate = order_coordinate(depth.values[around.slices], depth.kind)
        return Patch(coordinate, depth.valid[around.slices], window.within(around), self.view.spread, spacing_px)

    @property
    def fewest(self) -> int:
        """Fewest measurements of an object."""
        settings = self.view.settings
        return settings.min_returns if self.view.depth.sampling.is_scattered else settings.min_pixels

    def _object(self, mask: np.ndarray) -> ObjectPixels | None:
        kept = without_strays(self.coordinate, mask, GAP * self.view.spread)
        return object_of(self.window, kept, self.coordinate, self.eroded_px)

    def _cut_out(self) -> ObjectPixels:
        region, depth, settings = self.region, self.view.depth, self.view.settings
        window = self.window
        mask = None
        if region.mask is not None:
            if region.mask.shape != depth.shape:
                raise CannotMeasure("mask_of_other_size", "needs_frame_mask", label=region.label)
            mask = region.mask[window.slices]
        valid = depth.valid[window.slices]
        known = valid if mask is None else valid[mask]
        if known.any() and not depth.sampling.is_scattered and (share := float(known.mean())) < LITTLE:
            raise CannotMeasure("little_depth", "needs_larger_view_or_depth", label=region.label, share=share)
        found = None
        if mask is None and depth.sampling.is_scattered:
            likeliest = self.candidates(None)
            found = likeliest[0].pixels if likeliest else None
        elif valid.size:
            found = object_pixels(
                self.coordinate,
                valid if mask is not None else self._without_surroundings(window, valid),
                window,
                mask,
                exclusive=self._exclusive(window) if mask is None else None,
                edge_px=self.eroded_px,
                min_share=settings.foreground_share,
                stray=GAP * self.view.spread,
            )
        if found is not None and self._is_noise(found):
            raise CannotMeasure("noisy_depth", "needs_less_noise", label=region.label)
        count = 0 if found is None else int(found.core.sum())
        if found is None or count < self.fewest:
            raise CannotMeasure(
                "few_pixels",
                "needs_larger_view_or_depth",
                (self.index,) if self._is_small(known, count) else (),
                label=region.label,
                count=count,
                least=self.fewest,
            )
        return found

    def _without_surroundings(self, window: Window, valid: np.ndarray) -> np.ndarray:
        """The pixels of a box off the planes around it; all of them where hardly any would remain."""
        depth, errors = self.view.depth, self.view.errors
        around = ring_window(window, depth.shape)
        if errors.spread <= 0 or not valid.any() or self.region.is_point:
            return valid
        inside = self.coordinate[valid]
        level = float(np.median(inside[:: max(1, len(inside) // 500)]))
        rough = errors.rough(level)
        tolerance = _ON_PLANE * rough + _LEAST_ON_PLANE * errors.spread
        background = surroundings(
            nearness(self._patch.coordinate, depth.kind),
            self._ring_valid(around),
            around,
            window,
            tolerance=tolerance,
            relative=depth.kind.has_shape,
        )
        left = valid & ~background
        if rough > 0.5 * _LEAST_ON_PLANE * errors.spread:
            # Noise leaves specks of the planes, and makes holes in the object.
            left = valid & (cv2.boxFilter(left.astype(np.float32), -1, (5, 5)) > 0.5)
        left = _large_parts(left)
        return left if np.count_nonzero(left) >= LITTLE * np.count_nonzero(valid) else valid

    def _ring_valid(self, around: Window) -> np.ndarray:
        """Where depth is known around a box, without neighbours of similar size, whose fronts may be in line."""
        valid = self.view.depth.valid
        known = valid[around.slices].copy()
        for other in (self.regions[index] for index in self._others):
            is_similar = _area(other) <= _MUCH_LARGER * self.area_px
            if is_similar and boxes_iou(other.box_px, self.region.box_px) < LEAST_SHARE:
                known[box_window(other.box_px, valid.shape).within(around)] = False
        return known if np.count_nonzero(known) >= LITTLE * known.size else valid[around.slices]

    def _exclusive(self, window: Window) -> np.ndarray:
        """Pixels of the window that lie in no rival's box, bool (h, w)."""
        own = np.ones(window.shape, dtype=bool)
        for index in self.rivals:
            own[box_window(self.regions[index].box_px, self.view.depth.shape).within(window)] = False
        return own

    def _is_noise(self, found: ObjectPixels) -> bool:
        """Whether neighbouring pixels of an object differ too much for a surface."""
        both = found.core[:, 1:] & found.core[:, :-1]
        steps = np.abs(found.coordinate[:, 1:][both] - found.coordinate[:, :-1][both])
        return steps.size > 0 and float(np.median(steps[:: max(1, len(steps) // 500)])) > LITTLE * self.view.spread

    def _is_small(self, valid: np.ndarray, count: int) -> bool:
        """Whether the region has too few pixels because of its area, rather than because of holes in its depth.

        Args:
            valid: bool (N,) or (h, w); which of its pixels have depth.
            count: Number of pixels of its object.
        """
        if box_within(self.region, self.view.depth.shape) is None:
            return False
        # Without holes the object would fill the same share of the region.
        without_holes = count * valid.size / np.count_nonzero(valid) if count else valid.size
        return bool(without_holes < self.fewest)


def own_pixels(cut_outs: Sequence[CutOut], index: int) -> ObjectPixels | CannotMeasure:
    """The object of a region without the objects of others, or why there is none."""
    cut = cut_outs[index]
    found = cut.found
    if cut.region.mask is not None or isinstance(found, CannotMeasure):
        return found
    rivals = [cut_outs[other] for other in cut.rivals]
    # Cups on a table are not part of it.
    smaller = [rival.found for rival in rivals if rival.area_px < cut.area_px]
    parts = [part for part in smaller if isinstance(part, ObjectPixels) and shared_pixels(found, part)]
    if not parts:
        return found
    left = without(found, parts, cut.eroded_px)
    if left is None or np.count_nonzero(left.core) < cut.fewest:
        return CannotMeasure("of_smaller", "needs_mask", label=cut.region.label)
    return left


def rival_objects(cut_outs: Sequence[CutOut], index: int) -> list[ObjectPixels]:
    """What was found in the boxes that overlap one, but are not much smaller and held by it."""
    cut = cut_outs[index]
    rivals = [cut_outs[other] for other in cut.rivals if not _holds(cut.region, cut_outs[other].region)]
    return [rival.found for rival in rivals if isinstance(rival.found, ObjectPixels)]


def _large_parts(mask: np.ndarray) -> np.ndarray:
    """A mask without the parts that are much smaller than its largest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    kept: np.ndarray = (areas >= LITTLE * areas.max())[labels] & mask
    return kept


def box_within(region: Region, shape: tuple[int, int]) -> Box | None:
    """Tight box of a region, that of its mask where it has one, within an image of that (height, width) [px].

    None where the region lies outside.
    """
    left, top, right, bottom = (None if region.mask is None else mask_box(region.mask)) or region.box_px
    height, width = shape
    outside = left >= width or top >= height or right < 0 or bottom < 0
    if outside or (not region.is_point and min(right, bottom) <= 0):
        return None
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def _holds(outer: Region, inner: Region) -> bool:
    """Whether a box is much larger than another and holds it."""
    left, top, right, bottom = outer.box_px
    width = min(right, inner.box_px[2]) - max(left, inner.box_px[0])
    height = min(bottom, inner.box_px[3]) - max(top, inner.box_px[1])
    area = _area(inner)
    return _area(outer) > _MUCH_LARGER * area and max(width, 0.0) * max(height, 0.0) > (1 - LITTLE) * area


def _area(region: Region) -> float:
    left, top, right, bottom = region.box_px
    return (right - left) * (bottom - top)
