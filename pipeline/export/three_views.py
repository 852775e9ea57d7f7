"""Pictures of points and lines from the camera, from above and from the side, drawn without a display.

Convention: OpenCV axes (x right, y down, z forward); pixel (0, 0) is the centre of the top-left pixel; poses are
camera-to-world matrices. Each point is a square of pixels, and the nearest one is seen (a z-buffer).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.export.drawing import draw_text, line_height, readable_on, rounded_rectangle, text_width
from pipeline.export.palette import Colour
from pipeline.geometry.backprojection import project
from pipeline.geometry.regions import boxes_overlap
from pipeline.records import Camera

BACKGROUND: Colour = (32, 36, 42)
_FOV_DEG = 40.0
# Space around the scene, as a factor on its distance.
_ROOM = 1.08
# Points nearer than this share of the middle distance are not drawn, and lines are cut there.
_NEAR_SHARE = 0.01
# Points beyond these percentiles do not count for the distance of a view.
_TRIM_PERCENT = (1, 99)
# Growth of points, because surfaces are seldom seen straight on, and the largest of their squares [px].
_GROWTH, _MOST_SIDE_PX = 1.6, 12
# Opacity of lines behind points, and by which factor they may lie behind and still count as seen.
_HIDDEN, _SLACK = 0.35, 1.01
_MOST_LINE_STEPS = 20_000
# Lines with larger coordinates are not drawn, because their pixels would overflow.
_LARGEST = 1e30
_TEXT_PX = 16
# Heights of a label by which it may be moved down; one that finds no free place is left out.
_LABEL_STEPS = (0, 1, -1, 2, -2)

_Box = tuple[int, int, int, int]
"""Left, top, right and bottom [px]."""


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line between two points.

    Args:
        start: float (3,).
        end: float (3,).
        colour: Its colour.
        label: Text at its middle.
        width_px: Its width [px].
    """

    start: np.ndarray
    end: np.ndarray
    colour: Colour
    label: str = ""
    width_px: int = 1


@dataclass(frozen=True, eq=False)
class View:
    """A camera at a pose.

    Args:
        camera: Intrinsics and size of the picture [px].
        pose: Camera-to-world, float64 (4, 4).
    """

    camera: Camera
    pose: np.ndarray

    def own(self, positions: np.ndarray) -> np.ndarray:
        """Points (N, 3) of the world in the axes of the camera."""
        own: np.ndarray = (np.asarray(positions, dtype=np.float64) - self.pose[:3, 3]) @ self.pose[:3, :3]
        return own


def three_views(points: np.ndarray, camera: Camera, up: np.ndarray, longest_px: int) -> dict[str, View]:
    """The view of the camera, the one from above, and the one from its right side.

    From above, the camera is at the bottom and looks up; from the side, it is at the left and looks to the right.

    Args:
        points: float (N, 3) in the camera frame; all are in the pictures, but for outliers, and so is the camera.
        camera: Intrinsics of the photo.
        up: Direction against gravity in the camera frame, float (3,).
        longest_px: Longest side of the pictures [px].

    Returns:
        ``camera``, ``top`` and ``side``, with poses in the camera frame.
    """
    scale = longest_px / max(camera.width, camera.height)
    width, height = (max(1, round(side * scale)) for side in (camera.width, camera.height))
    views = {"camera": View(camera.resized(width, height), np.eye(4))}
    if len(points):
        low, high = np.percentile(points, _TRIM_PERCENT, axis=0)
        points = points[((points >= low) & (points <= high)).all(axis=1)]
    points = np.concatenate((points, np.zeros((1, 3))))
    other = Camera.from_fov(longest_px, max(1, round(longest_px * 3 / 4)), _FOV_DEG)
    up = up / np.linalg.norm(up)
    # Along the photo's rows, because a camera may look straight down; along its columns where it lies on its side.
    along = np.eye(3)[0 if abs(up[0]) < 0.9 else 1]
    right = along - (along @ up) * up
    right /= np.linalg.norm(right)
    forward = np.cross(up, right)
    # The picture's right, its down, and into it.
    for name, axes in (("top", (right, -forward, -up)), ("side", (forward, -up, -right))):
        pose = np.eye(4)
        pose[:3, :3] = np.stack(axes, axis=1)
        pose[:3, 3] = _place(points, other, pose[:3, :3])
        views[name] = View(other, pose)
    return views


