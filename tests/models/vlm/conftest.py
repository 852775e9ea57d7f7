from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from models.vlm.recording_server import KEY, RecordingServer, recording_server

from pipeline.records import Camera, DepthMap, Frame, Scene


@pytest.fixture(scope="session")
def scene() -> Scene:
    """Two noisy frames of different sizes, with depth."""
    random = np.random.default_rng(0)
    frames, depth = [], []
    for width, height in ((128, 96), (64, 64)):
        rgb = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
        frames.append(Frame(rgb, Camera.from_fov(width, height, 60)))
        depth.append(DepthMap.from_values(random.uniform(1, 5, (height, width)), "metric", "model"))
    return Scene("two-frames", tuple(frames), depth=tuple(depth))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API key is set, and no proxy stands between client and server."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server(key: None) -> Iterator[RecordingServer]:
    """A server of the OpenAI protocol."""
    with recording_server() as record:
        yield record


@pytest.fixture
def pauses(key: None, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client would make before it tries again [s]; it makes none."""
    from openai import OpenAI

    pauses: list[float] = []
    pause_s = OpenAI._calculate_retry_timeout

    def record(self: OpenAI, *arguments: Any) -> float:
        pauses.append(pause_s(self, *arguments))
        return 0.0

    monkeypatch.setattr(OpenAI, "_calculate_retry_timeout", record)
    return pauses
