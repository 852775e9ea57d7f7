from __future__ import annotations

import numpy as np
import pytest

from pipeline.records import DepthMap
from pipeline.records.depth_values import unlikely_metres
from pipeline.records.errors import RecordError

ROOM_M = np.random.default_rng(0).uniform(0.8, 4.0, (60, 80)).astype(np.float32)


def problem(values):
    return unlikely_metres(values, np.ones(values.shape, bool))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.round(ROOM_M * 1000), "whole"),
        ((ROOM_M * 1000).astype(np.uint16), "integers"),
        ((ROOM_M * 5000).astype(np.int32), "integers"),
        ((ROOM_M * 60).astype(np.uint8), "integers"),
        (ROOM_M * 1000, "farther than"),
        (ROOM_M * 1e6, "farther than"),
        (ROOM_M / 1000, "nearer than"),
        (-ROOM_M, "negative"),
        (np.where(ROOM_M < 1.5, -1.0, ROOM_M), "depth_invalid=-1"),
        (ROOM_M - 1.0, "negative"),
        ((ROOM_M - ROOM_M.min()) / np.ptp(ROOM_M), "stretched"),
    ],
)
def test_numbers_that_are_no_metres_are_told(values, words):
    assert words in problem(values)
    with pytest.raises(RecordError, match=words):
        DepthMap.from_values(values, "metric", "sensor")


@pytest.mark.parametrize(
    "values",
    [
        ROOM_M,
        np.array([[1, 2], [3, 4]]),
        np.full((4, 4), 90),
        # A street with a far end, a drone's view, a close-up, and a view with a sky.
        np.linspace(4, 250, 400).reshape(20, 20),
        np.full((20, 20), 320.7),
        np.linspace(0.02, 0.3, 400).reshape(20, 20),
        np.concatenate((ROOM_M, np.full((60, 80), 1e10)), axis=0),
        # Clipped at one metre, and a few negative numbers of noise.
        np.minimum(ROOM_M, 1.0),
        np.where(np.arange(4800).reshape(60, 80) % 1000 == 0, -0.01, ROOM_M),
        np.full((3, 3), np.nan),
        np.zeros((3, 3)),
    ],
)
def test_real_scenes_are_metres(values):
    assert problem(np.asarray(values)) == ""


@pytest.mark.parametrize("kind", ["scale_invariant", "depth_affine", "disparity_affine"])
def test_other_kinds_may_have_any_numbers(kind):
    assert DepthMap.from_values(np.round(ROOM_M * 1000), kind).valid.all()


def test_the_constructor_takes_numbers_as_they_are():
    assert DepthMap(ROOM_M * 1e4, ROOM_M > 0, "metric", "sensor").valid.all()


@pytest.mark.parametrize("sky", [1e10, 65504.0, 1000.0])
def test_a_sky_that_fills_most_of_the_picture_is_no_reason(sky):
    assert problem(np.where(np.arange(4800).reshape(60, 80) < 4300, sky, ROOM_M)) == ""
