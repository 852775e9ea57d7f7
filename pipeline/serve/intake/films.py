"""What a video holds, checked before it is decoded."""

from __future__ import annotations

from pathlib import Path

from pipeline.ingest.files import decoding
from pipeline.ingest.video_files import VideoLimitError, VideoLimits, opened_video
from pipeline.records.errors import InputError
from pipeline.serve.intake.pictures import MEGA, check_aspect
from pipeline.serve.problems import TooLargeError, UnsupportedError
from pipeline.serve.settings import Limits

# Beyond the rate of slow motion; every frame before a wanted one is decoded.
_MOST_RATE_HZ = 240
_MOST_STREAMS = 16


def limits_of_videos(limits: Limits) -> VideoLimits:
    """The limits that hold while videos are decoded."""
    return VideoLimits(
        # Codecs count whole blocks.
        pixels=int(limits.megapixels * MEGA),
        span_s=limits.video_s,
        decode_s=limits.job_s,
    )


def check_film(path: Path, name: str, limits: Limits) -> int:
    """Check a video by its packets, whose times are those of its frames, whatever its header states.

    Args:
        path: The file.
        name: What to call it.
        limits: ``megapixels``, ``aspect`` and ``video_s`` count.

    Returns:
        Pixels of one frame.

    Raises:
        TooLargeError: If its frames are too large or too many, or if it is too long.
        UnsupportedError: If it has no images.
        UnfitError: If one side of its frames is too long for the other.
        InputError: If it is no video.
    """
    try:
        with decoding(path, "a video"), opened_video(path) as container:
            if not container.streams.video or len(container.streams) > _MOST_STREAMS:
                raise UnsupportedError(f"{name} has no images, or too many streams; send a video.")
            stream = container.streams.video[0]
            width, height = int(stream.codec_context.width), int(stream.codec_context.height)
            pixels = width * height
            if pixels > limits.megapixels * MEGA:
                raise TooLargeError(f"{name} has frames of more than {limits.megapixels:g} million pixels; shrink it.")
            check_aspect(max(width, 1), max(height, 1), name, limits)
            lowest, highest, count = None, None, 0
            for packet in container.demux(stream):
                if not packet.size or packet.pts is None:
                    count += packet.size > 0
                    continue
                count += 1
                lowest = packet.pts if lowest is None else min(lowest, packet.pts)
                highest = packet.pts if highest is None else max(highest, packet.pts)
                if float((highest - lowest) * stream.time_base) > limits.video_s:
                    raise TooLargeError(f"{name} lasts longer than {limits.video_s:g} s; shorten it.")
                if count > limits.video_s * _MOST_RATE_HZ:
                    raise TooLargeError(f"{name} has more frames than {limits.video_s:g} s have; shorten it.")
    except VideoLimitError:
        raise TooLargeError(
            f"{name} has frames of more than {limits.megapixels:g} million pixels; shrink it."
        ) from None
    except InputError:
        raise InputError(f"{name} is not a video that can be read; convert it to MP4 (H.264).") from None
    return pixels
