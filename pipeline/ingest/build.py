"""Turns an item into a scene, and reads all of its files."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Interval
from PIL import Image

from pipeline.ingest.annotations import Annotations, make_region, read_claims
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.files import printable
from pipeline.ingest.images import (
    camera_for,
    check_camera,
    exif_focal_35mm,
    has_quarter_turn,
    read_image,
    upright_rgb,
)
from pipeline.ingest.item import Item
from pipeline.ingest.resampling import Size, bounded_size, resize_nearest, resize_rgb, size_of
from pipeline.records import Anchor, Claim, DepthMap, Frame, Region, ScaleSource, Scene
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError, RecordError
from pipeline.records.settings import Count, FieldOfView, Natural, checked

logger = logging.getLogger(__name__)

# Above the rate of any video.
_MAX_RATE_HZ = 10_000


@checked
@dataclass(frozen=True)
class IngestSettings:
    """How items are read.

    Args:
        fov_deg: Field of view to assume along the longer side if no camera is known [deg].
        max_side_px: Longer side to which images, cameras, depth and regions are shrunk; 0 keeps their size.
        video_frames: Frames of a video, evenly over its span; not used with a rate.
        video_rate_hz: Frames per second of a video.
        video_max_frames: Maximum number of frames of a video.
        video_start_s: Start of the span of a video [s].
        video_end_s: End of the span of a video [s].

    Raises:
        ConfigError: If a number is out of range.
    """

    fov_deg: FieldOfView = 60.0
    max_side_px: Natural = 0
    video_frames: Count = 8
    video_rate_hz: Annotated[float, Interval(gt=0, le=_MAX_RATE_HZ)] | None = None
    video_max_frames: Count = 64
    video_start_s: float | None = None
    video_end_s: float | None = None


@dataclass(frozen=True, eq=False)
class _Image:
    """An upright image before it is shrunk, and its metadata."""

    rgb: np.ndarray
    name: str
    timestamp_s: float | None = None
    focal_35mm: float | None = None
    path: Path | None = None


def build_scene(item: Item, settings: IngestSettings | None = None, annotations: Annotations | None = None) -> Scene:
    """Read the images, cameras, depth, regions and claims of an item.

    Args:
        item: What to read.
        settings: How to read it.
        annotations: Further regions and claims, for all items or by id.

    Returns:
        The scene; its frames have cameras and, where given, depth of their own size.

    Raises:
        InputError: If a file cannot be read or the parts do not fit together.
    """
    settings = settings or IngestSettings()
    try:
        images = _read_images(item, settings)
        frames = tuple(_frame(item, index, image, settings) for index, image in enumerate(images))
        regions, claims = _regions_and_claims(item, annotations or Annotations(), images, frames)
        anchors = tuple(_resized_anchor(anchor, item, images, frames) for anchor in item.anchors)
        return Scene(item.id, frames, item.questions, regions, claims, anchors=anchors)
    except RecordError as error:
        raise InputError(f"Item {item.id!r}: {error}") from error


def frame_from(
    image: str | Path | np.ndarray | Image.Image | Frame,
    *,
    camera: Camera | Mapping[str, float] | None = None,
    depth: DepthMap | None = None,
    fov_deg: float = 60.0,
) -> Frame:
    """A frame of one image.

    Args:
        image: A path, a PIL image (its EXIF orientation is applied), an upright array uint8 (H, W, 3), or a Frame
            whose camera and depth may be replaced.
        camera: Its camera; None is EXIF or an assumed field of view.
        depth: Its depth, of the same size.
        fov_deg: Field of view to assume along the longer side [deg].

    Raises:
        InputError: If the image or the camera cannot be used.
        RecordError: If the array or the depth has another shape.
    """
    if isinstance(camera, Mapping):
        check_camera(camera)
    if isinstance(image, Frame):
        known = camera_for(image.width, image.height, camera) if camera is not None else image.camera
        return replace(image, camera=known, given_depth=depth or image.given_depth)
    name, focal_35mm = "image", None
    if isinstance(image, np.ndarray):
        rgb = image
    elif isinstance(image, Image.Image):
        rgb, focal_35mm = upright_rgb(image), exif_focal_35mm(image)
    else:
        rgb, focal_35mm, name = read_image(image), exif_focal_35mm(image), printable(Path(image).name)
    if rgb.ndim != 3 or rgb.size == 0:
        raise InputError(f"An image must be a uint8 array of shape (H, W, 3), not {rgb.shape}.")
    return Frame(rgb, camera_for(*size_of(rgb), camera, focal_35mm, fov_deg), given_depth=depth, name=name)


def _read_images(item: Item, settings: IngestSettings) -> list[_Image]:
    if not item.is_video:
        times = item.timestamps_s or (None,) * len(item.frames)
        return [
            _Image(read_image(path), printable(path.name), time_s, exif_focal_35mm(path), path)
            for path, time_s in zip(item.frames, times, strict=True)
        ]
    from pipeline.ingest.video import read_video

    path = item.frames[0]
    sampled = read_video(
        path,
        frames=settings.video_frames if settings.video_rate_hz is None else None,
        rate_hz=settings.video_rate_hz,
        max_frames=settings.video_max_frames,
        start_s=settings.video_start_s,
        end_s=settings.video_end_s,
    )
    for name in ("depth", "poses", "camera"):
        value = getattr(item, name)
        if isinstance(value, tuple) and value and len(value) != len(sampled):
            raise InputError(
                f"Item {item.id!r}, {name}: {len(value)} given for {len(sampled)} frames sampled from "
                f"{path.name}; give one per frame or set video_frames."
            )
    return [_Image(rgb, f"{printable(path.name)} at {time_s:.2f} s", time_s) for rgb, time_s in sampled]


def _frame(item: Item, index: int, image: _Image, settings: IngestSettings) -> Frame:
    stored = size_of(image.rgb)
    size = bounded_size(stored, settings.max_side_px)
    camera = camera_for(*stored, item.camera_of(index), image.focal_35mm, settings.fov_deg).resized(*size)
    logger.debug("The camera of %s is %s, fx %.1f px.", image.name, camera.source, camera.fx)
    return Frame(
        rgb=resize_rgb(image.rgb, size),
        camera=camera,
        timestamp_s=image.timestamp_s,
        pose=np.array(item.poses[index]) if item.poses else None,
        given_depth=_depth(item, index, image, size) if item.depth else None,
        name=image.name,
    )


def _depth(item: Item, index: int, image: _Image, size: Size) -> DepthMap:
    depth = read_depth(
        item.depth[index],
        kind=item.depth_kind,
        scale_source=item.scale_source or ScaleSource.NONE,
        scale=item.depth_scale,
        key=item.depth_key,
        invalid=item.depth_invalid,
        size=size,
        quarter_turn=image.path is not None and has_quarter_turn(image.path),
    )
    return depth if item.depth_backend is None else replace(depth, backend=item.depth_backend)


def _regions_and_claims(
    item: Item, annotations: Annotations, images: Sequence[_Image], frames: Sequence[Frame]
) -> tuple[tuple[Region, ...], tuple[Claim, ...]]:
    more = annotations.of(item.id)
    own = read_claims(item.claims).of(item.id) if isinstance(item.claims, Path) else Annotations(claims=item.claims)
    stored = [size_of(image.rgb) for image in images]
    try:
        regions = [make_region(plain, stored) for plain in (*item.regions, *own.regions, *more.regions)]
    except InputError as error:
        raise InputError(f"Item {item.id!r}, {error}") from None
    claims = (*own.claims, *more.claims)
    for claim in claims:
        if any(frame >= len(frames) for frame in claim.frames):
            raise InputError(
                f"Item {item.id!r}: the claim {claim.in_words()!r} names frames {claim.frames}; "
                f"frames are numbered from 0 to {len(frames) - 1}."
            )
    return tuple(_resized(region, stored[region.frame], frames[region.frame]) for region in regions), claims


def _resized_anchor(anchor: Anchor, item: Item, images: Sequence[_Image], frames: Sequence[Frame]) -> Anchor:
    """The anchor with the pixels of its resized frame."""
    at = anchor.frame or 0
    if not anchor.points_px or at >= len(frames):
        return anchor
    (width, height), size = size_of(images[at].rgb), size_of(frames[at].rgb)
    if not all(-0.5 <= u <= width - 0.5 and -0.5 <= v <= height - 0.5 for u, v in anchor.points_px):
        raise InputError(
            f"Item {item.id!r}: the anchor {anchor.in_words()!r} names a pixel outside its frame of "
            f"{width} x {height} px."
        )
    scale_x, scale_y = size[0] / width, size[1] / height
    points = tuple(((u + 0.5) * scale_x - 0.5, (v + 0.5) * scale_y - 0.5) for u, v in anchor.points_px)
    return replace(anchor, points_px=points)


def _resized(region: Region, stored: Size, frame: Frame) -> Region:
    size = size_of(frame.rgb)
    if size == stored:
        return region
    scale_x, scale_y = size[0] / stored[0], size[1] / stored[1]
    x1, y1, x2, y2 = region.box_px
    mask = None if region.mask is None else resize_nearest(region.mask, size)
    return replace(region, box_px=(x1 * scale_x, y1 * scale_y, x2 * scale_x, y2 * scale_y), mask=mask)
