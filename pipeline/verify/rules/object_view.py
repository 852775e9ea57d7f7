"""One object of a frame as the rules see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.objects import ObjectPixels, depth_of_coordinate
from pipeline.records import Box, Region
from pipeline.records.errors import InputError
from pipeline.records.noise import place_distance
from pipeline.records.relations import Need
from pipeline.verify.rules import boundary
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.contours import Meeting, find_meeting
from pipeline.verify.rules.cut_out import CutOut, box_within, own_pixels, rival_objects
from pipeline.verify.rules.extents import Centre, Extents, find_centre, find_extents
from pipeline.verify.rules.support import Support, find_support
from pipeline.verify.rules.view import FrameView

# Number of neighbouring pixels of a depth map whose errors are correlated.
_CORRELATED_PX = 9.0


class ObjectView:
    """The object of one region; everything is measured on first use and only once.

    Every measurement raises ``CannotMeasure`` where it needs pixels with depth and the region has too few, or needs a
    shape and the depth has none.

    Args:
        cut_outs: Cut-outs of all regions of the result, in order.
        index: Index of this region.
        pixels: The surface to take for the object; None takes the one that the rule for boxes chooses.
    """

    def __init__(self, cut_outs: Sequence[CutOut], index: int, pixels: ObjectPixels | None = None) -> None:
        self.index = index
        self._given = pixels
        self.view: FrameView = cut_outs[index].view
        self.region: Region = cut_outs[index].region
        self._cut_outs = cut_outs
        self._meetings: dict[ObjectView, Meeting | None] = {}

    @property
    def label(self) -> str:
        """Label of the region."""
        return self.region.label

    @property
    def order(self) -> tuple[Box, str, int]:
        """What orders two objects, so that a claim and its converse, and regions in any order, get the same numbers."""
        return self.region.box_px, self.label, self.index

    @cached_property
    def _found(self) -> ObjectPixels | CannotMeasure:
        return own_pixels(self._cut_outs, self.index) if self._given is None else self._given

    @cached_property
    def alternatives(self) -> tuple[tuple[float, ObjectView], ...]:
        """Views of all surfaces that may be the object, each with its probability; the likeliest first.

        They sum to less than 1 where it may be a surface that is too small to be measured. A mask, a point and a
        refusal have one alternative, the view itself.
        """
        cut = self._cut_outs[self.index]
        if self.region.mask is not None or self.region.is_point or isinstance(self._found, CannotMeasure):
            return ((1.0, self),)
        if cut.shows_only(self._found):
            return ((1.0, self),)
        every = cut.candidates(self._found, rival_objects(self._cut_outs, self.index))
        kept = [item for item in every if item.pixels is not None]
        if not kept:
            return ((1.0, self),)
        # Surfaces that are too small to be measured keep their share, which decides nothing.
        total = sum(item.probability for item in kept) / sum(item.probability for item in every)
        return tuple(
            (
                item.probability / total,
                self if item.pixels is self._found else ObjectView(self._cut_outs, self.index, item.pixels),
            )
            for item in kept
        )

    @property
    def pixels(self) -> ObjectPixels:
        """The object's pixels."""
        if isinstance(self._found, CannotMeasure):
            raise self._found
        return self._found

    @property
    def surfaces(self) -> tuple[list[np.ndarray], list[dict[str, float]], str]:
        """See ``CutOut.surfaces``."""
        return self._cut_outs[self.index].surfaces(self.pixels, rival_objects(self._cut_outs, self.index))

    @property
    def whole(self) -> np.ndarray:
        """Pixels of the region's mask, with depth or without, or of what was found in its box: bool (h, w)."""
        return self.pixels.mask if self.region.mask is None else self.region.mask[self.pixels.window.slices]

    @property
    def eroded_px(self) -> int:
        """Width of the edge whose depth is not trusted [px]."""
        return self._cut_outs[self.index].eroded_px

    @cached_property
    def box_px(self) -> Box:
        """Tight box of the region, that of its mask where it has one, within the frame.

        Raises:
            CannotMeasure: If the region lies outside the frame.
        """
        found = box_within(self.region, (self.view.frame.height, self.view.frame.width))
        if found is None:
            raise CannotMeasure("outside_frame", "needs_region_in_frame", label=self.label)
        return found

    def edge_error_px(self, axis: int) -> float:
        """Error of an edge of the region along x (0) or y (1) [px]."""
        sample_px = self.view.sample_px
        side_px = (self.box_px[axis + 2] - self.box_px[axis]) * sample_px
        return self.view.budget.edge_px(self.region, side_px) / sample_px

    @property
    def z(self) -> float:
        """Median depth, in the depth's own unit."""
        return depth_of_coordinate(self.pixels.median, self.view.depth.kind)

    @cached_property
    def sample_sides(self) -> np.ndarray:
        """Width and height of one sample at the object, float64 (2,), in the depth's unit."""
        sampling, camera = self.view.depth.sampling, self.view.camera
        return self.z * np.array((sampling.width_px / camera.fx, sampling.height_px / camera.fy))

    @cached_property
    def points(self) -> np.ndarray:
        """Points of the core, float64 (N, 3), in metres or in the depth's own unit."""
        self.view.require(Need.SHAPE)
        rows, columns = self.pixels.core_px(self.view.settings.max_points)
        return back_project_pixels(columns, rows, self.view.depth.values[rows, columns], self.view.camera)

    @cached_property
    def middle(self) -> np.ndarray:
        """Median of the points along each axis, float64 (3,), in metres or in the depth's own unit."""
        return np.median(self.points, axis=0)

    @cached_property
    def heights(self) -> np.ndarray | None:
        """Heights of the points above the camera, ascending, in the depth's unit; None if up is unknown."""
        return None if self.view.up is None else np.sort(self.points @ self.view.up.direction)

    @cached_property
    def depth_noise(self) -> float:
        """Error of the median order coordinate, in its unit: a fraction of z where z is known up to scale."""
        return self.view.errors.smooth(self.pixels.median)

    @cached_property
    def pixel_noise(self) -> float:
        """Error of one pixel's order coordinate against its neighbours', in its unit."""
        return self.view.errors.rough(self.pixels.median)

    def pair_noise(self, other: ObjectView) -> float:
        """Error of the difference of two objects' order coordinates, in its unit.

        Places close to each other in the image share most of their error.
        """
        distance = place_distance(self._place, other._place, self.view.depth.shape)
        shared = 2 * self.view.noise.correlation(distance) * self.depth_noise * other.depth_noise
        own = [item._rough_error**2 + item._stray_error**2 for item in (self, other)]
        return math.sqrt(max(self.depth_noise**2 + other.depth_noise**2 - shared, 0.0) + sum(own))

    @cached_property
    def _rough_error(self) -> float:
        """Error of the median from pixel to pixel."""
        # Medians average it, but neighbours err together.
        correlated = 1.0 if self.view.depth.sampling.is_scattered else _CORRELATED_PX
        return self.pixel_noise * math.sqrt(correlated / np.count_nonzero(self.pixels.core))

    @cached_property
    def _stray_error(self) -> float:
        """Error of the median because some pixels of the region may not belong to the object."""
        quantiles = self.pixels.quantiles
        share = self.view.budget.stray_share(self.region)
        low, high = np.interp((0.5 - share / 2, 0.5 + share / 2), np.linspace(0, 1, len(quantiles)), quantiles)
        return float(high - low) / 2

    @cached_property
    def _place(self) -> np.ndarray:
        """Middle of the object in the image, float64 (2,) as (u, v) [px]."""
        core, window = self.pixels.core, self.pixels.window
        rows, columns = np.flatnonzero(core.any(axis=1)), np.flatnonzero(core.any(axis=0))
        return np.array((window.left + (columns[0] + columns[-1]) / 2, window.top + (rows[0] + rows[-1]) / 2))

    @cached_property
    def open_pixels(self) -> np.ndarray:
        """See ``boundary.open_pixels``."""
        return boundary.open_pixels(self)

    @cached_property
    def is_cut_off(self) -> bool:
        """Whether it reaches the border of the frame, beyond which it may be of any size."""
        return boundary.is_cut_off(self)

    @cached_property
    def is_whole(self) -> bool:
        """Whether it is neither cut off by the frame nor hidden in part by something nearer."""
        return boundary.is_whole(self)

    @cached_property
    def extents(self) -> Extents:
        """How far its visible part reaches."""
        return find_extents(self)

    @cached_property
    def centre(self) -> Centre:
        """The middle of its box, hidden parts included."""
        return find_centre(self)

    @cached_property
    def support(self) -> Support | None:
        """The level surface right below it in the image; None where none is seen or up is not known."""
        return find_support(self)

    def meeting(self, other: ObjectView) -> Meeting | None:
        """Where the two meet in the image; None where they do not, or nothing can be read there."""
        # The order of the two is fixed: "a hides b" and "b is hidden by a" must get the same answer.
        if self.order > other.order:
            found = other.meeting(self)
            return None if found is None else found.swapped()
        if other not in self._meetings:
            self._meetings[other] = find_meeting(self, other)
        return self._meetings[other]


def object_views(views: Sequence[FrameView], regions: Sequence[Region]) -> tuple[ObjectView, ...]:
    """One view per region, each in its own frame.

    Args:
        views: All frames.
        regions: All regions of the result; those of one frame compete for its pixels.

    Raises:
        InputError: If a region names a frame that does not exist.
    """
    regions = tuple(regions)
    for region in regions:
        if region.frame >= len(views):
            raise InputError(f"Region {region.label!r} names frame {region.frame}, but there are {len(views)}.")
    cut_outs = tuple(CutOut(views[region.frame], regions, index) for index, region in enumerate(regions))
    return tuple(ObjectView(cut_outs, index) for index in range(len(regions)))
