from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from string import Template
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.claims_json import claims_from_json
from pipeline.claims.json_blocks import find_json
from pipeline.models.vlm.base import ImagePart, Request, Step, TextPart
from pipeline.models.vlm.budget import ImageBudget, token_count
from pipeline.models.vlm.crops import Crop
from pipeline.models.vlm.hints import DepthHint, HintMode
from pipeline.models.vlm.prompt import (
    build_answer_request,
    build_grounding_request,
    crop_parts,
    shown_frames,
)
from pipeline.models.vlm.templates import PROMPTS, defuse
from pipeline.records import Camera, Claim, DepthKind, DepthMap, Frame, Region, Scene, Unit
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.message import detect_language
from pipeline.records.relations import RELATIONS

HINT = DepthHint(Region("cup", (0, 0, 64, 48)), DepthKind.METRIC, 0.9, 1.0, 1.1, 0.5, "cup")
CONTROL_TOKENS = ["<|im_end|>", "<|image_pad|>", "<|vision_start|>", "<think>", "</think>", "<image>", "<｜end｜>"]


def sequence(count: int, size_px: tuple[int, int] = (64, 48), **rest: object) -> Scene:
    """A scene of so many frames that differ, with depth."""
    width, height = size_px
    camera = Camera.from_fov(width, height, 60)
    frames = tuple(Frame(np.full((height, width, 3), index, np.uint8), camera) for index in range(count))
    depth = tuple(
        DepthMap.from_values(np.full((height, width), 1 + 0.1 * index), "metric", "model") for index in range(count)
    )
    return Scene("sequence", frames, depth=depth, **rest)  # type: ignore[arg-type]


def pixel_limits(request: Request) -> list[int | None]:
    return [image.max_pixels for image in request.images]


def asked(scene: Scene, question: str = "Where?", **rest: Any) -> Request:
    return build_answer_request(scene, question, **{"hints": HintMode.NONE, **rest})


def prompt(scene: Scene, question: str = "Where?", **rest: Any) -> str:
    return asked(scene, question, **rest).prompt_text


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
    request = asked(scene, "Where is the cup?")
    kinds = [type(part) for part in request.parts]
    assert kinds == [TextPart, ImagePart, TextPart, ImagePart, TextPart]
    assert all(image is frame.rgb for image, frame in zip(request.pixels, scene.frames, strict=True))
    assert request.prompt_text.startswith("Picture 1: <image>\nPicture 2: <image>\n\n")
    assert request.prompt_text.endswith("\n\nQuestion: Where is the cup?")


def test_a_request_names_its_item_step_and_content(scene: Scene) -> None:
    answer = asked(scene)
    ground = build_grounding_request(scene, "Where?")
    assert (answer.step, ground.step) == (Step.ANSWER, Step.GROUND)
    assert answer.item_id == "two-frames"
    assert answer.question == "Where?"
    assert answer.frame_digests == tuple(frame.digest for frame in scene.frames)
    assert answer.content_hash == ground.content_hash


@pytest.mark.parametrize(("language", "name"), [("en", "Picture "), ("zh", "图")])
def test_times_of_a_video_stand_directly_before_its_frames_as_in_qwen(scene: Scene, language: str, name: str) -> None:
    frames = tuple(Frame(frame.rgb, frame.camera, timestamp_s=1.26 * index) for index, frame in enumerate(scene.frames))
    lines = prompt(replace(scene, frames=frames), language=language).replace("：", ": ").splitlines()
    assert lines[:2] == [f"{name}1: <0.0 seconds><image>", f"{name}2: <1.3 seconds><image>"]


