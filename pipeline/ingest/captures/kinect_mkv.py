"""Recordings of Azure Kinect, and of Orbbec cameras through the same SDK: Matroska files with a depth track.

Track COLOR in MJPEG, NV12, YUY2 or BGRA; track DEPTH as 16-bit big-endian grey (``b16g``), z-depth in millimetres, 0
where nothing was measured; the attachment ``calibration.json``; the tag ``K4A_DEPTH_DELAY_NS``, by how much depth is
taken later than colour:
https://learn.microsoft.com/en-us/previous-versions/azure/kinect-dk/record-file-format
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.ingest.captures.base import Capture, CapturedFrame
from pipeline.ingest.captures.kinect_calibration import Calibration, read_calibration
from pipeline.ingest.captures.pairs import notes_of_left_out, paired
from pipeline.ingest.files import decoding, existing_file, one_line, printable
from pipeline.ingest.video_files import decoded, opened_video
from pipeline.records import DepthMap
from pipeline.records.errors import InputError

_DEPTH_FORMAT = "gray16be"
_LONGEST_CALIBRATION = 1 << 20
_LONGEST_DELAY_NS = 10**9


class KinectRecording(Capture):
    """A recording with tracks of colour and depth; its frames are the images that have depth."""

    format = "Azure Kinect MKV"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _opened(path) as container:
            colour, depth = _colour_track(container), _depth_track(container)
            if colour is None or depth is None:
                raise InputError(f"{path} has depth but no colour track; record both.")
            self._calibration = _calibration(path, container, colour, depth)
            delay_ns = _delay_ns(container)
            stamps = _stamps(container, colour, depth)
        images, depths = (sorted(several) for several in stamps)
        pairs = paired([_ns(one) + delay_ns for one in images], [_ns(one) for one in depths])
        if not pairs:
            raise InputError(f"{path} has no image with depth at its time; record both tracks synchronised.")
        self._notes = notes_of_left_out(len(images), len(pairs))
        self._stamps = [(images[image], depths[depth]) for image, depth in pairs]
        self._times_s = [float(image - self._stamps[0][0]) for image, _ in self._stamps]

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether it has a track of depth; any other Matroska file is a video."""
        try:
            with _opened(path) as container:
                return _depth_track(container) is not None
        except Exception:
            return False

    @property
    def times_s(self) -> Sequence[float]:
        """Times of the images from the first one [s]."""
        return self._times_s

    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode frames; see ``Capture``."""
        known = self._calibration
        with _opened(self.path) as colours, _opened(self.path) as depths:
            images = _frames(self.path, colours, _colour_track(colours), [self._stamps[index][0] for index in indices])
            measured = _frames(self.path, depths, _depth_track(depths), [self._stamps[index][1] for index in indices])
            for index, image, depth in zip(indices, images, measured, strict=True):
                values = depth.to_ndarray().astype(np.float32) * np.float32(0.001)
                yield CapturedFrame(
                    rgb=image.to_ndarray(format="rgb24"),
                    name=f"{printable(self.path.name)} at {self._times_s[index]:.2f} s",
                    camera=known.image_camera,
                    lens=known.image_lens,
                    depth=DepthMap.from_values(values, "metric", "sensor"),
                    depth_camera=known.depth_camera,
                    depth_lens=known.depth_lens,
                    depth_to_image=known.depth_to_image,
                    notes=self._notes,
                )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with decoding(existing_file(path, "a recording"), "a recording of Azure Kinect"), opened_video(path) as container:
        yield container


def _is_named(track: Any, name: str) -> bool:
    return track.metadata.get("title", "").upper() == name or f"K4A_{name}_TRACK" in track.metadata


def _depth_track(container: Any) -> Any:
    """The track of depth, or None; infrared has the same format."""
    for track in container.streams.video:
        if track.codec_context.pix_fmt == _DEPTH_FORMAT and _is_named(track, "DEPTH"):
            return track
    return None


def _colour_track(container: Any) -> Any:
    """The track of colour, or None."""
    tracks = [track for track in container.streams.video if track.codec_context.pix_fmt != _DEPTH_FORMAT]
    return next((track for track in tracks if _is_named(track, "COLOR")), next(iter(tracks), None))


def _calibration(path: Path, container: Any, colour: Any, depth: Any) -> Calibration:
    for attachment in container.streams.attachments:
        if "K4A_CALIBRATION_FILE" in attachment.metadata or attachment.metadata.get("filename") == "calibration.json":
            data = attachment.data or b""
            if len(data) > _LONGEST_CALIBRATION:
                raise InputError(f"{path} has a calibration of {len(data)} bytes; copy it again.")
            try:
                sizes = [(track.codec_context.width, track.codec_context.height) for track in (colour, depth)]
                return read_calibration(data, *sizes)
            except InputError as error:
                raise InputError(f"{path}: {one_line(error)}.") from None
    raise InputError(
        f"{path} has no calibration.json, without which its depth has no place in its images; record it again, or "
        "convert the colour track to MP4."
    )


def _delay_ns(container: Any) -> int:
    """By how much depth is taken later than colour [ns]."""
    text = container.metadata.get("K4A_DEPTH_DELAY_NS", "0")
    delay_ns = int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else 0
    return delay_ns if abs(delay_ns) < _LONGEST_DELAY_NS else 0


def _stamps(container: Any, *tracks: Any) -> tuple[list[Fraction], ...]:
    """Times of the images of tracks [s], without decoding them."""
    stamps: dict[int, list[Fraction]] = {track.index: [] for track in tracks}
    for packet in container.demux(*tracks):
        if packet.size and packet.pts is not None:
            stamps[packet.stream.index].append(packet.pts * packet.time_base)
    return tuple(stamps[track.index] for track in tracks)


def _ns(time_s: Fraction) -> int:
    return round(time_s * 10**9)


def _frames(path: Path, container: Any, track: Any, times_s: Sequence[Fraction]) -> Iterator[Any]:
    """The decoded frames of these times, ascending; a time may occur again."""
    last = None
    for time_s in times_s:
        if last is None or last.pts * last.time_base < time_s:
            # Lands at a key frame before the time, or on it.
            container.seek(int(time_s / track.time_base), stream=track)
            frames = decoded(path, container, track)
            last = next((frame for frame in frames if frame.pts * frame.time_base >= time_s), None)
        if last is None or last.pts * last.time_base != time_s or last.is_corrupt:
            raise InputError(f"{container.name} has a damaged frame at {float(time_s):.2f} s; copy it again.")
        yield last
