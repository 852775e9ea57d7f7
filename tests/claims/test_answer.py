from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from claims.in_brief import in_brief
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.claims.answer import ParsedAnswer, parse_answer
from pipeline.claims.regions import Images
from pipeline.geometry.backprojection import project
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
    return parse_answer(text, Images([CAMERA]), question)


def test_an_answer_has_reasoning_regions_claims_and_tags_and_prose_beside_json_makes_no_claims() -> None:
    answer = parse(FULL + "\nThe mug is left of the bowl.")
    assert answer.reasoning == "The mug is behind."
    assert [region.label for region in answer.regions] == ["mug"]
    assert [in_brief(claim) for claim in answer.claims] == ["mug in front of bowl 30 cm"]
    assert [tag.word for tag in answer.spatial_tags] == ["left of"]
    assert not answer.problems


def test_prose_is_read_where_json_has_no_claims() -> None:
    answer = parse(BOXES + "\nThe black mug is left of the bowl.")
    assert [in_brief(claim) for claim in answer.claims] == ["mug left of bowl"]
    assert [tag.word for tag in answer.spatial_tags] == ["left of"]
    assert answer.claims[0].text_span is not None
    assert answer.text[slice(*answer.claims[0].text_span)] == "The black mug is left of the bowl"


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
        *("[{" * 50_000, "[/*" * 50_000, '["' + "\\" * 100_000),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_hostile_answer_is_read_in_linear_time(text: str) -> None:
    start = time.perf_counter()
    parse(text, "Which? A. Lamp. B. Jar.")
    assert time.perf_counter() - start < 20


@pytest.fixture(scope="module")
def recorded(shared_dir: Path) -> dict[str, tuple[str, Camera, ParsedAnswer]]:
    """Recorded outputs of Qwen3-VL by id, each with its camera and its parts."""
    lines = (shared_dir / "recorded" / "qwen3vl_recorded.jsonl").read_text(encoding="utf-8").splitlines()
    found = {}
    for record in map(json.loads, lines):
        camera = CAMERA
        if record["image"]:
            height, width = cv2.imread(str(shared_dir / "recorded" / record["image"])).shape[:2]
            camera = Camera.from_fov(width, height, 60)
            if known := record["camera"]:
                camera = replace(camera, **{key: known[key] for key in ("fx", "fy", "cx", "cy")})
        answer = parse_answer(record["response"], Images([camera]), record["prompt"] or "")
        found[record["id"]] = record["response"], camera, answer
    return found


@pytest.mark.shared
def test_every_box_of_the_recorded_answers_becomes_a_region(recorded: dict) -> None:
    assert len(recorded) == 30
    for name, (raw, _, answer) in recorded.items():
        entries = sum(raw.count(key) for key in ("bbox_2d", "point_2d", "bbox_3d"))
        repeats = [int(problem.split()[0]) for problem in answer.problems if "repeat an earlier one" in problem]
        assert len(answer.regions) == entries - sum(repeats), name
        assert not entries or len(answer.problems) == len(repeats), name


@pytest.mark.shared
def test_the_recorded_choices_are_found_and_hedges_are_reported(recorded: dict) -> None:
    choices = {name: answer.choice for name, (_, _, answer) in recorded.items() if answer.choice}
    assert choices == {"spatial_understanding-8": "C", "spatial_understanding-14": "B", "spatial_understanding-15": "D"}
    answer = recorded["spatial_understanding-12"][2]
    said = [(claim.subject, claim.relation, claim.object) for claim in answer.claims]
    assert said == [
        ("speaker", "on", "white stool"),
        ("white stool", "behind", "guitar's body"),
        ("speaker", "behind", "guitar's lower body"),
        ("speaker", "behind", "guitar's body"),
    ]
    assert len(answer.problems) == 11 and len(answer.spatial_tags) > 10


@pytest.mark.shared
def test_the_recorded_3d_boxes_lie_mostly_within_their_images(recorded: dict) -> None:
    count = 0
    for name, (_, camera, answer) in recorded.items():
        for region in answer.regions if name.startswith("3d_grounding") else ():
            u, v = project(region.box_3d.corners_m, camera).T
            within = (u > 0) & (u < camera.width) & (v > 0) & (v < camera.height)
            assert within.sum() >= 4, (name, region.label)
            count += 1
    assert count == 8


def test_an_endless_answer_is_read_up_to_a_limit_and_says_so() -> None:
    parsed = parse_answer("The cup is left of the plate. " + "word " * 100_000, Images([CAMERA]))
    assert [claim.relation for claim in parsed.claims] == ["left_of"]
    assert any("were read" in problem for problem in parsed.problems)
