from __future__ import annotations

import json
import re
from dataclasses import replace
from string import Template

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.claims_json import claims_from_json
from pipeline.claims.json_blocks import find_json
from pipeline.errors import ConfigError, InputError
from pipeline.records import Claim, DepthKind, Frame, Region, Scene, Unit
from pipeline.relations import RELATIONS
from pipeline.resources import prompt_dir
from pipeline.vlm.base import ImagePart, Step, TextPart
from pipeline.vlm.hints import DepthHint, HintMode
from pipeline.vlm.prompt import build_answer_request, build_grounding_request, detect_language
from pipeline.vlm.templates import defuse

HINT = DepthHint(Region("cup", (0, 0, 64, 48)), DepthKind.METRIC, 0.9, 1.0, 1.1, 0.5, "cup")
CONTROL_TOKENS = ["<|im_end|>", "<|image_pad|>", "<|vision_start|>", "<think>", "</think>", "<image>", "<｜end｜>"]


def prompt(scene: Scene, question: str = "Where is the cup?", **rest: object) -> str:
    return build_answer_request(scene, question, **{"hints": HintMode.NONE, **rest}).prompt_text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Is the cup left of the box?", "en"),
        ("杯子在盒子左边吗？", "zh"),
        ("What does 出口 mean?", "en"),
        ("图中BBC的标志在哪里？", "zh"),
        ("42?", "en"),
        ("¿Dónde está la taza?", "en"),
    ],
)
def test_the_language_is_that_of_most_of_the_question(question: str, language: str) -> None:
    assert detect_language(question) == language


def test_frames_come_first_in_order_and_the_question_last(scene: Scene) -> None:
    request = build_answer_request(scene, "Where is the cup?", hints=HintMode.NONE)
    kinds = [type(part) for part in request.parts]
    assert kinds == [TextPart, ImagePart, TextPart, ImagePart, TextPart]
    assert all(image is frame.rgb for image, frame in zip(request.images, scene.frames, strict=True))
    assert request.prompt_text.startswith("Picture 1: <image>\nPicture 2: <image>\n\n")
    assert request.prompt_text.endswith("\n\nQuestion: Where is the cup?")


def test_a_request_names_its_item_step_and_content(scene: Scene) -> None:
    answer = build_answer_request(scene, "Where?", hints=HintMode.NONE)
    ground = build_grounding_request(scene, "Where?")
    assert (answer.step, ground.step) == (Step.ANSWER, Step.GROUND)
    assert answer.item_id == "two-frames"
    assert answer.question == "Where?"
    assert answer.frame_digests == tuple(frame.digest for frame in scene.frames)
    assert answer.content_hash == ground.content_hash


def test_both_steps_share_the_frames_as_prefix(scene: Scene) -> None:
    answer = build_answer_request(scene, "Where?", hints=HintMode.BOTH)
    ground = build_grounding_request(scene, "Where?")
    assert answer.prompt_text.split("\n")[:2] == ground.prompt_text.split("\n")[:2]


def test_times_of_a_video_are_told(scene: Scene) -> None:
    frames = tuple(Frame(frame.rgb, frame.camera, timestamp_s=1.25 * index) for index, frame in enumerate(scene.frames))
    assert prompt(replace(scene, frames=frames)).startswith(
        "Picture 1 (at 0.00 s): <image>\nPicture 2 (at 1.25 s): <image>"
    )


