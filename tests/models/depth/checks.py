"""What must hold for every depth network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import torch
from tiny.depth_cases import frame_of, make_frame

from pipeline.models.depth.network import NetworkDepth
from pipeline.records import DepthMap, Frame

Make = Callable[..., NetworkDepth]
"""Makes a backend from its settings."""
SPOT_SIZES = pytest.mark.parametrize("size", [(60, 100), (100, 60), (64, 64), (300, 500), (30, 100)])

_SPOTS = [(0.25, 0.3, 0.98), (0.7, 0.8, 0.6)]  # Centres as shares of height and width, and brightness.


def head_weight(weights: Mapping[str, torch.Tensor]) -> str:
    """The name of the first weight of a network's head."""
    return next(key for key in weights if "head" in key and key.endswith(".weight"))


def assert_maps_fit_their_frames(make: Make, frames: Sequence[Frame]) -> list[DepthMap]:
    """Assert that maps have the size of their frames, repeat, differ, and do not depend on their batch."""
    alone, again = (make().estimate(frames) for _ in range(2))
    assert [depth.digest for depth in alone] == [depth.digest for depth in again]
    assert len({depth.digest for depth in alone}) == len(frames)
    for depth, single, frame in zip(make(batch_size=4).estimate(frames), alone, frames, strict=True):
        assert depth.shape == (frame.height, frame.width)
        assert depth.values.dtype == np.float32 and depth.valid.all()
        assert depth.values.std() > 0 or depth.values.size == 1
        np.testing.assert_allclose(depth.values, single.values, rtol=1e-4, atol=1e-4)
        assert (depth.focal_px or 0) == pytest.approx(single.focal_px or 0, rel=1e-4)
    return alone


def assert_half_precision_stays_near_float32(make: Make, dtype: str, range_share: float = 0.1) -> None:
    """Assert that maps differ from float32 by at most a share of their range, and are not rounded as bfloat16 is."""
    exact, coarse = (make(dtype=each).estimate([make_frame(64, 64)])[0].values for each in ("float32", dtype))
    np.testing.assert_allclose(coarse, exact, atol=range_share * np.ptp(exact))
    rounded = torch.from_numpy(coarse).bfloat16().float().numpy()
    assert len(np.unique(coarse)) > 2 * len(np.unique(rounded))


def assert_spots_come_back_where_they_were(
    backend: NetworkDepth,
    size: tuple[int, int],
    brightness_of: Callable[[np.ndarray], np.ndarray],
    shift_px: float = 0.6,
) -> DepthMap:
    """Assert that a backend whose network is brightness keeps every point of a frame in its place.

    Args:
        backend: The backend.
        size: (height, width) of the frame [px].
        brightness_of: The brightness (0 to 1) that a depth map of the backend shows.
        shift_px: How far a spot may move [px].

    Returns:
        The depth map.
    """
    height, width = size
    half_height, half_width = height // 10, width // 10
    rgb = np.zeros((height, width, 3), np.uint8)
    centres = [(round(row * height), round(column * width), brightness) for row, column, brightness in _SPOTS]
    for y, x, brightness in centres:
        rgb[y - half_height : y + half_height + 1, x - half_width : x + half_width + 1] = round(255 * brightness)
    depth = backend.estimate([frame_of(rgb)])[0]
    found = brightness_of(depth.values)
    for y, x, brightness in centres:
        assert found[y, x] == pytest.approx(brightness, abs=0.1)
        rows, columns = 2 * half_height, 2 * half_width
        window = np.clip(found[y - rows : y + rows + 1, x - columns : x + columns + 1], 0, None)
        row_indices, column_indices = np.indices(window.shape)
        assert (row_indices * window).sum() / window.sum() == pytest.approx(rows, abs=shift_px)
        assert (column_indices * window).sum() / window.sum() == pytest.approx(columns, abs=shift_px)
    assert abs(found[round(0.8 * height), round(0.2 * width)]) < 25 / 255
    return depth
