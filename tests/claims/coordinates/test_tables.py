from __future__ import annotations

import re

import pytest
from claims.coordinates.located import in_brief, parse

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.tables import tabular

BOX, OTHER = (150, 300, 400, 700), (600, 300, 800, 700)
TWO = [("mug", BOX), ("cup", OTHER)]


def table(*rows: str) -> str:
    """A Markdown table of rows whose cells are separated by blanks; blanks after a comma separate none."""
    header, *others = ("| " + " | ".join(re.split(r"(?<!,) ", row)) + " |" for row in rows)
    return "\n".join((header, re.sub(r"[^|]+", "---", header), *others))


@pytest.mark.parametrize(
    "text",
    [
        table("object box", "mug [150, 300, 400, 700]", "cup [600, 300, 800, 700]"),
        table("box object", "(150, 300, 400, 700) mug", "(600, 300, 800, 700) cup"),
        table("No. Object Coordinates", "1 **mug** `150, 300, 400, 700`", "2 cup `600, 300, 800, 700`"),
        table("object x1 y1 x2 y2", "mug 150 300 400 700", "cup 600 300 800 700"),
        table("object x2 y2 x1 y1", "mug 400 700 150 300", "cup 800 700 600 300"),
        table("object x y width height", "mug 150 300 250 400", "cup 600 300 200 400"),
        table("object top-left bottom-right", "mug (150, 300) (400, 700)", "cup (600, 300) (800, 700)"),
        table("object corners", "mug (150, 300), (400, 700)", "cup (600, 300), (800, 700)"),
        table("物体 坐标", "mug [150, 300, 400, 700]", "cup [600, 300, 800, 700]"),
        "object | box\n---|---\nmug | [150, 300, 400, 700]\ncup | [600, 300, 800, 700]",
        "label,x1,y1,x2,y2\nmug,150,300,400,700\ncup,600,300,800,700",
        "label;x1;y1;x2;y2\nmug;150;300;400;700\ncup;600;300;800;700",
        "label\tx1\ty1\tx2\ty2\nmug\t150\t300\t400\t700\ncup\t600\t300\t800\t700",
        "mug,150,300,400,700\ncup,600,300,800,700",
        "150,300,400,700,mug\n600,300,800,700,cup",
        "- label: mug\n  bbox: [150, 300, 400, 700]\n- label: cup\n  bbox: [600, 300, 800, 700]",
        "objects:\n  - name: mug\n    x1: 150\n    y1: 300\n    x2: 400\n    y2: 700\n"
        "  - name: cup\n    x1: 600\n    y1: 300\n    x2: 800\n    y2: 700",
        "mug:\n  box: [150, 300, 400, 700]\ncup:\n  box: [600, 300, 800, 700]",
    ],
)  # fmt: skip
def test_rows_of_a_table_are_objects(text: str) -> None:
    assert in_brief(entry for _, _, entry in tabular(text)) == TWO


@pytest.mark.parametrize(
    "text",
    [
        "| object | ymin | xmin | ymax | xmax |\n|---|---|---|---|---|\n| mug | 300 | 150 | 700 | 400 |",
        "| object | box (ymin, xmin, ymax, xmax) |\n|---|---|\n| mug | [300, 150, 700, 400] |",
        "| object | [y1, x1, y2, x2] |\n|---|---|\n| mug | [300, 150, 700, 400] |",
        "label,ymin,xmin,ymax,xmax\nmug,300,150,700,400\n",
    ],
)
def test_the_order_that_a_header_states_counts(text: str) -> None:
    assert [region.box_px for region in parse(text).regions] == [(96, 144, 256, 336)]


def test_a_column_of_images_says_in_which_image_an_object_is() -> None:
    text = table("image object box", "1 mug [150, 300, 400, 700]", "2 cup [600, 300, 800, 700]")
    assert [(entry.label, entry.frame) for _, _, entry in tabular(text)] == [("mug", 0), ("cup", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mug 0.25 0.5 0.5 0.25", [("mug", (0, 0.375, 0.5, 0.625))]),
        ("0 0.25 0.5 0.5 0.25\n1 0.5 0.5 1.0 1.0", [(None, (0, 0.375, 0.5, 0.625)), (None, (0, 0, 1, 1))]),
        ("coffee mug .5 .5 .5 .5", [("coffee mug", (0.25, 0.25, 0.75, 0.75))]),
    ],
)
def test_lines_of_yolo_are_centres_and_sides_in_fractions(text: str, expected: list[object]) -> None:
    found = [entry for _, _, entry in tabular(text)]
    assert in_brief(found) == expected
    assert {entry.unit for entry in found} == {CoordinateUnit.FRACTIONS}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "mug",
            "no | table",
            "a, b, c, d, e\nf, g, h, i, j",
            "Steps: 1, 2, 3",
            "mug 1 2 3 4",
            "note: it is red\nend: yes",
        ),
        "| object | count |\n|---|---|\n| mug | 2 |\n| cup | 3 |",
        "| object | width | height |\n|---|---|---|\n| mug | 20 | 30 |",
        "| object | distance | colour |\n|---|---|---|\n| mug | 1.5 m | red |",
        "| a | b |\n|---|---|\n| (2, 3) | (4, 5) |",
        "name,count,price,year,weight\nmug,1,2,3,4\ncup,5,6,7,8",
        "answer: B\nreason: the mug is at x",
        "| box |\n|---|\n",
        "x1: &a 1\ny1: *a\nx2: 3\ny2: 4",
    ],
)
def test_other_tables_and_lists_locate_nothing(text: str) -> None:
    assert list(tabular(text)) == []


def test_the_span_of_an_entry_is_that_of_its_table() -> None:
    table = "| object | box |\n|---|---|\n| mug | [150, 300, 400, 700] |\n"
    ((start, end, entry),) = tabular(f"Here it is:\n\n{table}\nThat is all.")
    assert (f"Here it is:\n\n{table}\nThat is all.")[start:end] == table
    assert entry.position == start


@pytest.mark.parametrize(
    "text", ["|" * 20_000, "a|b\n" * 8_000, "a,b,c,d,e\n" * 4_000, "a: 1\n" * 8_000, "x: &a [1]\n" * 99]
)
@pytest.mark.timeout(20)
def test_a_hostile_table_is_read_in_linear_time(text: str) -> None:
    assert list(tabular(text)) == []
