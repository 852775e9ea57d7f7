from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
from claims.in_brief import in_brief
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.claims.answer import ParsedAnswer, parse_answer
from pipeline.records.camera import Camera

CAMERA = Camera.from_fov(1000, 500, 60)

BOXES = (
    '```json\n[\n\t{"bbox_2d": [0, 614, 224, 825], "label": "mug"},\n'
    '\t{"bbox_2d": [5, 6, 7, 8], "label": "bowl"}\n]\n```'
)
FULL = (
    '<think>The mug is behind.</think>{"objects": [{"label": "mug", "bbox_2d": [0, 0, 10, 10], "picture": 1}],'
    ' "claims": [{"relation": "in front of", "subject": "mug", "object": "bowl", "value": "about 30 cm"}]}'
)
REPR = "[{'bbox_3d': [0.1, 0.1, 2.0, 0.4, 0.8, 0.5, 0.16, 0.13, 0.08], 'label': 'black chair'}]"
PROSE = "No, the jar **cannot** fit behind the lamp.\n\n- The **jar** is behind the lamp.\n\n✅ Answer: **B. Jar.**"
EXAMPLES = (BOXES, FULL, REPR, PROSE, "盒子在杯子的左边，杯子离相机1.2米。", "mug: [1, 2, 3, 4]")


def parse(text: str, question: str = "") -> ParsedAnswer:
    return parse_answer(text, [CAMERA], question)


def test_the_parts_of_an_answer_are_put_together() -> None:
    answer = parse(FULL)
    assert answer.reasoning == "The mug is behind."
    assert [region.label for region in answer.regions] == ["mug"]
    assert [in_brief(claim) for claim in answer.claims] == ["mug in front of bowl 30 cm"]
    assert not answer.problems and not answer.spatial_tags


def test_prose_is_read_where_json_has_no_claims() -> None:
    answer = parse(BOXES + "\nThe black mug is left of the bowl.")
    assert [in_brief(claim) for claim in answer.claims] == ["mug left of bowl"]
    assert [tag.word for tag in answer.spatial_tags] == ["left of"]
    assert answer.claims[0].text_span is not None
    assert answer.text[slice(*answer.claims[0].text_span)] == "The black mug is left of the bowl"


def test_prose_beside_claims_in_json_is_not_read_twice() -> None:
    answer = parse(FULL + "\nThe mug is left of the bowl.")
    assert [in_brief(claim) for claim in answer.claims] == ["mug in front of bowl 30 cm"]


def test_a_choice_needs_the_options_of_the_question() -> None:
    assert parse(PROSE, "Which? A. Lamp. B. Jar.").choice == "B"
    assert parse(PROSE, "Which?").choice is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "The answer is empty."),
        (" \n", "The answer is empty."),
        ("<think>The mug", "no end mark"),
        (BOXES[:60], "was cut off"),
        ("The mug is next to the bowl.", "Not understood"),
    ],
)
def test_what_is_lost_is_reported(text: str, problem: str) -> None:
    assert any(problem in sentence for sentence in parse(text).problems)


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_any_text_is_an_answer(text: str) -> None:
    answer = parse(text, text)
    assert answer.text.strip() or answer.problems


@given(st.sampled_from(EXAMPLES), st.data())
@settings(max_examples=200)
def test_a_damaged_answer_is_still_an_answer(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = (
            text[:start]
            + data.draw(st.sampled_from(["", "[", '"', "}", "\\", "\n", "左", "-1e9", text[start:end] * 2]))
            + text[end:]
        )
    parse(text, "Which? A. Lamp. B. Jar.")


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 100_000, '{"a":' * 50_000, " " * 300_000, '"' * 300_000, "left of " * 30_000, "A. B. " * 40_000),
        *("<think>" * 40_000, "杯子在" * 80_000, "The cup is left of the box. " * 10_000, "- a: [1,2,3,4]\n" * 20_000),
        *("answer " * 40_000, "*" * 300_000, "correct " * 40_000, "<ref>a" * 50_000, "- " * 100_000),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_hostile_answer_is_read_in_linear_time(text: str) -> None:
    start = time.perf_counter()
    parse(text, "Which? A. Lamp. B. Jar.")
    assert time.perf_counter() - start < 20


def recorded(shared_dir: Path) -> list[dict[str, Any]]:
    path = shared_dir / "recorded" / "qwen3vl_recorded.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def camera_of(record: dict[str, Any], folder: Path) -> Camera:
    if not record["image"]:
        return CAMERA
    height, width = cv2.imread(str(folder / record["image"])).shape[:2]
    known = record["camera"]
    if not known:
        return Camera.from_fov(width, height, 60)
    return Camera(known["fx"], known["fy"], known["cx"], known["cy"], width, height)


@pytest.mark.shared
def test_every_box_of_the_recorded_answers_becomes_a_region(shared_dir: Path) -> None:
    records = recorded(shared_dir)
    assert len(records) == 30
    for record in records:
        raw = record["response"]
        answer = parse_answer(raw, [camera_of(record, shared_dir / "recorded")], record["prompt"] or "")
        entries = sum(raw.count(key) for key in ("bbox_2d", "point_2d", "bbox_3d"))
        repeats = [int(problem.split()[0]) for problem in answer.problems if "repeat an earlier one" in problem]
        assert len(answer.regions) == entries - sum(repeats), record["id"]
        if entries:
            assert len(answer.problems) == len(repeats), record["id"]


@pytest.mark.shared
def test_the_recorded_choices_are_found(shared_dir: Path) -> None:
    choices = {record["id"]: parse_answer(record["response"], [CAMERA], record["prompt"] or "").choice
               for record in recorded(shared_dir)}  # fmt: skip
    expected = {"spatial_understanding-8": "C", "spatial_understanding-14": "B", "spatial_understanding-15": "D"}
    assert {name: choice for name, choice in choices.items() if choice} == expected


@pytest.mark.shared
def test_the_recorded_hedges_yield_no_claim_and_are_reported(shared_dir: Path) -> None:
    record = next(record for record in recorded(shared_dir) if record["id"] == "spatial_understanding-12")
    answer = parse_answer(record["response"], [CAMERA], record["prompt"])
    assert not answer.claims
    assert len(answer.problems) == 11 and len(answer.spatial_tags) > 10


@pytest.mark.shared
def test_the_recorded_3d_boxes_lie_mostly_within_their_images(shared_dir: Path) -> None:
    folder = shared_dir / "recorded"
    count = 0
    for record in recorded(shared_dir):
        if not record["id"].startswith("3d_grounding"):
            continue
        camera = camera_of(record, folder)
        for region in parse_answer(record["response"], [camera]).regions:
            assert region.box_3d is not None
            corners = region.box_3d.corners_m
            u = camera.fx * corners[:, 0] / corners[:, 2] + camera.cx
            v = camera.fy * corners[:, 1] / corners[:, 2] + camera.cy
            within = (u > 0) & (u < camera.width) & (v > 0) & (v < camera.height)
            assert within.sum() >= 4, (record["id"], region.label)
            count += 1
    assert count == 8


def test_an_endless_answer_is_read_up_to_a_limit_and_says_so() -> None:
    parsed = parse_answer("The cup is left of the plate. " + "word " * 100_000, [CAMERA])
    assert [claim.relation for claim in parsed.claims] == ["left_of"]
    assert any("were read" in problem for problem in parsed.problems)
