from __future__ import annotations

import base64
import csv
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_of_sets import HEIGHT, WIDTH, image, png, save_image, save_parquet, stored

from pipeline.datasets.base import Case
from pipeline.datasets.blink import Blink
from pipeline.datasets.cvbench import CvBench
from pipeline.datasets.formats.tables import Table, image_of
from pipeline.datasets.qspatial import QSpatial
from pipeline.datasets.questions import QuestionDataset, number_with_unit
from pipeline.datasets.spatialrgpt import SpatialRgptBench, decompressed
from pipeline.datasets.threedsr import ThreeDsrBench
from pipeline.datasets.vsibench import VsiBench
from pipeline.records.claim import encode_mask
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.expected import AnswerKind

BOXES = [[10.0, 20.0, 60.0, 90.0], [80.0, 30.0, 140.0, 100.0]]


def cvbench_row(task: str, choices: str, answer: str, boxes: Any = None, classes: str = "") -> dict[str, Any]:
    return {
        "idx": 7,
        "task": task,
        "image": stored(),
        "question": f"Which {task.lower()}?",
        "choices": choices.split(),
        "answer": answer,
        "target_class": classes.split() or None,
        "bbox": boxes,
    }


DEPTH = cvbench_row("Depth", "table lamp", "(B)", BOXES)
RELATION = cvbench_row("Relation", "left right", "(A)", BOXES, "cup bowl")
DISTANCE = cvbench_row("Distance", "oven sofa", "(A)", [*BOXES, [0.0, 0.0, 300.0, 30.0]], "sink oven sofa")
COUNT = cvbench_row("Count", "1 0 2", "(C)")


def cvbench(folder: Path) -> CvBench:
    broken = {**COUNT, "image": {"bytes": b"\x89PNG nothing", "path": None}}
    save_parquet(folder / "test_2d.parquet", [COUNT, broken, RELATION])
    save_parquet(folder / "test_3d.parquet", [DEPTH, DISTANCE])
    return CvBench(folder)


def claims_of(case: Case) -> list[tuple[Any, ...]]:
    """Relation, objects, number and truth of each claim."""
    return [(str(c.relation), c.subject, c.object, c.value, c.truth) for c in case.scene.claims]


def test_cvbench_gives_questions_and_claims_of_boxes(tmp_path: Path) -> None:
    data = cvbench(tmp_path)
    count, relation, depth, distance = data
    assert len(data) == 5 and list(data.reasons) == ["row 2 of test_2d.parquet"]
    (expected,) = count.expected
    assert (expected.kind, expected.answer, expected.choices) == (AnswerKind.CHOICE, "C", ("1", "0", "2"))
    assert expected.question == "Which count?\n(A) 1\n(B) 0\n(C) 2" and expected.category == "Count"
    assert count.scene.regions == () and count.scene.claims == ()
    frame = count.scene.frames[0]
    assert np.array_equal(frame.rgb, image()) and frame.given_depth is None and frame.camera.source == "assumed"
    assert claims_of(depth) == [("closer", "table", "lamp", None, False), ("closer", "lamp", "table", None, True)]
    assert [region.box_px for region in depth.scene.regions] == [tuple(box) for box in BOXES]
    assert claims_of(relation) == [("left_of", "cup", "bowl", None, True), ("left_of", "bowl", "cup", None, False)]
    assert [region.label for region in distance.scene.regions] == ["sink", "oven", "sofa"]
    assert distance.scene.regions[2].box_px == (0, 0, WIDTH, 30) and distance.scene.claims == ()


def test_cvbench_reads_chosen_tasks_and_boxes_of_corner_and_sides(tmp_path: Path) -> None:
    cvbench(tmp_path)
    (case,) = CvBench(tmp_path, tasks=["Depth"], box_format="xywh")
    assert case.scene.regions[0].box_px == (10, 20, 70, 110)
    for wrong in ({"tasks": ["Odd"]}, {"fov_deg": 0}):
        with pytest.raises(ConfigError, match=r"Odd|fov_deg"):
            CvBench(tmp_path, **wrong)


