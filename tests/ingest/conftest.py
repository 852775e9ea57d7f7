"""Pictures, depth and videos that the tests of ingest write themselves."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a PNG of one colour (relative name, width, height) and returns its path."""

    def write(name: str = "photo.png", width: int = 32, height: int = 24, colour: object = (200, 100, 50)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), colour).save(path)
        return path

    return write


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video whose frame at t milliseconds is grey 10 + index * step, with a bright top left corner."""

    def write(
        name: str = "clip.mp4",
        times_ms: object = range(0, 1000, 100),
        codec: str = "libx264",
        rotation_deg: int = 0,
        step: float = 20,
        gop: int = 5,
    ) -> Path:
        import av

        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.options = {"g": str(gop)}
            stream.codec_context.time_base = Fraction(1, 1000)
            if rotation_deg:
                stream.set_display_rotation(rotation_deg)
            for index, time_ms in enumerate(times_ms):
                rgb = np.full((48, 64, 3), 10 + index * step, np.uint8)
                rgb[:12, :16] = 255
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
