from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluate.depth.order import object_moments, order_moments, sampled_pairs
from pipeline.records import Region


@pytest.mark.parametrize("ratio, relation", [(1.02, "equal"), (1.0201, "apart")])
def test_depths_are_equal_up_to_and_including_the_ratio(ratio: float, relation: str) -> None:
    moments = order_moments(
        np.ones(2), np.ones(2), np.array([1.0, ratio]), np.array([(0, 1)]), equal_ratio=1.02, clear_ratio=1.02
    )
    assert moments["whdr"] == moments["clear_pairs"] == (relation == "apart")
    assert moments["clear_right"] == 0


@pytest.mark.parametrize("pixels, count", [(1, 100), (2, 100), (1000, 5000)])
def test_pairs_are_seeded_and_of_different_pixels(pixels: int, count: int) -> None:
    pairs = sampled_pairs(pixels, count, 3)
    assert np.array_equal(pairs, sampled_pairs(pixels, count, 3))
    assert pairs.shape[1] == 2 and (pairs[:, 0] != pairs[:, 1]).all()
    assert len(pairs) <= count and (pixels == 1) == (len(pairs) == 0)
    assert pixels < 10 or not np.array_equal(pairs, sampled_pairs(pixels, count, 4))


def scene() -> tuple[np.ndarray, tuple[Region, ...]]:
    """Left at 1 m, middle at 2 m, right at 2.05 m; the box of the middle covers the right too, its mask does not."""
    true = np.repeat([1.0, 2.0, 2.05], 4)[None].repeat(6, axis=0)
    mask = np.zeros((6, 12), bool)
    mask[:, 4:8] = True
    return true, (Region("a", (0, 0, 4, 6)), Region("b", (4, 0, 12, 6), mask=mask), Region("c", (8, 0, 12, 6)))


def test_objects_of_equal_predicted_depth_are_not_in_order() -> None:
    true, regions = scene()
    moments = object_moments(np.ones_like(true), true, np.ones(true.shape, bool), regions, clear_ratio=1.1)
    # Middle and right differ by only 2.5 %.
    assert moments == {"objects_clear": 2, "objects_right": 0}


def test_objects_without_known_pixels_and_masks_of_another_size_are_ignored() -> None:
    true, regions = scene()
    known = np.ones(true.shape, bool)
    known[:, :4] = False
    assert object_moments(true, true, known, regions, clear_ratio=1.1)["objects_clear"] == 0
    strange = Region("d", (4, 0, 8, 6), mask=np.ones((2, 2), bool))
    outside = Region("e", (50, 50, 60, 60))
    moments = object_moments(true, true, ~known, (regions[0], outside), clear_ratio=1.1)
    assert moments["objects_clear"] == 0
    everywhere = np.ones(true.shape, bool)
    assert object_moments(true, true, everywhere, (regions[0], strange), clear_ratio=1.1)["objects_right"] == 1
