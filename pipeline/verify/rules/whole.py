"""Whether a frame shows all of an object that can be seen from where it was taken."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.verify.rules.extents import is_cut_off, open_pixels
from pipeline.verify.rules.view import FrameView

# An object along more than this share of whose outline something nearer begins is hidden in part.
_OPEN_SHARE = 0.08


def is_whole(view: FrameView, index: int) -> bool:
    """Whether an object is neither cut off by the frame nor hidden in part by something nearer.

    Raises:
        CannotMeasure: If too few of its pixels have depth.
    """
    if is_cut_off(view, index):
        return False
    mask = view.object(index).mask
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outline = mask & (inner == 0)
    return bool(np.count_nonzero(open_pixels(view, index) & outline) <= _OPEN_SHARE * np.count_nonzero(outline))
