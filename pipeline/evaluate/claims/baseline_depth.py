"""Depth of a box as one number, as the baselines read it."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from pipeline.geometry.regions import Window, box_window
from pipeline.records import Box, DepthMap

_BINS = 32
# A peak of the histogram with fewer of the box's pixels is noise.
_PEAK_SHARE = 0.05
_POINT_RADIUS_PX = 4.0


class Reading(StrEnum):
    """How to reduce a box to one depth.

    ``box_mean``: mean of its valid pixels. ``box_centre``: the valid pixel nearest to its centre. ``nearest_mode``: the
    nearest peak of its histogram.
    """

    BOX_MEAN = "box_mean"
    BOX_CENTRE = "box_centre"
    NEAREST_MODE = "nearest_mode"


def farness(depth: DepthMap, box_px: Box, reading: Reading) -> float | None:
    """One number that grows with the distance of the object in a box.

    Args:
        depth: Depth of the frame, of any kind.
        box_px: (left, top, right, bottom) [px].
        reading: How to reduce its pixels to one number.

    Returns:
        z, in metres or up to a factor; z up to factor and shift for affine depth; minus the disparity for affine
        disparity. None if no pixel of the box has depth.
    """
    window = box_window(box_px, depth.shape, _POINT_RADIUS_PX)
    values, valid = depth.values[window.slices], depth.valid[window.slices]
    if not valid.any():
        return None
    values = (-values if depth.kind.larger_is_nearer else values).astype(np.float64)
    if reading is Reading.BOX_MEAN:
        return float(values[valid].mean())
    if reading is Reading.BOX_CENTRE:
        return _at_centre(values, valid, box_px, window)
    return _nearest_mode(values[valid])


def box_centre(box_px: Box) -> tuple[float, float]:
    """Centre of a box on the continuous image plane [px]."""
    return (box_px[0] + box_px[2]) / 2, (box_px[1] + box_px[3]) / 2


def frame_range(depth: DepthMap) -> float:
    """Range of a frame's valid values from the 2nd to the 98th percentile, in their unit; 0 without valid values."""
    values = depth.values[depth.valid][::7]
    if values.size < 2:
        return 0.0
    low, high = np.percentile(values, (2, 98))
    return float(high - low)


def _at_centre(values: np.ndarray, valid: np.ndarray, box_px: Box, window: Window) -> float:
    """Value of the valid pixel nearest to the box's centre."""
    rows, columns = np.nonzero(valid)
    u, v = box_centre(box_px)
    nearest = int(np.argmin((rows + window.top + 0.5 - v) ** 2 + (columns + window.left + 0.5 - u) ** 2))
    return float(values[rows[nearest], columns[nearest]])


def _nearest_mode(values: np.ndarray) -> float:
    """Mean of the values around the nearest peak of the smoothed histogram."""
    low, high = np.percentile(values, (1, 99))
    if not high > low:
        return float(np.median(values))
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    smooth = np.convolve(counts, (0.25, 0.5, 0.25), mode="same")
    around = np.pad(smooth, 1)
    # The later of two equal neighbours counts, so that a flat top is one peak.
    is_peak = (smooth >= around[:-2]) & (smooth > around[2:]) & (smooth >= _PEAK_SHARE * values.size / 2)
    peak = int(np.flatnonzero(is_peak)[0]) if is_peak.any() else int(np.argmax(smooth))
    inside = (values >= edges[max(peak - 1, 0)]) & (values <= edges[min(peak + 2, _BINS)])
    return float(values[inside].mean()) if inside.any() else float((edges[peak] + edges[peak + 1]) / 2)
