from __future__ import annotations

import csv
import json
from itertools import islice

import pytest
from ingest.refusals import refused

from pipeline.ingest.item import BadItem, Item
from pipeline.ingest.manifest import count_items, read_manifest, with_defaults

ROWS = [
    {
        "id": "kitchen",
        "frames": ["a 1.jpg", "b.jpg"],
        "questions": ["What is in front, the cup or the plate?", "哪个更近？"],
        "camera": {"fx": 500.5, "fy": 500.5, "cx": 320.0, "cy": 240.0},
        "depth": ["a.png", "b.png"],
        "depth_kind": "metric",
        "scale_source": "sensor",
        "depth_scale": 0.001,
        "depth_invalid": [0.0, 65535.0],
        "timestamps_s": [0.0, 0.5],
        "poses": [[[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]]] * 2,
        "regions": [{"label": "cup", "box_px": [1.0, 2.0, 3.0, 4.0]}, {"label": "plate", "bbox_2d": [0, 0, 10, 10]}],
        "claims": [{"relation": "behind", "subject": "cup", "object": "plate"}],
        "anchors": [
            {"size": "cup", "measure": "height", "value": 9.5, "unit": "cm", "error": 0.3},
            {"between_px": [[1.0, 2.0], [3.0, 4.0]], "value": 1.0, "unit": "m", "frame": 1},
        ],
    },
    {"id": "street", "frames": ["drive.mp4"], "questions": ["How far?"]},
]


def write_jsonl(path, rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        for row in rows:
            paths = {key: ";".join(row[key]) for key in ("frames", "depth") if key in row}
            writer.writerow({**as_texts(row), **paths})


def as_texts(row):
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()}


def write_parquet(path, rows):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


WRITERS = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_three_formats_hold_the_same_items(tmp_path, suffix):
    path = tmp_path / f"manifest.{suffix}"
    WRITERS[suffix](path, ROWS)
    expected = [Item.from_plain(row, tmp_path, "") for row in ROWS]
    assert list(read_manifest(path)) == expected
    assert count_items(path) == 2


def test_parquet_may_hold_json_texts(tmp_path):
    write_parquet(tmp_path / "manifest.parquet", [*map(as_texts, ROWS)])
    assert list(read_manifest(tmp_path / "manifest.parquet")) == [Item.from_plain(row, tmp_path, "") for row in ROWS]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path, suffix):
    path = tmp_path / f"manifest.{suffix}"
    WRITERS[suffix](path, ROWS[1:])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\r\n\r\n  \n")
    assert [item.id for item in read_manifest(path)] == ["street"]
    assert count_items(path) == 1


BAD_LINES = [
    (b"{not json", "line-2", "line 2: it is not JSON"),
    (b"[1, 2]", "line-2", "line 2: it must be an object {...}, not list"),
    (b'{"id": "\xff"}', "line-2", "not encoded as UTF-8"),
    (b'{"id": "b"}', "b", "line 2: Item 'b', frames: give at least one image"),
    (b'{"frames": "x.jpg", "camera": 5}', "line-2", "Item 'line-2', camera"),
    (b'{"id": "first", "frames": "y.jpg"}', "line-2", "line 1 already has the id 'first'"),
    (b'{"id": "b", "frames": "x.jpg", "qestion": "?"}', "b", "did you mean 'question'"),
    (b'{"id": "a\\nb", "frames": "x.jpg"}', "line-2", "must be one line"),
    (b"[" * 100_000, "line-2", "nested too deep"),
]


@pytest.mark.parametrize(("line", "bad_id", "words"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_of_jsonl_leaves_the_others_alone(tmp_path, line, bad_id, words):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b'{"id": "first", "frames": "x.jpg"}\n' + line + b'\n{"id": "last", "frames": "x.jpg"}\n')
    first, bad, last = read_manifest(path)
    assert (first.id, last.id) == ("first", "last")
    assert isinstance(bad, BadItem)
    assert bad.id == bad_id
    assert words in bad.reason
    assert "\n" not in bad.reason
    assert "manifest.jsonl" in bad.reason


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"b,x.jpg,{bad,", "line 3: camera must be JSON"),
        (b"b,x.jpg,,too,many", "line 3: it has 5 cells, the header has 4"),
        (b"b,\xff.jpg,,", "not encoded as UTF-8"),
        (b"b,,,", "give at least one image"),
        (b"b," + b"x" * 140_000 + b",,", "not CSV: field larger than field limit"),
    ],
)
def test_a_bad_line_of_csv_leaves_the_others_alone(tmp_path, line, words):
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"id,frames,camera,question\nfirst,x.jpg,,\n" + line + b'\nlast,x.jpg,,"cup, plate"\n')
    first, bad, last = read_manifest(path)
    assert (first.id, last.id, last.questions) == ("first", "last", ("cup, plate",))
    assert words in bad.reason


TWO_QUESTIONS = ("Is it, so?", "a; b")


