"""What one measurement of a depth map covers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.records import DepthMap, Sampling
from pipeline.records.errors import RecordError


@pytest.mark.parametrize("side_px", [0.99, 0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["width_px", "height_px"])
def test_a_measurement_covers_at_least_one_pixel_and_not_everything(name: str, side_px: float) -> None:
    with pytest.raises(RecordError, match="covers at least one pixel"):
        Sampling(**{name: side_px})


@pytest.mark.parametrize(
    ("stored", "shape", "sides_px"),
    [
        ((10, 20), (10, 20), (1.0, 1.0)),
        ((10, 20), (20, 60), (3.0, 2.0)),
        ((10, 20), (15, 20), (1.0, 1.5)),
        # What was shrunk has one measurement in every pixel.
        ((10, 20), (5, 10), (1.0, 1.0)),
        ((10, 20), (5, 40), (2.0, 1.0)),
    ],
)
def test_a_resized_map_keeps_the_measurements_that_it_had(
    stored: tuple[int, int], shape: tuple[int, int], sides_px: tuple[float, float]
) -> None:
    assert Sampling.of_resized(stored, shape) == Sampling(*sides_px, is_scattered=False)


def test_a_map_is_taken_for_measured_in_every_pixel_unless_it_says_otherwise() -> None:
    depth = DepthMap.from_values(np.ones((2, 3)), "metric", "sensor")
    assert (depth.sampling, depth.disagreement) == (Sampling(1.0, 1.0, is_scattered=False), None)


@pytest.mark.parametrize("sampling", [Sampling(2.0), Sampling(1.0, 2.0), Sampling(is_scattered=True)])
def test_maps_of_equal_values_and_another_sampling_are_not_the_same(sampling: Sampling) -> None:
    depth = DepthMap.from_values(np.ones((2, 3)), "metric", "sensor")
    assert replace(depth, sampling=sampling).digest != depth.digest
    assert replace(depth, sampling=Sampling()).digest == depth.digest
