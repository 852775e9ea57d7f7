"""Whether an object goes on beyond what is visible of it."""

from __future__ import annotations

import numpy as np

from pipeline.geometry.edges import hidden_share
from pipeline.geometry.objects import order_coordinate
from pipeline.geometry.regions import Window
from pipeline.rules.view import FrameView

# An object that comes so close to the frame's border may go on beyond it [px].
_BORDER_PX = 2
# What hides an object begins at least this much nearer: a share of z, or of the frame's range.
_HIDDEN_STEP = 0.02
# A side along which a nearer surface begins for more than this share hides a part of the object.
_HIDDEN_SHARE = 0.25


def cut_off(view: FrameView, index: int, side: str) -> bool:
    """Whether an object may go on beyond a side of its region: the frame ends there, or something hides it.

    Args:
        view: The frame.
        index: Index of the region.
        side: ``left``, ``top``, ``right`` or ``bottom``.

    Raises:
        CannotMeasure: If too few of the object's pixels have depth.
    """
    found = view.object(index)
    height, width = view.depth.shape
    rows, columns = np.flatnonzero(found.mask.any(axis=1)), np.flatnonzero(found.mask.any(axis=0))
    window = Window(
        found.window.top + int(rows[0]),
        found.window.top + int(rows[-1]) + 1,
        found.window.left + int(columns[0]),
        found.window.left + int(columns[-1]) + 1,
    )
    beyond = {
        "left": window.left,
        "top": window.top,
        "right": width - window.right,
        "bottom": height - window.bottom,
    }
    if beyond[side] < _BORDER_PX:
        return True
    margin = 8 * (view.settings.edge_px + 1)
    around = Window(
        max(window.top - margin, 0),
        min(window.bottom + margin, height),
        max(window.left - margin, 0),
        min(window.right + margin, width),
    )
    mask = np.zeros(around.shape, dtype=bool)
    top, left = found.window.top - around.top, found.window.left - around.left
    mask[max(top, 0) : top + found.mask.shape[0], max(left, 0) : left + found.mask.shape[1]] = found.mask[
        max(-top, 0) : around.shape[0] - top, max(-left, 0) : around.shape[1] - left
    ]
    share = hidden_share(
        order_coordinate(view.depth.values[around.slices], view.depth.kind),
        view.depth.valid[around.slices],
        mask,
        Window(
            window.top - around.top,
            window.bottom - around.top,
            window.left - around.left,
            window.right - around.left,
        ),
        side,
        edge_px=view.settings.edge_px,
        least_step=max(3 * view.pixel_noise(index), _HIDDEN_STEP * view.spread),
    )
    return share > _HIDDEN_SHARE
