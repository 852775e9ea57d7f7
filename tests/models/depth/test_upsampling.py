from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest

from pipeline.models.depth.upsampling import UpsamplingMethod, upsample

METHODS = get_args(UpsamplingMethod)


def random_maps(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def random_image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def step_scene(factor: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A slanted step in depth that the image shows sharply: true values, their low-resolution means, image."""
    rows, columns = np.mgrid[:160, :240]
    near = columns > 100 + 0.3 * rows
    true = np.where(near, 5.0, 1.0).astype(np.float32)
    image = np.where(near[..., None], (200, 120, 60), (40, 90, 130)).astype(np.uint8)
    return true, cv2.resize(true, (240 // factor, 160 // factor), interpolation=cv2.INTER_AREA), image


@pytest.mark.parametrize("size", [(48, 64), (97, 131), (24, 90), (480, 640)])
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_upsampling_equals_torch(method: str, size: tuple[int, int]):
    import torch

    values = random_maps(2, 24, 32)
    # In float64: torch computes positions in the type of the values, and float32 moves them by up to 1e-4 px.
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(values)[:, None].double(), size=size, mode=method, align_corners=False
    )[:, 0].numpy()
    result = upsample(values, [], size, method)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_networks_own_size_changes_nothing(method: str):
    values = random_maps(2, 24, 32)
    np.testing.assert_array_equal(upsample(values, [random_image(24, 32)] * 2, (24, 32), method), values)


@pytest.mark.parametrize("method", METHODS)
def test_each_map_is_upsampled_by_itself(method: str):
    values, images = (
        random_maps(3, 12, 16),
        [random_image(50, 60) // np.uint8(index + 1) for index in range(3)],
    )
    together = upsample(values, images, (50, 60), method)
    alone = [upsample(values[index : index + 1], images[index : index + 1], (50, 60), method)[0] for index in range(3)]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("method", METHODS)
def test_a_smaller_size_averages_areas(method: str):
    result = upsample(random_maps(1, 60, 80), [random_image(15, 20)], (15, 20), method)
    expected = random_maps(1, 60, 80).reshape(1, 15, 4, 20, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_longer_side_of_a_map_is_averaged(method: str):
    ramp = np.broadcast_to(np.arange(60, dtype=np.float32)[:, None], (60, 10))[None]
    result = upsample(ramp, [np.zeros((15, 40, 3), np.uint8)], (15, 40), method)
    np.testing.assert_allclose(result[0], np.broadcast_to(4 * np.arange(15)[:, None] + 1.5, (15, 40)), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale, shift", [(1000.0, 0.0), (1e-4, 0.0), (3.0, -50.0), (0.5, 200.0)])
def test_scale_and_shift_pass_through(method: str, scale: float, shift: float):
    _, low, image = step_scene()
    plain = upsample(low[None], [image], image.shape[:2], method)
    moved = upsample(np.float32(scale) * low[None] + np.float32(shift), [image], image.shape[:2], method)
    np.testing.assert_allclose(moved, scale * plain + shift, atol=1e-5 * (5 * scale + abs(shift)))


@pytest.mark.parametrize("method, reach_px", [("bilinear", 4), ("edge_aware", 4), ("bicubic", 8)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_stay_in_their_neighbourhood(method: str, reach_px: int, bad: float):
    values = random_maps(1, 12, 16)
    values[0, 5, 7] = bad
    image = random_image(48, 64)
    result = upsample(values, [image], (48, 64), method)[0]
    rows, columns = np.nonzero(~np.isfinite(result))
    assert len(rows) >= 16  # The pixel's own area.
    assert rows.min() >= 20 - reach_px and rows.max() < 24 + reach_px
    assert columns.min() >= 28 - reach_px and columns.max() < 32 + reach_px


def test_a_missing_value_hardly_changes_what_is_farther_than_the_windows():
    _, low, image = step_scene()
    missing = low.copy()
    missing[5, 5] = np.nan
    plain, other = (upsample(each[None], [image], image.shape[:2], "edge_aware")[0] for each in (low, missing))
    np.testing.assert_allclose(other[:, 120:], plain[:, 120:], atol=1e-5)


def test_a_map_without_finite_values_stays_without():
    values = np.full((1, 6, 8), np.nan, np.float32)
    assert np.isnan(upsample(values, [random_image(24, 32)], (24, 32), "edge_aware")).all()


@pytest.mark.parametrize("factor", [4, 8])
def test_a_step_that_the_image_shows_comes_back_sharp(factor: int):
    true, low, image = step_scene(factor)
    errors = {
        method: float(np.abs(upsample(low[None], [image], true.shape, method)[0] - true).mean()) for method in METHODS
    }
    assert errors["edge_aware"] < 0.25 * errors["bilinear"]
    assert errors["edge_aware"] < 0.25 * errors["bicubic"]


def test_a_map_that_follows_the_colours_becomes_the_same_function_of_the_image():
    image = cv2.resize(random_image(24, 32), (128, 96), interpolation=cv2.INTER_CUBIC)
    true = (image @ (0.02, -0.01, 0.015) + 4).astype(np.float32)
    low = cv2.resize(true, (32, 24), interpolation=cv2.INTER_AREA)[None]
    errors = {method: float(np.abs(upsample(low, [image], (96, 128), method)[0] - true).mean()) for method in METHODS}
    assert errors["edge_aware"] < 0.2 * errors["bicubic"]


def test_maps_far_from_zero_lose_no_digits():
    values, image = np.round(random_maps(1, 12, 16) * 1024) / 1024, random_image(48, 64)
    plain = upsample(values, [image], (48, 64), "edge_aware")
    far = upsample(values + np.float32(8192), [image], (48, 64), "edge_aware") - np.float32(8192)
    np.testing.assert_allclose(far, plain, atol=3 * np.spacing(np.float32(8192)))


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_flat_image_gives_the_bilinear_result(grey: int):
    values, image = random_maps(1, 12, 16), np.full((48, 64, 3), grey, np.uint8)
    np.testing.assert_allclose(
        upsample(values, [image], (48, 64), "edge_aware"), upsample(values, [], (48, 64), "bilinear"), atol=1e-5
    )


def test_texture_on_a_plane_leaves_little_trace():
    plane = np.linspace(1, 2, 16, dtype=np.float32)[None, None].repeat(12, axis=1)
    image = cv2.resize(random_image(24, 32), (64, 48), interpolation=cv2.INTER_NEAREST)
    trace = upsample(plane, [image], (48, 64), "edge_aware") - upsample(plane, [], (48, 64), "bilinear")
    assert trace.std() < 0.05  # The plane spans 1, and 0.07 from one pixel of the map to the next.
