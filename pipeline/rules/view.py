"""One frame as the rules see it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.camera import Camera
from pipeline.error_budget import ErrorBudget
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.extents import thin
from pipeline.geometry.objects import (
    ObjectPixels,
    coordinate_spread,
    depth_of_coordinate,
    object_pixels,
    order_coordinate,
    shared_pixels,
    without,
)
from pipeline.geometry.planes import Up, estimate_up
from pipeline.geometry.regions import Window, box_window, boxes_gap, boxes_iou, mask_box
from pipeline.noise import NoiseModel, place_distance
from pipeline.records import Box, DepthKind, DepthMap, Frame, Origin, Region
from pipeline.relations import Need
from pipeline.rules.base import CannotMeasure, Settings

# Two boxes of one label that overlap more than this are one thing seen twice.
_SAME_IOU = 0.7
# A region owns what was found in another's box if it claims more than this share of it.
_OWNED_SHARE = 0.8
# So many neighbouring pixels of a depth map err together.
_CORRELATED_PX = 9.0
# Planes are told apart no finer than this share of z.
_LEAST_NOISE = 0.005


class FrameView:
    """One frame as the rules see it; objects are cut out when first asked for, and only once.

    Args:
        frame: The frame.
        depth: Its depth, or None where there is none.
        regions: All regions of the result.
        budget: Error of every measurement.
        settings: See ``Settings``.
    """

    def __init__(
        self, frame: Frame, depth: DepthMap | None, regions: tuple[Region, ...], budget: ErrorBudget, settings: Settings
    ) -> None:
        self.frame = frame
        self.budget = budget
        self.settings = settings
        self.regions = regions
        self._depth = depth
        self._candidates: dict[int, ObjectPixels | CannotMeasure] = {}
        self._own: dict[int, ObjectPixels | CannotMeasure] = {}
        self._points: dict[int, np.ndarray] = {}
        self._heights: dict[int, np.ndarray] = {}
        self.extents: dict[int, Any] = {}
        self.supports: dict[int, Any] = {}
        self.meetings: dict[tuple[int, int], Any] = {}

    @property
    def camera(self) -> Camera:
        """Intrinsics of the frame."""
        return self.frame.camera

    @property
    def depth(self) -> DepthMap:
        """Depth of the frame.

        Raises:
            CannotMeasure: If there is none.
        """
        if self._depth is None:
            raise CannotMeasure(f"There is no depth for {self.frame.name}.", "a depth map")
        return self._depth

    def require(self, need: Need) -> None:
        """Make sure that the depth carries what a relation needs.

        Raises:
            CannotMeasure: If it does not.
        """
        if need is Need.NOTHING:
            return
        kind = self.depth.kind
        if need is Need.METRIC and kind is not DepthKind.METRIC:
            raise CannotMeasure(f"Depth of kind {kind} has no metres.", "metric depth")
        if need is Need.SHAPE and not kind.has_shape:
            raise CannotMeasure(
                f"Depth of kind {kind} has no shape, only order.", "depth that is metric or known up to its scale"
            )

    @cached_property
    def spread(self) -> float:
        """Unit of differences of the order coordinate, see ``coordinate_spread``."""
        return coordinate_spread(self.depth.values, self.depth.valid, self.depth.kind)

    def object(self, index: int) -> ObjectPixels:
        """The object of a region.

        Raises:
            CannotMeasure: If too few of its pixels have depth.
        """
        if index not in self._own:
            found = self._candidate(index)
            owner = None if isinstance(found, CannotMeasure) else self._owner(index, found)
            if owner is not None:
                found = CannotMeasure(
                    f"The depth in the box of {self.label(index)!r} is mostly that of {self.label(owner)!r}.",
                    "a mask, or a box around what is visible of it",
                )
            elif not isinstance(found, CannotMeasure):
                found = self._without_smaller(index, found)
            self._own[index] = found
        found = self._own[index]
        if isinstance(found, CannotMeasure):
            raise found
        return found

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
                f"The depth in the box of {self.label(index)!r} is all that of smaller regions.", "a mask"
            )
        return left

    def _owner(self, index: int, found: ObjectPixels) -> int | None:
        """Another region that owns nearly all pixels found in a box: same depth, and they fill its box better."""
        if self.regions[index].mask is not None:
            return None
        area = np.count_nonzero(found.mask)
        for other in self._rivals(index):
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
                valid,
                window,
                mask,
                exclusive=exclusive,
                edge_px=self.eroded_px(index),
                min_share=self.settings.foreground_share,
            )
        count = 0 if found is None else int(found.core.sum())
        if found is None or count < self.settings.min_pixels:
            raise CannotMeasure(
                f"{region.label!r} has {count} pixels with valid depth, fewer than {self.settings.min_pixels}.",
                "a larger or closer view, or depth without holes",
                (index,) if self._is_small(index, valid if mask is None else valid[mask], count) else (),
            )
        return found

    def _is_small(self, index: int, valid: np.ndarray, count: int) -> bool:
        """Whether a region has too few pixels because of its area, rather than because of holes in its depth.

        Args:
            index: Index of the region.
            valid: bool (N,) or (h, w); which of its pixels have depth.
            count: Number of pixels of its object.
        """
        try:
            self.box_px(index)
        except CannotMeasure:
            return False
        # Without holes the object would fill the same share of the region.
        without_holes = count * valid.size / np.count_nonzero(valid) if count else valid.size
        return bool(without_holes < self.settings.min_pixels)

    def eroded_px(self, index: int) -> int:
        """Width of the edge of a region's object whose depth is not trusted [px]: none where depth is exact."""
        if self.regions[index].mask is None:
            return self.settings.edge_px
        return min(self.settings.edge_px, math.ceil(self.noise.blur_px))

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

    def points(self, index: int) -> np.ndarray:
        """Points of an object's core, float64 (N, 3), in metres or in the depth's own unit.

        Raises:
            CannotMeasure: If the depth has no shape or the object too few pixels.
        """
        self.require(Need.SHAPE)
        if index not in self._points:
            rows, columns = self.pixels(index)
            z = self.depth.values[rows, columns]
            self._points[index] = back_project_pixels(columns, rows, z, self.camera)
        return self._points[index]

    def pixels(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pixels of ``points``, int (N,) each [px of the frame]."""
        found = self.object(index)
        rows, columns = thin(np.argwhere(found.core), self.settings.max_points).T
        return rows + found.window.top, columns + found.window.left

    def z(self, index: int) -> float:
        """Median depth of an object, in the depth's own unit."""
        return depth_of_coordinate(self.object(index).median, self.depth.kind)

    def box_px(self, index: int) -> Box:
        """Tight box of a region, that of its mask where it has one, within the frame.

        Raises:
            CannotMeasure: If the region lies outside the frame.
        """
        region = self.regions[index]
        left, top, right, bottom = (None if region.mask is None else mask_box(region.mask)) or region.box_px
        width, height = self.frame.width, self.frame.height
        if (
            left >= width
            or top >= height
            or right < 0
            or bottom < 0
            or (not region.is_point and min(right, bottom) <= 0)
        ):
            raise CannotMeasure(f"{region.label!r} lies outside the frame.", "a region within the frame")
        return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))

    @cached_property
    def noise(self) -> NoiseModel:
        """Noise model of the depth's backend."""
        return self.budget.noise.of(self.depth)

    @cached_property
    def _floor(self) -> float:
        """Order coordinate of the place from which errors of affine kinds grow."""
        values = order_coordinate(self.depth.values[::4, ::4][self.depth.valid[::4, ::4]], self.depth.kind)
        if values.size == 0:
            return 0.0
        return float(np.percentile(values, 98 if self.depth.kind.larger_is_nearer else 2))

    def _unit(self, coordinate: float) -> float:
        """What a relative error of 1 is in the order coordinate."""
        if self.depth.kind.has_shape:
            return 1.0
        return abs(coordinate - self._floor) + self.noise.far_share * self.spread

    def _level(self, coordinate: float) -> float:
        return math.exp(coordinate) if self.depth.kind is DepthKind.METRIC else 0.0

    def depth_noise(self, index: int) -> float:
        """Error of an object's order coordinate, in its unit: a fraction of z where z is known up to scale."""
        median = self.object(index).median
        return self.noise.smooth(self._level(median)) * self._unit(median)

    def pixel_noise(self, index: int) -> float:
        """Error of one pixel's order coordinate against its neighbours', in its unit."""
        median = self.object(index).median
        return self.noise.rough(self._level(median)) * self._unit(median)

    def pair_noise(self, first: int, second: int) -> float:
        """Error of the difference of two objects' order coordinates, in its unit.

        Places close to each other in the picture share most of their error.
        """
        sigma_first, sigma_second = self.depth_noise(first), self.depth_noise(second)
        distance = place_distance(self._place(first), self._place(second), self.depth.shape)
        shared = 2 * self.noise.correlation(distance) * sigma_first * sigma_second
        # Medians average the error from pixel to pixel, whose neighbours err together.
        rough = [
            self.pixel_noise(index) ** 2 * _CORRELATED_PX / np.count_nonzero(self.object(index).core)
            for index in (first, second)
        ]
        stray = [self._stray_error(index) ** 2 for index in (first, second)]
        return math.sqrt(max(sigma_first**2 + sigma_second**2 - shared, 0.0) + sum(rough) + sum(stray))

    def _stray_error(self, index: int) -> float:
        """How much an object's median may move because some pixels of its region are not its own."""
        quantiles = self.object(index).quantiles
        share = self.budget.stray_share(self.regions[index])
        low, high = np.interp((0.5 - share / 2, 0.5 + share / 2), np.linspace(0, 1, len(quantiles)), quantiles)
        return float(high - low) / 2

    def _place(self, index: int) -> np.ndarray:
        """Middle of an object in the picture, float64 (2,) as (u, v) [px]."""
        found = self.object(index)
        rows, columns = np.flatnonzero(found.core.any(axis=1)), np.flatnonzero(found.core.any(axis=0))
        return np.array(
            (found.window.left + (columns[0] + columns[-1]) / 2, found.window.top + (rows[0] + rows[-1]) / 2)
        )

    @cached_property
    def up(self) -> Up | None:
        """Which way is up, where the depth has a shape and its surfaces tell."""
        if self._depth is None or not self.depth.kind.has_shape:
            return None
        noise = max(self.noise.smooth(self._level(self._middle)), _LEAST_NOISE)
        return estimate_up(self.depth.values, self.depth.valid, self.camera, relative_noise=noise)

    @cached_property
    def _middle(self) -> float:
        sample = self.depth.values[::8, ::8][self.depth.valid[::8, ::8]]
        return float(np.median(order_coordinate(sample, self.depth.kind))) if sample.size else 0.0

    def heights(self, index: int) -> np.ndarray | None:
        """Heights of an object's points above the camera, ascending, in the depth's unit; None if up is unknown."""
        if self.up is None:
            return None
        if index not in self._heights:
            self._heights[index] = np.sort(self.points(index) @ self.up.direction)
        return self._heights[index]

    def edge_error_px(self, index: int, axis: int) -> float:
        """Error of an edge of a region along x (0) or y (1) [px]."""
        box = self.box_px(index)
        return self.budget.edge_px(self.regions[index], box[axis + 2] - box[axis])

    def label(self, index: int) -> str:
        """Label of a region."""
        return self.regions[index].label


def _area(region: Region) -> float:
    left, top, right, bottom = region.box_px
    return (right - left) * (bottom - top)
