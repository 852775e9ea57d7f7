"""The images of an item as they are stored, with what their files and captures know about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Interval

from pipeline.ingest.files import may_be_recording, printable
from pipeline.ingest.images import read_image_and_exif
from pipeline.ingest.item import Item
from pipeline.records import Camera, DepthMap
from pipeline.records.errors import InputError
from pipeline.records.message import Message, message
from pipeline.records.settings import Count, FieldOfView, Natural, checked

if TYPE_CHECKING:  # Runs without captures do not import these.
    from pipeline.ingest.captures.base import Capture

# Above the rate of any video.
_MAX_RATE_HZ = 10_000


@checked
@dataclass(frozen=True)
class IngestSettings:
    """How items are read.

    Args:
        fov_deg: Field of view to assume along the longer side if no camera is known [deg].
        trust_input: Whether cameras and depth are taken as they are given, however unlikely they look.
        max_side_px: Longer side to which images, cameras, depth and regions are shrunk; 0 keeps their size.
        video_frames: Frames of a video or a capture, evenly over its span; not used with a rate.
        video_rate_hz: Frames per second of a video.
        video_max_frames: Maximum number of frames of a video.
        video_start_s: Start of the span of a video [s].
        video_end_s: End of the span of a video [s].

    Raises:
        ConfigError: If a number is out of range.
    """

    fov_deg: FieldOfView = 60.0
    trust_input: bool = False
    max_side_px: Natural = 0
    video_frames: Count = 8
    video_rate_hz: Annotated[float, Interval(gt=0, le=_MAX_RATE_HZ)] | None = None
    video_max_frames: Count = 64
    video_start_s: float | None = None
    video_end_s: float | None = None


@dataclass(frozen=True, eq=False)
class SourceImage:
    """An upright image before it is shrunk, and what is known about it.

    Args:
        rgb: uint8 (H, W, 3).
        name: What to call its frame.
        timestamp_s: Its time [s].
        focal_35mm: Focal length from EXIF, as the equivalent on a 36 x 24 mm frame [mm].
        orientation: EXIF orientation that was applied, from 1 to 8.
        camera: Intrinsics that came with it, of its size.
        depth: z-depth that came with it, of the same view at its own resolution.
        pose: Camera-to-world matrix that came with it.
        notes: What was changed on reading.
    """

    rgb: np.ndarray
    name: str
    timestamp_s: float | None = None
    focal_35mm: float | None = None
    orientation: int = 1
    camera: Camera | None = None
    depth: DepthMap | None = None
    pose: np.ndarray | None = None
    notes: tuple[Message, ...] = ()


def read_images(item: Item, settings: IngestSettings) -> list[SourceImage]:
    """Read the images, or sample the video or the capture, of an item.

    Raises:
        InputError: If a file cannot be read, or if depth, poses or cameras do not fit the sampled frames.
    """
    path = item.frames[0]
    if not may_be_recording(path):
        times = item.timestamps_s or (None,) * len(item.frames)
        timed = zip(item.frames, times, strict=True)
        return [image_of_file(file, time_s, needs_depth=not item.depth) for file, time_s in timed]
    from pipeline.ingest.captures.registry import capture_format
    from pipeline.ingest.video import read_video

    kind = capture_format(path)
    if kind is not None:
        return _of_capture(item, kind(path), settings)
    if not item.is_video:
        raise InputError(f"{path} is none of the captures that can be read; give images, a video or a capture.")
    sampled = read_video(path, **_sampling(settings))
    _check_counts(item, len(sampled))
    return [SourceImage(rgb, f"{printable(path.name)} at {time_s:.2f} s", time_s) for rgb, time_s in sampled]


def image_of_file(path: Path, time_s: float | None = None, *, needs_depth: bool = True) -> SourceImage:
    """The upright image of a file, with what its metadata says.

    Args:
        path: The file.
        time_s: Its time [s].
        needs_depth: Whether the depth and the camera that a photo may carry are read.

    Raises:
        InputError: If it is no image that can be read.
    """
    read = read_image_and_exif(path)
    image = SourceImage(read.rgb, printable(path.name), time_s, read.focal_35mm, read.orientation)
    return _with_own_depth(image, path) if needs_depth and _may_carry_depth(path) else image


def _may_carry_depth(path: Path) -> bool:
    """Whether the file is a JPEG or of the HEIF family, by its first bytes."""
    with path.open("rb") as stream:
        head = stream.read(12)
    return head[:3] == b"\xff\xd8\xff" or head[4:8] == b"ftyp"


def _with_own_depth(image: SourceImage, path: Path) -> SourceImage:
    """The image with the depth and the camera that its file carries; damaged depth is left out with a note."""
    from pipeline.ingest.captures.photo_depth import photo_depth

    try:
        photo = photo_depth(path)
    except InputError as error:
        return replace(image, notes=(message("photo_depth_left_out", reason=str(error).rstrip(".")),))
    if photo is None:
        return image
    photo = photo.upright()
    size = image.rgb.shape[1], image.rgb.shape[0]
    camera = None if photo.camera is None else photo.camera.resized(*size)
    notes = (message("photo_depth_read", kind=photo.depth.kind), *(message("as_it_is", text=n) for n in photo.notes))
    return replace(image, camera=camera, depth=photo.depth, notes=notes)


def _of_capture(item: Item, capture: Capture, settings: IngestSettings) -> list[SourceImage]:
    from pipeline.ingest.captures.finish import finished

    indices = sampled_indices(capture, settings)
    _check_counts(item, len(indices))
    left_out = (message("frames_left_out", left=capture.left_out, count=capture.left_out + len(capture.times_s)),)
    images = []
    for index, captured in zip(indices, capture.frames(indices), strict=True):
        frame = finished(captured)
        time_s = float(capture.times_s[index]) if capture.has_times else None
        images.append(
            SourceImage(
                frame.rgb,
                printable(captured.name),
                time_s,
                camera=frame.camera,
                depth=frame.depth,
                pose=frame.pose,
                notes=frame.notes + (left_out if capture.left_out else ()),
            )
        )
    return images


def sampled_indices(capture: Capture, settings: IngestSettings) -> Sequence[int]:
    """Positions of the frames of a capture that are read, by the rules of videos.

    Raises:
        InputError: If the capture has no frame in the span.
    """
    from pipeline.ingest.captures.base import nearest_indices
    from pipeline.ingest.video import sample_times

    times = capture.times_s
    if not len(times):
        raise InputError(f"{capture.path} has no frames; give a recording that is not empty.")
    if not capture.has_times:
        count = min(settings.video_frames, settings.video_max_frames, len(times))
        return sorted({round(at) for at in np.linspace(0, len(times) - 1, count)})
    wanted = sample_times(capture.path, float(times[-1]), **_sampling(settings))
    return nearest_indices(times, wanted)


def _sampling(settings: IngestSettings) -> dict[str, Any]:
    return {
        "frames": settings.video_frames if settings.video_rate_hz is None else None,
        "rate_hz": settings.video_rate_hz,
        "max_frames": settings.video_max_frames,
        "start_s": settings.video_start_s,
        "end_s": settings.video_end_s,
    }


def _check_counts(item: Item, count: int) -> None:
    for name in ("depth", "poses", "camera", "lidar_to_camera"):
        value = getattr(item, name)
        if name == "lidar_to_camera" and len(value) == 1:
            continue
        if isinstance(value, tuple) and value and len(value) != count:
            raise InputError(
                f"Item {item.id!r}, {name}: {len(value)} given for {count} frames sampled from "
                f"{item.frames[0].name}; give one per frame or set video_frames."
            )
