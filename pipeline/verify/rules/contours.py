"""The contour that two objects of a frame share, with what is known of the surfaces beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.geometry.occlusion import Contour, Ownership, nearer_around, ownership, separate, shared_contour
from pipeline.geometry.regions import boxes_gap
from pipeline.verify.rules.view import FrameView

# Widest gap between the pixels of two boxes' objects, and of two masks, that still touch [px].
_GAP_PX, _MASK_GAP_PX = 2, 0
# A surface is level where the cosine of its normal to gravity is larger.
_LEVEL = 0.9
# The places that are read on both sides of a contour lie so many edges apart.
_READ_APART = 2.0


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
        first_nearer: Share of pairs of pixels around the boundary of which the first's is nearer; 0.5 where too few
            are there.
    """

    contour: Contour
    first: np.ndarray
    second: np.ndarray
    noise: float
    drift: float
    first_level: np.ndarray | None
    second_level: np.ndarray | None
    first_nearer: float

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
        )

    def ownership(self) -> Ownership:
        """Who owns the contour."""
        return ownership(
            self.contour,
            self.noise,
            drift=self.drift,
            first_level=self.first_level,
            second_level=self.second_level,
        )


def meeting(view: FrameView, first: int, second: int) -> Meeting | None:
    """Where two regions' objects meet in the image; None where they do not, or nothing can be read there.

    Raises:
        CannotMeasure: If an object has too few pixels with depth.
    """
    # The order of the two is fixed, so that "a hides b" and "b is hidden by a" get the same answer.
    low, high = sorted((first, second))
    if (low, high) not in view.meetings:
        view.meetings[low, high] = _meeting(view, low, high)
    found: Meeting | None = view.meetings[low, high]
    return found if found is None or first == low else found.swapped()


def _meeting(view: FrameView, first: int, second: int) -> Meeting | None:
    both_masks = all(view.regions[index].mask is not None for index in (first, second))
    gap_px = _MASK_GAP_PX if both_masks else _GAP_PX
    objects = view.object(first), view.object(second)
    reach = 2 * view.edge_px + gap_px
    if boxes_gap(view.regions[first].box_px, view.regions[second].box_px) > reach:
        return None
    coordinate, own, others = separate(*objects)
    window = objects[0].window.union(objects[1].window)
    contour = shared_contour(
        coordinate,
        own,
        others,
        view.depth.kind,
        edge_px=view.edge_px,
        gap_px=gap_px,
        outlines=_outlines(view, first, second, window.slices) if both_masks else None,
    )
    if contour.steps.size == 0:
        return None
    origin = np.array((window.left - view.camera.cx, window.top - view.camera.cy))
    return Meeting(
        contour,
        own,
        others,
        max(view.pixel_noise(first), view.pixel_noise(second)),
        _drift(view, first, second),
        _level(contour.first_planes, contour.pixels + origin, view),
        _level(contour.second_planes, contour.pixels + origin, view),
        nearer_around(coordinate, own, others, contour.pixels),
    )


def _drift(view: FrameView, first: int, second: int) -> float:
    apart = _READ_APART * (view.edge_px + 1) / max(view.depth.shape)
    changes = math.sqrt(max(2 - 2 * view.noise.correlation(apart), 0.0)) if view.noise.place_share > 0 else 0.0
    return changes * max(view.depth_noise(first), view.depth_noise(second))


def _outlines(view: FrameView, first: int, second: int, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """The masks of two regions within a window, each bool (h, w), disjoint."""
    whole_first, whole_second = (view.regions[index].mask for index in (first, second))
    assert whole_first is not None and whole_second is not None
    return whole_first[window], whole_second[window] & ~whole_first[window]


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
    level: np.ndarray = cosines > _LEVEL
    return level
