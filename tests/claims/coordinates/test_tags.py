from __future__ import annotations

import pytest
from claims.coordinates.located import in_brief, known, parse

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.tags import tagged

BOX, OTHER = (150, 300, 400, 700), (600, 300, 800, 700)


def brief(text: str) -> list[tuple[str | None, tuple[float, ...]]]:
    return in_brief(entry for _, _, entry in tagged(text))


def patches(first: int, last: int) -> str:
    return f"<phrase>mug</phrase><object><patch_index_{first:04}><patch_index_{last:04}></object>"


@pytest.mark.parametrize(
    "text",
    [
        "<ref>mug</ref><box>(150,300),(400,700)</box>",
        "<ref>mug</ref> <box>[[150, 300, 400, 700]]</box>",
        "<ref> mug </ref><bbox>150 300 400 700</bbox>",
        "<|object_ref_start|>mug<|object_ref_end|><|box_start|>(150,300),(400,700)<|box_end|>",
        "<|ref|>mug<|/ref|><|det|>[[150, 300, 400, 700]]<|/det|>",
        "<ref>mug</ref><quad>(150,300),(400,300),(400,700),(150,700)</quad>",
        "<p>mug</p> {<150><300><400><700>}",
        "mug <|box_start|>(150,300),(400,700)<|box_end|>",
        "The mug is at <box>150, 300, 400, 700</box>.",
        "mug: <|begin_of_box|>[150, 300, 400, 700]<|end_of_box|>",
        "<ref>mug</ref><box>(150,300),(400,700)",
        '<box label="mug" x1="150" y1="300" x2="400" y2="700"/>',
        "<rect label='mug' x=150 y=300 width=250 height=400 />",
        '<object name="mug" bbox="150, 300, 400, 700"></object>',
        '<bbox x1="150" y1="300" x2="400" y2="700">mug</bbox>',
        "<mug><x1>150</x1><y1>300</y1><x2>400</x2><y2>700</y2></mug>",
        "<mug><bbox>150,300,400,700</bbox></mug>",
        "<mug>[150, 300, 400, 700]</mug>",
        "<object><name>mug</name><bndbox><xmin>150</xmin><ymin>300</ymin><xmax>400</xmax><ymax>700</ymax></bndbox></object>",
        "<annotation>\n <object>\n  <name>mug</name>\n  <box>150 300 400 700</box>\n </object>\n</annotation>",
        pytest.param("<bbox>mug: 150, 300, 400, 700</bbox>", marks=known("a label within a tag of a box is not read")),
        pytest.param("<box>(150,300),(400,700)</box> mug", marks=known("a label after a blank is not read")),
    ],
)
def test_a_tagged_box_has_its_label(text: str) -> None:
    assert brief(text) == [("mug", BOX)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<ref>mug</ref><box>(150,300),(400,700)</box><ref>cup</ref><box>(600,300),(800,700)</box>",
            [("mug", BOX), ("cup", OTHER)],
        ),
        ("<ref>mugs</ref><box>[[150,300,400,700],[600,300,800,700]]</box>", [("mugs", BOX), ("mugs", OTHER)]),
        ("<p>mug</p> {<150><300><400><700>} <p>cup</p> {<600><300><800><700>}", [("mug", BOX), ("cup", OTHER)]),
        ("<box>(150,300),(400,700)</box><ref>mug</ref>", [("mug", BOX)]),
        ("<box>150 300 400 700</box>", [(None, BOX)]),
        ("<ref>pen</ref><point>(275,500)</point>", [("pen", (275, 500))]),
        ("<|object_ref_start|>pen<|object_ref_end|><|point_start|>(275,500)<|point_end|>", [("pen", (275, 500))]),
        ("<points>(1,2),(3,4)</points>", [(None, (1, 2)), (None, (3, 4))]),
    ],
)
def test_several_labels_and_boxes_stay_in_pairs(
    text: str, expected: list[tuple[str | None, tuple[float, ...]]]
) -> None:
    assert brief(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<point x="275" y="500" alt="pen">pen</point>', [("pen", (275, 500))]),
        ('<point x="27.5" y="50.1">pen</point>', [("pen", (27.5, 50.1))]),
        ('<points x1="1" y1="2" x2="3" y2="4" alt="pens">pens</points>', [("pens", (1, 2)), ("pens", (3, 4))]),
        ('<points x1="1" y1="2" alt="pen">pen</points>', [("pen", (1, 2))]),
        ('<points x1="1" y1="2" x2="3" y2="4" x3="5" y3="6">a</points>', [("a", (1, 2)), ("a", (3, 4)), ("a", (5, 6))]),
        ('<points x1="1" y1="2" x3="5" y3="6">some</points>', [("some", (1, 2))]),
    ],
)  # fmt: skip
def test_points_of_molmo_share_the_label_of_their_tag(text: str, expected: list[tuple[str, tuple[float, ...]]]) -> None:
    found = [entry for _, _, entry in tagged(text)]
    assert in_brief(found) == expected
    assert {entry.kind for entry in found} == {"point"}