def test_blink_reads_every_image_of_a_question_and_leaves_hidden_answers_out(tmp_path: Path) -> None:
    row = {
        "idx": "val_Multi-view_Reasoning_1",
        "sub_task": "Multi-view_Reasoning",
        **{f"image_{number}": stored(number) if number < 3 else None for number in range(1, 5)},
        "question": "Is the camera moving left or right?",
        "choices": ["left", "right"],
        "answer": "(A)",
    }
    folder = tmp_path / "Multi-view_Reasoning"
    lost = {**row, "idx": "lost", "image_1": {"bytes": None, "path": "lost.png"}}
    save_parquet(folder / "val-00000-of-00001.parquet", [row, {**row, "answer": "hidden"}, lost])
    save_parquet(folder / "test-00000-of-00001.parquet", [{**row, "answer": "hidden"}])
    data = Blink(tmp_path, subtasks=["Multi-view_Reasoning"])
    (case,) = data
    assert len(data) == 3 and list(data.reasons) == ["row 3 of Multi-view_Reasoning"]
    assert [np.array_equal(frame.rgb, image(k)) for k, frame in enumerate(case.scene.frames, 1)] == [True, True]
    assert case.expected[0].answer == "A" and case.expected[0].category == "Multi-view_Reasoning"
    with pytest.raises(InputError, match="Relative_Depth"):
        Blink(tmp_path)


MASKS = np.zeros((2, HEIGHT, WIDTH), dtype=bool)
MASKS[0, 20:90, 10:60] = True
MASKS[1, 30:100, 80:140] = True


def compressed(mask: np.ndarray) -> str:
    """COCO's compressed run lengths, written for this test from the description of the format."""
    counts = encode_mask(mask)["counts"]
    text = ""
    for position, count in enumerate(counts):
        number = count - counts[position - 2] if position > 2 else count
        more = True
        while more:
            group = number & 0x1F
            number >>= 5
            more = number != (-1 if group & 0x10 else 0)
            text += chr(group + (0x20 if more else 0) + 48)
    return text


def rgpt_row(category: str, question: str, answer: str, *, texts: bool = False) -> dict[str, Any]:
    nested = {
        "image_info": {"file_path": "a.png", "height": HEIGHT, "width": WIDTH},
        "qa_info": {"type": "quantitative" if category.endswith("_data") else "qualitative", "category": category},
        "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}],
        "bbox": BOXES,
        "rle": [{"size": [HEIGHT, WIDTH], "counts": compressed(mask)} for mask in MASKS],
    }
    return {
        "id": category,
        "text_q": question,
        **({key: str(value) for key, value in nested.items()} if texts else nested),
    }


