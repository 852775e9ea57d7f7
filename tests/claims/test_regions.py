from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.json_blocks import JsonBlock
from pipeline.claims.regions import (
    Images,
    box_3d_from_qwen,
    entries_of_json,
    entries_of_text,
    projected_box_px,
    regions_of,
)
from pipeline.records import Box3D, Region
from pipeline.records.camera import Camera
from pipeline.records.errors import RecordError
from pipeline.records.message import Message, message

CAMERA = Camera.from_fov(2000, 1000, 60)
SMALL = Camera.from_fov(100, 100, 60)


def read(value: Any, cameras: list[Camera] | None = None) -> tuple[tuple[Region, ...], tuple[str, ...]]:
    cameras = cameras or [CAMERA]
    return regions_of(entries_of_json("", [JsonBlock(value, 0, 1)], len(cameras)), Images(cameras))


@pytest.mark.parametrize("key", ["point_2d", "point"])
def test_a_point_becomes_a_box_without_area(key: str) -> None:
    regions, problems = read({key: [925, 618], "label": "spot"})
    assert regions[0].box_px == (1850, 618, 1850, 618) and regions[0].is_point
    assert not problems


@pytest.mark.parametrize(
    "value",
    [
        *([{key: [50, 100, 500, 500], "label": "mug"}] for key in ("bbox_2d", "bbox", "box_2d")),
        {"objects": [{"bbox_2d": [50, 100, 500, 500], "label": "mug"}]},
        {"mug": {"bbox_2d": [50, 100, 500, 500]}},
        {"bbox_2d": [[50, 100, 500, 500]], "label": "mug"},
        {"bbox_2d": "[50, 100, 500, 500]", "object": "mug"},
        {"bbox_2d": {"x1": 50, "y1": 100, "x2": 500, "y2": 500}, "category": "mug"},
        {"bbox_2d": ["50", "100", "500", "500"], "type": "mug"},
    ],
)
def test_a_box_of_the_grid_becomes_pixels_in_any_form(value: Any) -> None:
    assert read(value) == ((Region("mug", (100, 100, 1000, 500)),), ())


@pytest.mark.parametrize(
    ("numbers", "box", "problem"),
    [
        ([500, 500, 0, 0], (0, 0, 1000, 500), "swapped"),
        ([-10, 0, 500, 1010], (0, 0, 1000, 1000), "clipped"),
        ([5, 5, 5, 9], (10, 5, 10, 9), "no area"),
        ([1200, 0, 2300, 10], None, "does not fit"),
        ([1, 2, 3], None, "must be 4 finite numbers"),
        ([1, 2, 3, "x"], None, "must be 4 finite numbers"),
        ([1, 2, 3, True], None, "must be 4 finite numbers"),
        (None, None, "must be 4 finite numbers"),
    ],
)
def test_a_wrong_box_is_reported(numbers: Any, box: tuple[float, ...] | None, problem: str) -> None:
    regions, problems = read([{"bbox_2d": numbers, "label": "mug"}])
    assert [region.box_px for region in regions] == ([box] if box else [])
    assert len(problems) == 1 and problem in problems[0].text()


@pytest.mark.parametrize(
    ("field", "frame"),
    [
        ({"picture": 2}, 1),
        ({"picture": "Picture 2"}, 1),
        ({"image": "image_2"}, 1),
        ({"frame": 1}, 1),
        ({"frame": "frame 1"}, 1),
        ({"image_index": 1}, 1),
        ({"picture": 1}, 0),
    ],
)
def test_images_count_from_one_and_frames_from_zero(field: dict[str, Any], frame: int) -> None:
    regions, problems = read([{"bbox_2d": [0, 0, 1000, 1000], "label": "mug", **field}], [CAMERA, SMALL])
    assert [(region.frame, region.box_px[2]) for region in regions] == [(frame, (2000, 100)[frame])]
    assert not problems


@pytest.mark.parametrize("field", [{"picture": 3}, {"picture": 0}, {"frame": 3}, {"picture": "left"}])
def test_an_image_that_was_not_given_is_reported(field: dict[str, Any]) -> None:
    entry = {"bbox_2d": [0, 0, 9, 9], "label": "mug", **field}
    assert read([entry], [CAMERA, SMALL]) == ((), (message("in_no_frame", label="mug", count=2),))
    regions, problems = read([entry], [CAMERA])
    assert regions[0].frame == 0 and len(problems) == 1


def test_names_scores_and_further_fields_are_kept() -> None:
    regions, _ = read(
        [{"bbox_2d": [0, 0, 9, 9], "name_zh": "米饭", "name_en": "Rice", "score": 0.5, "hot": True, "x": [1]}]
    )
    assert regions[0].label == "Rice" and regions[0].score == 0.5
    assert regions[0].attributes == {"name_zh": "米饭", "name_en": "Rice", "hot": "true"}


