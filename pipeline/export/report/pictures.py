"""Photos, pictures of depth and thumbnails of an item, drawn once for all its questions."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from pipeline.export.images import colour_range, draw_depth, nearness
from pipeline.export.overlay import write_image
from pipeline.records import DepthKind, DepthMap, Scene

MOST_FRAMES = 32
"""Most frames on a page."""

_PHOTO_PX = (1280, 1600)
_DEPTH_PX = (640, 800)
_THUMBNAIL_PX = (192, 192)
_MOST_REMEMBERED = 256


@dataclass(frozen=True)
class FramePictures:
    """The pictures of one frame.

    Args:
        photo: Path of the photo in the report's folder.
        width: Width of the photo [px].
        height: Height of the photo [px].
        depth: Path of the picture of depth; None without depth.
        ends_m: Depth at the near and the far end of its colours [m]; None unless the depth is metric.
        has_holes: Whether some pixels have no depth.
        is_empty: Whether none has.
    """

    photo: str
    width: int
    height: int
    depth: str | None = None
    ends_m: tuple[float, float] | None = None
    has_holes: bool = False
    is_empty: bool = False


_remembered: OrderedDict[tuple[str, str], tuple[FramePictures, ...]] = OrderedDict()
_lock = Lock()


def write_pictures(report: Path, scene: Scene, name: str, *, is_unique: bool) -> tuple[FramePictures, ...]:
    """Write the photo and the depth of each frame, and a thumbnail of the first.

    Args:
        report: Folder of the report.
        scene: Frames and depth; the first ``MOST_FRAMES`` count.
        name: Name of the pictures.
        is_unique: Whether no other pixels or depth have that name, so that pictures of that name need not be drawn
            again.

    Returns:
        The pictures of each frame.

    Raises:
        ExportError: If one cannot be written.
    """
    key = (str(report), name)
    with _lock:
        known = _remembered.get(key) if is_unique else None
    if known is not None and thumbnail_path(report, name).is_file() and (report / known[-1].photo).is_file():
        return known
    made = _written(report, scene, name)
    if is_unique:
        with _lock:
            _remembered[key] = made
            if len(_remembered) > _MOST_REMEMBERED:
                _remembered.popitem(last=False)
    return made


def thumbnail_path(report: Path, name: str) -> Path:
    """Where the thumbnail of that name is."""
    return report / "thumbnails" / f"{name}.jpg"


def _written(report: Path, scene: Scene, name: str) -> tuple[FramePictures, ...]:
    frames, maps = scene.frames[:MOST_FRAMES], scene.depth[:MOST_FRAMES]
    near = [nearness(depth, *_fitted(depth.shape[1], depth.shape[0], _DEPTH_PX)) for depth in maps]
    # Frames share their colours if depth is metric; other depth has its own scale per frame.
    common = colour_range(near) if all(depth.kind is DepthKind.METRIC for depth in maps) else None
    made = []
    for index, frame in enumerate(frames):
        photo = reduced(frame.rgb, _PHOTO_PX)
        path = f"images/{name}-{index}.jpg"
        write_image(report / path, photo)
        if index == 0:
            write_image(thumbnail_path(report, name), reduced(photo, _THUMBNAIL_PX))
        pictures = FramePictures(path, photo.shape[1], photo.shape[0])
        if index < len(maps):
            pictures = _with_depth(report, pictures, maps[index], near[index], common)
        made.append(pictures)
    return tuple(made)


def _with_depth(
    report: Path, pictures: FramePictures, depth: DepthMap, near: np.ndarray, common: tuple[float, float] | None
) -> FramePictures:
    ends = common or colour_range([near])
    path = f"{pictures.photo.removesuffix('.jpg')}-depth.jpg"
    write_image(report / path, draw_depth(near, ends))
    is_metric = depth.kind is DepthKind.METRIC and ends is not None
    return FramePictures(
        pictures.photo,
        pictures.width,
        pictures.height,
        path,
        (math.exp(-ends[1]), math.exp(-ends[0])) if is_metric and ends is not None else None,
        bool(np.isnan(near).any()),
        ends is None,
    )


def reduced(image: np.ndarray, most_px: tuple[int, int]) -> np.ndarray:
    """The image, reduced to fit into a width and a height [px]; a smaller one stays as it is."""
    size = _fitted(image.shape[1], image.shape[0], most_px)
    if size == (image.shape[1], image.shape[0]):
        return image
    smaller: np.ndarray = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller


def _fitted(width: int, height: int, most_px: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, most_px[0] / width, most_px[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))
