"""What one frame's depth shows of an anchor, on any kind of depth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pipeline.geometry.edges import SIDES
from pipeline.geometry.extents import thin
from pipeline.geometry.floor import floor_pixels
from pipeline.geometry.known_lengths import (
    KnownLength,
    Pixels,
    centre_distance,
    depth_extent,
    extent_along,
    floor_distance,
    nearest_distance,
    plane_distance,
    side_length,
    straight_distance,
    z_distance,
)
from pipeline.geometry.planes import estimate_up, support_plane
from pipeline.records import Anchor, AnchorKind, DepthMap, Frame, Origin, Region
from pipeline.rules.base import CannotMeasure
from pipeline.rules.view import FrameView
from pipeline.rules.visibility import cut_off

# Most points of a thing; a nearest distance is searched anew for every shift.
_MOST_POINTS, _MOST_NEAREST = 600, 250
# How far a centre may lie behind the visible surface, as a share of the visible width.
_BEHIND_SURFACE = 0.15
# How far the visible extent of rendered solids is from their own, as standard deviations [fraction]: the silhouette's
# sides at the median depth of the surface, and the extent along gravity; without gravity a height may be foreshortened
# or hold a visible top. What is visible of a depth is a part of it.
_WIDTH_ERROR, _HEIGHT_ERROR, _TILTED_ERROR, _DEPTH_ERROR = 0.1, 0.06, 0.2, 0.1
# A camera that is held this level sees heights as they are.
_LEVEL_CAMERA = math.cos(math.radians(4.0))
# Pixels of a frame among which a floor is searched.
_MOST_SEARCHED = 6000
# Pixels this far from the level surface still belong to it: in its own residuals, and as a share of its distance.
_FLOOR_RESIDUALS, _FLOOR_SHARE = 3.0, 0.01
# Level surfaces that are looked at; how far one must be below another as a factor; and its least share of the depth.
_MOST_SURFACES, _LOWER, _LEAST_SURFACE = 3, 1.25, 0.05
# How much of the smooth error of affine kinds bends a floor, as its errors are smaller far away.
_FLOOR_NOISE = 0.15
# Errors of depth from place to place for which level surfaces are searched [fraction of z].
_LEVEL_NOISE = (0.003, 0.06)


def read(anchor: Anchor, view: FrameView, indices: tuple[int, ...]) -> KnownLength:
    """The length of an anchor, and the pixels that it is measured on.

    Args:
        anchor: An anchor with a length.
        view: The frame.
        indices: Regions of the frame that the anchor names; none for pixels and for a floor that must be found.

    Raises:
        CannotMeasure: If the depth or the visible part of a region cannot show it.
    """
    error, focal = anchor.relative_error, view.budget.focal[view.camera.source]

    def known(
        things: tuple[Pixels, ...], measure: Callable[..., float], further: float = 0.0, focal_error: float = focal
    ) -> KnownLength:
        return KnownLength(anchor.value_m, things, measure, math.hypot(error, further), focal_error)

    match anchor.kind:
        case AnchorKind.SIZE:
            return known(*_size(view, indices[0], anchor.measure or "height"))
        case AnchorKind.BETWEEN:
            nearest = anchor.measure == "nearest"
            if not nearest:
                for index in indices:
                    _require_whole(view, index, SIDES)
            things = tuple(pixels(view, index, _MOST_NEAREST, _behind(view, index)) for index in indices)
            return known(things, nearest_distance if nearest else centre_distance)
        case AnchorKind.BETWEEN_PX:
            return known(_at_pixels(anchor, view), _point_distance)
        case AnchorKind.TO_CAMERA | AnchorKind.TO_CAMERA_PX:
            things = tuple(pixels(view, index) for index in indices) or _at_pixels(anchor, view)
            return known(things, z_distance, 0.0, 0.0) if anchor.measure == "z" else known(things, straight_distance)
        case AnchorKind.CAMERA_HEIGHT:
            if indices:
                return known((pixels(view, indices[0]),), plane_distance)
            return known((floor(view),), floor_distance)
    raise AssertionError(anchor.kind)


def pixels(view: FrameView, index: int, most: int = _MOST_POINTS, z_noise: float = 0.0) -> Pixels:
    """The pixels of a region's object.

    Raises:
        CannotMeasure: If too few of them have depth.
    """
    found = view.object(index)
    rows, columns = thin(np.argwhere(found.core), most).T
    rows, columns = rows + found.window.top, columns + found.window.left
    values = view.depth.values[rows, columns].astype(np.float64)
    return Pixels(_rays(view, rows, columns), values, view.depth_noise(index), z_noise)


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
        raise CannotMeasure("No floor is found in the depth.", 'the region of the plane, as "above": LABEL')
    mask = np.zeros(depth.shape, dtype=bool)
    mask[rows[on_floor], columns[on_floor]] = True
    return pixels(_alone(view, Region("floor", (0, 0, view.frame.width, view.frame.height), mask=mask)), 0)


def _up(view: FrameView) -> np.ndarray | None:
    """Unit vector against gravity, float64 (3,), or None where the depth does not show it."""
    up = estimate_up(view.depth.values, view.depth.valid, view.camera, relative_noise=_level_noise(view))
    return None if up is None else up.direction


def _level_noise(view: FrameView) -> float:
    return min(max(view.noise.relative, _LEVEL_NOISE[0]), _LEVEL_NOISE[1])


def _level(view: FrameView, rays: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Which points lie on the lowest of the larger level surfaces below the camera, bool (N,)."""
    depth, up = view.depth, _up(view)
    if up is None:
        return None
    height, width = depth.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    x, y = (columns - view.camera.cx) / view.camera.fx, (rows - view.camera.cy) / view.camera.fy
    below = -(x * up[0] + y * up[1] + up[2]) * depth.values
    valid, lowest = depth.valid, None
    for _ in range(_MOST_SURFACES):
        plane = support_plane(depth.values, valid, view.camera, up, relative_noise=_level_noise(view))
        if plane is None or plane.offset <= 0:
            break
        if lowest is not None and plane.inlier_share * valid.sum() < _LEAST_SURFACE * depth.valid.sum():
            break
        lowest = plane
        valid = depth.valid & (below > _LOWER * plane.offset)
    if lowest is None:
        return None
    tolerance = max(_FLOOR_RESIDUALS * lowest.residual, _FLOOR_SHARE * lowest.offset)
    near: np.ndarray = np.abs(lowest.distances(rays * values[:, None])) <= tolerance
    return near


