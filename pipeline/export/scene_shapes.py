"""What a window or a picture of a result's scene shows: points, boxes, cameras and measured lines.

Convention: all is in the camera frame of the first frame that is shown, OpenCV axes, in metres where the depth is
metric, else in the unit of the depth. Depth without shape becomes a relief, as in the viewer of pages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.overlay import write_image
from pipeline.export.palette import STATUS_COLOURS, Colour
from pipeline.export.stored_scene import StoredScene
from pipeline.export.three_views import Line, draw_view, three_views
from pipeline.export.viewer.data import view_data
from pipeline.export.viewer.frames import shown_frames
from pipeline.export.viewer.points import evenly
from pipeline.geometry.backprojection import back_project, back_project_pixels
from pipeline.geometry.merge import moved
from pipeline.records import Camera, Result, Status
from pipeline.records.errors import DepthError

VIEWS_FOLDER = "views"
_LONGEST_PX = 1280
_MOST_POINTS = 400_000
# The points of the viewer itself are not used.
_FEW_POINTS = 10_000
_CAMERA_COLOUR: Colour = (200, 204, 210)
# Colour of a distance that verdicts of several statuses measured.
_MIXED_COLOUR: Colour = (235, 235, 235)
# More lengths than this hide the scene.
_MOST_LENGTHS = 3
# Depth of a drawn camera, as a share of the middle depth of its frame.
_CAMERA_SHARE = 0.12
# Pairs of corners of a box that are edges: of eight in the order of ``Box3D.corners_m``, and of four in a ring.
_EDGES = {
    8: [(a, a | side) for side in (1, 2, 4) for a in range(8) if not a & side],
    4: [(0, 1), (1, 2), (2, 3), (3, 0)],
}


@dataclass(frozen=True, eq=False)
class SceneShapes:
    """What is shown of a scene.

    Args:
        points: float64 (N, 3).
        colours: uint8 (N, 3), RGB of the photos.
        sizes: float64 (N,), distance from each point to the next one across its ray.
        lines: Edges of boxes around regions, and measured lines with their lengths.
        cameras: Edges of the frames' cameras.
        camera: Intrinsics of the first frame.
        up: Direction against gravity, or up in the image, float64 (3,).
        note: What is to be known about the depth, in the language of the result; empty if nothing.
    """

    points: np.ndarray
    colours: np.ndarray
    sizes: np.ndarray
    lines: tuple[Line, ...]
    cameras: tuple[Line, ...]
    camera: Camera
    up: np.ndarray
    note: str


def scene_shapes(stored: StoredScene, result: Result, most_points: int) -> SceneShapes:
    """The shapes of a scene, of all frames that share a space or of the first one that has depth.

    Args:
        stored: The scene.
        result: Its regions and verdicts.
        most_points: Most points of all frames together, spread evenly.

    Raises:
        DepthError: If no frame has depth that can be shown.
    """
    data = view_data(stored, result, _FEW_POINTS)
    if not data["frames"]:
        raise DepthError(f"Item {stored.scene.id} has no depth that can be shown in 3D; choose one with depth=NAME.")
    entries = {entry["index"]: entry for entry in (data["frames"][place] for place in data["views"][0]["frames"])}
    shown = [frame for frame in shown_frames(stored, result) if frame.index in entries]
    poses = {index: np.array(entry["pose"]) for index, entry in entries.items()}
    total = sum(int(frame.valid.sum()) for frame in shown)
    share = min(1.0, most_points / total)
    parts, cameras = [], []
    for frame in shown:
        photo = stored.scene.frames[frame.index]
        kept = np.zeros(frame.valid.size, dtype=bool)
        kept[evenly(frame.valid, round(share * int(frame.valid.sum())))] = True
        mask = kept.reshape(frame.valid.shape)
        placed = moved(back_project(frame.z, photo.camera, mask), poses[frame.index])
        parts.append((placed, photo.rgb[mask], frame.z[mask] / (photo.camera.fx * math.sqrt(share))))
        size = _CAMERA_SHARE * float(np.median(frame.z[frame.valid]))
        cameras += _camera_lines(photo.camera, poses[frame.index], size)
    first = shown[0].index
    points, colours, sizes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SceneShapes(
        points,
        colours,
        sizes,
        lines=(*_measured_lines(data, poses), *_box_lines(data, poses, np.array(entries[first]["up"]))),
        cameras=tuple(cameras),
        camera=stored.scene.frames[first].camera,
        up=np.array(entries[first]["up"]),
        note=data["notice"] or "",
    )


def write_views(folder: Path, name: str, stored: StoredScene, result: Result) -> list[Path]:
    """Write pictures of a result's scene from the camera, from above and from the side.

    Args:
        folder: The folder of the run; the pictures go into its ``views/``.
        name: Start of their names.
        stored: The scene.
        result: Its regions and verdicts.

    Returns:
        The paths: ``NAME-camera.png``, ``NAME-top.png`` and ``NAME-side.png``.

    Raises:
        DepthError: If no frame has depth that can be shown.
        ExportError: If a file cannot be written.
    """
    shapes = scene_shapes(stored, result, _MOST_POINTS)
    paths = []
    for view_name, view in three_views(shapes.points, shapes.camera, shapes.up, _LONGEST_PX).items():
        # From the camera itself, its own edges frame the picture.
        lines = shapes.lines if view_name == "camera" else (*shapes.cameras, *shapes.lines)
        image = draw_view(shapes.points, shapes.colours, shapes.sizes, lines, view, shapes.note)
        paths.append(write_image(folder / VIEWS_FOLDER / f"{name}-{view_name}.png", image))
    return paths


def _camera_lines(camera: Camera, pose: np.ndarray, size: float) -> list[Line]:
    """The pyramid of a camera whose base is its image at z = ``size``."""
    columns = np.array((0, camera.width, camera.width, 0)) - 0.5
    rows = np.array((0, 0, camera.height, camera.height)) - 0.5
    corners = moved(back_project_pixels(columns, rows, np.full(4, size), camera), pose)
    apex = pose[:3, 3]
    ends = [*((apex, corner) for corner in corners), *((corners[a], corners[b]) for a, b in _EDGES[4])]
    return [Line(start, end, _CAMERA_COLOUR) for start, end in ends]


def _box_lines(data: dict[str, Any], poses: dict[int, np.ndarray], up: np.ndarray) -> list[Line]:
    """Edges of the boxes around regions, one box per object; the highest edge of the first box of a name carries it."""
    lines: list[Line] = []
    named: set[str] = set()
    for region in data["regions"]:
        pose, corners = poses.get(region["frame"]), region.get("corners")
        if pose is None or corners is None or (region.get("repeated") and len(poses) > 1):
            continue
        places, colour = moved(np.array(corners), pose), tuple(region["colour"])
        edges = _EDGES[len(places)]
        highest = max(range(len(edges)), key=lambda number: float(places[list(edges[number])].sum(axis=0) @ up))
        for number, (a, b) in enumerate(edges):
            label = region["name"] if number == highest and region["name"] not in named else ""
            lines.append(Line(places[a], places[b], colour, label, width_px=2))
        named.add(region["name"])
    return lines


def _measured_lines(data: dict[str, Any], poses: dict[int, np.ndarray]) -> list[Line]:
    """The distances that verdicts measured, each once, in the colour of their status; none where there are many."""
    found: dict[tuple[object, ...], tuple[dict[str, Any], set[Status]]] = {}
    for claim in data["claims"]:
        for line in claim["lines"]:
            if line["frame"] in poses and line["kind"] == "distance" and not line["dashed"]:
                key = line["frame"], *sorted((tuple(line["from"]), tuple(line["to"])))
                found.setdefault(key, (line, set()))[1].add(Status(claim["status"]))
    if len(found) > _MOST_LENGTHS:
        return []
    lines = []
    for line, statuses in found.values():
        start, end = moved(np.array((line["from"], line["to"])), poses[line["frame"]])
        colour = STATUS_COLOURS[next(iter(statuses))] if len(statuses) == 1 else _MIXED_COLOUR
        lines.append(Line(start, end, colour, line["text"], width_px=3))
    return lines
