from __future__ import annotations

import pytest
from claims.coordinates.located import in_brief, known

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.inline import inline, label_before

BOX, OTHER = (150, 300, 400, 700), (600, 300, 800, 700)
A, B = "[150, 300, 400, 700]", "[600, 300, 800, 700]"


def brief(text: str) -> list[tuple[str | None, tuple[float, ...]]]:
    return in_brief(entry for _, _, entry in inline(text))


@pytest.mark.parametrize(
    "text",
    [
        f"mug: {A}",
        f"mug {A}",
        f"mug = {A}",
        f"mug -> {A}",
        f"**mug**: {A}",
        f"- The mug: {A}",
        f"3. mug - {A}",
        f"`mug`: `{A}`",
        f"{A} mug",
        f"{A}: mug",
        f"{A} - the mug\n",
        f"{A} is the mug.",
        f"The mug is at {A}.",
        f"The mug is located within the bounding box {A}.",
        f"The bounding box of the mug is {A}.",
        f"Bounding box coordinates for the mug: {A}",
        f"I can see a mug {A}.",
        f"There is a mug at {A} in this picture.",
        f"mug, next to the laptop, {A}",
        f"mug:\n{A}",
        f"- mug\n  {A}",
        "mug: (150, 300, 400, 700)",
        "mug: [[150, 300], [400, 700]]",
        "mug: (150, 300), (400, 700)",
        "mug: (150, 300) to (400, 700)",
        "mug from (150, 300) to (400, 700)",
        "mug: top-left (150, 300), bottom-right (400, 700)",
        "mug: 150, 300, 400, 700",
        "mug: x1=150, y1=300, x2=400, y2=700",
        "mug: left 150, top 300, right 400, bottom 700",
        "mug: x1=150 y1=300 x2=400 y2=700",
        "mug: left 150 top 300 right 400 bottom 700",
        "mug: x: 150, y: 300, width: 250, height: 400",
        "mug: cx=275, cy=500, w=250, h=400",
        "mug: x from 150 to 400, y from 300 to 700",
        "mug：【150，300，400，700】",
        "mug位于（150，300，400，700）",
        "mug的边界框是[150, 300, 400, 700]",
        "mug：左上角(150,300)，右下角(400,700)",
        pytest.param("mug：左150，上300，右400，下700", marks=known("Chinese sides need a blank before their number")),
    ],
)
def test_a_box_in_a_line_has_the_label_before_or_after_it(text: str) -> None:
    assert brief(text) == [("mug", BOX)]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The mug is left of the laptop {}.", "laptop"),
        ("The mug is to the left of the laptop at {}.", "laptop"),
        ("It stands next to a laptop {}.", "laptop"),
        ("behind the laptop {}", "laptop"),
        ("The mug is between the pen and the laptop {}.", "laptop"),
        ("The person wearing a red hat {}", "person wearing a red hat"),
        ("A man in a blue shirt: {}", "man in a blue shirt"),
        ("left chair: {}", "left chair"),
        ("the top of the shelf {}", "top of the shelf"),
        ("Answer: {}", None),
        ("{}", None),
        ("The coordinates are {}.", None),
        ("table: {}", "table"),
        ("A mug sits on the table {}.", "table"),
        ("The picture is at {}.", "picture"),
    ],
)
def test_of_a_sentence_the_noun_before_the_box_is_its_label(text: str, label: str | None) -> None:
    assert brief(text.format(A)) == [(label, BOX)]


