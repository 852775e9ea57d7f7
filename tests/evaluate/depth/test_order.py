from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluate.depth.metrics import metrics_of
from pipeline.evaluate.depth.order import object_moments, order_moments, sampled_pairs
from pipeline.records import Region

TRUE = np.array([1.0, 1.01, 2.0, 4.0])
ALL_PAIRS = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])


@pytest.mark.parametrize(
    "predicted, whdr, order",
    [
        (TRUE, 0, 1),
        (10 * TRUE, 0, 1),
        (TRUE[::-1], 1, 0),
        # All equal: only the equal pair is correct in WHDR, and no clear pair is in order.
        (np.ones(4), 5 / 6, 0),
        # All correct but the equal pair.
        (np.array([1.0, 1.5, 2.0, 4.0]), 1 / 6, 1),
        # 2 and 4 exchanged: one of six, and one of five that are clear.
        (np.array([1.0, 1.01, 4.0, 2.0]), 1 / 6, 4 / 5),
        # Nearly equal counts as equal in WHDR, but not for the order.
        (np.array([1.0, 1.01, 2.0, 2.01]), 1 / 6, 1),
    ],
)
def test_hand_worked_pairs(predicted: np.ndarray, whdr: float, order: float) -> None:
    pairs = np.concatenate((ALL_PAIRS, ALL_PAIRS[:, ::-1]))
    moments = order_moments(predicted, predicted, TRUE, pairs, equal_ratio=1.02, clear_ratio=1.1)
    found = metrics_of(moments)
    assert (found["whdr"], found["pair_order"]) == (pytest.approx(whdr), pytest.approx(order))


@pytest.mark.parametrize("ratio, relation", [(1.02, "equal"), (1.0201, "apart")])
def test_depths_are_equal_up_to_and_including_the_ratio(ratio: float, relation: str) -> None:
    moments = order_moments(
        np.ones(2), np.ones(2), np.array([1.0, ratio]), np.array([(0, 1)]), equal_ratio=1.02, clear_ratio=1.02
    )
    assert moments["whdr"] == moments["clear_pairs"] == (relation == "apart")


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


@pytest.mark.parametrize(
    "change, right",
    [
        (lambda z: z, 2),
        (lambda z: -1 / z, 2),
        (lambda z: -z, 0),
        (np.ones_like, 0),
        # The middle one moves in front of the left one.
        (lambda z: np.where(z == 2, 0.5, z), 1),
    ],
)
def test_objects_are_ordered_by_the_medians_of_masks_or_boxes(change, right: int) -> None:
    true, regions = scene()
    moments = object_moments(change(true), true, np.ones(true.shape, bool), regions, clear_ratio=1.1)
    # Middle and right differ by only 2.5 %.
    assert moments == {"objects_clear": 2, "objects_right": right}


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