@pytest.mark.parametrize(
    ("names", "cameras", "labels", "problem"),
    [
        (["mug", None], 1, ["mug", "object"], message("unnamed_entries", count=1)),
        (["mug"] * 5 + ["cup"], 1, ["mug", "cup"], message("repeated_entries", count=4)),
        (["mug"], 2, ["mug"], message("unplaced_entries", count=1)),
    ],
)
def test_entries_without_name_or_image_and_repeats_are_counted(
    names: list[str | None], cameras: int, labels: list[str], problem: Message
) -> None:
    regions, problems = read([{"bbox_2d": [0, 0, 9, 9], "label": name} for name in names], [CAMERA] * cameras)
    assert [(region.label, region.frame) for region in regions] == [(label, 0) for label in labels]
    assert problems == (problem,)


def test_lists_of_claims_locate_nothing() -> None:
    value = {"claims": [{"relation": "left_of", "subject": "a", "object": {"bbox_2d": [0, 0, 9, 9]}}]}
    assert read(value) == ((), ())


def test_the_angles_of_a_3d_box_are_units_of_pi_about_x_y_z() -> None:
    box = box_3d_from_qwen([1, 2, 3, 4, 5, 6, 0.5, -0.25, 1])
    assert box == Box3D((1, 2, 3), (4, 5, 6), (math.pi / 2, -math.pi / 4, math.pi))
    assert box_3d_from_qwen([1, 2, 3, 4, 5, 6, 0.5]).rotation_rad == (0, math.pi / 2, 0)


def test_a_3d_box_is_drawn_around_its_corners() -> None:
    camera = Camera(100, 100, 49.5, 49.5, 100, 100)
    regions, problems = read([{"bbox_3d": [0, 0, 2.5, 1, 1, 1, 0, 0, 0], "label": "cube"}], [camera])
    assert regions[0].box_px == pytest.approx((25, 25, 75, 75))
    assert regions[0].box_3d == Box3D((0, 0, 2.5), (1, 1, 1))
    assert not problems


def test_a_3d_box_around_the_camera_fills_the_image() -> None:
    assert projected_box_px(Box3D((0, 0, 0), (2, 2, 2)), SMALL) == (0, 0, 100, 100)


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([0, 0, -5, 1, 1, 1, 0, 0, 0], "behind the camera"),
        ([50, 0, 5, 1, 1, 1, 0, 0, 0], "outside"),
        ([0, 0, 5, -1, 1, 1, 0, 0, 0], "negative"),
        ([0, 0, 5, 1, 1, 1], "9 finite numbers"),
    ],
)
def test_a_3d_box_that_cannot_be_seen_is_reported(numbers: list[float], problem: str) -> None:
    regions, problems = read([{"bbox_3d": numbers, "label": "cube"}])
    assert not regions and problem in problems[0].text()


def test_a_2d_box_beside_a_3d_box_is_preferred() -> None:
    regions, _ = read([{"bbox_3d": [0, 0, 5, 1, 1, 1, 0, 0, 0], "bbox_2d": [0, 0, 500, 500], "label": "cube"}])
    assert regions[0].box_px == (0, 0, 1000, 500) and regions[0].box_3d is not None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("<|object_ref_start|>mug<|object_ref_end|><|box_start|>(100,200),(300,400)<|box_end|>", "mug"),
        ("<ref>the mug</ref><box>(100,200),(300,400)</box>", "the mug"),
        ("<|box_start|>(100,200),(300,400)<|box_end|>", "object"),
        ("The objects:\n- **mug**: [100, 200, 300, 400]\n", "mug"),
        ("杯子：[100, 200, 300, 400]", "杯子"),
    ],
)
def test_boxes_in_prose_are_read(text: str, label: str) -> None:
    regions, _ = regions_of([entry for _, _, entry in entries_of_text(text)], Images([CAMERA]))
    assert [(region.label, region.box_px) for region in regions] == [(label, (200, 200, 600, 400))]


@given(st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4))
def test_every_box_ends_within_its_image(numbers: list[float]) -> None:
    regions, problems = read(json.loads(json.dumps([{"bbox_2d": numbers, "label": "mug"}])))
    assert regions or problems
    for region in regions:
        x1, y1, x2, y2 = region.box_px
        assert 0 <= x1 <= x2 <= 2000 and 0 <= y1 <= y2 <= 1000


@given(st.tuples(*[st.floats(-5, 5)] * 3), st.tuples(*[st.floats(0, 4)] * 3), st.tuples(*[st.floats(-4, 4)] * 3))
def test_the_rectangle_of_a_3d_box_holds_every_corner_in_sight(center: Any, size: Any, angles: Any) -> None:
    box = Box3D(center, size, angles)
    try:
        left, top, right, bottom = projected_box_px(box, SMALL)
    except RecordError:
        return
    assert 0 <= left <= right <= 100 and 0 <= top <= bottom <= 100
    for x, y, z in box.corners_m[box.corners_m[:, 2] > 0.02]:
        u, v = (SMALL.fx * np.array((x, y)) / z) + (SMALL.cx + 0.5, SMALL.cy + 0.5)
        if 0 <= u <= 100 and 0 <= v <= 100:
            assert left - 1e-6 <= u <= right + 1e-6 and top - 1e-6 <= v <= bottom + 1e-6
