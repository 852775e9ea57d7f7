from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.resampling import bounded_size, resize_depth, resize_nearest, same_aspect


@pytest.mark.parametrize(
    ("size", "max_side_px", "expected"),
    [((400, 300), 0, (400, 300)), ((400, 300), 200, (200, 150)), ((3, 1000), 100, (1, 100)), ((80, 60), 100, (80, 60))],
)
def test_only_longer_images_are_bounded(size, max_side_px, expected):
    assert bounded_size(size, max_side_px) == expected


def test_aspect_ratios_within_two_per_cent_are_the_same():
    assert same_aspect((640, 480), (1280, 971))
    assert not same_aspect((640, 480), (1280, 990))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20), st.integers(1, 20))
def test_nearest_takes_the_pixel_under_the_centre(height, width, new_height, new_width):
    array = np.arange(height * width).reshape(height, width)
    resized = resize_nearest(array, (new_width, new_height))
    rows = [int((row + 0.5) * height / new_height) for row in range(new_height)]
    columns = [int((column + 0.5) * width / new_width) for column in range(new_width)]
    assert resized.tolist() == array[np.ix_(rows, columns)].tolist()


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 30), st.integers(1, 30), st.integers(0, 10**6))
def test_linear_resampling_never_mixes_in_invalid_depth(height, width, new_height, new_width, seed):
    valid = np.random.default_rng(seed).random((height, width)) < 0.5
    values = np.where(valid, np.float32(2.5), np.float32(99)).astype(np.float32)
    resized, new_valid = resize_depth(values, valid, (new_width, new_height), nearest=False)
    assert (new_valid == resize_nearest(valid, (new_width, new_height))).all()
    assert np.allclose(resized[new_valid], 2.5, atol=1e-4)


def test_linear_resampling_keeps_the_outer_edges_in_place():
    # Depth 0.5, 1.5, 2.5, 3.5 at pixel centres; twice the pixels halve the step.
    values = np.tile(np.arange(4, dtype=np.float32) + 0.5, (2, 1))
    resized, _ = resize_depth(values, np.ones_like(values, dtype=bool), (8, 4), nearest=False)
    assert resized[1, 1:7] == pytest.approx(np.arange(6) * 0.5 + 0.75)
