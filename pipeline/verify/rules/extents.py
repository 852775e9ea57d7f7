"""Extents of an object: across the view, up, and along the view, and whether they continue unseen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.extents import thin
from pipeline.geometry.objects import levels_of
from pipeline.geometry.robust import LITTLE, MOST_READ, STRAYS
from pipeline.geometry.visibility import Reach, reach
from pipeline.records.relations import Need

if TYPE_CHECKING:
    from pipeline.verify.rules.object_view import ObjectView

AXES = ("width", "height", "depth")
"""The names of the extents, in the order of the axes."""
# The top of an object shows the depth where it reaches over this share of it.
_TOP_REACH = 0.7
# An object that shows less depth than this share of its width shows little more than its front.
_SHALLOW = 0.5
# Depth that is rougher than this from pixel to pixel is smoothed before its ends are read [share of z].
_ROUGH = 0.0007
# Assumed depth of an object that does not show its top, as a share of its width.
_UNSEEN_DEPTH = 0.85
# Errors of a centre as shares of the object's diagonal: along an axis that is seen whole, along the view with the top
# seen and with the front alone, and along an axis that is open.
_CLOSED_CENTRE, TOP_CENTRE, _BACK_CENTRE, CENTRE_SHARE = 0.012, 0.04, 0.07, 0.15
# An object goes on beyond its last return by this share of the spacing on average, as beams have a width.
_RETURN_BEYOND = 0.25
# A foot may lie up to this share of the visible height below the lowest visible point.
_DEEPEST_FOOT = 0.6


@dataclass(frozen=True, eq=False)
class Extents:
    """The visible extent of one object, in metres or in the depth's own unit.

    Args:
        across: Level, across the view, to the right.
        up: Against gravity where it is known, otherwise up in the image.
        along: Level, away from the camera.
        is_upright: Whether gravity is known.
    """

    across: Reach
    up: Reach
    along: Reach
    is_upright: bool

    def of(self, measure: str) -> Reach:
        """The extent that is called ``width``, ``height`` or ``depth``."""
        return {"width": self.across, "height": self.up, "depth": self.along}[measure]


def find_extents(item: ObjectView) -> Extents:
    """How far an object's visible part reaches.

    Raises:
        CannotMeasure: If the depth has no shape or too few of its pixels have depth.
    """
    view = item.view
    view.require(Need.SHAPE)
    rows, columns, z, is_open = _outline_filled(item)
    axes, is_upright = view.axes
    coordinates = back_project_pixels(columns, rows, z, view.camera) @ axes
    half_m = (_RETURN_BEYOND if view.depth.sampling.is_scattered else 0.5) * item.sample_sides
    reaches = []
    for axis in range(3):
        part = reach(coordinates[:, axis], is_open)
        pad = float(np.hypot(*(half_m * axes[:2, axis])))
        ends_open = part.low_open or item.is_cut_off, part.high_open or item.is_cut_off
        reaches.append(Reach(part.low - pad, part.high + pad, *ends_open))
    across, up, along = reaches
    bears = item.support
    if bears is not None and not up.low_open and bears.height < up.low:
        # An object that bulges over its foot shows the foot's height only on the surface beside it.
        up = replace(up, low=max(bears.height, up.low - _DEEPEST_FOOT * up.length))
    shallow = along.length < _SHALLOW * across.length
    if shallow or item.region.mask is None or not _shows_its_top(coordinates):
        # An object seen only from the front hides its own back.
        along = replace(along, high_open=True)
    return Extents(across, up, along, is_upright)


@dataclass(frozen=True, eq=False)
class Centre:
    """Where the middle of an object is, hidden parts included.

    Args:
        position: float64 (3,) in the camera frame, in the depth's unit.
        axes: float64 (3, 3), unit vectors across, up and along as columns.
        sigmas: float64 (3,), errors along these axes, in the same unit.
        size: Diagonal of its box.
    """

    position: np.ndarray
    axes: np.ndarray
    sigmas: np.ndarray
    size: float


def find_centre(item: ObjectView) -> Centre:
    """The middle of an object's box; where only the front is visible, its depth is assumed to be its width.

    Raises:
        CannotMeasure: If the depth has no shape or too few of its pixels have depth.
    """
    found = item.extents
    axes, _ = item.view.axes
    parts = (found.across, found.up, found.along)
    lengths = np.array([part.length for part in parts])
    if found.along.high_open and not found.along.low_open and not found.across.is_open:
        lengths[2] = max(lengths[2], _UNSEEN_DEPTH * lengths[0])
    middles = np.array([part.low for part in parts]) + lengths / 2
    size = float(np.linalg.norm(lengths))
    shares = [CENTRE_SHARE if part.is_open else _CLOSED_CENTRE for part in parts]
    if found.along.high_open and not found.along.low_open:
        shares[2] = _BACK_CENTRE
    elif not found.along.is_open:
        shares[2] = TOP_CENTRE
    return Centre(axes @ middles, axes, np.array(shares) * size, size)


def box_gap(first: ObjectView, second: ObjectView) -> float:
    """Distance of two objects' boxes, hidden backs included, level and along the view, in the depth's unit.

    Raises:
        CannotMeasure: If the depth has no shape or too few of an object's pixels have depth.
    """
    intervals = []
    for found in (first.extents, second.extents):
        back = found.along.low + max(found.along.length, _UNSEEN_DEPTH * found.across.length)
        high = back if found.along.high_open and not found.across.is_open else found.along.high
        intervals.append(
            np.array([(found.across.low, found.across.high), (found.up.low, found.up.high), (found.along.low, high)])
        )
    one, other = intervals
    gaps = np.maximum(0.0, np.maximum(one[:, 0] - other[:, 1], other[:, 0] - one[:, 1]))
    return float(np.linalg.norm(gaps))


def _outline_filled(item: ObjectView) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns [px of the frame], z and openness of all pixels of an object, (N,) each.

    Pixels at its edge and holes take the depth of the nearest trusted pixel.
    """
    found = item.pixels
    _, labels = cv2.distanceTransformWithLabels(
        (~found.core).astype(np.uint8), cv2.DIST_L1, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros(int(labels.max()) + 1, dtype=np.float32)
    values[labels[found.core]] = item.view.depth.values[found.window.slices][found.core]
    z = values[labels]
    if item.pixel_noise > _ROUGH:
        # The outermost of many noisy points would lie too far out.
        z = cv2.medianBlur(z, 5)
    rows, columns = np.nonzero(item.whole)
    is_open = item.open_pixels[rows, columns]
    return rows + found.window.top, columns + found.window.left, z[rows, columns].astype(np.float64), is_open


def _shows_its_top(coordinates: np.ndarray) -> bool:
    """Whether the highest part of the points (N, 3) across, up, along reaches over most of their depth."""
    coordinates = thin(coordinates, MOST_READ)
    inner = (STRAYS, 1 - STRAYS)
    low, high = levels_of(coordinates[:, 1], inner)
    top = coordinates[coordinates[:, 1] >= high - LITTLE * (high - low), 2]
    near, far = levels_of(coordinates[:, 2], inner)
    return bool(np.ptp(levels_of(top, inner)) >= _TOP_REACH * (far - near)) if len(top) > 2 else False