@pytest.mark.parametrize(
    "category, question, answer, kind, answered, claims",
    [
        (
            "behind_predicate", "Is Region [0] behind Region [1]?", "No.", "yes_no", "no",
            [("behind", 0, 1, None, False), ("behind", 1, 0, None, True)],
        ),
        (
            "short_predicate", "Is Region [1] shorter than Region [0]?", "Yes, it is.", "yes_no", "yes",
            [("taller", 0, 1, None, True), ("taller", 1, 0, None, False)],
        ),
        (
            "left_choice", "Which is more to the left, Region [0] or Region [1]?", "Region [1] is.", "text",
            "Region [1] is.", [("left_of", 0, 1, None, False), ("left_of", 1, 0, None, True)],
        ),
        (
            "height_data", "How tall is Region [0]?", "Region [0] is 6.5 feet tall.", "number", "6.5",
            [("size", 0, None, 6.5, True), ("size", 0, None, 16.25, False)],
        ),
        (
            "distance_data", "How far apart are Region [0] and Region [1]?", "They are 40.0 centimeters apart.",
            "number", "40", [("distance_between", 0, 1, 40.0, True), ("distance_between", 0, 1, 16.0, False)],
        ),
        ("vertical_distance_data", "How high is Region [0] above Region [1]?", "1.2 m.", "number", "1.2", []),
        ("direction", "Where is Region [0] from Region [1]?", "At 3 o'clock.", "text", "At 3 o'clock.", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("texts", [False, True])
def test_spatialrgpt_questions_become_claims_about_regions(
    tmp_path: Path, category: str, question: str, answer: str, kind: str, answered: str, claims: list[Any], texts: bool
) -> None:
    row = rgpt_row(category, question, answer, texts=texts)
    if texts:
        save_parquet(tmp_path / "data" / "val.parquet", [{**row, "image": stored()}])
    else:
        save_image(tmp_path / "a.png")
        (tmp_path / "SpatialRGPT-Bench.jsonl").write_text(json.dumps(row) + "\n")
    (case,) = SpatialRgptBench(tmp_path, masks=True)
    (expected,) = case.expected
    assert (expected.question, expected.kind, expected.answer) == (question, kind, answered)
    labels = ["Region [0]", "Region [1]", None]
    assert claims_of(case) == [
        (name, labels[one], labels[-1 if two is None else two], value, truth) for name, one, two, value, truth in claims
    ]
    for region, mask, box in zip(case.scene.regions, MASKS, BOXES, strict=True):
        assert region.box_px == tuple(box)
        assert region.mask is not None and np.array_equal(region.mask, mask)


def test_spatialrgpt_skips_what_is_damaged(tmp_path: Path) -> None:
    fine = rgpt_row("behind_predicate", "Is Region [0] behind Region [1]?", "Yes.")
    rows = [
        json.dumps({**fine, "image_info": {"file_path": "lost.png"}}),
        "{no json",
        json.dumps({**fine, "text_q": "Is Region [0] behind Region [5]?"}),
        json.dumps(fine),
    ]
    save_image(tmp_path / "a.png")
    (tmp_path / "bench.jsonl").write_text("\n".join(rows))
    data = SpatialRgptBench(tmp_path)
    (case,) = data
    assert list(data.reasons) == [f"row {number} of bench.jsonl" for number in (1, 2, 3)]
    assert all(region.mask is None for region in case.scene.regions)


def test_compressed_run_lengths_are_those_that_were_written() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((37, 53)) > rng.random()
        assert decompressed(compressed(mask).encode()) == encode_mask(mask)["counts"]


def test_qspatial_answers_are_lengths_in_units(tmp_path: Path) -> None:
    row = {
        "question": "How far is the cup from the edge?",
        "answer_value": 12.5,
        "answer_unit": "centimeter",
        "image_path": "images/a.png",
        "image": stored(),
    }
    save_image(tmp_path / "scannet" / "images" / "a.png", seed=3)
    save_parquet(tmp_path / "data" / "QSpatial_plus-0.parquet", [row, {**row, "answer_unit": "parsec"}])
    save_parquet(tmp_path / "data" / "QSpatial_scannet-0.parquet", [{**row, "image": None}])
    data = QSpatial(tmp_path)
    (case,) = data
    assert list(data.reasons) == ["row 2 of QSpatial_plus-0.parquet"]
    (expected,) = case.expected
    assert (expected.answer, expected.unit, expected.kind) == ("12.5", "cm", AnswerKind.NUMBER)
    assert case.group == "images/a.png"
    (other,) = QSpatial(tmp_path, split="QSpatial_scannet", images=tmp_path / "scannet")
    assert np.array_equal(other.scene.frames[0].rgb, image(3))


def test_3dsrbench_reads_base64_and_images_by_the_names_of_their_urls(tmp_path: Path) -> None:
    header = "index\tqid\tquestion\tA\tB\tC\tD\tanswer\tcategory\timage"
    encoded = base64.b64encode(png(5)).decode()
    lines = [
        header,
        f"0\tq1-0\tWhich is higher?\tthe lamp\tthe bed\t\t\tB\theight_higher\t{encoded}",
        f"1\tq2-0\tWhich is higher?\tthe lamp\tthe bed\t\t\tE\theight_higher\t{encoded}",
        "2\tq3-0\tWhich is higher?\tthe lamp\tthe bed\t\t\tA\theight_higher\tlost.png",
    ]
    (tmp_path / "3dsrbench_v1_vlmevalkit_circular.tsv").write_text("\n".join(lines))
    limit = csv.field_size_limit()
    data = ThreeDsrBench(tmp_path)
    (case,) = data
    assert csv.field_size_limit() == limit, "the limit holds for the whole process"
    assert len(data) == 3 and len(data.reasons) == 2
    assert np.array_equal(case.scene.frames[0].rgb, image(5))
    assert (case.expected[0].answer, case.expected[0].choices) == ("B", ("the lamp", "the bed"))
    assert case.group == "q1"
    row = {
        "index": "a", "question": "Which?", "A": "x", "B": "y", "C": "z", "D": None, "answer": "C",
        "category": "location_above", "image_url": "http://images.cocodataset.org/val2017/000000000001.png",
    }  # fmt: skip
    save_parquet(tmp_path / "data" / "test.parquet", [row])
    save_image(tmp_path / "coco" / "000000000001.png", seed=9)
    (other,) = ThreeDsrBench(tmp_path, files="**/*.parquet", images=tmp_path / "coco")
    assert np.array_equal(other.scene.frames[0].rgb, image(9))
    assert other.expected[0].choices == ("x", "y", "z")


def test_vsibench_samples_videos_and_keeps_their_times(tmp_path: Path, video: Callable[..., Path]) -> None:
    clip = video("scene0001.mp4")
    (tmp_path / "bench" / "scannet").mkdir(parents=True)
    clip.rename(tmp_path / "bench" / "scannet" / "scene0001.mp4")
    row = {
        "id": 3,
        "dataset": "scannet",
        "scene_name": "scene0001",
        "question_type": "object_abs_distance",
        "question": "How far is the bed from the door in meters?",
        "ground_truth": "1.9",
    }
    options = {"ground_truth": "B", "options": ["A. chair", "B. lamp"]}
    choice = {**row, "id": 4, "question_type": "object_rel_distance", **options}
    lost = {**row, "id": 5, "scene_name": "scene0002"}
    (tmp_path / "bench" / "test.jsonl").write_text("\n".join(json.dumps(item) for item in (row, choice, lost)))
    data = VsiBench(tmp_path / "bench", frames=3)
    number, letter = data
    assert list(data.reasons) == ["row 3 of test.jsonl"] and len(data) == 3
    assert [frame.timestamp_s for frame in number.scene.frames] == pytest.approx([0, 0.4, 0.9], abs=0.11)
    assert (number.expected[0].answer, number.expected[0].unit, number.group) == ("1.9", "m", "scene0001")
    assert letter.expected[0].choices == ("chair", "lamp") and letter.expected[0].answer == "B"
    assert letter.expected[0].question.endswith("(A) chair\n(B) lamp")
    (only,) = VsiBench(tmp_path / "bench", question_types=["object_rel_distance"], frames=1, limit=2)
    assert only.scene.id == "vsi-bench-4" and len(only.scene.frames) == 1


def test_a_table_that_cannot_be_opened_is_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = cvbench(tmp_path)
    (tmp_path / "test_3d.parquet").write_bytes(b"PAR1 nothing PAR1")
    with caplog.at_level(logging.WARNING):
        assert len(list(data)) == 2
    assert list(data.reasons) == [str(tmp_path / "test_3d.parquet"), "row 2 of test_2d.parquet"]
    assert "test_3d.parquet" in caplog.text


@pytest.mark.parametrize("kind", [CvBench, SpatialRgptBench, QSpatial, ThreeDsrBench, VsiBench, Blink])
def test_a_missing_folder_or_table_tells_how_to_get_it(tmp_path: Path, kind: type[QuestionDataset]) -> None:
    with pytest.raises(InputError, match=r"There is no folder .*; download"):
        kind(tmp_path / "nowhere")  # type: ignore[call-arg, arg-type]
    with pytest.raises(InputError, match="; download"):
        kind(tmp_path)  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.csv", "rows.tsv", "rows.parquet"])
def test_every_kind_of_table_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = [{"id": str(k), "text": f"a, {k}"} for k in range(5)]
    file = tmp_path / name
    if file.suffix == ".parquet":
        save_parquet(file, rows)
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows))
    elif file.suffix == ".jsonl":
        file.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    else:
        separator = "\t" if file.suffix == ".tsv" else ","
        file.write_text("\n".join([f"id{separator}text", *(f'{row["id"]}{separator}"{row["text"]}"' for row in rows)]))
    table = Table(file)
    assert len(table) == 5 and [table.row(k) for k in (4, 0, 2, 1, 3)] == [rows[k] for k in (4, 0, 2, 1, 3)]


@pytest.mark.parametrize("value", [None, "", b"", {"bytes": None, "path": None}, "not base64!", 7])
def test_a_field_without_an_image_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InputError):
        image_of(value, tmp_path)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1.5 m", (1.5, "m")),
        ("about 30 centimeters", (30, "cm")),
        ("Region [0] is 2 Inches wide", (2, "in")),
        ("3 cups, 4 feet", (4, "ft")),
        ("Yes.", None),
    ],
)
def test_the_first_length_of_a_text_is_found(text: str, expected: tuple[float, str] | None) -> None:
    assert number_with_unit(text) == expected
