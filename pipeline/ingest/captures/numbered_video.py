"""Images of a video by number: exactly those that were stored, in the orientation in which they were stored."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.ingest.files import decoding, existing_file
from pipeline.ingest.video_files import decoded, opened_video
from pipeline.records.errors import InputError

# Beyond this gap, seeking a key frame is cheaper than decoding every image between.
_SEEK_GAP = 120
# An edit list hides images before time 0; files beside the video count them.
_OPTIONS = {"ignore_editlist": "1"}


class NumberedVideo:
    """A video whose images other files count.

    Images that an edit list hides are counted too. The display matrix is not applied.

    Args:
        path: A video file.

    Raises:
        InputError: If it is missing, damaged or holds no image.
    """

    def __init__(self, path: Path) -> None:
        self.file = existing_file(path, "a video")
        with self._opened() as (container, stream):
            packets = [
                (packet.pts, packet.dts, packet.is_keyframe)
                for packet in container.demux(stream)
                if packet.size and packet.pts is not None
            ]
        self._stamps = sorted({stamp for stamp, _, _ in packets})
        # A seek goes by the time of decoding, which may be earlier than that of the image.
        self._keys = sorted((stamp, stamp if at is None else at) for stamp, at, is_key in packets if is_key)
        if not self._stamps:
            raise InputError(f"{self.file} has no frames; give a recording that is not empty.")

    def __len__(self) -> int:
        """Number of images."""
        return len(self._stamps)

    def images(self, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """The images of these numbers, ascending, uint8 (H, W, 3).

        Raises:
            InputError: If one cannot be decoded.
        """
        with self._opened() as (container, stream):
            frames, last = decoded(self.file, container, stream), -1
            for number in numbers:
                wanted = self._stamps[number]
                key = bisect_right(self._keys, (wanted, wanted)) - 1
                if number - last > _SEEK_GAP and key >= 0:
                    container.seek(self._keys[key][1], stream=stream)
                    frames = decoded(self.file, container, stream)
                last = number
                frame = next((frame for frame in frames if frame.pts is not None and frame.pts >= wanted), None)
                if frame is None or frame.pts != wanted:
                    raise InputError(f"Frame {number} of {self.file} cannot be decoded; copy the recording again.")
                yield frame.to_ndarray(format="rgb24")

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        with decoding(self.file, "a video"), opened_video(self.file, _OPTIONS) as container:
            if not container.streams.video:
                raise InputError(f"{self.file} has no video stream; give a file with images.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
