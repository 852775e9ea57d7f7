from __future__ import annotations

from dataclasses import replace

import exported
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.regions import box_in_frame, category_of, region_depths, unique_names
from pipeline.records import Region


def test_the_background_of_a_box_does_not_count() -> None:
    loose = Region("cup", (65, 42, 105, 88))
    (depth,) = region_depths(exported.stored(), [loose])
    assert depth.value == pytest.approx(0.9, abs=1e-3) and depth.unit == "m"
    assert depth.box is not None
    np.testing.assert_allclose(depth.box.center_m[2], 0.9, atol=1e-3)


@pytest.mark.parametrize("kind", ["depth_affine", "disparity_affine"])
def test_affine_depth_has_a_value_but_neither_unit_nor_box(kind: str) -> None:
    for depth in region_depths(exported.stored(kind), exported.regions()):
        assert depth.value is not None and depth.unit is None and depth.box is None


def test_scale_invariant_depth_has_a_box_without_metres() -> None:
    screen, _ = region_depths(exported.stored("scale_invariant"), exported.regions())
    assert screen.box is not None and screen.unit is None


@pytest.mark.parametrize("region", [Region("out", (500, 500, 600, 600)), Region("dot", (-5, -5, -5, -5))])
def test_what_cannot_be_measured_is_unknown(region: Region) -> None:
    (depth,) = region_depths(exported.stored(), [region])
    assert (depth.value, depth.sigma, depth.unit, depth.box) == (None, None, None, None)


def test_without_depth_or_with_a_mask_of_another_size_nothing_breaks() -> None:
    (unknown,) = region_depths(exported.stored(None), [exported.regions()[0]])
    assert unknown.kind is None and unknown.value is None
    small = replace(exported.regions()[0], mask=np.ones((4, 5), dtype=bool))
    (depth,) = region_depths(exported.stored(), [small])
    assert depth.value == pytest.approx(1.2, abs=1e-3)


@given(st.lists(st.sampled_from(["cup", "cup#2", "cup [2]", "lid"]), max_size=6), st.integers(1, 2))
def test_names_are_unique_and_begin_with_the_label(labels: list[str], frames: int) -> None:
    regions = [Region(label, (0, 0, 9, 9), index % frames) for index, label in enumerate(labels)]
    names = unique_names(regions, frames)
    assert len(set(names)) == len(labels)
    assert all(name.startswith(label) for name, label in zip(names, labels, strict=True))


def test_text_has_one_category_and_boxes_end_at_the_frame() -> None:
    assert category_of(Region("EXIT", (0, 0, 1, 1), origin="ocr")) == "text"
    assert category_of(Region("cup", (0, 0, 1, 1))) == "cup"
    assert box_in_frame(Region("a", (-5, 10, 50, 500)), (40, 30)) == (0, 10, 40, 30)
    assert box_in_frame(Region("a", (40, 0, 50, 9)), (40, 30)) is None
    assert box_in_frame(Region("a", (3, 3, 3, 3)), (40, 30)) is None
