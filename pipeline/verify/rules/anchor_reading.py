"""Reads the length of an anchor off one frame, on any kind of depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.candidates import SAME
from pipeline.geometry.floor import LOWER, MOST_BELOW, floor_pixels
from pipeline.geometry.known_lengths import (
    KnownLength,
    Pixels,
    centre_distance,
    floor_distance,
    lateral_length,
    nearest_distance,
    plane_distance,
    straight_distance,
    z_distance,
)
from pipeline.geometry.planes import LEVEL_SHARE, support_plane
from pipeline.geometry.robust import CLEAR, MOST_COMPARED
from pipeline.geometry.visibility import reach
from pipeline.records import Anchor, AnchorKind, Origin, Region
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.extents import CENTRE_SHARE
from pipeline.verify.rules.object_view import ObjectView, object_views
from pipeline.verify.rules.view import LEAST_NOISE, FrameView

# Difference of the visible extent of objects from the true one, as standard deviations [fraction]; without gravity a
# height may be foreshortened, or include a visible top.
_SIZE_ERROR, _TILTED_ERROR = 0.1, 0.2
# Most pixels of a frame in which a floor is searched.
_MOST_SEARCHED = 6000
# A smooth error of depth also tilts a plane, which moves it by so much of that error.
_TILT = 1.5
# How much of the smooth error of affine kinds bends a floor, as its errors are smaller far away.
_FLOOR_NOISE = 0.15
# Largest error of depth from place to place for which level surfaces are searched [fraction of z].
_LEVEL_NOISE = 0.06


def read(anchor: Anchor, view: FrameView, named: Sequence[ObjectView]) -> KnownLength:
    """The length of an anchor, and the pixels that it is measured on.

    Args:
        anchor: An anchor with a length.
        view: The frame.
        named: Objects of the frame that the anchor names; none for pixels and for a floor that must be found.

    Raises:
        CannotMeasure: If the depth or the visible part of a region cannot show it.
    """
    error, focal = anchor.relative_error, view.budget.focal[view.camera.source]

    def known(
        objects: tuple[Pixels, ...], measure: Callable[..., float], further: float = 0.0, focal_error: float = focal
    ) -> KnownLength:
        return KnownLength(anchor.value_m, objects, measure, math.hypot(error, further), focal_error)

    match anchor.kind:
        case AnchorKind.SIZE:
            return known(*_size(named[0], anchor.measure or "height"))
        case AnchorKind.BETWEEN:
            nearest = anchor.measure == "nearest"
            if not nearest:
                for item in named:
                    if any(_is_open(item)):
                        raise CannotMeasure(
                            "partly_visible", "needs_whole_or_nearest_anchor", label=item.label, side="centre"
                        )
            objects = tuple(pixels(item, _behind(item)) for item in named)
            return known(objects, nearest_distance if nearest else centre_distance)
        case AnchorKind.BETWEEN_PX:
            return known(_at_pixels(anchor, view), _point_distance)
        case AnchorKind.TO_CAMERA | AnchorKind.TO_CAMERA_PX:
            objects = tuple(pixels(item) for item in named) or _at_pixels(anchor, view)
            return known(objects, z_distance, 0.0, 0.0) if anchor.measure == "z" else known(objects, straight_distance)
        case AnchorKind.CAMERA_HEIGHT:
            tilted = _TILT * view.noise.relative
            if named:
                return known((pixels(named[0]),), plane_distance, tilted)
            return known((floor(view),), floor_distance, tilted)
    raise AssertionError(anchor.kind)


def pixels(item: ObjectView, z_noise: float = 0.0) -> Pixels:
    """The pixels of an object.

    Raises:
        CannotMeasure: If too few of them have depth.
    """
    rows, columns = item.pixels.core_px(MOST_COMPARED)
    values = item.view.depth.values[rows, columns].astype(np.float64)
    return Pixels(_rays(item.view, rows, columns), values, item.depth_noise, z_noise)


def floor(view: FrameView) -> Pixels:
    """The pixels of the floor below the camera: the lowest level surface of some size.

    Raises:
        CannotMeasure: If the depth shows none.
    """
    depth = view.depth
    step = max(1, math.ceil(math.sqrt(depth.valid.size / _MOST_SEARCHED)))
    rows, columns = (axis[::step, ::step].ravel() for axis in np.mgrid[: depth.shape[0], : depth.shape[1]])
    kept = depth.valid[rows, columns]
    rows, columns = rows[kept], columns[kept]
    rays, values = _rays(view, rows, columns), depth.values[rows, columns].astype(np.float64)
    on_floor = _level(view, rays, values) if depth.kind.has_shape else None
    if not depth.kind.has_shape:
        noise = (view.noise.pixel + _FLOOR_NOISE * view.noise.relative) * view.spread
        on_floor = floor_pixels(rays, values, depth.kind, noise)
    if on_floor is None or np.count_nonzero(on_floor) < view.settings.min_pixels:
        raise CannotMeasure("no_floor", "needs_plane_region")
    mask = np.zeros(depth.shape, dtype=bool)
    mask[rows[on_floor], columns[on_floor]] = True
    return pixels(_alone(view, Region("floor", (0, 0, view.frame.width, view.frame.height), mask=mask)))


def _level_noise(view: FrameView) -> float:
    return min(max(view.noise.relative, LEAST_NOISE), _LEVEL_NOISE)


def _level(view: FrameView, rays: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Which points lie on the lowest of the larger level surfaces below the camera, bool (N,)."""
    depth = view.depth
    if view.up is None:
        return None
    up = view.up.direction
    height, width = depth.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    x, y = (columns - view.camera.cx) / view.camera.fx, (rows - view.camera.cy) / view.camera.fy
    below = -(x * up[0] + y * up[1] + up[2]) * depth.values
    valid, lowest = depth.valid, None
    while True:
        plane = support_plane(depth.values, valid, view.camera, up, relative_noise=_level_noise(view))
        if plane is None or plane.offset <= 0:
            break
        if lowest is not None and plane.inlier_share * valid.sum() < LEVEL_SHARE * depth.valid.sum():
            break
        lowest = plane
        valid = depth.valid & (below > LOWER * plane.offset)
    if (
        lowest is None
        or np.count_nonzero(depth.valid & (below > LOWER * lowest.offset)) > MOST_BELOW * depth.valid.sum()
    ):
        return None
    tolerance = max(CLEAR * lowest.residual, SAME * lowest.offset)
    near: np.ndarray = np.abs(lowest.distances(rays * values[:, None])) <= tolerance
    return near


