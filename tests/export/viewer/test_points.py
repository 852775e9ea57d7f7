from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.viewer.points import (
    FramePoints,
    Quantisation,
    edge_codes,
    edge_errors,
    edges_of_codes,
    evenly,
    packed,
    unpacked,
)


def points_of(count: int, least: float, largest: float, *, confidence: bool = False) -> FramePoints:
    rng = np.random.default_rng(count)
    pixels = np.sort(rng.choice(4000 * 3000, count, replace=False))
    z = rng.uniform(least, largest, count)
    colours = rng.integers(0, 256, (count, 3), dtype=np.uint8)
    regions = rng.integers(-1, 400, count).astype(np.int32)
    edges = np.where(rng.random(count) < 0.5, 0, rng.uniform(1e-4, 1, count))
    return FramePoints(pixels, z, colours, regions, edges, rng.random(count) if confidence else None)


@pytest.mark.parametrize(("least", "largest"), [(0.3, 10.0), (1.0, 60.0), (0.5, 120.0), (3.0, 3.0)])
@pytest.mark.parametrize("confidence", [False, True])
def test_metric_points_come_back_within_a_millimetre_at_their_exact_pixels(
    least: float, largest: float, confidence: bool
) -> None:
    points = points_of(5000, least, largest, confidence=confidence)
    quantisation = Quantisation.of(points.z)
    back = unpacked(packed(points, quantisation), 5000, quantisation, confidence)
    np.testing.assert_array_equal(back.pixels, points.pixels)
    np.testing.assert_array_equal(back.colours, points.colours)
    np.testing.assert_array_equal(back.regions, points.regions)
    assert np.abs(back.z - points.z).max() <= 0.001
    np.testing.assert_allclose(back.edges, points.edges, rtol=0.02)
    if points.confidence is not None and back.confidence is not None:
        assert np.abs(back.confidence - points.confidence).max() <= 0.5 / 255 + 1e-9


@given(st.lists(st.floats(1e-15, 1e15), min_size=1, max_size=50))
def test_depth_of_any_range_keeps_its_order_and_its_relative_size(values: list[float]) -> None:
    z = np.array(values)
    quantisation = Quantisation.of(z)
    back = quantisation.depths(quantisation.levels(z))
    assert np.all(np.isfinite(back))
    assert np.abs(back / z - 1).max() < 0.003
    assert np.all(np.diff(back[np.argsort(z, kind="stable")]) >= 0)


def test_the_planes_stand_in_the_order_of_the_description() -> None:
    points = FramePoints(
        np.array([5, 300]),
        np.array([1.0, 2.0]),
        np.array([[10, 20, 30], [5, 25, 30]], np.uint8),
        np.array([-1, 259], np.int32),
        np.array([0.0, 1.0]),
    )
    planes = zlib.decompress(base64.b64decode(packed(points, Quantisation(1.0, 2.0, True))))
    # Level 65535 is one below level 0 in 16 bits, so its fold is 1.
    expected = [[6, 39], [0, 1], [0, 0], [0, 0], [0, 1], [0, 0], [10, 251], [20, 5], [30, 0], [0, 4], [0, 1], [0, 255]]
    assert np.frombuffer(planes, np.uint8).reshape(12, 2).tolist() == expected


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 4000))
def test_as_many_pixels_as_asked_are_chosen_in_order_and_the_same_ones_again(
    height: int, width: int, count: int
) -> None:
    mask = np.random.default_rng(height * 61 + width).random((height, width)) < 0.7
    chosen = evenly(mask, count)
    assert len(chosen) == min(count, mask.sum())
    assert np.all(np.diff(chosen) > 0) and mask.ravel()[chosen].all()
    np.testing.assert_array_equal(chosen, evenly(mask, count))


def test_chosen_pixels_are_spread_evenly_over_the_frame() -> None:
    chosen = np.zeros(480 * 640, bool)
    chosen[evenly(np.ones((480, 640), bool), 60_000)] = True
    blocks = chosen.reshape(24, 20, 32, 20).sum(axis=(1, 3))
    assert np.abs(blocks / (60_000 / 768) - 1).max() < 0.1
    lines = chosen.reshape(480, 640)
    for axis in (0, 1):
        assert np.abs(lines.mean(axis=axis) / (60_000 / 307_200) - 1).max() < 0.2


def test_a_step_has_an_error_within_the_blur_and_a_slope_has_none() -> None:
    z = np.tile(np.linspace(1, 2, 40), (30, 1))
    z[:, 20:] += 1.0
    errors = edge_errors(z, np.ones(z.shape, bool), 2.0, 0.001)
    assert np.all(errors[:, [18, 19, 20, 21]] > 0)
    assert np.all(errors[:, :18] == 0) and np.all(errors[:, 22:] == 0)
    # A quarter of the step.
    assert errors[10, 19] == pytest.approx(0.25 / z[10, 19], rel=0.01)
    np.testing.assert_array_equal(edge_errors(z.T, np.ones(z.T.shape, bool), 2.0, 0.001), errors.T)


def test_what_noise_explains_and_what_is_not_valid_is_no_step() -> None:
    rng = np.random.default_rng(1)
    z = 2 * (1 + 0.002 * rng.standard_normal((60, 60)))
    valid = np.ones(z.shape, bool)
    assert not edge_errors(z, valid, 1.0, 0.002).any()
    z[30, 30], valid[30, 30] = 9.0, False
    assert not edge_errors(z, valid, 1.0, 0.002).any()
    assert not edge_errors(z, valid, 0.0, 0.002).any()
    assert edge_errors(np.ones((1, 1)), np.ones((1, 1), bool), 2.0, 0.0).tolist() == [[0.0]]


def test_codes_of_edges_come_back() -> None:
    edges = np.array([0.0, 1e-6, 1e-4, 0.01, 0.5, 1.0, 3.0])
    assert edges_of_codes(edge_codes(edges)).tolist() == pytest.approx([0, 1e-4, 1e-4, 0.01, 0.5, 1, 1], rel=0.02)
