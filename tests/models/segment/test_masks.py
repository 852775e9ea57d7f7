from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models.segment.images import disc

from pipeline.models.segment.masks import MaskLimits, confused, without_specks
from pipeline.records import Region

SHAPE = (40, 60)


def block(top: int, bottom: int, left: int, right: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("grow_px", "box", "left_over"),
    [
        (0, (20, 10, 40, 30), block(10, 30, 20, 40)),
        (2, (20, 10, 40, 30), block(8, 32, 18, 42)),
        (5, (0, 0, 20, 20), block(5, 25, 10, 25)),
        (100, (20, 10, 40, 30), block(5, 35, 10, 50)),
    ],
)
def test_a_mask_ends_where_the_grown_box_ends(grow_px, box, left_over):
    mask = MaskLimits(grow_px, 0.05).apply(block(5, 35, 10, 50), box)
    np.testing.assert_array_equal(mask, left_over)


@pytest.mark.parametrize(
    ("mask", "least_share", "kept"),
    [
        (block(0, 0, 0, 0), 0.0, False),  # Nothing.
        (block(10, 14, 20, 25), 0.05, True),  # 20 of 400 pixels.
        (block(10, 13, 20, 26), 0.05, False),  # 18 of 400.
        (block(0, 9, 0, 60), 0.0, False),  # All of it outside the box.
        (np.ones(SHAPE, dtype=bool), 1.0, True),
    ],
)
def test_a_mask_that_fills_too_little_of_its_box_is_refused(mask, least_share, kept):
    assert (MaskLimits(0, least_share).apply(mask, (20, 10, 40, 30)) is not None) == kept


def test_the_share_is_that_of_the_part_of_the_box_within_the_frame():
    limits = MaskLimits(0, 0.5)
    half_outside = (-20.0, 0.0, 20.0, 40.0)
    assert limits.apply(block(0, 40, 0, 11), half_outside) is not None
    assert limits.apply(block(0, 40, 0, 9), half_outside) is None
    assert limits.apply(np.ones(SHAPE, dtype=bool), (70.0, 0.0, 90.0, 20.0)) is None


def test_the_mask_that_was_given_is_not_changed():
    mask = block(0, 40, 0, 60)
    MaskLimits(0, 0).apply(mask, (20, 10, 40, 30))
    assert mask.all()


@pytest.mark.parametrize(
    ("pieces", "kept"),
    [
        ([block(5, 15, 5, 15), block(30, 31, 50, 51)], [True, False]),  # 100 and 1.
        ([block(5, 15, 5, 15), block(30, 32, 50, 55)], [True, True]),  # 100 and 10: behind an occluder.
        ([block(5, 15, 5, 15), block(30, 33, 50, 53)], [True, False]),  # 100 and 9.
        ([block(0, 0, 0, 0)], [False]),
        ([block(5, 6, 5, 6), block(6, 7, 6, 7)], [True, True]),  # Pixels that touch at a corner are one piece.
    ],
)
def test_specks_go_and_parts_stay(pieces, kept):
    expected = np.any([piece for piece, stays in zip(pieces, kept, strict=True) if stays] or [pieces[0]], axis=0)
    np.testing.assert_array_equal(without_specks(np.any(pieces, axis=0)), expected)


CUP = disc(SHAPE, (20, 30), 6)
ON_CUP = Region("cup", (24, 14, 37, 27), mask=CUP)
TRAY_LIKE_CUP = Region("tray", (5, 5, 55, 35), mask=CUP)
TRAY = Region("tray", (5, 5, 55, 35), mask=block(5, 35, 5, 55))


@pytest.mark.parametrize(
    ("regions", "made", "dropped"),
    [
        # The tray's mask is the cup's: only the cup fills its box with it.
        ([ON_CUP, TRAY_LIKE_CUP], {0, 1}, {1}),
        ([TRAY_LIKE_CUP, ON_CUP], {0, 1}, {0}),
        # Two boxes around one object.
        ([ON_CUP, replace(ON_CUP, label="mug")], {0, 1}, {0, 1}),
        ([ON_CUP, replace(ON_CUP, label="mug")], {1}, {1}),
        ([ON_CUP, replace(ON_CUP, label="mug")], set(), set()),
        # Objects that differ, lie apart, lie in other frames, or are text.
        ([ON_CUP, TRAY], {0, 1}, set()),
        ([ON_CUP, Region("can", (39, 14, 52, 27), mask=disc(SHAPE, (20, 45), 6))], {0, 1}, set()),
        ([ON_CUP, replace(ON_CUP, frame=1)], {0, 1}, set()),
        ([ON_CUP, replace(ON_CUP, origin="ocr")], {0}, set()),
        ([ON_CUP, replace(ON_CUP, mask=None)], {0}, set()),
        # Masks of another size, or empty ones, cannot be compared.
        ([ON_CUP, replace(ON_CUP, mask=np.ones((2, 2), dtype=bool))], {0, 1}, set()),
        ([ON_CUP, replace(ON_CUP, mask=np.zeros(SHAPE, dtype=bool))], {0}, set()),
    ],
)
def test_new_masks_that_do_not_tell_two_regions_apart_are_found(regions, made, dropped):
    assert confused(regions, made) == dropped