@pytest.mark.parametrize(
    "content",
    [
        'id,frames,question\na,x.png;y.png,"Is it, so?"\nb,z.png,a; b\n',
        'id;frames;question\na;"x.png;y.png";Is it, so?\nb;z.png;"a; b"\n',
        "id\tframes\tquestion\na\tx.png;y.png\tIs it, so?\nb\tz.png\ta; b\n",
        'id, frames, question\na, x.png;y.png, "Is it, so?"\nb, z.png, a; b\n',
        ' id ; frames ; question \na ; "x.png; y.png" ; "Is it, so?"\nb; z.png ; "a; b" \n',
        'sep=;\r\nid;frames;question\r\na;"x.png;y.png";Is it, so?\r\nb;z.png;"a; b"\r\n',
        'id;frames;question;\na;"x.png;y.png";Is it, so?;\nb;z.png;"a; b";\n',
        '"id";"frames";"question"\n"a";"[""x.png"", ""y.png""]";"Is it, so?"\n"b";"z.png";"a; b"\n',
        'question;frames;id\nIs it, so?;"x.png;y.png";a\n"a; b";z.png;b\n',
    ],
)
@pytest.mark.parametrize(("suffix", "encoding"), [("csv", "utf-8"), ("csv", "utf-8-sig"), ("tsv", "utf-16")])
def test_cells_are_separated_as_the_header_is(tmp_path, content, suffix, encoding):
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(content.encode(encoding))
    a, b = read_manifest(path)
    assert [frame.name for frame in a.frames] == ["x.png", "y.png"]
    assert [frame.name for frame in b.frames] == ["z.png"]
    assert (a.id, b.id, *a.questions, *b.questions) == ("a", "b", *TWO_QUESTIONS)
    assert count_items(path) == 2


@pytest.mark.parametrize(
    ("header", "line", "words"),
    [
        ("id;frames;question", "b;x.png;a; b", "line 3: it has 4 cells, the header has 3; quote cells with semicolons"),
        ("id\tframes", "b\tx.png\ty", "line 3: it has 3 cells, the header has 2; quote cells with tabs"),
        ("sep=;\nid;frames", "b;x.png;y", "line 4: it has 3 cells"),
        ("id;frames;depth_scale", "b;x.png;1,000", "line 3: depth_scale must be JSON"),
    ],
)
def test_a_line_with_too_many_cells_names_the_separator(tmp_path, header, line, words):
    separator = "\t" if "\t" in header else ";"
    (tmp_path / "m.csv").write_text(f"{header}\na{separator}x.png\n{line}\n")
    good, bad = read_manifest(tmp_path / "m.csv")
    assert good.id == "a"
    assert words in bad.reason


def test_a_scale_may_have_a_decimal_comma(tmp_path):
    (tmp_path / "m.csv").write_text("id;frames;depth_scale\na;x.png;0,001\nb;x.png;0.0002\n")
    assert [item.depth_scale for item in read_manifest(tmp_path / "m.csv")] == [0.001, 0.0002]


@pytest.mark.parametrize(
    "header", ["id;frmaes;question", "id\tframes\tqestion", "id|frames|question", "id;frames,depth"]
)
def test_a_header_of_other_names_is_refused(tmp_path, header):
    (tmp_path / "m.csv").write_text(f"{header}\na,b,c\n")
    refused("The header of .* has an unknown key", list, read_manifest(tmp_path / "m.csv"))


@pytest.mark.shared
@pytest.mark.parametrize(("name", "question"), [("semi.csv", "Where is the mug?"), ("sp.csv", "Is it, so?")])
def test_manifests_of_other_programs_are_read(shared_dir, name, question):
    (item,) = read_manifest(shared_dir / "cases/text_files" / name)
    assert (item.id, item.frames[0].name, item.questions) == ("a", "rgb.png", (question,))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b"\n\n", "has no items"),
        ("a.jsonl", b"", "empty file"),
        ("a.csv", b"id,frames\n", "has no items"),
        ("a.csv", b"id,frmaes\na,x.jpg\n", "header of .*unknown key 'frmaes'.*did you mean 'frames'"),
        ("a.parquet", b"PAR1junk", "cannot be read as a manifest"),
        ("a.txt", b"x", "is not a manifest"),
    ],
)
def test_an_unreadable_manifest_is_an_input_error(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    refused(words, lambda: list(read_manifest(tmp_path / name)))


def test_an_unknown_column_of_parquet_is_named(tmp_path):
    write_parquet(tmp_path / "a.parquet", [{"id": "a", "frame": "x.jpg"}])
    refused(r"header of .*did you mean 'frames'", next, read_manifest(tmp_path / "a.parquet"))


def test_a_long_manifest_is_read_only_as_far_as_it_is_used(tmp_path):
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(f'{{"id": {number}, "frames": "x.jpg"}}\n' for number in range(20_000)))
    items = read_manifest(path)
    assert [item.id for item in islice(items, 3)] == ["0", "1", "2"]
    path.write_text("")
    assert sum(1 for _ in items) < 19_997


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"questions": ["d"], "depth_kind": "metric", "scale_source": "model"}),
        ({"question": "own"}, {"question": "own", "depth_kind": "metric", "scale_source": "model"}),
        ({"depth_kind": "depth_affine"}, {"questions": ["d"], "depth_kind": "depth_affine"}),
        ({"questions": None}, {"questions": ["d"], "depth_kind": "metric", "scale_source": "model"}),
    ],
)
def test_defaults_never_contradict_the_line(values, expected):
    defaults = {"questions": ["d"], "depth_kind": "metric", "scale_source": "model"}
    assert with_defaults(values, defaults) == expected
