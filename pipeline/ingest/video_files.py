"""Opens videos so that they are nothing but videos, and stops decoding at limits that a program may set.

FFmpeg recognises formats by content. Some are lists of other files and of addresses (HLS, DASH, ffconcat, SDP), which
a file named like a video would make it open: https://ffmpeg.org/ffmpeg-formats.html, ``format_whitelist``, and
https://ffmpeg.org/ffmpeg-protocols.html, ``protocol_whitelist``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.records.errors import InputError


class VideoLimitError(InputError):
    """A video that breaks a limit."""


# Containers that hold their images themselves; each is known by several names.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,h264,hevc,m4v,ogg,wav,mp3"
_ONLY_FILES = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


@dataclass(frozen=True)
class VideoLimits:
    """What decoding a video may take, whatever its headers state.

    Args:
        pixels: Pixels of one frame.
        span_s: Time from the first frame to the last [s].
        decode_s: Time of decoding [s].
    """

    pixels: int
    span_s: float
    decode_s: float


# The limits, and when decoding has to end by ``time.monotonic`` [s].
_LIMITS: ContextVar[tuple[VideoLimits, float] | None] = ContextVar("video_limits", default=None)


@contextmanager
def video_limits(limits: VideoLimits) -> Iterator[None]:
    """Limit all videos that are decoded within the block, by this thread."""
    before = _LIMITS.set((limits, time.monotonic() + limits.decode_s))
    try:
        yield
    finally:
        _LIMITS.reset(before)


@contextmanager
def opened_video(file: Path, options: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Open a video with PyAV.

    Args:
        file: The file.
        options: Options of its container.

    Raises:
        av.error.FFmpegError: If it is no video.
    """
    import av

    current = _LIMITS.get()
    with av.open(str(file), options={**(options or {}), **_ONLY_FILES}) as container:
        for stream in container.streams.video:
            if current is not None:
                limits, _ = current
                check_frame(file, stream.codec_context.width * stream.codec_context.height, limits)
                # Frames may be larger than the header states; FFmpeg then refuses to make room for them.
                stream.codec_context.options = {"max_pixels": str(limits.pixels)}
        yield container


def decoded(file: Path, container: Any, stream: Any) -> Iterator[Any]:
    """The frames of a video from where it stands, within the limits.

    Raises:
        VideoLimitError: If a limit is broken.
    """
    current, first_s = _LIMITS.get(), None
    for frame in container.decode(stream):
        if current is not None:
            limits, end_s = current
            check_frame(file, frame.width * frame.height, limits)
            first_s = frame.time if first_s is None else first_s
            check_span(file, (frame.time or 0.0) - (first_s or 0.0), limits)
            if time.monotonic() > end_s:
                raise VideoLimitError(
                    f"{file} takes longer than {limits.decode_s:g} s to decode; shorten or shrink it."
                )
        yield frame


def check_frame(file: Path, pixels: int, limits: VideoLimits) -> None:
    """Refuse frames that are too large.

    Raises:
        VideoLimitError: If they are.
    """
    if pixels > limits.pixels:
        raise VideoLimitError(f"{file} has frames of more than {limits.pixels / 1e6:g} million pixels; shrink it.")


def check_span(file: Path, span_s: float, limits: VideoLimits) -> None:
    """Refuse videos that are too long.

    Raises:
        VideoLimitError: If it is.
    """
    if span_s > limits.span_s:
        raise VideoLimitError(f"{file} lasts longer than {limits.span_s:g} s; shorten it.")