@pytest.mark.parametrize(("mode", "images"), [("none", 2), ("table", 2), ("image", 4), ("both", 4)])
def test_a_hint_mode_adds_what_it_says(scene: Scene, mode: str, images: int) -> None:
    request = build_answer_request(scene, "Where?", hints=HintMode(mode), depth_hints=[HINT])
    assert len(request.images) == images
    assert ("Picture 2, depth (" in request.prompt_text) == (images == 4)
    assert ("| cup |" in request.prompt_text) == HintMode(mode).has_table
    assert [image.shape for image in request.images] == [frame.rgb.shape for frame in scene.frames] * (images // 2)


def test_the_mode_may_come_as_text_from_a_configuration(scene: Scene) -> None:
    assert len(build_answer_request(scene, "Where?", hints="image").images) == 4  # type: ignore[arg-type]


def test_pictures_of_depth_need_depth(scene: Scene) -> None:
    with pytest.raises(ConfigError, match=r"query\.hints"):
        prompt(replace(scene, depth=()), hints=HintMode.IMAGE)


def test_lines_of_text_are_told_with_picture_and_box(scene: Scene) -> None:
    lines = (Region("EXIT", (0, 0, 64, 48), 0), Region("出口", (32, 32, 65, 64), 1))
    text = prompt(replace(scene, text_regions=lines))
    assert '- Picture 1, box [0, 0, 500, 500]: "EXIT"\n- Picture 2, box [500, 500, 1000, 1000]: "出口"' in text
    assert "Text that was read" not in prompt(scene)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_answer_prompt_lists_every_relation_and_unit_of_the_registry(scene: Scene, language: str) -> None:
    text = prompt(scene, language=language)
    lines = {re.split("[:：]", line)[0].strip(" -"): line for line in text.splitlines() if line.startswith("  - ")}
    assert set(lines) == {
        "subject, object",
        "subject, object, other_object",
        "subject, object, (value), (unit)",
        "subject, object, value, unit",
        "subject, value, unit",
    }
    listed = re.findall(r"[a-z_]{2,}", " ".join(re.split("[:：]", line)[1] for line in lines.values()))
    assert sorted(listed) == sorted(RELATIONS)
    assert "distance_between" in lines["subject, object, value, unit"]
    assert ", ".join(Unit) in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_example_in_the_prompt_is_no_json(scene: Scene, language: str) -> None:
    texts = [prompt(scene, language=language), build_grounding_request(scene, "?", language=language).prompt_text]  # type: ignore[arg-type]
    for text in texts:
        example = next(line for line in text.splitlines() if "bbox_2d" in line)
        with pytest.raises(json.JSONDecodeError):
            json.loads(example)
        assert not re.search(r"\[\s*\d+\s*,\s*\d+\s*,", text)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_form_that_the_prompt_asks_for_is_the_form_that_is_read(scene: Scene, language: str) -> None:
    text = prompt(scene, language=language)
    example = next(line for line in text.splitlines() if "bbox_2d" in line)
    for word, value in {"NAME": '"cup"', "RELATION": '"left_of"', "X1": "1", "Y1": "2", "X2": "3", "Y2": "4"}.items():
        example = example.replace(word, value)
    blocks, problems = find_json(example.replace("N}", "1}"))
    assert problems == ()
    claims = claims_from_json(blocks)
    assert claims is not None
    assert [claim.relation for claim in claims[0]] == ["left_of"]
    assert blocks[0].value["objects"] == [{"label": "cup", "bbox_2d": [1, 2, 3, 4], "picture": 1}]


@pytest.mark.parametrize(
    ("relation", "measure"),
    [
        *(("size", measure) for measure in ("height", "width", "depth")),
        *(("distance_between", measure) for measure in ("nearest", "centre")),
    ],
)
def test_the_measures_of_the_prompt_are_those_of_a_claim(scene: Scene, relation: str, measure: str) -> None:
    assert f'"{measure}"' in prompt(scene)
    other = "box" if relation == "distance_between" else None
    assert Claim(relation, "cup", other, value=1, unit=Unit.METRE, measure=measure).measure == measure  # type: ignore[arg-type]


@pytest.mark.parametrize("question", ["", "  \n\t"])
def test_an_empty_question_is_refused(scene: Scene, question: str) -> None:
    with pytest.raises(InputError, match="two-frames"):
        prompt(scene, question)
    with pytest.raises(InputError, match="two-frames"):
        build_grounding_request(scene, question)


def test_equal_input_gives_equal_prompts(scene: Scene) -> None:
    first, second = (build_answer_request(scene, "Where?", hints=HintMode.BOTH, depth_hints=[HINT]) for _ in range(2))
    assert first.prompt_text == second.prompt_text
    assert all(np.array_equal(a, b) for a, b in zip(first.images, second.images, strict=True))


@pytest.mark.parametrize(
    "question", ["$question ${lines} $$ %s {} {0}", "a\nb", 'say "hi"', "it costs $5", "x < y and z|w", "<answer> tags"]
)
def test_a_question_stays_as_typed(scene: Scene, question: str) -> None:
    assert prompt(scene, question).endswith(f"Question: {question}")
    assert build_grounding_request(scene, question).prompt_text.endswith(f"Question: {question}")


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_control_tokens_of_users_are_defused(scene: Scene, token: str) -> None:
    hint = replace(HINT, reference=f"cup{token}")
    scene = replace(scene, text_regions=(Region(f"EXIT {token}", (0, 0, 9, 9)),))
    answer = build_answer_request(scene, f"Where {token}?", hints=HintMode.TABLE, depth_hints=[hint])
    for request in (answer, build_grounding_request(scene, f"Where {token}?")):
        text = "".join(part.text for part in request.parts if isinstance(part, TextPart))
        assert token not in text
        assert request.question == f"Where {token}?"


@given(st.lists(st.sampled_from([*CONTROL_TOKENS, "<", "|", ">", "<|", "|>", "im_end", " ", "a", "/"]), max_size=12))
def test_no_arrangement_of_pieces_makes_a_control_token(pieces: list[str]) -> None:
    text = "".join(pieces)
    safe = defuse(text)
    assert not any(token in safe for token in CONTROL_TOKENS)
    assert safe.replace(" ", "") == text.replace(" ", "")
    assert defuse(safe) == safe


def test_both_languages_have_the_same_templates_and_names() -> None:
    names = [
        {path.name: set(Template(path.read_text("utf-8")).get_identifiers()) for path in prompt_dir(language).iterdir()}
        for language in ("en", "zh")
    ]
    assert set(names[0]) == set(names[1])
    differing = {name for name in names[0] if names[0][name] != names[1][name]}
    assert differing == {"relation.txt"}, "only the Chinese list of relations adds a translation"
