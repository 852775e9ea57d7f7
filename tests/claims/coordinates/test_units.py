from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from claims.coordinates.located import CUP, MUG, SIZE, convention, located, parse, shares
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.claims.coordinates.conventions import CoordinateUnit, Size
from pipeline.claims.coordinates.entries import Entry
from pipeline.claims.coordinates.families import CoordinateChoice
from pipeline.claims.coordinates.shapes import Shape
from pipeline.claims.coordinates.units import settle, shares_of
from pipeline.records.message import message

LARGE = (1920, 1080)
Boxes = list[Any]
MUG_PERCENT, CUP_PERCENT = ["15%", "30%", "40%", "70%"], ["60%", "30%", "80%", "70%"]
MUG_GRID, CUP_GRID = [150, 300, 400, 700], [600, 300, 800, 700]
MUG_PX, CUP_PX = [96, 144, 256, 336], [384, 144, 512, 336]
MUG_LARGE, CUP_LARGE = [288, 324, 768, 756], [1152, 324, 1536, 756]


def answer(boxes: Boxes, key: str = "bbox_2d") -> str:
    return json.dumps([{key: box, "label": f"object {index}"} for index, box in enumerate(boxes)])


@pytest.mark.parametrize(
    ("boxes", "choice", "size", "unit"),
    [
        # Signs say it.
        ([MUG_PERCENT, CUP_PERCENT], "thousandths", SIZE, "percent"),
        ([MUG_PERCENT, CUP_PERCENT], "auto", SIZE, "percent"),
        (["15%, 30%, 40%, 70%", "60%, 30%, 80%, 70%"], "pixels", SIZE, "percent"),
        (["15％ 30％ 40％ 70％", "60 % 30 % 80 % 70 %"], "per_999", LARGE, "percent"),
        ([{"x1": "15%", "y1": "30%", "x2": "40%", "y2": "70%"}, CUP_PERCENT], "fractions", SIZE, "percent"),
        ([{"x1_pct": 15, "y1_pct": 30, "x2_pct": 40, "y2_pct": 70}, CUP_PERCENT], "thousandths", SIZE, "percent"),
        ([MUG_PERCENT, [60, 30, 80, 70]], "thousandths", SIZE, "percent"),
        ([[f"{number}px" for number in MUG_PX], [f"{number} px" for number in CUP_PX]], "thousandths", SIZE, "pixels"),
        ([" ".join(f"{number} pixels" for number in MUG_PX), CUP_PX], "fractions", SIZE, "pixels"),
        # Nothing above 1.
        ([[*MUG], [*CUP]], "thousandths", SIZE, "fractions"),
        ([[*MUG], [*CUP]], "auto", LARGE, "fractions"),
        ([[*MUG], [*CUP]], "pixels", SIZE, "fractions"),
        ([[*MUG], [*CUP]], "percent", SIZE, "fractions"),
        ([[*MUG], [*CUP]], "per_999", SIZE, "fractions"),
        ([{"x1": 0.15, "y1": 0.3, "x2": 0.4, "y2": 0.7}, [*CUP]], "thousandths", SIZE, "fractions"),
        ([{"x": 0.15, "y": 0.3, "width": 0.25, "height": 0.4}, [*CUP]], "auto", SIZE, "fractions"),
        # Beyond the range: pixels of a larger image, or thousandths of a smaller one.
        ([MUG_LARGE, CUP_LARGE], "thousandths", LARGE, "pixels"),
        ([MUG_LARGE, CUP_LARGE], "auto", LARGE, "pixels"),
        ([MUG_LARGE, CUP_LARGE], "fractions", LARGE, "pixels"),
        ([MUG_LARGE, CUP_LARGE], "per_999", LARGE, "pixels"),
        ([MUG_LARGE, CUP_LARGE], "percent", LARGE, "pixels"),
        ([MUG_GRID, CUP_GRID], "pixels", SIZE, "thousandths"),
        ([MUG_GRID, CUP_GRID], "fractions", SIZE, "thousandths"),
        ([MUG_GRID, CUP_GRID], "percent", SIZE, "thousandths"),
        # Decimals up to 100.
        ([[15.0, 30.0, 40.0, 70.0], [60.0, 30.0, 80.0, 70.0]], "thousandths", SIZE, "percent"),
        ([[15.0, 30.0, 40.0, 70.0], [60, 30, 80, 70]], "auto", SIZE, "percent"),
        ([[15.0, 30.0, 40.0, 70.0], [60, 30, 80, 70]], "per_999", LARGE, "percent"),
        ([[15.0, 30.0, 40.0, 70.0], [60, 30, 80, 70]], "fractions", SIZE, "percent"),
        (["15.0 30.0 40.0 70.0", "60.0, 30.0, 80.0, 70.0"], "thousandths", LARGE, "percent"),
        ([[[15.0, 30.0], [40.0, 70.0]], [60, 30, 80, 70]], "auto", SIZE, "percent"),
    ],
)
def test_another_unit_is_converted_and_a_remark_names_both(
    boxes: Boxes, choice: CoordinateChoice, size: Size, unit: str
) -> None:
    found = parse(answer(boxes), choice, size=size)
    assert located(found, size) == [("object 0", MUG), ("object 1", CUP)]
    declared = convention(choice).unit
    remark = message("coordinates_converted", declared=message(declared), unit=message(unit)).text()
    assert found.problems == (remark,)


