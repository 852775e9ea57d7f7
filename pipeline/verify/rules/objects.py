"""The objects of one frame's regions: background, neighbours and edges removed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from pipeline.geometry.background import ring_window, surroundings
from pipeline.geometry.objects import ObjectPixels, object_pixels, order_coordinate, shared_pixels, without
from pipeline.geometry.occlusion import nearness
from pipeline.geometry.regions import Window, box_window, boxes_gap, boxes_iou, mask_box
from pipeline.records import Box, DepthMap, Origin, Region
from pipeline.verify.rules.base import CannotMeasure, Settings
from pipeline.verify.rules.errors_of_depth import DepthErrors

# Two boxes of one label that overlap more than this are one thing seen twice.
_SAME_IOU = 0.7
# A region owns what was found in another's box if it claims more than this share of it.
_OWNED_SHARE = 0.8
# A pixel lies on a plane around its box within so many deviations of the pixels, and this share of z or of the range.
_ON_PLANE, _LEAST_ON_PLANE = 2.0, 0.002
# Where less of a box than this lies off the planes around it, the object is one of them.
_LEAST_OBJECT = 0.08
# Parts of what is left that are so much smaller than the largest one are remains of the planes.
_SMALL_PART = 0.15
# Depth so far beyond the rest of an object is not its own: a share of z, or of the frame's range.
_STRAY = 0.03
# Neighbouring pixels that differ by more than this share of z, or of the range, in the median show no surface.
_NOISE = 0.08
# Boxes that overlap less than this stand beside each other.
_BESIDE_IOU = 0.05
# A ring of which neighbours leave less than this is taken whole.
_LEAST_RING = 0.15
# So much of an object may lie within what another box holds without doubt.
_UNCONTESTED = 0.4
# A box holds another that is so many times smaller and this share of which lies within.
_MUCH_LARGER, _WITHIN = 2.5, 0.85
# Wider edges than this leave nothing of most objects [px].
_WIDEST_EDGE_PX = 8


class FrameObjects:
    """Cuts the objects of a frame's regions out, each when first asked for, and only once.

    Args:
        errors: The frame's depth with its errors.
        regions: All regions of the result.
        settings: See ``Settings``.
    """

    def __init__(self, errors: DepthErrors, regions: tuple[Region, ...], settings: Settings) -> None:
        self.errors = errors
        self.depth: DepthMap = errors.depth
        self.regions = regions
        self.settings = settings
        self._candidates: dict[int, ObjectPixels | CannotMeasure] = {}
        self._own: dict[int, ObjectPixels | CannotMeasure] = {}
        self._contested: dict[int, float] = {}

    def object(self, index: int) -> ObjectPixels:
        """The object of a region.

        Raises:
            CannotMeasure: If too few of its pixels have depth.
        """
        if index not in self._own:
            found = self._candidate(index)
            owner = None if isinstance(found, CannotMeasure) else self._owner(index, found)
            if owner is not None:
                label, other = self.regions[index].label, self.regions[owner].label
                found = CannotMeasure(
                    f"The depth in the box of {label!r} is mostly that of {other!r}.",
                    "a mask, or a box around what is visible of it",
                )
            elif not isinstance(found, CannotMeasure):
                found = self._without_smaller(index, found)
            self._own[index] = found
        found = self._own[index]
        if isinstance(found, CannotMeasure):
            raise found
        return found

    def contested_share(self, index: int) -> float:
        """How far another overlapping box's object claims a box's object too, in [0, 1]; 0 for masks.

        What the other claims of it counts from 40 % on.

        Raises:
            CannotMeasure: If the region has no object.
        """
        found = self.object(index)
        if self.regions[index].mask is not None:
            return 0.0
        if index not in self._contested:
            area = max(int(np.count_nonzero(found.mask)), 1)
            shares = [0.0]
            for other in self._rivals(index):
                rival = self._candidate(other)
                # What stands on a table, or shows before a wardrobe, is not theirs.
                larger = _area(self.regions[other]) > _MUCH_LARGER * _area(self.regions[index])
                if isinstance(rival, ObjectPixels) and not larger:
                    shares.append(shared_pixels(found, rival) / area)
            self._contested[index] = max(0.0, max(shares) - _UNCONTESTED) / (1 - _UNCONTESTED)
        return self._contested[index]

    def _candidate(self, index: int) -> ObjectPixels | CannotMeasure:
        """What a region's box or mask holds by itself."""
        if index not in self._candidates:
            try:
                self._candidates[index] = self._cut_out(index)
            except CannotMeasure as refusal:
                self._candidates[index] = refusal
        return self._candidates[index]

    def _without_smaller(self, index: int, found: ObjectPixels) -> ObjectPixels | CannotMeasure:
        """What is left of a box's object without the objects of smaller boxes within it, as a table without cups."""
        if self.regions[index].mask is not None:
            return found
        area = _area(self.regions[index])
        smaller = [self._candidate(other) for other in self._rivals(index) if _area(self.regions[other]) < area]
        parts = [part for part in smaller if isinstance(part, ObjectPixels) and shared_pixels(found, part)]
        if not parts:
            return found
        left = without(found, parts, self.eroded_px(index))
        if left is None or np.count_nonzero(left.core) < self.settings.min_pixels:
            return CannotMeasure(
                f"The depth in the box of {self.regions[index].label!r} is all that of smaller regions.", "a mask"
            )
        return left

    def _owner(self, index: int, found: ObjectPixels) -> int | None:
        """Another region that owns nearly all pixels found in a box: same depth, and they fill its box better."""
        if self.regions[index].mask is not None:
            return None
        area = np.count_nonzero(found.mask)
        for other in self._rivals(index):
            if _holds(self.regions[other], self.regions[index]):
                # What stands on a table is not the table's.
                continue
            rival = self._candidate(other)
            if isinstance(rival, CannotMeasure) or shared_pixels(found, rival) <= _OWNED_SHARE * area:
                continue
            same_depth = rival.quantiles[1] <= found.median <= rival.quantiles[-2]
            if same_depth and (self.regions[other].mask is not None or rival.mask.mean() > found.mask.mean()):
                return other
        return None

    def _rivals(self, index: int) -> Iterator[int]:
        """Other regions of the same frame whose boxes overlap a region's.

        Text on an object and a second box around the same thing do not compete with it.
        """
        region = self.regions[index]
        for other, rival in enumerate(self.regions):
            if other == index or rival.frame != region.frame or rival.is_point or rival.origin is Origin.OCR:
                continue
            seen_twice = region.label == rival.label and boxes_iou(region.box_px, rival.box_px) > _SAME_IOU
            if boxes_gap(region.box_px, rival.box_px) < 0 and not seen_twice:
                yield other

    def _cut_out(self, index: int) -> ObjectPixels:
        region, depth = self.regions[index], self.depth
        window = box_window(region.box_px, depth.shape, self.settings.point_radius_px)
        mask = None
        if region.mask is not None:
            if region.mask.shape != depth.shape:
                raise CannotMeasure(
                    f"The mask of {region.label!r} is not of the frame's size.", "a mask of the frame's size"
                )
            mask = region.mask[window.slices]
        valid = depth.valid[window.slices]
        coordinate = order_coordinate(depth.values[window.slices], depth.kind)
        found = None
        exclusive = self._exclusive(index, window) if mask is None else None
        if valid.size:
            found = object_pixels(
                coordinate,
                valid if mask is not None else self._without_surroundings(index, window, valid),
                window,
                mask,
                exclusive=exclusive,
                edge_px=self.eroded_px(index),
                min_share=self.settings.foreground_share,
                stray=_STRAY * self.errors.spread,
            )
        if found is not None and self._is_noise(found):
            raise CannotMeasure(
                f"The depth of {region.label!r} changes too much from pixel to pixel to show a surface.",
                "depth with less noise",
            )
        count = 0 if found is None else int(found.core.sum())
        if found is None or count < self.settings.min_pixels:
            raise CannotMeasure(
                f"{region.label!r} has {count} pixels with valid depth, fewer than {self.settings.min_pixels}.",
                "a larger or closer view, or depth without holes",
                (index,) if self._is_small(index, valid if mask is None else valid[mask], count) else (),
            )
        return found

    def _without_surroundings(self, index: int, window: Window, valid: np.ndarray) -> np.ndarray:
        """The pixels of a box that do not lie on the planes around it; all where hardly any would be left."""
        kind = self.depth.kind
        around = ring_window(window, self.depth.shape)
        near = nearness(order_coordinate(self.depth.values[around.slices], kind), kind)
        if self.errors.spread <= 0 or not valid.any():
            return valid
        inside = self.depth.values[window.slices][valid]
        level = float(np.median(order_coordinate(inside[:: max(1, len(inside) // 500)], kind)))
        rough = self.errors.rough(level)
        tolerance = _ON_PLANE * rough + _LEAST_ON_PLANE * self.errors.spread
        background = surroundings(
            near, self._ring_valid(index, around), around, window, tolerance=tolerance, relative=kind.has_shape
        )
        left = valid & ~background
        if rough > 0.5 * _LEAST_ON_PLANE * self.errors.spread:
            # Noise leaves specks of the planes, and makes holes in the object.
            left = valid & (cv2.boxFilter(left.astype(np.float32), -1, (5, 5)) > 0.5)
        left = _large_parts(left)
        return left if np.count_nonzero(left) >= _LEAST_OBJECT * np.count_nonzero(valid) else valid

    def _is_noise(self, found: ObjectPixels) -> bool:
        """Whether neighbouring pixels of an object differ so much that there is no surface."""
        both = found.core[:, 1:] & found.core[:, :-1]
        steps = np.abs(found.coordinate[:, 1:][both] - found.coordinate[:, :-1][both])
        return steps.size > 0 and float(np.median(steps[:: max(1, len(steps) // 500)])) > _NOISE * self.errors.spread

    def _ring_valid(self, index: int, around: Window) -> np.ndarray:
        """Where depth is known around a box and no neighbour of similar size stands, whose front may be in line."""
        known = self.depth.valid[around.slices].copy()
        region = self.regions[index]
        for other, rival in enumerate(self.regions):
            if other == index or rival.frame != region.frame or rival.is_point or rival.origin is Origin.OCR:
                continue
            if _area(rival) <= _MUCH_LARGER * _area(region) and boxes_iou(rival.box_px, region.box_px) < _BESIDE_IOU:
                covered = box_window(rival.box_px, self.depth.shape)
                top, left = max(covered.top - around.top, 0), max(covered.left - around.left, 0)
                known[top : max(covered.bottom - around.top, 0), left : max(covered.right - around.left, 0)] = False
        return known if np.count_nonzero(known) >= _LEAST_RING * known.size else self.depth.valid[around.slices]

    def _is_small(self, index: int, valid: np.ndarray, count: int) -> bool:
        """Whether a region has too few pixels because of its area, rather than because of holes in its depth.

        Args:
            index: Index of the region.
            valid: bool (N,) or (h, w); which of its pixels have depth.
            count: Number of pixels of its object.
        """
        if box_within(self.regions[index], self.depth.shape) is None:
            return False
        # Without holes the object would fill the same share of the region.
        without_holes = count * valid.size / np.count_nonzero(valid) if count else valid.size
        return bool(without_holes < self.settings.min_pixels)

    @property
    def edge_px(self) -> int:
        """Width of the edge of an object that a depth map mixes with what lies beside it [px]."""
        return max(self.settings.edge_px, min(round(self.errors.noise.blur_px), _WIDEST_EDGE_PX))

    def eroded_px(self, index: int) -> int:
        """Width of the edge of a region's object whose depth is not trusted [px]: none of a mask of exact depth."""
        if self.regions[index].mask is not None and self.errors.noise.blur_px < self.settings.edge_px:
            return math.ceil(self.errors.noise.blur_px)
        return self.edge_px

    def _exclusive(self, index: int, window: Window) -> np.ndarray:
        """Pixels of a region's window that lie in no rival's box, bool (h, w)."""
        own = np.ones(window.shape, dtype=bool)
        for rival in self._rivals(index):
            covered = box_window(self.regions[rival].box_px, self.depth.shape)
            own[
                max(covered.top - window.top, 0) : max(covered.bottom - window.top, 0),
                max(covered.left - window.left, 0) : max(covered.right - window.left, 0),
            ] = False
        return own


def _large_parts(mask: np.ndarray) -> np.ndarray:
    """A mask without the parts that are much smaller than its largest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    kept: np.ndarray = (areas >= _SMALL_PART * areas.max())[labels] & mask
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
    return _area(outer) > _MUCH_LARGER * area and max(width, 0.0) * max(height, 0.0) > _WITHIN * area


def _area(region: Region) -> float:
    left, top, right, bottom = region.box_px
    return (right - left) * (bottom - top)
