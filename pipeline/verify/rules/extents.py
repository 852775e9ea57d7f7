"""How far an object reaches: across the view, up, and along the view, and what of it is hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.extents import thin
from pipeline.geometry.objects import order_coordinate
from pipeline.geometry.occlusion import nearness
from pipeline.geometry.regions import Window
from pipeline.geometry.visibility import Reach, open_boundary, reach
from pipeline.records.relations import Need
from pipeline.verify.rules.view import FrameView

# An object that comes so close to the frame's border may go on beyond it [px].
_BORDER_PX = 2
# What hides an object begins at least this much nearer: a share of z, or of the frame's range.
_HIDING_STEP = 0.015
AXES = ("width", "height", "depth")
"""The names of the extents, in the order of the axes."""
# Fewer pixels at the frame's border cut nothing off.
_CUT_PX = 3
# The top of an object is this share of its height, and shows its depth where it reaches over so much of it.
_TOP_SHARE, _TOP_REACH = 0.12, 0.7
_THINNED = 2000
# What shows less depth than this share of its width shows little more than its front.
_SHALLOW = 0.5
# Depth that is rougher than this from pixel to pixel is smoothed before its ends are read [share of z].
_ROUGH = 0.0007
# The depth of what shows no top, as a share of its width.
_UNSEEN_DEPTH = 0.85
# An end of an object is as high as another's within this share of the lower one's height.
_STACK_SHARE = 0.15
# Errors of a centre as shares of the object's diagonal: along an axis that is seen whole, that is open, and along the
# view with the top seen and with the front alone.
_CLOSED_CENTRE, _OPEN_CENTRE, _TOP_CENTRE, _BACK_CENTRE = 0.012, 0.12, 0.04, 0.07
# The foot of an object: what is within this share of its region's height from the lowest pixel.
_FOOT_SHARE = 0.35
_FEWEST_FOOT_PX = 4
# A surface at the foot rises less than this, and lies above the lowest visible point by no more of the height.
_LEVEL_SLOPE, _FOOT_SLACK = 0.25, 0.1
# A foot may lie this share of the visible height below what is visible.
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


def open_pixels(view: FrameView, index: int) -> np.ndarray:
    """Pixels of an object beside a place where it may go on unseen, bool (H, W) of the object's window.

    There something nearer begins; see ``is_cut_off`` for the frame's border.
    """
    found = view.object(index)
    edge_px = view.eroded_px(index)
    margin = 4 * (edge_px + 2) + 6
    height, width = view.depth.shape
    window = found.window
    around = Window(
        max(window.top - margin, 0),
        min(window.bottom + margin, height),
        max(window.left - margin, 0),
        min(window.right + margin, width),
    )
    top, left = window.top - around.top, window.left - around.left
    inner = (slice(top, top + found.mask.shape[0]), slice(left, left + found.mask.shape[1]))
    mask = np.zeros(around.shape, dtype=bool)
    region = view.regions[index].mask
    mask[inner] = found.mask if region is None else region[window.slices]
    kind = view.depth.kind
    near = nearness(order_coordinate(view.depth.values[around.slices], kind), kind)
    least = max(4 * view.pixel_noise(index), _HIDING_STEP * view.spread)
    valid = view.depth.valid[around.slices]
    is_open = open_boundary(near, valid, mask, edge_px=edge_px, least=least, relative=kind.has_shape)[inner]
    kernel = np.ones((2 * (edge_px + 1) + 1,) * 2, np.uint8)
    is_open = cv2.dilate(is_open.astype(np.uint8), kernel).astype(bool)
    return is_open


def is_cut_off(view: FrameView, index: int) -> bool:
    """Whether an object reaches the border of the frame, beyond which it may be of any size."""
    found = view.object(index)
    height, width = view.depth.shape
    border = _BORDER_PX + view.eroded_px(index)
    rows = np.arange(found.window.top, found.window.bottom)
    columns = np.arange(found.window.left, found.window.right)
    at_border = found.mask & (
        ((rows < border) | (rows >= height - border))[:, None] | (columns < border) | (columns >= width - border)
    )
    return int(np.count_nonzero(at_border)) >= _CUT_PX


def extents(view: FrameView, index: int) -> Extents:
    """How far an object's visible part reaches.

    Raises:
        CannotMeasure: If the depth has no shape or too few of its pixels have depth.
    """
    if index not in view.extents:
        view.require(Need.SHAPE)
        rows, columns, z, is_open = _outline_filled(view, index)
        axes, is_upright = view.axes
        coordinates = back_project_pixels(columns, rows, z, view.camera) @ axes
        cut = is_cut_off(view, index)
        half_px = 0.5 * view.z(index) / view.camera.fx
        reaches = []
        for axis in range(3):
            part = reach(coordinates[:, axis], is_open)
            pad = half_px * float(np.hypot(*axes[:2, axis]))
            reaches.append(Reach(part.low - pad, part.high + pad, part.low_open or cut, part.high_open or cut))
        across, up, along = reaches
        bears = support(view, index)
        if bears is not None and not up.low_open and bears.height < up.low:
            # What bulges over its foot shows the foot's height on the surface beside it alone.
            up = replace(up, low=max(bears.height, up.low - _DEEPEST_FOOT * up.length))
        shallow = along.length < _SHALLOW * across.length
        if shallow or view.regions[index].mask is None or not _shows_its_top(coordinates):
            # The back of what is seen from the front alone is hidden by itself.
            along = replace(along, high_open=True)
        view.extents[index] = Extents(across, up, along, is_upright)
    return view.extents[index]


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


def centre(view: FrameView, index: int) -> Centre:
    """The middle of an object's box; the back of what is seen from the front alone is taken to be as deep as wide.

    Raises:
        CannotMeasure: If the depth has no shape or too few of its pixels have depth.
    """
    found = extents(view, index)
    axes, _ = view.axes
    parts = (found.across, found.up, found.along)
    lengths = np.array([part.length for part in parts])
    if found.along.high_open and not found.along.low_open and not found.across.is_open:
        lengths[2] = max(lengths[2], _UNSEEN_DEPTH * lengths[0])
    middles = np.array(
        [
            (found.across.low + found.across.high) / 2,
            (found.up.low + found.up.high) / 2,
            found.along.low + lengths[2] / 2,
        ]
    )
    size = float(np.linalg.norm(lengths))
    shares = [_OPEN_CENTRE if part.is_open else _CLOSED_CENTRE for part in parts]
    if found.along.high_open and not found.along.low_open:
        shares[2] = _BACK_CENTRE
    elif not found.along.is_open:
        shares[2] = _TOP_CENTRE
    return Centre(axes @ middles, axes, np.array(shares) * size, size)


def box_gap(view: FrameView, first: int, second: int) -> float:
    """Distance of two objects' boxes, hidden backs included, level and along the view, in the depth's unit.

    Raises:
        CannotMeasure: If the depth has no shape or too few of an object's pixels have depth.
    """
    intervals = []
    for index in (first, second):
        found = extents(view, index)
        back = found.along.low + max(found.along.length, _UNSEEN_DEPTH * found.across.length)
        high = back if found.along.high_open and not found.across.is_open else found.along.high
        intervals.append(
            np.array([(found.across.low, found.across.high), (found.up.low, found.up.high), (found.along.low, high)])
        )
    one, other = intervals
    gaps = np.maximum(0.0, np.maximum(one[:, 0] - other[:, 1], other[:, 0] - one[:, 1]))
    return float(np.linalg.norm(gaps))


def _outline_filled(view: FrameView, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns [px of the frame], z and openness of all pixels of an object, (N,) each.

    Pixels at its edge and holes take the depth of the nearest trusted pixel.
    """
    found = view.object(index)
    region = view.regions[index].mask
    whole = found.mask if region is None else region[found.window.slices]
    _, labels = cv2.distanceTransformWithLabels(
        (~found.core).astype(np.uint8), cv2.DIST_L1, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros(int(labels.max()) + 1, dtype=np.float32)
    values[labels[found.core]] = view.depth.values[found.window.slices][found.core]
    z = values[labels]
    if view.pixel_noise(index) > _ROUGH:
        # The outermost of many noisy points would lie too far out.
        z = cv2.medianBlur(z, 5)
    rows, columns = np.nonzero(whole)
    is_open = open_pixels(view, index)[rows, columns]
    return rows + found.window.top, columns + found.window.left, z[rows, columns].astype(np.float64), is_open


@dataclass(frozen=True)
class Support:
    """The level surface at an object's foot.

    Args:
        height: Its height above the camera, in the depth's unit.
        pixels: int (N, 2), rows and columns of it [px of the frame].
        share: Share of the object's lower boundary along which there is such a surface.
    """

    height: float
    pixels: np.ndarray
    share: float


def support(view: FrameView, index: int) -> Support | None:
    """The level surface right below an object in the image; None where none is seen or up is not known."""
    if view.up is None:
        return None
    if index not in view.supports:
        view.supports[index] = _support(view, index)
    found: Support | None = view.supports[index]
    return found


def _support(view: FrameView, index: int) -> Support | None:
    assert view.up is not None
    found = view.object(index)
    region = view.regions[index].mask
    whole = found.mask if region is None else region[found.window.slices]
    columns = np.flatnonzero(whole.any(axis=0))
    # The lowest pixel of every column.
    rows = whole.shape[0] - 1 - whole[::-1, columns].argmax(axis=0)
    lowest = rows.max() - _FOOT_SHARE * whole.shape[0]
    columns, rows = columns[rows >= lowest], rows[rows >= lowest]
    step = view.settings.edge_px + 1
    height = view.depth.shape[0]
    rows, columns = rows + found.window.top, columns + found.window.left
    places = [(rows + step * count, columns) for count in (1, 2, 3)]
    inside = places[-1][0] < height
    if np.count_nonzero(inside) < _FEWEST_FOOT_PX:
        return None
    points = []
    valid = np.ones(np.count_nonzero(inside), dtype=bool)
    for y, x in places:
        y, x = y[inside], x[inside]
        valid &= view.depth.valid[y, x]
        points.append(
            back_project_pixels(x, y, np.where(view.depth.valid[y, x], view.depth.values[y, x], 1), view.camera)
        )
    near, far = points[0], points[-1]
    heights = near @ view.up.direction
    along = np.linalg.norm(near - far, axis=1)
    slope = np.abs(heights - far @ view.up.direction) / np.maximum(along, 1e-9)
    own = view.heights(index)
    assert own is not None
    low, high = float(own[len(own) // 100]), float(own[-1 - len(own) // 100])
    noise = 3 * view.pixel_noise(index) * view.z(index)
    slack = _FOOT_SLACK * (high - low) + 2 * view.z(index) / view.camera.fy + noise
    level = valid & (slope < _LEVEL_SLOPE + noise / np.maximum(along, 1e-9)) & (heights < low + slack)
    if np.count_nonzero(level) < _FEWEST_FOOT_PX:
        return None
    # A carrier lies higher than what is seen beside it.
    height_of = float(np.percentile(heights[level], 75))
    bearing = level & (np.abs(heights - height_of) < slack)
    pixels = np.stack((places[0][0][inside][bearing], places[0][1][inside][bearing]), axis=1)
    return Support(height_of, pixels, float(np.count_nonzero(bearing) / len(columns)))


def _shows_its_top(coordinates: np.ndarray) -> bool:
    """Whether the highest part of the points (N, 3) across, up, along reaches over most of their depth."""
    coordinates = thin(coordinates, _THINNED)
    low, high = np.percentile(coordinates[:, 1], (1, 99))
    top = coordinates[coordinates[:, 1] >= high - _TOP_SHARE * (high - low), 2]
    near, far = np.percentile(coordinates[:, 2], (1, 99))
    return bool(np.ptp(np.percentile(top, (1, 99))) >= _TOP_REACH * (far - near)) if len(top) > 2 else False


def stacked(view: FrameView, subject: int, other: int) -> int:
    """1 where the subject's lower end is as high as the object's upper end, -1 the other way round, 0 otherwise."""
    first, second = view.heights(subject), view.heights(other)
    if first is None or second is None:
        return 0
    (low, high), (other_low, other_high) = (
        (float(heights[len(heights) // 50]), float(heights[-len(heights) // 50 - 1])) for heights in (first, second)
    )
    slack = _STACK_SHARE * min(high - low, other_high - other_low)
    slack += 3 * view.pixel_noise(subject) * view.z(subject) + 3 * view.z(subject) / view.camera.fy
    if abs(low - other_high) < slack and high > other_high:
        return 1
    return -1 if abs(other_low - high) < slack and other_high > high else 0