@pytest.mark.parametrize(
    ("boxes", "choice", "size", "reason"),
    [
        # Marks of several units.
        ([MUG_PERCENT, CUP_GRID], "thousandths", SIZE, "coordinates_mixed"),
        ([MUG_PERCENT, CUP_PX], "pixels", SIZE, "coordinates_mixed"),
        ([MUG_PERCENT, [*CUP]], "fractions", SIZE, "coordinates_mixed"),
        ([MUG_PERCENT, [f"{number}px" for number in CUP_PX]], "thousandths", SIZE, "coordinates_mixed"),
        ([MUG_PERCENT, [f"{number}px" for number in CUP_PX]], "auto", SIZE, "coordinates_mixed"),
        ([[f"{number}px" for number in MUG_PX], [700, 144, 900, 336]], "auto", SIZE, "coordinates_mixed"),
        ([CUP_GRID, MUG_GRID, MUG_PERCENT], "percent", LARGE, "coordinates_mixed"),
        # No unit fits.
        ([[1210, 400, 1800, 1020], [300, 400, 900, 1020]], "thousandths", SIZE, "coordinates_unknown"),
        ([[1210, 400, 1800, 1020], [300, 400, 900, 1020]], "auto", SIZE, "coordinates_unknown"),
        ([[0, 0, 5000, 5000], MUG_GRID], "pixels", LARGE, "coordinates_unknown"),
        ([MUG_GRID, [-300, 0, 400, 400]], "thousandths", SIZE, "coordinates_unknown"),
        ([["115%", "30%", "140%", "70%"], CUP_PERCENT], "percent", SIZE, "coordinates_unknown"),
        ([[15, 30, 40, 70], [60, 30, 80, 70]], "fractions", SIZE, "coordinates_unknown"),
        ([[150.5, 300.5, 1400, 700], MUG_GRID], "per_999", SIZE, "coordinates_unknown"),
        ([MUG_GRID, [1100, 1100, 1200, 1200]], "fractions", LARGE, "coordinates_unknown"),
        # Corners, or a corner with a width and a height.
        ([[600, 300, 200, 250], [100, 100, 300, 300]], "thousandths", SIZE, "coordinates_sides"),
        ([[600, 300, 200, 250], [100, 100, 300, 300]], "auto", SIZE, "coordinates_sides"),
        ([[600, 300, 200, 250]], "pixels", LARGE, "coordinates_sides"),
        ([[0.6, 0.3, 0.2, 0.25], [0.1, 0.1, 0.3, 0.3]], "fractions", SIZE, "coordinates_sides"),
        ([[60, 30, 20, 25], [10, 10, 30, 30]], "percent", SIZE, "coordinates_sides"),
        ([[600, 300, 200, 250]], "thousandths_yx", SIZE, "coordinates_sides"),
        (["500 500 100 100", "10 10 300 300"], "per_999", SIZE, "coordinates_sides"),
        # Whole numbers up to 100 of a model that nobody knows.
        ([[15, 30, 40, 70], [60, 30, 80, 70]], "auto", SIZE, "coordinates_doubtful"),
        ([[15, 30, 40, 70]], "auto", LARGE, "coordinates_doubtful"),
        ([[0, 0, 100, 100], [10, 10, 50, 50]], "auto", SIZE, "coordinates_doubtful"),
        (["15, 30, 40, 70"], "auto", SIZE, "coordinates_doubtful"),
        ([{"x1": 15, "y1": 30, "x2": 40, "y2": 70}], "auto", SIZE, "coordinates_doubtful"),
        ([[[15, 30], [40, 70]], [60, 30, 80, 70]], "auto", SIZE, "coordinates_doubtful"),
    ],
)
def test_where_the_unit_is_not_certain_no_box_is_used_and_one_sentence_says_why(
    boxes: Boxes, choice: CoordinateChoice, size: Size, reason: str
) -> None:
    found = parse(answer(boxes), choice, size=size)
    assert not found.regions
    ends = {
        "coordinates_mixed": "in several units",
        "coordinates_unknown": "is not certain",
        "coordinates_sides": "may be corners or a corner with width and height",
        "coordinates_doubtful": "may be per cent",
    }
    assert len(found.problems) == 1 and ends[reason] in found.problems[0]
    assert "none of" in found.problems[0].casefold()


