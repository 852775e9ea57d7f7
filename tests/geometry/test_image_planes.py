from __future__ import annotations

import numpy as np
import pytest

from pipeline.geometry.image_planes import grid_of, planes_of
from pipeline.records import Camera, DepthMap

CAMERA = Camera(300.0, 300.0, 159.5, 119.5, 320, 240)
# alpha, beta, gamma of three planes that meet in the image.
PLANES = np.array([[0.0, 0.0012, 0.4], [0.0009, -0.0005, 0.42], [-0.0011, 0.0001, 0.38]])


def room():
    """Depth whose inverse is the largest of three linear functions of the pixels."""
    columns, rows = np.meshgrid(np.arange(320) - CAMERA.cx, np.arange(240) - CAMERA.cy)
    inverse = np.max([a * columns + b * rows + c for a, b, c in PLANES], axis=0)
    return DepthMap.from_values(1 / inverse, "metric", "sensor")


def test_planes_are_found_with_their_parameters_in_pixels_of_the_grid():
    depth = room()
    grid = grid_of(depth, inverse=True)
    found = planes_of(grid, grid.camera(CAMERA, depth.shape))
    assert len(found.shares) == 3 and found.shares.sum() == pytest.approx(1, abs=0.06)
    expected = PLANES * (grid.block_px, grid.block_px, 1)
    for plane in found.parameters:
        assert np.abs(expected - plane).max(axis=1).min() < 0.003


def test_depth_itself_is_bent_on_planes():
    bent, straight = (planes_of(grid_of(room(), inverse=inverse)).shares.sum() for inverse in (False, True))
    assert bent < straight - 0.1


def test_holes_are_left_out_and_empty_maps_give_no_grid():
    values = room().values
    valid = np.random.default_rng(0).random(values.shape) > 0.2
    grid = grid_of(DepthMap(np.where(valid, values, 0), valid, "metric", "sensor"), inverse=True)
    whole = grid_of(room(), inverse=True)
    assert grid.numbers[grid.known] == pytest.approx(whole.numbers[grid.known], rel=0.02)
    assert grid_of(DepthMap(values, np.zeros(values.shape, bool), "metric", "sensor"), inverse=True) is None
    assert grid_of(DepthMap.from_values(np.ones((2, 2)), "metric", "sensor"), inverse=False) is None


def test_nothing_is_found_in_noise():
    noise = DepthMap.from_values(np.random.default_rng(0).uniform(1, 3, (60, 80)), "metric", "sensor")
    assert planes_of(grid_of(noise, inverse=True)).parameters.shape == (0, 3)
