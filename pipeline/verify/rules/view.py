"""One frame as the rules see it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.extents import thin
from pipeline.geometry.objects import ObjectPixels, depth_of_coordinate
from pipeline.geometry.planes import Up, estimate_up
from pipeline.records import Box, DepthKind, DepthMap, Frame, Region
from pipeline.records.camera import Camera
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.noise import NoiseModel, place_distance
from pipeline.records.relations import Need
from pipeline.verify.rules.base import CannotMeasure, Settings
from pipeline.verify.rules.errors_of_depth import DepthErrors
from pipeline.verify.rules.objects import FrameObjects, box_within

# So many neighbouring pixels of a depth map err together.
_CORRELATED_PX = 9.0
# Planes are told apart no finer than this share of z.
_LEAST_NOISE = 0.005
# A camera that is tilted more than this against the horizon may take a wall for the floor [deg].
_MOST_TILT_DEG = 47.0


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
        self._points: dict[int, np.ndarray] = {}
        self._heights: dict[int, np.ndarray] = {}
        self._boxes: dict[int, Box | None] = {}
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
    def errors(self) -> DepthErrors:
        """The depth with its errors.

        Raises:
            CannotMeasure: If there is no depth.
        """
        return DepthErrors(self.depth, self.budget.noise.of(self.depth))

    @cached_property
    def _objects(self) -> FrameObjects:
        return FrameObjects(self.errors, self.regions, self.settings)

    @property
    def noise(self) -> NoiseModel:
        """Noise model of the depth's backend."""
        return self.errors.noise

    @property
    def spread(self) -> float:
        """Unit of differences of the order coordinate, see ``coordinate_spread``."""
        return self.errors.spread

    def object(self, index: int) -> ObjectPixels:
        """The object of a region.

        Raises:
            CannotMeasure: If too few of its pixels have depth.
        """
        return self._objects.object(index)

    @property
    def edge_px(self) -> int:
        """Width of the edge of an object that the depth map mixes with what lies beside it [px]."""
        return self._objects.edge_px

    def eroded_px(self, index: int) -> int:
        """Width of the edge of a region's object whose depth is not trusted [px]."""
        return self._objects.eroded_px(index)

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
        if index not in self._boxes:
            self._boxes[index] = box_within(self.regions[index], (self.frame.height, self.frame.width))
        found = self._boxes[index]
        if found is None:
            raise CannotMeasure(f"{self.label(index)!r} lies outside the frame.", "a region within the frame")
        return found

    def depth_noise(self, index: int) -> float:
        """Error of an object's order coordinate, in its unit: a fraction of z where z is known up to scale."""
        return self.errors.smooth(self.object(index).median)

    def pixel_noise(self, index: int) -> float:
        """Error of one pixel's order coordinate against its neighbours', in its unit."""
        return self.errors.rough(self.object(index).median)

    def pair_noise(self, first: int, second: int) -> float:
        """Error of the difference of two objects' order coordinates, in its unit.

        Places close to each other in the image share most of their error.
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
        """Middle of an object in the image, float64 (2,) as (u, v) [px]."""
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
        noise = max(self.errors.smooth(self.errors.middle), _LEAST_NOISE)
        return estimate_up(
            self.depth.values, self.depth.valid, self.camera, max_tilt_deg=_MOST_TILT_DEG, relative_noise=noise
        )

    @cached_property
    def axes(self) -> tuple[np.ndarray, bool]:
        """Unit vectors across, up and along the view as columns, float64 (3, 3), and whether up is gravity's."""
        up = np.array((0.0, -1.0, 0.0)) if self.up is None else self.up.direction
        across = np.cross((0.0, 0.0, 1.0), up)
        across = across / np.linalg.norm(across)
        return np.stack((across, up, np.cross(up, across)), axis=1), self.up is not None

    def heights(self, index: int) -> np.ndarray | None:
        """Heights of an object's points above the camera, ascending, in the depth's unit; None if up is unknown."""
        if self.up is None:
            return None
        if index not in self._heights:
            self._heights[index] = np.sort(self.points(index) @ self.up.direction)
        return self._heights[index]

    def doubt(self, index: int) -> float:
        """Probability that what was found in a region's box is another's object, which claims a part of it too."""
        return self.settings.box_doubt * self._objects.contested_share(index)

    def edge_error_px(self, index: int, axis: int) -> float:
        """Error of an edge of a region along x (0) or y (1) [px]."""
        box = self.box_px(index)
        return self.budget.edge_px(self.regions[index], box[axis + 2] - box[axis])

    def label(self, index: int) -> str:
        """Label of a region."""
        return self.regions[index].label