@pytest.mark.parametrize(
    ("boxes", "choice", "size"),
    [
        ([MUG_GRID, CUP_GRID], "thousandths", SIZE),
        ([[300, 150, 700, 400], [300, 600, 700, 800]], "thousandths_yx", SIZE),
        ([MUG_PX, CUP_PX], "pixels", SIZE),
        ([MUG_LARGE, CUP_LARGE], "pixels", LARGE),
        ([[float(number) for number in MUG_PX], CUP_PX], "pixels", SIZE),
        ([[*MUG], [*CUP]], "fractions", SIZE),
        ([[15, 30, 40, 70], [60.0, 30, 80, 70]], "percent", SIZE),
        ([MUG_PERCENT, CUP_PERCENT], "percent", LARGE),
        ([[f"{number}px" for number in MUG_PX], CUP_PX], "pixels", SIZE),
        ([[149.85, 299.7, 399.6, 699.3], [599.4, 299.7, 799.2, 699.3]], "per_999", SIZE),
        ([[307.2, 153.6, 716.8, 409.6], [307.2, 614.4, 716.8, 819.2]], "per_1024_yx", SIZE),
        ([{"x": 150, "y": 300, "width": 250, "height": 400}, CUP_GRID], "thousandths", SIZE),
        ([{"y1": 300, "x1": 150, "y2": 700, "x2": 400}, [300, 600, 700, 800]], "thousandths_yx", SIZE),
    ],
)
def test_coordinates_in_the_unit_of_the_model_are_read_without_a_remark(
    boxes: Boxes, choice: CoordinateChoice, size: Size
) -> None:
    found = parse(answer(boxes), choice, size=size)
    assert located(found, size) == [("object 0", MUG), ("object 1", CUP)]
    assert not found.problems


@pytest.mark.parametrize("choice", ["thousandths", "thousandths_yx", "per_999"])
def test_small_whole_numbers_are_small_where_the_unit_is_certain(choice: CoordinateChoice) -> None:
    found = parse(answer([[15, 15, 40, 40]]), choice)
    assert located(found) == [("object 0", (0.015, 0.015, 0.04, 0.04))]
    assert not found.problems


