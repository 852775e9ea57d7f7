"""Boxes and windows of pixels.

Convention: box edges lie on the continuous image plane whose top-left corner is (0, 0); pixel i covers
[i, i + 1) of it, so its centre, which is i in camera coordinates, lies at i + 0.5.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """A block of whole pixels: rows ``top:bottom``, columns ``left:right``."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the block in an (H, W) array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) [px], zero where nothing is left."""
        return max(0, self.bottom - self.top), max(0, self.right - self.left)

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        return Window(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )

    def overlap(self, other: Window) -> Window:
        """The block that both hold; of a negative height or width where they lie apart."""
        return Window(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )

    def grown(self, margin_px: int, shape: tuple[int, int]) -> Window:
        """The window with a margin to every side, within an image of that (height, width) [px]."""
        return Window(
            max(self.top - margin_px, 0),
            min(self.bottom + margin_px, shape[0]),
            max(self.left - margin_px, 0),
            min(self.right + margin_px, shape[1]),
        )

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Index of the block in an array of another window, as far as it lies there."""
        return (
            slice(max(self.top - outer.top, 0), max(self.bottom - outer.top, 0)),
            slice(max(self.left - outer.left, 0), max(self.right - outer.left, 0)),
        )


def box_window(
    box_px: tuple[float, float, float, float], shape: tuple[int, int], point_radius_px: float = 0.0
) -> Window:
    """The pixels whose centres lie in a box.

    Args:
        box_px: (left, top, right, bottom) [px].
        shape: (height, width) of the image [px].
        point_radius_px: A box without area, which is a point, grows by this much to every side [px].

    Returns:
        The window, clipped to the image; empty where the box lies outside.
    """
    left, top, right, bottom = box_px
    if left == right or top == bottom:
        left, top, right, bottom = (
            left - point_radius_px,
            top - point_radius_px,
            right + point_radius_px,
            bottom + point_radius_px,
        )
    height, width = shape
    return Window(
        min(max(math.ceil(top - 0.5), 0), height),
        min(max(math.ceil(bottom - 0.5), 0), height),
        min(max(math.ceil(left - 0.5), 0), width),
        min(max(math.ceil(right - 0.5), 0), width),
    )


def boxes_gap(first_px: tuple[float, float, float, float], second_px: tuple[float, float, float, float]) -> float:
    """Gap between two boxes along the axis where it is larger [px]; negative where they overlap."""
    return max(
        first_px[0] - second_px[2], second_px[0] - first_px[2], first_px[1] - second_px[3], second_px[1] - first_px[3]
    )


def boxes_overlap(first_px: tuple[float, float, float, float], second_px: tuple[float, float, float, float]) -> float:
    """Common area of two boxes [px^2]."""
    width = min(first_px[2], second_px[2]) - max(first_px[0], second_px[0])
    height = min(first_px[3], second_px[3]) - max(first_px[1], second_px[1])
    return max(0.0, width) * max(0.0, height)


def boxes_iou(first_px: tuple[float, float, float, float], second_px: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes, 0 where both are empty."""
    shared = boxes_overlap(first_px, second_px)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first_px, second_px))
    return shared / (areas - shared) if areas > shared else 0.0


def mask_box(mask: np.ndarray) -> tuple[float, float, float, float] | None:
    """The tight box around a bool (H, W) mask [px], or None where it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