def _size(view: FrameView, index: int, side: str) -> tuple[tuple[Pixels, ...], Callable[[np.ndarray], float], float]:
    """Pixels, measure and error of an object's side.

    Width, and height where the camera is level or gravity is not known: the region's sides at its median depth
    (pinhole model). Height under a tilted camera: the extent of its points along gravity.
    """
    _require_whole(view, index, {"width": SIDES[::2], "height": SIDES[1::2]}.get(side, SIDES))
    if side == "depth":
        return (pixels(view, index),), depth_extent, _DEPTH_ERROR
    axis, focal_px = (0, view.camera.fx) if side == "width" else (1, view.camera.fy)
    box = view.box_px(index)
    side_px = box[axis + 2] - box[axis]
    if side_px <= 0:
        raise CannotMeasure(f"{view.label(index)!r} is a point without a {side}.", "a box or a mask")
    shape_error = _WIDTH_ERROR if axis == 0 else _TILTED_ERROR
    if axis == 1 and view.depth.kind.has_shape:
        up = _up(view)
        if up is not None and -up[1] < _LEVEL_CAMERA:
            return (_surface(view, index),), extent_along(up, abs(up[1]) / focal_px), _HEIGHT_ERROR
        shape_error = _TILTED_ERROR if up is None else _HEIGHT_ERROR
    middle = Pixels(np.array([[0.0, 0.0, 1.0]]), np.array([view.z(index)]), _point_noise(view, index))
    edges = math.sqrt(2) * view.edge_error_px(index, axis) / side_px
    return (middle,), side_length(side_px / focal_px), math.hypot(edges, shape_error)


def _surface(view: FrameView, index: int) -> Pixels:
    """All pixels of a region's object, its edge included."""
    found = view.object(index)
    rows, columns = thin(np.argwhere(found.mask), _MOST_POINTS).T
    rows, columns = rows + found.window.top, columns + found.window.left
    values = view.depth.values[rows, columns].astype(np.float64)
    return Pixels(_rays(view, rows, columns), values, view.depth_noise(index))


def _point_noise(view: FrameView, index: int) -> float:
    """Error of one depth for a whole object: it may be that of any of its parts."""
    quantiles = view.object(index).quantiles
    quarter = len(quantiles) // 4
    return math.hypot(view.depth_noise(index), float(quantiles[-quarter - 1] - quantiles[quarter]) / 2)


def _require_whole(view: FrameView, index: int, sides: tuple[str, ...]) -> None:
    hidden = [side for side in sides if cut_off(view, index, side)]
    if hidden:
        raise CannotMeasure(
            f"{view.label(index)!r} goes on beyond its {' and '.join(hidden)} side, so that not all of it is seen.",
            "a view of the whole object",
        )


def _behind(view: FrameView, index: int) -> float:
    left, _, right, _ = view.box_px(index)
    return _BEHIND_SURFACE * (right - left) / view.camera.fx


def _at_pixels(anchor: Anchor, view: FrameView) -> tuple[Pixels, ...]:
    """One point for each pixel of an anchor: its ray, and the median depth around it."""
    things = []
    for u, v in anchor.points_px:
        # Boxes count from the outer edge of the first pixel, cameras from its centre.
        point = (u + 0.5, v + 0.5)
        around = _alone(view, Region(f"pixel ({u:g}, {v:g})", (*point, *point), origin=Origin.GIVEN))
        ray = _rays(view, np.array([v]), np.array([u]))
        things.append(Pixels(ray, np.array([around.z(0)]), _point_noise(around, 0)))
    return tuple(things)


def _point_distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first[0] - second[0]))


def _alone(view: FrameView, region: Region) -> FrameView:
    """The frame with one region, which competes with no other."""
    frame: Frame = view.frame
    depth: DepthMap = view.depth
    return FrameView(frame, depth, (region,), view.budget, view.settings)


def _rays(view: FrameView, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    camera = view.camera
    return np.stack(((columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(len(rows))), axis=1)