@pytest.mark.parametrize(
    ("boxes", "choice", "first"),
    [
        ([[0, 0, 1005, 1010], CUP_GRID], "thousandths", (0, 0, 1, 1)),
        ([[150, 300, 400, 1019], CUP_GRID], "thousandths", (0.15, 0.3, 0.4, 1)),
        ([[-5, 300, 400, 700], CUP_GRID], "auto", (0, 0.3, 0.4, 0.7)),
        ([[-20, -20, 400, 700], CUP_GRID], "thousandths", (0, 0, 0.4, 0.7)),
        ([[-4, 144, 256, 485], CUP_PX], "pixels", (0, 0.3, 0.4, 1)),
        ([[96, 144, 645, 480], CUP_PX], "pixels", (0.15, 0.3, 1, 1)),
        ([[0.15, -0.01, 0.4, 1.01], [*CUP]], "fractions", (0.15, 0, 0.4, 1)),
        ([[15, 30, 40, 101], [60, 30, 80, 70]], "percent", (0.15, 0.3, 0.4, 1)),
    ],
)
def test_a_slight_overshoot_is_clipped_and_every_box_is_kept(
    boxes: Boxes, choice: CoordinateChoice, first: tuple[float, ...]
) -> None:
    found = parse(answer(boxes), choice)
    assert located(found) == [("object 0", first), ("object 1", CUP)]
    assert len(found.problems) == 1 and "it was clipped" in found.problems[0]


@pytest.mark.parametrize(
    ("boxes", "clipped"),
    [
        ([[0, 0, 1021, 1000], CUP_GRID], False),
        ([[0, 0, 1020, 1000], CUP_GRID], True),
        ([[-51, 0, 400, 1000], CUP_GRID], False),
        ([[-50, 0, 400, 1000], CUP_GRID], True),
    ],
)
def test_beyond_a_rounding_error_the_unit_is_another_one(boxes: Boxes, clipped: bool) -> None:
    found = parse(answer(boxes))
    assert len(found.regions) == (2 if clipped else 0)


@pytest.mark.parametrize(
    ("boxes", "choice"),
    [
        pytest.param([[1005, 1000, 1015, 1010], MUG_GRID], "thousandths", id="beyond the right edge"),
        pytest.param([[-20, -20, -10, -10], MUG_GRID], "thousandths", id="beyond the top left corner"),
    ],
)
def test_a_box_in_the_margin_of_an_overshoot_is_treated_as_the_others_are(
    boxes: Boxes, choice: CoordinateChoice
) -> None:
    assert len(parse(answer(boxes), choice).regions) in (0, len(boxes))


@pytest.mark.parametrize("choice", ["thousandths", "pixels"])
@pytest.mark.parametrize(
    "box", [["150px", "30%", "400px", "470px"], "150px, 30%, 400px, 470px", {"x": "9%", "y": "9px", "w": 250, "h": 400}]
)  # fmt: skip
def test_marks_of_two_units_in_one_box_are_not_ignored(box: Any, choice: CoordinateChoice) -> None:
    assert not parse(answer([box]), choice).regions


@pytest.mark.parametrize("box", [[0.3, 0.15, 0.7, 0.4], ["30%", "15%", "70%", "40%"], [30.5, 15.5, 70.5, 40.5]])
def test_another_unit_does_not_turn_the_order_of_a_model_that_writes_y_first(box: list[Any]) -> None:
    found = parse(answer([box], "box_2d"), "thousandths_yx")
    assert not found.regions or found.regions[0].box_px[0] < found.regions[0].box_px[1]