def test_points_of_molmo_2_have_an_image_and_are_thousandths() -> None:
    found = [entry for _, _, entry in tagged('<points coords="1 1 394 105 2 700 500; 2 1 600 300">pens</points>')]
    assert in_brief(found) == [("pens", (394, 105)), ("pens", (700, 500)), ("pens", (600, 300))]
    assert [entry.frame for entry in found] == [0, 0, 1]
    assert {entry.unit for entry in found} == {CoordinateUnit.THOUSANDTHS}


@pytest.mark.parametrize(
    ("text", "label", "numbers", "unit"),
    [
        ("<loc0300><loc0150><loc0700><loc0400> mug", "mug", (300, 150, 700, 400), "per_1024_yx"),
        ("<loc0300><loc0150><loc0700><loc0400><seg001><seg002> mug", "mug", (300, 150, 700, 400), "per_1024_yx"),
        ("<loc0300><loc0150> tip", "tip", (300, 150), "per_1024_yx"),
        ("mug<loc_150><loc_300><loc_400><loc_700>", "mug", BOX, "per_999"),
        ("sign<loc_150><loc_300><loc_400><loc_300><loc_400><loc_700><loc_150><loc_700>", "sign", BOX, "per_999"),
        # Cells 33 and 66 of a grid of 32: rows 1 and 2, columns 1 and 2, from centre to centre.
        (patches(33, 66), "mug", (1.5 / 32, 1.5 / 32, 2.5 / 32, 2.5 / 32), "fractions"),
        # Cells of one row, or of one column: from edge to edge.
        (patches(0, 3), "mug", (0, 0, 4 / 32, 1 / 32), "fractions"),
        (patches(5, 37), "mug", (5 / 32, 0, 6 / 32, 2 / 32), "fractions"),
    ],
)  # fmt: skip
def test_special_tokens_fix_their_unit(text: str, label: str, numbers: tuple[float, ...], unit: str) -> None:
    (found,) = (entry for _, _, entry in tagged(text))
    assert found.shape is not None and found.shape.numbers == pytest.approx(numbers)
    assert (found.label, found.unit) == (label, unit)


def test_several_boxes_of_tokens_are_told_apart() -> None:
    assert brief("<loc0300><loc0150><loc0700><loc0400> mug ; <loc0300><loc0600><loc0700><loc0800> cup") == [
        ("mug", (300, 150, 700, 400)), ("cup", (300, 600, 700, 800)),
    ]  # fmt: skip
    tokens = "".join(f"<loc_{number}>" for number in (*BOX, *OTHER))
    assert brief(f"cups{tokens}") == [("cups", BOX), ("cups", OTHER)]


@pytest.mark.parametrize(
    "text",
    [
        *("", "mug", "3 < 4 and 5 > 2", "<b>mug</b> and <i>cup</i>", "<ref>mug</ref> is here.", "<box></box>"),
        *("<box>the red one</box>", "<box>1, 2, 3</box>", '<a href="https://example.org/1/2/3/4">4</a>', "<loc_150>"),
        *("<loc0300><loc0150><loc0700> mug", '<img width="640" height="480"/>', "<p>There are 2 mugs</p>", "<1><2>"),
        "<table><tr><td>mug</td><td>2</td></tr></table>",
    ],
)
def test_other_tags_locate_nothing(text: str) -> None:
    assert brief(text) == []


def test_the_span_of_an_entry_covers_its_tags_and_label() -> None:
    tags = "<ref>mug</ref><box>(150,300),(400,700)</box>"
    text = f"Here: {tags} and more"
    ((start, end, entry),) = tagged(text)
    assert text[start:end] == tags and entry.position == start


@pytest.mark.parametrize(
    "text", ["<" * 20_000, "<box>" * 5_000, "<a><b>" * 3_000, '<a x="1" ' * 4_000, "<loc_1>" * 8_000]
)
@pytest.mark.timeout(20)
def test_a_hostile_text_of_tags_is_read_in_linear_time(text: str) -> None:
    parse(text)
