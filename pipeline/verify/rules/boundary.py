"""Whether an object continues unseen: cut off by the frame, or hidden by something nearer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.geometry.objects import dilate, order_coordinate
from pipeline.geometry.occlusion import nearness
from pipeline.geometry.visibility import open_boundary
from pipeline.verify.rules.contours import TOUCHING_PX

if TYPE_CHECKING:
    from pipeline.verify.rules.object_view import ObjectView

# Fewer pixels at the frame's border cut nothing off.
_CUT_PX = 3
# What hides an object begins at least this much nearer: a share of z, or of the frame's range.
_HIDING_STEP = 0.015
# An object is hidden in part where something nearer begins along more than this share of its outline.
_OPEN_SHARE = 0.08


def open_pixels(item: ObjectView) -> np.ndarray:
    """Pixels of an object beside a place where it may continue unseen, bool (H, W) of the object's window.

    There something nearer begins; see ``is_cut_off`` for the frame's border.
    """
    found, view, edge_px = item.pixels, item.view, item.eroded_px
    depth = view.depth
    around = found.window.grown(4 * (edge_px + 2) + 6, depth.shape)
    inner = found.window.within(around)
    mask = np.zeros(around.shape, dtype=bool)
    mask[inner] = item.whole
    near = nearness(order_coordinate(depth.values[around.slices], depth.kind), depth.kind)
    least = max(4 * item.pixel_noise, _HIDING_STEP * view.spread)
    is_open = open_boundary(
        near, depth.valid[around.slices], mask, edge_px=edge_px, least=least, relative=depth.kind.has_shape
    )
    return dilate(is_open[inner], edge_px + 1)


def is_cut_off(item: ObjectView) -> bool:
    """Whether an object reaches the border of the frame, beyond which it may be of any size."""
    found = item.pixels
    height, width = item.view.depth.shape
    border = TOUCHING_PX + item.eroded_px
    rows = np.arange(found.window.top, found.window.bottom)
    columns = np.arange(found.window.left, found.window.right)
    at_border = found.mask & (
        ((rows < border) | (rows >= height - border))[:, None] | (columns < border) | (columns >= width - border)
    )
    return int(np.count_nonzero(at_border)) >= _CUT_PX


def is_whole(item: ObjectView) -> bool:
    """Whether an object is neither cut off by the frame nor hidden in part by something nearer.

    Raises:
        CannotMeasure: If too few of its pixels have depth.
    """
    if item.is_cut_off:
        return False
    mask = item.pixels.mask
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outline = mask & (inner == 0)
    return bool(np.count_nonzero(item.open_pixels & outline) <= _OPEN_SHARE * np.count_nonzero(outline))