@pytest.mark.parametrize(
    "text",
    [
        '<point x="15.0" y="30.0" alt="mug">mug</point>',
        '[{"point": {"x": 15.0, "y": 30.0}, "label": "mug"}]',
        '[{"bbox": {"x1": 15.0, "y1": 30.0, "x2": 40.0, "y2": 70.0}, "label": "mug"}]',
    ],
)
def test_decimals_of_named_sides_count_as_those_of_lists_do(text: str) -> None:
    assert shares(parse(text).regions[0])[:2] == MUG[:2]


@pytest.mark.parametrize(
    ("mark", "numbers"),
    [("%", "15 | 30 | 40 | 70"), ("px", "96 | 144 | 256 | 336"), ("pixels", "96 | 144 | 256 | 336")],
)
def test_a_unit_in_the_header_of_a_table_counts(mark: str, numbers: str) -> None:
    header = " | ".join(f"{side} ({mark})" for side in ("x1", "y1", "x2", "y2"))
    assert located(parse(f"| object | {header} |\n|---|---|---|---|---|\n| mug | {numbers} |")) == [("mug", MUG)]


@pytest.mark.parametrize(
    ("key", "choice", "is_yx"),
    [
        ("box_2d", "auto", True),
        ("bbox_2d", "auto", False),
        ("bbox", "auto", False),
        ("box_2d", "thousandths", False),
        ("box_2d", "thousandths_yx", True),
        ("bbox_2d", "thousandths_yx", True),
    ],
)
def test_the_key_of_gemini_means_y_first_only_where_the_model_is_unknown(
    key: str, choice: CoordinateChoice, is_yx: bool
) -> None:
    found = parse(answer([[300, 150, 700, 400]], key), choice)
    assert located(found) == [("object 0", MUG if is_yx else (0.3, 0.15, 0.7, 0.4))]
    assert bool(found.problems) == (choice == "auto")
    assert any("converted" in remark for remark in found.problems) == (is_yx and choice == "auto")


@pytest.mark.parametrize("size", [SIZE, LARGE])
@pytest.mark.parametrize("boxes", [[MUG_GRID, CUP_GRID], [MUG_GRID]])
def test_thousandths_of_an_unknown_model_are_an_assumption_that_is_told(boxes: Boxes, size: Size) -> None:
    found = parse(answer(boxes), "auto", size=size)
    assert located(found, size)[0] == ("object 0", MUG)
    assert found.problems == (
        "The family of the model is not known, so its coordinates are taken as thousandths of the image; "
        "set vlm.coordinates.",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mug<loc_150><loc_300><loc_400><loc_700>\n", (0.15, 0.3, 0.4, 0.701)),
        ("<loc0307><loc0154><loc0717><loc0410> mug", MUG),
        ("mug 0.275 0.5 0.25 0.4", MUG),
        ("<phrase>mug</phrase><object><patch_index_0292><patch_index_0716></object>", (0.141, 0.297, 0.391, 0.703)),
    ],
)
@pytest.mark.parametrize("choice", ["auto", "thousandths", "pixels", "percent"])
def test_a_notation_that_fixes_its_unit_is_read_in_it_whatever_was_declared(
    text: str, expected: tuple[float, ...], choice: CoordinateChoice
) -> None:
    found = parse(text, choice)
    assert located(found) == [("mug", pytest.approx(expected, abs=0.0011))]
    assert not found.problems


NUMBERS = st.one_of(
    st.integers(0, 1000),
    st.integers(0, 110),
    st.floats(0, 1.05).map(lambda number: round(number, 3)),
    st.floats(0, 110).map(lambda number: round(number, 1)),
    st.integers(-60, 2200),
    st.floats(-1e4, 1e4),
)
SIDES = st.tuples(NUMBERS, NUMBERS)
BOXES = st.tuples(SIDES, SIDES).map(lambda sides: [*map(list, zip(*sides, strict=True))]).map(lambda c: [*c[0], *c[1]])


