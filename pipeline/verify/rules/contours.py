"""The contour that two objects of a frame share, and the surfaces beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.geometry.objects import dilate
from pipeline.geometry.occlusion import (
    Contour,
    Ownership,
    clear_step,
    nearer_around,
    ownership,
    separate,
    shared_contour,
)
from pipeline.geometry.planes import LEVEL
from pipeline.geometry.regions import boxes_gap
from pipeline.verify.rules.view import FrameView

if TYPE_CHECKING:
    from pipeline.verify.rules.object_view import ObjectView

TOUCHING_PX = 2
"""Pixels this close to each other, or to the border of a frame, touch [px]."""


@dataclass(frozen=True, eq=False)
class Meeting:
    """Where two objects meet in the image.

    Args:
        contour: Their shared boundary, the first object first.
        first: bool (h, w), visible pixels of the first.
        second: bool (h, w), visible pixels of the second; disjoint.
        noise: Error of one pixel's order coordinate, in its unit.
        drift: Error of the difference of two places as far apart as those that are read on both sides.
        first_level: bool (N,), where the first surface is level along the contour; None where up is not known.
        second_level: The same of the second.
        first_nearer: Share of pairs of pixels around the boundary in which the first's is nearer; 0.5 where there are
            too few.
        contour_px: float (N, 2), the first's pixels (u, v) next to the second, in the image.
    """

    contour: Contour
    first: np.ndarray
    second: np.ndarray
    noise: float
    drift: float
    first_level: np.ndarray | None
    second_level: np.ndarray | None
    first_nearer: float
    contour_px: np.ndarray

    def swapped(self) -> Meeting:
        """The same with the two objects exchanged."""
        return Meeting(
            self.contour.swapped(),
            self.second,
            self.first,
            self.noise,
            self.drift,
            self.second_level,
            self.first_level,
            1 - self.first_nearer,
            self.contour_px,
        )

    def least_steps(self, contour: Contour) -> np.ndarray:
        """Least step that is clear at each pixel of a contour, float64 (N,)."""
        return clear_step(contour, self.noise, self.drift)

    def ownership(self) -> Ownership:
        """Who owns the contour."""
        return ownership(
            self.contour,
            self.noise,
            drift=self.drift,
            first_level=self.first_level,
            second_level=self.second_level,
        )


def find_meeting(first: ObjectView, second: ObjectView) -> Meeting | None:
    """Where two regions' objects meet in the image; None where they do not, or nothing can be read there.

    Raises:
        CannotMeasure: If an object has too few pixels with depth.
    """
    view, masks = first.view, [item.region.mask for item in (first, second) if item.region.mask is not None]
    both_masks = len(masks) == 2
    gap_px = TOUCHING_PX
    objects = first.pixels, second.pixels
    if boxes_gap(first.region.box_px, second.region.box_px) > 2 * view.edge_px + gap_px:
        return None
    coordinate, own, others = separate(*objects)
    window = objects[0].window.union(objects[1].window)
    outlines = [mask[window.slices] for mask in masks]
    contour = shared_contour(
        coordinate,
        own,
        others,
        view.depth.kind,
        edge_px=view.edge_px,
        gap_px=gap_px,
        outlines=(outlines[0], outlines[1] & ~outlines[0]) if both_masks else None,
    )
    if contour.steps.size == 0:
        return None
    origin = np.array((window.left - view.camera.cx, window.top - view.camera.cy))
    return Meeting(
        contour,
        own,
        others,
        max(first.pixel_noise, second.pixel_noise),
        _drift(view) * max(first.depth_noise, second.depth_noise),
        _level(contour.first_planes, contour.pixels + origin, view),
        _level(contour.second_planes, contour.pixels + origin, view),
        nearer_around(coordinate, own, others, contour.pixels),
        _line(own, others, gap_px, (window.left, window.top)) * view.sample_px - 0.5,
    )


def _line(first: np.ndarray, second: np.ndarray, gap_px: int, corner: tuple[int, int]) -> np.ndarray:
    """The first's pixels nearest to the second, as places (u, v) counted from the frame's outer edge, float (N, 2)."""
    for apart_px in range(1, gap_px + 2):
        rows, columns = np.nonzero(dilate(second, apart_px) & first)
        if rows.size:
            break
    return np.stack((columns, rows), axis=1) + np.array(corner) + 0.5


def _drift(view: FrameView) -> float:
    """How much the smooth error changes between the places that are read on both sides, as a share of itself."""
    apart = 2 * (view.edge_px + 1) / max(view.depth.shape)
    return math.sqrt(max(2 - 2 * view.noise.correlation(apart), 0.0)) if view.noise.place_share > 0 else 0.0


def _level(planes: np.ndarray, pixels: np.ndarray, view: FrameView) -> np.ndarray | None:
    """Where surfaces with these planes of nearness are level, bool (N,); None where up is not known."""
    if view.up is None:
        return None
    value, slope_x, slope_y = planes.T
    # A plane is linear in 1/z: its normal is the gradient over the ray's coordinates.
    normals = np.stack(
        (
            slope_x * view.camera.fx,
            slope_y * view.camera.fy,
            value - slope_x * pixels[:, 0] - slope_y * pixels[:, 1],
        ),
        axis=1,
    )
    cosines = np.abs(normals @ view.up.direction) / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    level: np.ndarray = cosines > LEVEL
    return level
