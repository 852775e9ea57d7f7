from __future__ import annotations

import numpy as np
import pytest

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