@given(
    st.lists(BOXES, min_size=1, max_size=4),
    st.sampled_from(["auto", "thousandths", "thousandths_yx", "per_999", "pixels", "fractions", "percent"]),
    st.sampled_from([SIZE, LARGE, (480, 640), (100, 3000)]),
)
@example([[1210, 400, 1800, 1020], [300, 400, 900, 1020]], "thousandths", SIZE)
@example([[0, 0, 1, 1], MUG_GRID], "auto", SIZE)
@settings(max_examples=400)
def test_either_every_box_of_an_answer_becomes_a_region_or_none_does_and_a_remark_says_so(
    boxes: Boxes, choice: CoordinateChoice, size: Size
) -> None:
    found = parse(answer(boxes), choice, size=size)
    assert len(found.regions) == len(boxes) or (not found.regions and found.problems)
    for region in found.regions:
        assert all(-1e-9 <= edge <= 1 + 1e-9 for edge in shares(region, size))


@given(st.lists(BOXES, min_size=2, max_size=4), st.sampled_from(["auto", "thousandths", "pixels", "fractions"]))
def test_the_order_of_the_boxes_does_not_change_how_they_are_read(boxes: Boxes, choice: CoordinateChoice) -> None:
    first, last = (parse(answer(order), choice) for order in (boxes, boxes[::-1]))
    assert sorted(each.box_px for each in first.regions) == sorted(each.box_px for each in last.regions)


def test_points_and_boxes_of_one_answer_are_read_in_one_unit() -> None:
    text = '[{"point_2d": [0.275, 0.5], "label": "pen"}, {"bbox_2d": [0.15, 0.3, 0.4, 0.7], "label": "mug"}]'
    assert located(parse(text)) == [("pen", (0.275, 0.5) * 2), ("mug", MUG)]
    assert not parse(text.replace("0.275, 0.5", "1200, 500")).regions


def test_images_of_different_sizes_are_each_measured_by_their_own() -> None:
    entries = [Entry("box", Shape((0, 0, *corner)), [], "mug", frame) for frame, corner in enumerate([SIZE, LARGE])]
    sizes = [SIZE, LARGE]
    settled = settle(entries, convention("thousandths"), lambda entry: sizes[entry.frame or 0])
    assert settled.unit is CoordinateUnit.PIXELS and settled.remark is not None
    swapped = settle(entries, convention("thousandths"), lambda entry: sizes[1 - (entry.frame or 0)])
    assert swapped.unit is None


@pytest.mark.parametrize(
    ("unit", "is_named", "expected"),
    [
        (CoordinateUnit.THOUSANDTHS, False, [(0.1, 0.2), (0.3, 0.4)]),
        (CoordinateUnit.THOUSANDTHS_YX, False, [(0.2, 0.1), (0.4, 0.3)]),
        (CoordinateUnit.THOUSANDTHS_YX, True, [(0.1, 0.2), (0.3, 0.4)]),
        (CoordinateUnit.PIXELS, False, [(0.2, 0.2), (0.6, 0.4)]),
    ],
)
def test_corners_become_shares_with_x_first(
    unit: CoordinateUnit, is_named: bool, expected: list[tuple[float, float]]
) -> None:
    found = shares_of(Shape((100, 200, 300, 400), is_named), unit, convention("thousandths"), (500, 1000))
    assert [pytest.approx(pair) for pair in expected] == found


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "expected", "reason"),
    [
        ("percent", [("mug", (0.12, 0.3, 0.45, 0.8)), ("laptop", (0.55, 0.3, 0.85, 0.8))], "were converted"),
        ("mixed_pixels", [], "None of its boxes is used"),
    ],
)
def test_the_boxes_of_a_shared_answer_are_treated_alike(
    shared_dir: Path, name: str, expected: list[Any], reason: str
) -> None:
    text = (shared_dir / "cases" / "units" / f"{name}.jsonl").read_text(encoding="utf-8")
    found = parse(json.loads(text)["response"])
    assert located(found) == expected
    assert [reason in problem for problem in found.problems] == [True]
    assert found.claims
