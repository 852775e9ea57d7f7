from __future__ import annotations

import math
from typing import Any

import pytest
from claims.coordinates.located import known
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.shapes import bounds, numbers_in, plain_key, shape_of, shapes_in

PERCENT, PIXELS = CoordinateUnit.PERCENT, CoordinateUnit.PIXELS


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ([1, 2], (1, 2)),
        ([1, 2, 3, 4], (1, 2, 3, 4)),
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        (["1", "2", 3, "4"], (1, 2, 3, 4)),
        ([[1, 2, 3, 4]], (1, 2, 3, 4)),
        ([[1, 2], [3, 4]], (1, 2, 3, 4)),
        ([{"x": 1, "y": 2}, {"x": 3, "y": 4}], (1, 2, 3, 4)),
        # Swapped corners stay swapped, so that a remark can say so.
        ([[3, 4], [1, 2]], (3, 4, 1, 2)),
        # The bounds of a polygon.
        ([[5, 2], [9, 4], [3, 8]], (3, 2, 9, 8)),
        ([1, 2, 3, 2, 3, 4, 1, 4], (1, 2, 3, 4)),
        ("1, 2, 3, 4", (1, 2, 3, 4)),
        ("[1 2 3 4]", (1, 2, 3, 4)),
        ("(1,2),(3,4)", (1, 2, 3, 4)),
        ("x1=1, y1=2, x2=3, y2=4", (1, 2, 3, 4)),
        ("left: 1; top: 2; right: 3; bottom: 4", (1, 2, 3, 4)),
        ("-1.5, .5", (-1.5, 0.5)),
    ],
)
def test_lists_pairs_and_texts_are_boxes_or_points(value: Any, numbers: tuple[float, ...]) -> None:
    shape = shape_of(value)
    assert shape is not None and shape.numbers == numbers


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ({"x": 1, "y": 2}, (1, 2)),
        ({"y": 2, "x": 1}, (1, 2)),
        *(
            (dict(zip(names.split(), (1, 2, 3, 4), strict=True)), (1, 2, 3, 4))
            for names in (
                "x1 y1 x2 y2",
                "x0 y0 x1 y1",
                "X_Min Y_Min X_Max Y_Max",
                "left top right bottom",
                "xtl ytl xbr ybr",
                "start_x start_y end_x end_y",
                "top_left_x top_left_y bottom_right_x bottom_right_y",
                "l t r b",
            )
        ),
        ({"ymin": 2, "xmin": 1, "ymax": 4, "xmax": 3}, (1, 2, 3, 4)),
        ({"x": [1, 3], "y": [2, 4]}, (1, 2, 3, 4)),
        ({"top_left": {"x": 1, "y": 2}, "bottom_right": {"x": 3, "y": 4}}, (1, 2, 3, 4)),
        # A corner with a width and a height.
        ({"x": 1, "y": 2, "width": 3, "height": 4}, (1, 2, 4, 6)),
        ({"left": 1, "top": 2, "w": 3, "h": 4}, (1, 2, 4, 6)),
        # A centre with a width and a height.
        ({"cx": 10, "cy": 20, "w": 4, "h": 6}, (8, 17, 12, 23)),
        ({"x_center": 10, "y_center": 20, "width": 4, "height": 6}, (8, 17, 12, 23)),
    ],
)
def test_named_sides_are_read_in_any_order_and_say_which_number_is_x(value: Any, numbers: tuple[float, ...]) -> None:
    shape = shape_of(value)
    assert shape is not None and shape.numbers == numbers and shape.is_named
    assert shape.has_sides == any(key in value for key in ("w", "width"))


@pytest.mark.parametrize(
    "value",
    [
        *([], [1], [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6], [[1, 2], [3]], [[1, 2, 3], [4, 5, 6]]),
        *([True, 1, 2, 3], [1, 2, 3, None], [1, 2, 3, "x"], [1, 2, 3, math.nan], [1, 2, 3, math.inf], [1e12, 2, 3, 4]),
        *({}, {"x": 1}, {"x1": 1, "y1": 2}, {"width": 1, "height": 2}, {"a": 1, "b": 2}, {"left": "yes", "top": "no"}),
        *("", "no numbers", "the mug 1 2 3 4", "5", "1, 2, 3", "1 " * 500, None, 5, 1.5, True),
        [1] * 200,
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_neither_a_box_nor_a_point_has_no_shape(value: Any) -> None:
    assert shape_of(value) is None


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (["15%", "30%", "40%", "70%"], PERCENT),
        ("15%, 30%, 40%, 70%", PERCENT),
        ("15％ 30％ 40％ 70％", PERCENT),
        ({"x1": "15%", "y1": "30%", "x2": "40%", "y2": "70%"}, PERCENT),
        ({"x1_pct": 15, "y1_pct": 30, "x2_pct": 40, "y2_pct": 70}, PERCENT),
        ({"x_percent": 15, "y_percent": 30}, PERCENT),
        (["15px", "30px", "40px", "70px"], PIXELS),
        ("15px 30 pixels 40px 70 px", PIXELS),
        ({"left_px": 15, "top_px": 30, "width_px": 40, "height_px": 70}, PIXELS),
        ([["15%", "30%"], ["40%", "70%"]], PERCENT),
        ([15, 30, 40, 70], None),
        ("15, 30, 40, 70", None),
    ],
)
def test_marks_and_suffixes_state_the_unit(value: Any, unit: CoordinateUnit | None) -> None:
    shape = shape_of(value)
    assert shape is not None and shape.unit is unit and not shape.is_mixed