@pytest.mark.parametrize(("mode", "images"), [("none", 2), ("table", 2), ("image", 4), ("both", 4)])
def test_a_hint_mode_adds_what_it_says(scene: Scene, mode: str, images: int) -> None:
    request = asked(scene, hints=mode, depth_hints=[HINT])
    assert len(request.pixels) == images
    assert ("Picture 2, depth (" in request.prompt_text) == (images == 4)
    assert ("| cup |" in request.prompt_text) == HintMode(mode).has_table
    assert [image.shape for image in request.pixels] == [frame.rgb.shape for frame in scene.frames] * (images // 2)


def test_images_of_depth_need_depth(scene: Scene) -> None:
    with pytest.raises(ConfigError, match=r"query\.hints"):
        prompt(replace(scene, depth=()), hints=HintMode.IMAGE)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_32_frames_with_their_depths_and_numbers_fit_into_one_prompt(language: str) -> None:
    scene = sequence(32, (640, 480))
    hints = [replace(HINT, region=Region("cup", (0, 0, 64, 48), index), median=1 + index) for index in range(32)]
    request = asked(scene, hints=HintMode.TABLE, depth_hints=hints, language=language)
    assert [image[0, 0, 0] for image in request.pixels] == list(range(32))
    name = {"en": "Picture ", "zh": "图"}[language]
    text = request.prompt_text.replace("：", ": ").replace("，", ", ")
    assert text.split("\n\n")[0].splitlines() == [f"{name}{number}: <image>" for number in range(1, 33)]
    tables = re.findall(
        rf"^{name}(\d+), .+: ?\n.+\n.+\n\| cup \| \[0, 0, 100, 100\] \| 0.90 \| (\d+).00 \|", text, re.M
    )
    assert tables == [(str(number), str(number)) for number in range(1, 33)]
    taken = sum(token_count((640, 480), limit, ImageBudget()) for limit in pixel_limits(request))
    assert 7000 < taken <= 8192


def test_frames_that_are_left_out_keep_their_numbers_and_their_depths() -> None:
    hints = [replace(HINT, region=Region("cup", (0, 0, 64, 48), index)) for index in range(5)]
    lines = (Region("EXIT", (0, 0, 9, 9), 1),)
    scene = sequence(5, text_regions=lines)
    request = asked(scene, hints=HintMode.BOTH, depth_hints=hints, budget=ImageBudget(max_frames=3))
    captions = re.findall(r"^(Picture \d+(?:, depth)?).*<image>$", request.prompt_text, re.M)
    assert captions == [f"Picture {number}{kind}" for kind in ("", ", depth") for number in (1, 3, 5)]
    assert [image[0, 0, 0] for image in request.pixels[:3]] == [0, 2, 4]
    assert re.findall(r"^Picture (\d), from near", request.prompt_text, re.M) == ["1", "2", "3", "4", "5"]
    assert "- Picture 2, box" in request.prompt_text
    assert request.frame_digests == tuple(frame.digest for frame in scene.frames)


def test_frames_with_regions_of_the_item_are_shown_first() -> None:
    scene = sequence(9, regions=(Region("cup", (0, 0, 9, 9), 1), Region("cup", (0, 0, 9, 9), 5)))
    assert list(shown_frames(scene, ImageBudget(max_frames=3))) == [0, 1, 5]


def test_depth_images_take_half_of_the_tokens() -> None:
    scene, budget = sequence(4, (640, 480)), ImageBudget(tokens=1200)
    without = asked(scene, hints=HintMode.TABLE, budget=budget)
    beside = asked(scene, hints=HintMode.IMAGE, budget=budget)
    assert pixel_limits(without) == [None] * 4
    assert len(beside.images) == 8
    (limit,) = set(pixel_limits(beside))
    assert 8 * token_count((640, 480), limit, budget) <= 1200 < 8 * token_count((640, 480), None, budget)


@pytest.mark.parametrize("hints", list(HintMode))
def test_all_prompts_about_one_scene_begin_alike(hints: HintMode) -> None:
    scene, budget = sequence(6, (320, 240)), ImageBudget(tokens=512, max_frames=5)
    answers = [asked(scene, question, hints=hints, budget=budget) for question in ("Where?", "What is image 2?")]
    ground = build_grounding_request(scene, "Where?", budget=budget, hints=hints)
    shown = shown_frames(scene, budget, hints)
    digests = [scene.frames[index].digest for index in shown]
    for request in (*answers, ground):
        assert [image.digest for image in request.images[: len(shown)]] == digests
        assert pixel_limits(request)[: len(shown)] == list(shown.values())
        assert request.prompt_text.split("\n\n")[0].startswith(ground.prompt_text.split("\n\n")[0])


@pytest.mark.parametrize(
    ("settings", "level", "message"),
    [
        ({}, logging.INFO, "6 of 6 frames of item sequence are shown to the model."),
        ({"max_frames": 2}, logging.WARNING, "2 of 6 frames of item sequence .* evenly: query.budget.max_frames is 2"),
        ({"tokens": 320}, logging.WARNING, "5 of 6 frames .* the token budget of 320 .* raise query.budget.tokens or"),
    ],
)
def test_the_log_says_how_many_frames_are_shown(
    settings: dict[str, int], level: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pipeline.models.vlm.prompt"):
        asked(sequence(6), budget=ImageBudget(**settings))  # type: ignore[arg-type]
    (record,) = caplog.records
    assert record.levelno == level
    assert re.match(message, record.getMessage())


@pytest.mark.parametrize(
    ("language", "caption", "note"),
    [
        (
            "en",
            "Picture 4, an enlarged part of picture 2 (its box there, 0-1000: [500, 0, 1000, 500]): <image>",
            "own width",
        ),
        ("zh", "图4，即图2的局部放大（在图2中的框，0-1000：[500, 0, 1000, 500]）：<image>", "自身的宽"),
    ],
)
def test_crops_follow_the_frames_with_numbers_of_their_own(language: str, caption: str, note: str) -> None:
    scene = sequence(3)
    crops = [Crop(1, (32, 0, 64, 24)), Crop(0, (0, 0, 8, 8))]
    request = asked(scene, hints=HintMode.BOTH, language=language, crops=crops, budget=ImageBudget(max_frames=2))
    lines = request.prompt_text.splitlines()
    assert lines[4] == caption
    assert re.match("(Picture |图)5[,，].*1", lines[5])
    assert [image.shape[:2] for image in request.pixels] == [(48, 64)] * 4 + [(24, 32), (8, 8)]
    np.testing.assert_array_equal(request.pixels[4], scene.frames[1].rgb[:24, 32:])
    assert note in lines[6]
    assert note not in prompt(scene, language=language)


def test_numbers_of_further_crops_continue() -> None:
    parts = crop_parts(sequence(3), [Crop(0, (0, 0, 8, 8))], "en", already_shown=2)
    assert isinstance(parts[0], TextPart)
    assert parts[0].text.startswith("\nPicture 6, an enlarged part of picture 1 ")
    assert crop_parts(sequence(3), [], "en") == []


def test_a_crop_is_shown_with_the_tokens_of_a_crop() -> None:
    budget = ImageBudget(crop_tokens=100)
    request = asked(sequence(1, (1280, 960)), budget=budget, crops=[Crop(0, (0, 0, 640, 640))])
    assert pixel_limits(request) == [None, 100 * 1024]


def test_lines_of_text_are_listed_with_image_and_box(scene: Scene) -> None:
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
    assert sorted(listed) == sorted(name for name, entry in RELATIONS.items() if not entry.implied)
    assert "distance_between" in lines["subject, object, value, unit"]
    assert ", ".join(Unit) in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_form_that_the_prompt_asks_for_is_read_but_is_not_json_itself(scene: Scene, language: str) -> None:
    ground = build_grounding_request(scene, "?", language=language)  # type: ignore[arg-type]
    for text in (ground.prompt_text, prompt(scene, language=language)):
        example = next(line for line in text.splitlines() if "bbox_2d" in line)
        with pytest.raises(json.JSONDecodeError):
            json.loads(example)
        assert not re.search(r"\[\s*\d+\s*,\s*\d+\s*,", text)
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
    settings: dict[str, Any] = {"hints": HintMode.BOTH, "depth_hints": [HINT], "crops": [Crop(0, (0, 0, 64, 64))]}
    first, second = (asked(scene, **settings, language="zh") for _ in range(2))
    assert first.digest == second.digest


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
        {path.name: set(Template(path.read_text("utf-8")).get_identifiers()) for path in (PROMPTS / language).iterdir()}
        for language in ("en", "zh")
    ]
    assert set(names[0]) == set(names[1])
    differing = {name for name in names[0] if names[0][name] != names[1][name]}
    assert differing == {"relation.txt"}, "only the Chinese list of relations adds a translation"
