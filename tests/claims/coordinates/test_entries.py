from __future__ import annotations

from typing import Any

import pytest
from anything import ANYTHING
from claims.coordinates.located import in_brief
from hypothesis import given, settings

from pipeline.claims.coordinates.entries import Entry, apart, entries
from pipeline.claims.coordinates.keys import is_number

BOX, OTHER = [150, 300, 400, 700], [600, 300, 800, 700]
ONE = [("mug", tuple(BOX))]
TWO = [("mug", tuple(BOX)), ("cup", tuple(OTHER))]


@pytest.mark.parametrize(
    "value",
    [
        *({key: BOX, "label": "mug"} for key in ("bbox_2d", "box", "boundingBox", "rect", "边界框", "xyxy", "Bounds")),
        *({"bbox": BOX, key: "mug"} for key in ("label", "Name", "object_name", "category", "class", "标签", "id")),
        {"mug": BOX},
        {"mug": {"bbox": BOX}},
        {"mug": [BOX]},
        {"name": "mug", "location": BOX},
        {"name": "mug", "where_it_is": BOX},
        {"name": "mug", "bbox": "[150, 300, 400, 700]"},
        {"name": "mug", "bbox": {"x": 150, "y": 300, "w": 250, "h": 400}},
        {"name": "mug", "x1": 150, "y1": 300, "x2": 400, "y2": 700},
        {"name": "mug", "top_left": [150, 300], "bottom_right": [400, 700]},
        {"name": "mug", "polygon": [[150, 300], [400, 300], [400, 700]]},
        {"label": ["mug"], "bbox": BOX},
        {"type": "box", "name": "mug", "bbox": BOX},
        ["mug", BOX],
        ["mug", *BOX],
        {"answer": {"objects": [{"label": "mug", "bbox": BOX}]}},
        {"result": '[{"label": "mug", "bbox": [150, 300, 400, 700]}]'},
        {"labels": ["mug"], "bboxes": [BOX]},
        {"categories": [{"id": 7, "name": "mug"}], "annotations": [{"category_id": 7, "bbox": [150, 300, 250, 400]}]},
        {"type": "Feature", "properties": {"name": "mug"}, "geometry": {"type": "Polygon", "coordinates": BOX}},
        {"image_size": [640, 480], "objects": [{"label": "mug", "bbox": BOX}]},
        {"label": "mug", "bbox": BOX, "color": [255, 0, 0], "size": [20, 30]},
        {"label": "mug", "bbox": BOX, "keypoints": [[160, 310], [170, 320]]},
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_a_box_has_its_label_in_any_form_of_json(value: Any) -> None:
    assert in_brief(entries(value)) == ONE


@pytest.mark.parametrize(
    "value",
    [
        [{"bbox": BOX, "label": "mug"}, {"bbox": OTHER, "label": "cup"}],
        {"mug": BOX, "cup": OTHER},
        {"mug": {"bbox": BOX}, "cup": {"box": OTHER}},
        {"labels": ["mug", "cup"], "boxes": [BOX, OTHER]},
        [["mug", *BOX], ["cup", *OTHER]],
        [["mug", BOX], ["cup", OTHER]],
        {"detections": [{"mug": BOX}, {"cup": OTHER}]},
        [{"label": "mug", "bbox": BOX}, "and", None, 3, {"label": "cup", "bbox": OTHER}],
    ],
    ids=lambda value: str(value)[:50],
)
def test_several_objects_keep_their_labels_and_their_order(value: Any) -> None:
    assert in_brief(entries(value)) == TWO


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"label": "mug", "bboxes": [BOX, OTHER]}, [("mug", tuple(BOX)), ("mug", tuple(OTHER))]),
        ({"mug": [BOX, OTHER]}, [("mug", tuple(BOX)), ("mug", tuple(OTHER))]),
        ({"mugs": [{"bbox": BOX}, {"bbox": OTHER}]}, [("mugs", tuple(BOX)), ("mugs", tuple(OTHER))]),
        ([BOX, OTHER], [(None, tuple(BOX)), (None, tuple(OTHER))]),
        ({"objects": [BOX]}, [(None, tuple(BOX))]),
        ({"label": "mug", "points": [[1, 2], [3, 4]]}, [("mug", (1, 2)), ("mug", (3, 4))]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_several_boxes_of_one_label_are_several_entries(value: Any, expected: list[Any]) -> None:
    assert in_brief(entries(value)) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"point_2d": [1, 2]}, "point"),
        ({"label": "mug", "center": [1, 2]}, "point"),
        ({"label": "mug", "point": {"x": 1, "y": 2}}, "point"),
        ({"label": "mug", "x": 1, "y": 2}, "point"),
        ({"label": "mug", "coordinates": [1, 2]}, "point"),
        ({"label": "mug", "坐标": [1, 2]}, "point"),
        ({"label": "mug", "point": BOX}, "box"),
        ({"bbox": BOX}, "box"),
        ({"bbox_3d": [0, 0, 1, 1, 1, 1, 0, 0, 0]}, "box_3d"),
        ({"bbox_3d": [0, 0, 1, 1, 1, 1, 0, 0, 0], "bbox_2d": BOX}, "box_3d"),
        ({"bbox": BOX, "point": [1, 2]}, "box"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_an_entry_is_a_point_a_box_or_a_3d_box(value: Any, kind: str) -> None:
    assert [entry.kind for entry in entries(value)] == [kind]


@pytest.mark.parametrize(
    "value",
    [
        *([], {}, None, 3, "mug", "[1]", [1, 2, 3], {"label": "mug"}, {"label": "mug", "position": "left"}),
        {"claims": [{"relation": "left_of", "subject": "mug", "object": "cup", "bbox": BOX}]},
        {"relations": [{"subject": "mug", "bbox": BOX}]},
        {"relationships": {"mug": BOX}},
        {"objects": [], "claims": [{"mug": BOX}]},
        {"image_size": [640, 480]},
        {"label": "mug", "color": [255, 0, 0, 1]},
        {"label": "mug", "size": [20, 30]},
        {"label": "mug", "range": [1, 2, 3, 4], "distance": [1, 2]},
        {"counts": {"mug": [2, 3]}},
        {"label": "mug", "score": 0.5, "x": 12},
        {"mug": "in the middle", "cup": 3},
        [True, False, True, True],
        {"order": [3, 1, 4, 2]},
        {"scores": [0.1, 0.2, 0.3, 0.4]},
        {"distances": [1.5, 2.5, 3.5, 4.5]},
        {"depth": {"mug": [1.2, 1.4]}},
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_claims_and_numbers_that_are_no_coordinates_locate_nothing(value: Any) -> None:
    assert list(entries(value)) == []


@pytest.mark.parametrize(
    "raw", [[1, 2, 3], [1, 2, 3, "x"], "no numbers", None, {"a": 1}, [1, 2, 3, 4, 5], 7, [True, 1, 2, 3]]
)
def test_a_box_that_cannot_be_read_is_an_entry_without_a_shape(raw: Any) -> None:
    (entry,) = entries({"bbox": raw, "label": "mug"})
    assert (entry.kind, entry.shape, entry.label) == ("box", None, "mug")


def test_scores_and_further_fields_are_kept_apart() -> None:
    (entry,) = entries({"bbox": BOX, "label": "mug", "confidence": 0.75, "color": "red", "count": 2, "full": False})
    assert entry.score == 0.75
    assert entry.attributes == {"color": "red", "count": "2", "full": "false"}


@pytest.mark.parametrize(
    ("score", "kept"), [(0, 0.0), (1, 1.0), (0.5, 0.5), (95, None), (-1, None), ("high", None), (True, None)]
)
def test_a_score_is_a_number_from_0_to_1(score: Any, kept: float | None) -> None:
    (entry,) = entries({"bbox": BOX, "label": "mug", "score": score})
    assert entry.score == kept and ("score" in entry.attributes) == (kept is None)


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        ([1, 2, 3, 4, 5, 6, 0.1, 0.2, 0.3], (1, 2, 3, 4, 5, 6, 0.1, 0.2, 0.3)),
        ("[1, 2, 3, 4, 5, 6, 0.1, 0.2, -0.3]", (1, 2, 3, 4, 5, 6, 0.1, 0.2, -0.3)),
        ({"center": [1, 2, 3], "size": [4, 5, 6], "rotation": [7, 8, 9]}, (1, 2, 3, 4, 5, 6, 7, 8, 9)),
        ({"position": {"x": 1, "y": 2, "z": 3}, "dimensions": [4, 5, 6]}, (1, 2, 3, 4, 5, 6, 0, 0, 0)),
        ({"center": [1, 2, 3], "size": {"width": 4, "height": 5, "depth": 6}}, (1, 2, 3, 4, 5, 6, 0, 0, 0)),
        ({"center": [1, 2, 3]}, None),
        ([1, 2, "x"], None),
        (None, None),
    ],
)  # fmt: skip
def test_a_3d_box_is_nine_numbers_or_their_named_parts(raw: Any, numbers: tuple[float, ...] | None) -> None:
    (entry,) = entries({"bbox_3d": raw, "label": "mug"})
    assert (entry.kind, entry.numbers_3d) == ("box_3d", numbers)


@pytest.mark.parametrize(
    ("value", "frames", "indices"),
    [
        ([[{"mug": BOX}], [{"cup": OTHER}]], 2, [0, 1]),
        ([[{"mug": BOX}], [], [{"cup": OTHER}]], 3, [0, 2]),
        ([[{"mug": BOX}], [{"cup": OTHER}]], 3, [None, None]),
        ([[{"mug": BOX}], [{"cup": OTHER}]], 1, [None, None]),
        ([{"mug": BOX}, {"cup": OTHER}], 2, [None, None]),
        ([BOX, OTHER], 2, [None, None]),
        ({"0": {"mug": BOX}, "1": {"cup": OTHER}}, 2, [0, 1]),
        ({"1": {"mug": BOX}, "2": {"cup": OTHER}}, 2, [0, 1]),
        ({"1": {"mug": BOX}, "2": {"cup": OTHER}}, 1, [None, None]),
        ([{"image": 2, "mug": BOX}, {"frame": 1, "cup": OTHER}], 2, [1, 1]),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_lists_within_a_list_stand_for_images_where_their_number_is_that_of_the_images(
    value: Any, frames: int, indices: list[int | None]
) -> None:
    assert [entry.frame for entry in entries(value, 0, frames)] == indices


def test_every_entry_of_a_value_has_its_position() -> None:
    assert [entry.position for entry in entries([{"mug": BOX}, {"cup": OTHER}], 17)] == [17, 17]


def test_entries_whose_spans_overlap_are_not_taken_twice() -> None:
    entry = Entry("box", None, "", "mug")
    taken = [(10, 20, entry)]
    spans = [(0, 10), (5, 11), (12, 15), (19, 25), (20, 25), (30, 40), (30, 40)]
    found = apart([(*span, entry) for span in spans], taken)
    assert [each[:2] for each in found] == [(0, 10), (20, 25), (30, 40), (30, 40)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((number, True) for number in (0, 1, 1.5, -2)),
        *((other, False) for other in (True, "1", None, float("nan"), float("inf"), [1])),
    ],
)
def test_a_number_is_finite_and_no_truth_value(value: Any, expected: bool) -> None:
    assert is_number(value) is expected


@given(ANYTHING)
@settings(max_examples=150)
def test_no_value_of_json_makes_the_reading_fail(value: Any) -> None:
    for entry in entries({"bbox": value, "label": value, "frame": value}, 0, 2):
        assert entry.kind in ("box", "point", "box_3d")
    for entry in entries(value, 0, 2):
        assert entry.shape is None or len(entry.shape.numbers) in (2, 4)