def _place(points: np.ndarray, camera: Camera, axes: np.ndarray) -> np.ndarray:
    """Where a camera with these axes sees all points (N, 3) and comes no nearer than it must, float64 (3,)."""
    turned = points @ axes
    middle = (turned.min(axis=0) + turned.max(axis=0)) / 2
    offsets = turned - middle
    reach = (camera.width / 2 / camera.fx, camera.height / 2 / camera.fy)
    needed = [np.abs(offsets[:, axis]) / reach[axis] - offsets[:, 2] for axis in (0, 1)]
    distance = _ROOM * max(float(np.max(needed)), 1e-6)
    place: np.ndarray = axes @ (middle - (0, 0, distance))
    return place


def draw_view(
    points: np.ndarray, colours: np.ndarray, sizes: np.ndarray, lines: Sequence[Line], view: View, note: str = ""
) -> np.ndarray:
    """The picture of points and lines; parts of lines behind points are faint.

    Args:
        points: float (N, 3).
        colours: uint8 (N, 3), RGB.
        sizes: float (N,), distance from each point to the next, in the unit of the points.
        lines: Lines among the points.
        view: From where.
        note: Text in the lower left corner.

    Returns:
        uint8 RGB (H, W, 3).
    """
    own = view.own(points)
    ahead = own[:, 2] > 0
    near = _NEAR_SHARE * float(np.median(own[ahead, 2])) if ahead.any() else 1e-6
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        wanted = np.where(own[:, 2] > near, _GROWTH * view.camera.fx * sizes / own[:, 2], 1)
    sides_px = np.clip(np.ceil(wanted), 1, _MOST_SIDE_PX).astype(np.int64)
    image, nearest = splat(own, colours, view.camera, sides_px, near)
    middles = [_draw_line(image, nearest, line, view, near) for line in lines]
    taken: list[_Box] = []
    if note:
        taken += _draw_label(image, note, BACKGROUND, 0, view.camera.height, taken)
    for line, middle in zip(lines, middles, strict=True):
        if line.label and middle is not None:
            taken += _draw_label(image, line.label, line.colour, *middle, taken)
    return image