@pytest.mark.parametrize(
    "text",
    [
        f"mug: {A}\ncup: {B}",
        f"mug {A}, cup {B}",
        f"The mug {A} is left of the cup {B}.",
        f"The mug is located at {A} and the cup at {B}.",
        f"The mug, {A}, is left of the cup, {B}.",
        f"1. mug: {A}\n2. cup: {B}",
        f"- **mug**\n  - {A}\n- **cup**\n  - {B}",
        f"mug = {A}; cup = {B}",
        f"Objects: mug {A}, cup {B}",
        f"{A} mug\n{B} cup",
        "mug (150, 300) to (400, 700), cup (600, 300) to (800, 700)",
        "mug: x1=150, y1=300, x2=400, y2=700\ncup: x1=600, y1=300, x2=800, y2=700",
    ],
)
def test_several_boxes_keep_their_labels(text: str) -> None:
    assert brief(text) == [("mug", BOX), ("cup", OTHER)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The pen is at (275, 500).", [("pen", (275, 500))]),
        ("The pen is at (275, 500) and the tip at (700, 500).", [("pen", (275, 500)), ("tip", (700, 500))]),
        ("pen: (27.5, 50.0)", [("pen", (27.5, 50))]),
        ("pen: (5%, 9%)", [("pen", (5, 9))]),
        ("pen: x=275, y=500", [("pen", (275, 500))]),
    ],
)
def test_two_numbers_are_a_point_where_they_look_like_coordinates(text: str, expected: list[object]) -> None:
    found = [entry for _, _, entry in inline(text)]
    assert in_brief(found) == expected
    assert {entry.kind for entry in found} == {"point"}


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mug: [15%, 30%, 40%, 70%]", CoordinateUnit.PERCENT),
        ("mug: (96px, 144px, 256px, 336px)", CoordinateUnit.PIXELS),
        ("mug: left 15%, top 30%, right 40%, bottom 70%", CoordinateUnit.PERCENT),
        ("mug: left 96 px, top 144 px, right 256 px, bottom 336 px", CoordinateUnit.PIXELS),
        (f"mug: {A}", None),
    ],
)
def test_marks_in_a_line_state_the_unit(text: str, unit: CoordinateUnit | None) -> None:
    assert [entry.unit for _, _, entry in inline(text)] == [unit]


@pytest.mark.parametrize(
    "text",
    [
        *("", "The mug (2, 3) is left.", "see Figures (2, 3) and [4]", "There are 2 mugs and 3 cups.", "Steps 1, 2, 3"),
        *("The image is 640 x 480.", "RGB (255, 0, 0)", "It is 20 cm wide and 30 cm tall.", "mug: [150, 300, 400]"),
        *("It moves from 1 to 2.", "The ratio is 16:9.", "Choose (A, B).", "It opened at 10:30, 11:45", "[1]", "(1)"),
        *("Order: 3, 1, 4, 2", "The distances are 1.2, 3.4, 2.2, 4.1 meters.", "It costs $150, 300, 400, 700 items"),
        *("The ratio is 16:9 (16, 9).", "Eq. (10, 20) holds.", "The image has a size of (640, 480)."),
        "Scores: [1, 2, 3, 4]",
    ],
)
def test_other_numbers_of_a_text_locate_nothing(text: str) -> None:
    assert brief(text) == []


def test_the_span_of_an_entry_covers_its_numbers_and_not_its_label() -> None:
    text = f"Look. The mug: {A}. The cup is red."
    ((start, end, entry),) = inline(text)
    assert text[start:end] == A and entry.position == start and entry.label == "mug"


@pytest.mark.parametrize(
    ("text", "needs_mark", "label"),
    [
        ("mug: ", True, "mug"),
        ("- the mug = ", True, "mug"),
        ("mug ", True, None),
        ("mug ", False, "mug"),
        ("Look here. The mug: ", True, "mug"),
        ("cup\nmug: ", True, "mug"),
        ("mug:\n", True, None),
        ("Answer: ", True, None),
        ("杯子：", True, "杯子"),
        ("", False, None),
    ],
)
def test_the_name_before_a_position_is_that_of_its_line(text: str, needs_mark: bool, label: str | None) -> None:
    assert label_before(text, len(text), needs_mark=needs_mark) == label


@pytest.mark.parametrize("text", ["[" * 20_000, "1, " * 10_000, "x=1 " * 6_000, "(1,2)" * 5_000, "a mug " * 5_000 + A])
@pytest.mark.timeout(20)
def test_a_hostile_line_is_read_in_linear_time(text: str) -> None:
    assert all(start < end for start, end, _ in inline(text))
