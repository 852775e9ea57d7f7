"""Frames of videos with their presentation times."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.ingest.display import shown
from pipeline.ingest.files import decoding, existing_file
from pipeline.ingest.video_files import decoded, opened_video
from pipeline.records.errors import InputError

logger = logging.getLogger(__name__)

# Beyond this gap, seeking a key frame is cheaper than decoding every frame between.
_SEEK_GAP_S = 5.0
# Containers with an index: a seek lands at or before the requested time.
_INDEXED_FORMATS = ("mov", "matroska", "avi")


def read_video(
    path: str | Path,
    *,
    frames: int | None = None,
    rate_hz: float | None = None,
    max_frames: int = 64,
    start_s: float | None = None,
    end_s: float | None = None,
) -> list[tuple[np.ndarray, float]]:
    """Sample a video evenly in time; memory does not grow with its length.

    Args:
        path: A video file.
        frames: Number of frames, including the first and the last of the span; fewer if the video has fewer. None
            without a rate is ``max_frames``.
        rate_hz: Instead: frames per second from the start of the span.
        max_frames: Maximum number of frames; a rate that would give more is lowered, with a warning.
        start_s: Start of the span [s], from the first frame; None is the first frame.
        end_s: End of the span [s]; None is the last frame.

    Returns:
        Pairs of an image as a player shows it (turned, mirrored, with square pixels), uint8 (H, W, 3), and its
        presentation time [s] from the first frame.

    Raises:
        InputError: If the file is missing, damaged or has no frame in the span, or if the arguments exclude each
            other.
    """
    if frames is not None and rate_hz is not None:
        raise InputError("A video is sampled by a number of frames or by a rate; give only one.")
    for name, value in (("frames", frames), ("rate_hz", rate_hz), ("max_frames", max_frames)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"The {name} of a video must be positive, not {value!r}.")
    file = existing_file(path, "a video")
    with _opened(file) as (container, stream):
        first_s, duration_s, count = _span(container, stream)
    if count == 0:
        raise InputError(f"{file} has no frames; give a video that is not empty.")
    times_s = sample_times(
        file, duration_s, frames=frames, rate_hz=rate_hz, max_frames=max_frames, start_s=start_s, end_s=end_s
    )
    with _opened(file) as (container, stream):
        sampled = dict(_nearest_frames(file, container, stream, [first_s + time_s for time_s in times_s]))
    if not sampled:
        raise InputError(f"{file} has no frame that can be decoded; convert it to MP4 (H.264).")
    return [(rgb, time_s - first_s) for time_s, rgb in sampled.items()]


@contextmanager
def _opened(file: Path) -> Iterator[tuple[Any, Any]]:
    with decoding(file, "a video"), opened_video(file) as container:
        if not container.streams.video:
            raise InputError(f"{file} has no video stream; give a file with images.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield container, stream


def sample_times(
    file: Path,
    duration_s: float,
    *,
    frames: int | None,
    rate_hz: float | None,
    max_frames: int,
    start_s: float | None,
    end_s: float | None,
) -> list[float]:
    """Times at which a recording is sampled [s from its first frame], ascending; see ``read_video``.

    Args:
        file: The recording, for the message.
        duration_s: Time of its last frame [s].
        frames: As in ``read_video``.
        rate_hz: As there.
        max_frames: As there.
        start_s: As there.
        end_s: As there.

    Raises:
        InputError: If the recording has no frame in the span.
    """
    begin_s, finish_s = max(start_s or 0.0, 0.0), min(duration_s if end_s is None else end_s, duration_s)
    if begin_s > finish_s:
        raise InputError(f"{file} lasts {duration_s:.2f} s and has no frame from {begin_s:g} s to {finish_s:g} s.")
    if rate_hz is not None:
        # Times come from whole ticks: the last frame must not be lost to rounding.
        frames = math.floor((finish_s - begin_s) * rate_hz + 1e-6) + 1
        if frames <= max_frames:
            return [begin_s + index / rate_hz for index in range(frames)]
        logger.warning("%g Hz would give %d frames; using %d, evenly spaced.", rate_hz, frames, max_frames)
    return np.linspace(begin_s, finish_s, min(frames or max_frames, max_frames)).tolist()


def _span(container: Any, stream: Any) -> tuple[float, float, int]:
    """Time of the first frame, time from it to the last [s], and number of packets, without decoding."""
    stamps = [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard]
    known = [stamp for stamp in stamps if stamp is not None]
    if known:
        lowest, highest = min(known), max(known)
        return float(lowest * stream.time_base), float((highest - lowest) * stream.time_base), len(stamps)
    return 0.0, max(len(stamps) - 1, 0) / _frame_rate(stream), len(stamps)


def _frame_rate(stream: Any) -> float:
    return float(stream.average_rate or stream.guessed_rate or 25)


def _nearest_frames(
    file: Path, container: Any, stream: Any, targets_s: list[float]
) -> Iterator[tuple[float, np.ndarray]]:
    """The decoded frame nearest to each of the ascending times, with its own time; each frame once."""
    indexed = any(name in container.format.name for name in _INDEXED_FORMATS)
    timed = _timed(file, container, stream)
    before, after, last = None, next(timed, None), None
    for target_s in targets_s:
        if indexed and after and target_s - after[0] > _SEEK_GAP_S:
            container.seek(int(target_s / stream.time_base), stream=stream)
            timed = _timed(file, container, stream)
            before, after = None, next(timed, None)
        while after and after[0] < target_s:
            before, after = after, next(timed, None)
        nearest = min(filter(None, (before, after)), key=lambda frame: abs(frame[0] - target_s), default=None)
        if nearest and (last is None or nearest[0] != last[0]):
            last = nearest
            yield nearest[0], _shown(nearest[1], stream)


def _timed(file: Path, container: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    for index, frame in enumerate(decoded(file, container, stream)):
        yield index / _frame_rate(stream) if frame.pts is None else float(frame.pts * frame.time_base), frame


def _shown(frame: Any, stream: Any) -> np.ndarray:
    # PyAV's own rotation of a frame leaves out that a matrix mirrors.
    stored = frame.side_data.get("DISPLAYMATRIX")
    matrix = None if stored is None else np.frombuffer(stored, np.int32).tolist()
    return shown(frame.to_ndarray(format="rgb24"), matrix, float(stream.sample_aspect_ratio or 1))
