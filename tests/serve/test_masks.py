"""Masks that stay run lengths until they are needed."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis.extra import numpy as arrays

from pipeline.geometry.regions import mask_box
from pipeline.records import Origin, Region
from pipeline.records.claim import encode_mask
from pipeline.records.errors import RecordError
from pipeline.serve import masks
from pipeline.serve.masks import box_of, check_lengths, decoded
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import MaskedRegion, RunLengths


def lengths(mask: np.ndarray) -> RunLengths:
    plain = encode_mask(mask)
    return RunLengths((plain["size"][0], plain["size"][1]), tuple(plain["counts"]))


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=7)))
def test_the_box_of_run_lengths_is_that_of_the_mask(mask: np.ndarray) -> None:
    found = lengths(mask)
    check_lengths(found, "cup")
    assert box_of(found) == mask_box(mask)


@pytest.mark.parametrize(
    "size, counts", [((2, 3), (5,)), ((2, 3), (7,)), ((2, 3), (7, -1)), ((2, 3), (0,) * 8 + (6,)), ((2, 3), ())]
)
def test_run_lengths_fill_their_size(size: tuple[int, int], counts: tuple[int, ...]) -> None:
    with pytest.raises(RecordError, match="'cup' must add up to its size 2 x 3"):
        check_lengths(RunLengths(size, counts), "cup")


def test_a_mask_is_decoded_only_at_the_size_of_its_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scenes.scene()
    mask = np.zeros((scene.frames[0].height, scene.frames[0].width), bool)
    mask[1:3, 2:5] = True
    cup = Region("cup", (2, 1, 5, 3), origin=Origin.GIVEN)
    found = decoded(MaskedRegion(cup, lengths(mask)), scene)
    assert found == cup and found.mask is not None and (found.mask == mask).all()
    assert decoded(cup, scene) is cup
    monkeypatch.setattr(masks, "decode_mask", lambda value: pytest.fail("decoded"))
    height, width = mask.shape
    with pytest.raises(UnfitError, match=f"'cup' is {height} x {width} pixels, but its image is {width} x {height}"):
        decoded(MaskedRegion(cup, lengths(mask.T)), scene)
    far = Region("cup", (2, 1, 5, 3), frame=9)
    assert decoded(MaskedRegion(far, lengths(mask)), scene) is far