@pytest.mark.parametrize(
    "value",
    [
        ["150px", "30%", "400px", "470px"],
        "150px, 30%, 400px, 470px",
        {"x": "9%", "y": "9px"},
        {"x1": "15%", "y1": "30px", "x2": 40, "y2": 70},
    ],
)
def test_marks_of_several_units_state_none(value: Any) -> None:
    shape = shape_of(value)
    assert shape is not None and shape.unit is None and shape.is_mixed


@pytest.mark.parametrize(
    ("value", "is_whole"),
    [
        ([1, 2, 3, 4], True),
        ([1.0, 2.0, 3.0, 4.0], False),
        ([1, 2, 3, 4.5], False),
        ([[1, 2], [3, 4.5]], False),
        ("1.0, 2.0, 3.0, 4.0", False),
        ("1, 2, 3, 4", True),
        ({"x": 1.5, "y": 2}, False),
        ({"x": 1, "y": 2}, True),
        ({"x": 1.0, "y": 2.0}, False),
        (["1.0", "2.0"], False),
    ],
)
def test_a_number_with_decimals_is_not_whole(value: Any, is_whole: bool) -> None:
    shape = shape_of(value)
    assert shape is not None and shape.is_whole == is_whole


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ({"min_x": 1, "min_y": 2, "max_x": 3, "max_y": 4}, (1, 2, 3, 4)),
        ({"minX": 1, "minY": 2, "maxX": 3, "maxY": 4}, (1, 2, 3, 4)),
        ({"x": 1, "y": 2, "x2": 3, "y2": 4}, (1, 2, 3, 4)),
        ({"center": [10, 20], "width": 4, "height": 6}, (8, 17, 12, 23)),
        ({"center": {"x": 10, "y": 20}, "size": {"width": 4, "height": 6}}, (8, 17, 12, 23)),
    ],
)
def test_further_names_of_sides_are_a_box(value: Any, numbers: tuple[float, ...]) -> None:
    shape = shape_of(value)
    assert shape is not None and shape.numbers == numbers


@pytest.mark.parametrize(
    ("words", "kind", "numbers"),
    [
        ("[1, 2, 3, 4]", "box", [(1, 2, 3, 4)]),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", "box", [(1, 2, 3, 4), (5, 6, 7, 8)]),
        ("1 2 3 4; 5 6 7 8", "box", [(1, 2, 3, 4), (5, 6, 7, 8)]),
        ("(1,2),(3,4)", "box", [(1, 2, 3, 4)]),
        ("（1，2），（3，4）", "box", [(1, 2, 3, 4)]),
        ("<1><2><3><4>", "box", [(1, 2, 3, 4)]),
        ("<x_1><y_2><x_3><y_4>", "box", [(1, 2, 3, 4)]),
        ("(1,2),(5,2),(5,6),(1,6)", "box", [(1, 2, 5, 6)]),
        ("(1,2)", "box", [(1, 2)]),
        # Two corners of one line span no box: they are two points.
        ("(1,2),(1,5)", "box", [(1, 2), (1, 5)]),
        ("(1,2),(3,4)", "point", [(1, 2), (3, 4)]),
        ("1, 2", "point", [(1, 2)]),
        ("[1, 2, 3, 4]", "point", [(1, 2), (3, 4)]),
        *(
            (words, kind, [])
            for words in ("", "mug", "mug 1 2 3 4", "1, 2, 3", "[]", "nan")
            for kind in ("box", "point")
        ),
    ],
)
def test_a_text_of_brackets_and_numbers_may_hold_several(
    words: str, kind: str, numbers: list[tuple[float, ...]]
) -> None:
    assert [shape.numbers for shape in shapes_in(words, kind)] == numbers


@pytest.mark.parametrize(
    ("words", "is_whole"),
    [("[1, 2, 3, 4]", True), ("[1.0, 2.0, 3.0, 4.0]", False), ("(1, 2), (3, 4.5)", False), ("(1, 2), (3, 4)", True)],
)
def test_a_text_of_brackets_with_decimals_is_not_whole(words: str, is_whole: bool) -> None:
    assert [shape.is_whole for shape in shapes_in(words)] == [is_whole]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("12% of 3", ((12, 3), {PERCENT})),
        ("3 px, 4px", ((3, 4), {PIXELS})),
        ("50% and 3px", ((50, 3), {PERCENT, PIXELS})),
        ("1 -2.5 +3 .25", ((1, -2.5, 3, 0.25), set())),
        ("no number", ((), set())),
        ("a1 b2", ((), set())),
        ("", ((), set())),
        pytest.param("1.5e2 3e2", ((150, 300), set()), marks=known("the exponent of a number in a text is cut off")),
    ],
)
def test_the_numbers_of_a_text_have_the_units_of_their_marks(words: str, expected: Any) -> None:
    assert numbers_in(words) == expected


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=8))
def test_bounds_hold_every_point_and_touch_some(points: list[tuple[float, float]]) -> None:
    x1, y1, x2, y2 = bounds(points)
    assert all(x1 <= x <= x2 and y1 <= y <= y2 for x, y in points)
    assert {x1, x2} <= {x for x, _ in points} and {y1, y2} <= {y for _, y in points}


@pytest.mark.parametrize(
    ("key", "plain"),
    [("Top-Left_X", "topleftx"), ("BBox 2D", "bbox2d"), ("边界框", "边界框"), (3, "3"), ("_", ""), (None, "none")],
)
def test_keys_are_compared_without_case_and_separators(key: Any, plain: str) -> None:
    assert plain_key(key) == plain