def _size(item: ObjectView, side: str) -> tuple[tuple[Pixels, ...], Callable[[np.ndarray], float], float]:
    """Pixels, measure and error of an object's side: what the verifier measures, or without a shape its box's side."""
    view, z, error = item.view, item.z, _SIZE_ERROR
    if view.depth.kind.has_shape:
        found = item.extents
        part = found.of(side)
        is_open, length = part.is_open, part.length
        if side == "height" and not found.is_upright:
            error = _TILTED_ERROR
        if side != "width" and length > 0:
            error = math.hypot(error, _bent(item, side, found.along.length) / length)
    elif side == "depth":
        raise CannotMeasure("no_shape", "needs_extent_or_distance", kind=str(view.depth.kind))
    else:
        axis = 0 if side == "width" else 1
        box = item.box_px
        focal_px = view.camera.fx if axis == 0 else view.camera.fy
        is_open, length = _is_open(item)[axis], (box[axis + 2] - box[axis]) / focal_px * z
        error = _TILTED_ERROR if axis == 1 else error
    if is_open:
        raise CannotMeasure("partly_visible", "needs_whole_view", label=item.label, side=side)
    if length <= 0:
        raise CannotMeasure("side_of_point", "needs_box_or_mask", label=item.label, side=side)
    edges = math.sqrt(2) * item.edge_error_px(0 if side == "width" else 1) * z / view.camera.fx / length
    side_pixels = Pixels(np.array([[length / z, 0.0, 1.0]]), np.array([z]), _point_noise(item))
    return (side_pixels,), lateral_length, math.hypot(edges, error)


def _bent(item: ObjectView, side: str, along: float) -> float:
    """Error of an extent up or along the view because the depth errs differently at its ends, in the depth's unit."""
    view, (left, top, right, bottom) = item.view, item.box_px
    apart = math.hypot(right - left, bottom - top) / max(view.depth.shape)
    noise = item.depth_noise * math.sqrt(2 * (1 - view.noise.correlation(apart)))
    lean, turned = 1.0, 0.0
    if side == "height" and view.up is not None:
        middle = _rays(view, np.array([(top + bottom) / 2]), np.array([(left + right) / 2]))[0]
        lean, turned = abs(float(middle @ view.up.direction)), view.up.error_rad * along
    return math.hypot(noise * item.z * lean, turned)


def _is_open(item: ObjectView) -> tuple[bool, bool]:
    """Whether an object may continue unseen, along x and along y of the image."""
    if item.is_cut_off:
        return True, True
    rows, columns = np.nonzero(item.pixels.mask)
    hidden = item.open_pixels[rows, columns]
    across, down = (reach(axis.astype(np.float64), hidden) for axis in (columns, rows))
    return across.is_open, down.is_open


def _point_noise(item: ObjectView) -> float:
    """Error of one depth for a whole object: it may be that of any of its parts."""
    quantiles = item.pixels.quantiles
    quarter = len(quantiles) // 4
    return math.hypot(item.depth_noise, float(quantiles[-quarter - 1] - quantiles[quarter]) / 2)


def _behind(item: ObjectView) -> float:
    left, _, right, _ = item.box_px
    return CENTRE_SHARE * (right - left) / item.view.camera.fx


def _at_pixels(anchor: Anchor, view: FrameView) -> tuple[Pixels, ...]:
    """One point for each pixel of an anchor: its ray, and the median depth around it."""
    objects = []
    for u, v in anchor.points_px:
        # Boxes count from the outer edge of the first pixel, cameras from its centre.
        point = (u + 0.5, v + 0.5)
        around = _alone(view, Region(f"pixel ({u:g}, {v:g})", (*point, *point), origin=Origin.GIVEN))
        ray = _rays(view, np.array([v]), np.array([u]))
        objects.append(Pixels(ray, np.array([around.z]), _point_noise(around)))
    return tuple(objects)


def _point_distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first[0] - second[0]))


def _alone(view: FrameView, region: Region) -> ObjectView:
    """A region of the frame that competes with no other."""
    return object_views((view,), (region,))[0]


def _rays(view: FrameView, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return back_project_pixels(columns, rows, np.ones(len(rows)), view.camera)