def splat(
    points: np.ndarray, colours: np.ndarray, camera: Camera, sides_px: np.ndarray | int = 1, near: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw each point as a square around its pixel; the nearest one is seen.

    Args:
        points: float (N, 3) in the camera frame.
        colours: uint8 (N, 3), RGB.
        camera: Intrinsics [px].
        sides_px: Side of each square, or of all, int (N,) [px].
        near: Points at this z or nearer are left out.

    Returns:
        uint8 RGB (H, W, 3), and z of the nearest point at each pixel, float64 (H, W), infinite where there is none.

    Example:
        >>> camera = Camera(10, 10, 1, 0, width=3, height=1)
        >>> image, z = splat(np.array([[0.0, 0, 4], [0, 0, 2]]), np.array([[9, 9, 9], [5, 5, 5]], np.uint8), camera)
        >>> image[0, 1].tolist(), z[0].tolist()
        ([5, 5, 5], [inf, 2.0, inf])
    """
    height, width = camera.height, camera.width
    image = np.full((height * width, 3), BACKGROUND, dtype=np.uint8)
    nearest = np.full(height * width, np.inf)
    pixels = project(points, camera)
    # Far outside the picture a rounded pixel would not fit into an integer.
    shown = (points[:, 2] > near) & (np.abs(pixels - (width / 2, height / 2)) < 2 * max(width, height)).all(axis=1)
    columns, rows = np.rint(pixels[shown]).astype(np.int64).T
    z, colours = points[shown, 2], colours[shown]
    sides = np.broadcast_to(sides_px, len(points))[shown]
    # How far the squares reach to the left and up, and to the right and down.
    before, after = (sides - 1) // 2, sides // 2
    reach = range(-int(before.max(initial=0)), int(after.max(initial=0)) + 1)
    squares = []
    for down in reach:
        for right in reach:
            u, v = columns + right, rows + down
            covers = (min(down, right) >= -before) & (max(down, right) <= after)
            inside = np.flatnonzero(covers & (u >= 0) & (u < width) & (v >= 0) & (v < height))
            squares.append((inside, v[inside] * width + u[inside]))
            np.minimum.at(nearest, squares[-1][1], z[inside])
    for inside, places in squares:
        seen = z[inside] <= nearest[places]
        image[places[seen]] = colours[inside[seen]]
    return image.reshape(height, width, 3), nearest.reshape(height, width)


def _draw_line(
    image: np.ndarray, nearest: np.ndarray, line: Line, view: View, near: float
) -> tuple[float, float] | None:
    """Draw a line; return the pixel of the middle of the part ahead of the camera, None if there is none."""
    ends = view.own(np.stack((line.start, line.end)))
    if not (np.abs(ends) < _LARGEST).all() or max(ends[:, 2]) <= near:
        return None
    for behind, ahead in ((0, 1), (1, 0)):
        if ends[behind, 2] < near:
            share = (near - ends[behind, 2]) / (ends[ahead, 2] - ends[behind, 2])
            ends[behind] += share * (ends[ahead] - ends[behind])
            ends[behind, 2] = near
    pixels = project(ends, view.camera)
    clipped = _clipped(pixels, view.camera)
    if clipped is None:
        return None
    steps = min(_MOST_LINE_STEPS, 2 + math.ceil(2 * float(np.abs(clipped[1] - clipped[0]).max())))
    track = clipped[0] + np.linspace(0, 1, steps)[:, None] * (clipped[1] - clipped[0])
    z = _z_along(track, pixels, ends[:, 2])
    columns, rows = np.rint(track).astype(np.int64).T
    reach = range(-((line.width_px - 1) // 2), line.width_px // 2 + 1)
    opacity = np.zeros(nearest.shape)
    for down in reach:
        for right in reach:
            u = np.clip(columns + right, 0, view.camera.width - 1)
            v = np.clip(rows + down, 0, view.camera.height - 1)
            np.maximum.at(opacity, (v, u), np.where(z <= nearest[v, u] * _SLACK, 1.0, _HIDDEN))
    drawn = opacity > 0
    share = opacity[drawn][:, None]
    image[drawn] = np.rint(image[drawn] * (1 - share) + np.array(line.colour) * share).astype(np.uint8)
    middle_u, middle_v = track[steps // 2]
    return float(middle_u), float(middle_v)


def _clipped(pixels: np.ndarray, camera: Camera) -> np.ndarray | None:
    """The part of a line (2, 2) within the picture (Liang & Barsky 1984), None if there is none."""
    start, way = pixels[0], pixels[1] - pixels[0]
    first, last = 0.0, 1.0
    for axis, size in ((0, camera.width), (1, camera.height)):
        for sign, limit in ((-1, 0.0), (1, size - 1.0)):
            # Inside where sign * (start + share * way - limit) <= 0.
            slope, offset = sign * way[axis], sign * (start[axis] - limit)
            if slope == 0:
                if offset > 0:
                    return None
            elif slope > 0:
                last = min(last, -offset / slope)
            else:
                first = max(first, -offset / slope)
    if first > last:
        return None
    return np.stack((start + first * way, start + last * way))


def _z_along(track: np.ndarray, pixels: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Depth z of a line's points at pixels (N, 2) of it; 1/z is linear along a line of the picture."""
    way = pixels[1] - pixels[0]
    length = float(way @ way)
    share = (track - pixels[0]) @ way / length if length > 0 else np.zeros(len(track))
    along: np.ndarray = 1 / (1 / z[0] + np.clip(share, 0, 1) * (1 / z[1] - 1 / z[0]))
    return along


def _draw_label(
    image: np.ndarray, label: str, colour: Colour, u: float, v: float, taken: Sequence[_Box]
) -> tuple[_Box, ...]:
    """Draw a text within the picture, near the pixel (u, v) and where it covers no other; return its box, if any."""
    height, width = line_height(_TEXT_PX) + 4, text_width(label, _TEXT_PX) + 12
    lowest, rightmost = max(0, image.shape[0] - height), max(0, image.shape[1] - width)
    rows = [v - height - 4 + step * (height + 2) for step in _LABEL_STEPS]
    for wish, shift in ((row, shift) for row in rows for shift in (0.0, -0.5, 0.5)):
        x = round(max(0.0, min(u - width / 2 + shift * width, rightmost)))
        y = round(max(0.0, min(wish, lowest)))
        box = (x, y, x + width, y + height)
        if not any(boxes_overlap(box, other) for other in taken):
            rounded_rectangle(image, x, y, width, height, 4, colour)
            draw_text(image, label, x + 6, y + 2, _TEXT_PX, readable_on(colour))
            return (box,)
    return ()
