from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from claims.coordinates.located import known, located, parse

from pipeline.claims.answer import parse_answer
from pipeline.claims.coordinates.conventions import CoordinateUnit, Padding, Size
from pipeline.claims.coordinates.families import CoordinateChoice, convention_of
from pipeline.claims.regions import Images
from pipeline.records.camera import Camera

FILE = Path(__file__).parents[1] / "collected" / "notations.yaml"
FAMILIES: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["families"]
VERIFIED = [family for family in FAMILIES if family.get("verified", True)]
CHOICES = set(get_args(CoordinateChoice))
NAMES = {name: family for family in VERIFIED if family["unit"] in CHOICES for name in family["names"]}
DIFFERENT = dict.fromkeys(
    ("kosmos-2.5", "kosmos2.5", "kosmos-2_5"), "pixels of a resized image, but read as those of the image, not certain"
)


def named(name: str) -> Any:
    return pytest.param(name, marks=[known(DIFFERENT[name])] if name in DIFFERENT else [])


@pytest.mark.parametrize("name", map(named, NAMES))
def test_the_name_of_a_model_tells_its_unit(name: str) -> None:
    family = NAMES[name]
    for model in (name, f"org/{name.upper()}-7B-Instruct", f"{name.casefold()}-8b-awq"):
        found = convention_of(model)
        assert (found.unit, found.is_certain) == (family["unit"], True)


@pytest.mark.parametrize("family", VERIFIED, ids=lambda family: family["family"])
def test_a_family_is_resized_and_padded_as_its_source_says(family: dict[str, Any]) -> None:
    rule = family["resize"] or {}
    found = convention_of(next((name for name in family["names"] if name not in DIFFERENT), family["names"][0]))
    assert (found.padding is Padding.CENTRE) == ("pad_to_square" in rule and family["unit"] in CHOICES)
    if "factor" in rule:
        assert found.resize is not None
        assert {key: getattr(found.resize, key) for key in rule} == rule


@pytest.mark.parametrize(
    "model",
    ["", "someone/vision-9b", "SmolDocling-256M-preview", "glm-4v-9b", "qwen3-8b", "recorded", "llama-3.2-vision"],
)
def test_the_unit_of_an_unknown_model_is_what_the_prompt_asks_for_and_not_certain(model: str) -> None:
    found = convention_of(model)
    assert (found.unit, found.is_certain) == (CoordinateUnit.THOUSANDTHS, False)


@pytest.mark.parametrize(
    ("model", "unit"),
    [
        ("allenai/Molmo2-8B", "thousandths"),
        ("allenai/Molmo-7B-D-0924", "percent"),
        ("ByteDance-Seed/UI-TARS-1.5-7B", "resized_pixels"),
        ("ByteDance-Seed/UI-TARS-7B-DPO", "thousandths"),
        ("Qwen/Qwen2.5-VL-72B-Instruct", "resized_pixels"),
        ("Qwen/Qwen2-VL-7B-Instruct", "thousandths"),
        ("google/paligemma2-3b-mix-448", "per_1024_yx"),
        ("google/gemma-3-27b-it", "thousandths_yx"),
        ("OpenGVLab/InternVL3-8B", "thousandths"),
    ],
)
def test_of_two_names_within_a_name_the_longer_one_decides(model: str, unit: str) -> None:
    assert convention_of(model).unit == unit


@pytest.mark.parametrize("choice", sorted(CHOICES - {"auto"}))
@pytest.mark.parametrize("model", ["gemini-2.5-pro", "a model of no known family", "Qwen2.5-VL-7B"])
def test_a_choice_decides_against_the_name_and_is_certain(choice: CoordinateChoice, model: str) -> None:
    found = convention_of(model, choice)
    assert (found.unit, found.is_certain) == (choice, True)


def test_a_choice_that_agrees_with_the_name_keeps_how_the_model_resizes_and_pads() -> None:
    assert convention_of("ui-tars-1.5", "resized_pixels") == convention_of("ui-tars-1.5")
    assert convention_of("llava-1.5", "fractions").padding is Padding.CENTRE
    assert convention_of("llava-1.5", "percent").padding is Padding.NONE


@pytest.mark.parametrize(
    ("size", "resized", "model"),
    [
        ((1920, 1080), (1932, 1092), "Qwen2.5-VL-7B-Instruct"),
        ((640, 480), (644, 476), "Qwen2.5-VL-3B-Instruct"),
        ((480, 640), (476, 644), "Qwen2.5-VL-7B-Instruct"),
        ((40, 40), (56, 56), "Qwen2.5-VL-7B-Instruct"),
        ((8000, 6000), (4116, 3080), "Qwen2.5-VL-7B-Instruct"),
        ((100, 100), (280, 280), "UI-TARS-1.5-7B"),
        ((3136, 1568), (1568, 784), "claude-sonnet-4"),
    ],
)
def test_pixels_of_a_resized_image_come_back_to_the_image(size: Size, resized: Size, model: str) -> None:
    width, height = resized
    boxes = [[round(width * x1), round(height * y1), round(width * x2), round(height * y2)]
             for x1, y1, x2, y2 in [(0.25, 0.25, 0.5, 0.75), (0, 0, 1, 1)]]  # fmt: skip
    text = json.dumps([{"bbox_2d": box, "label": "mug"} for box in boxes])
    answer = parse(text, convention_of(model), size=size)
    step = 0.5 / min(resized) + 0.0005
    found = [found for _, found in located(answer, size)]
    assert found == [pytest.approx((0.25, 0.25, 0.5, 0.75), abs=step), pytest.approx((0, 0, 1, 1), abs=step)]
    assert not answer.problems


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        # Bars of 80 px above and below in a square of 640 px.
        ((640, 480), [0.25, 0.5, 0.5, 0.75], (0.25, 0.5, 0.5, 0.833)),
        ((640, 480), [0.0, 0.125, 1.0, 0.875], (0, 0, 1, 1)),
        # Bars of 300 px at both sides of a square of 1000 px.
        ((400, 1000), [0.4, 0.1, 0.6, 0.3], (0.25, 0.1, 0.75, 0.3)),
        ((600, 600), [0.4, 0.1, 0.6, 0.3], (0.4, 0.1, 0.6, 0.3)),
    ],
)
def test_fractions_of_the_padded_image_of_llava_come_back_to_the_image(
    size: Size, box: list[float], expected: tuple[float, ...]
) -> None:
    answer = parse(json.dumps({"bbox": box, "label": "mug"}), convention_of("liuhaotian/llava-v1.5-13b"), size=size)
    assert located(answer, size) == [("mug", expected)]
    assert not answer.problems


@pytest.mark.parametrize(
    ("model", "box", "sent"),
    [
        ("gpt-4o", [75, 75, 200, 175], (500, 250)),
        ("Qwen3-VL-8B", [150, 300, 400, 700], (500, 250)),
        # 500 x 250 is resized to 504 x 252.
        ("Qwen2.5-VL-7B", [76, 76, 202, 176], (500, 250)),
    ],
)
def test_pixels_count_in_the_image_that_was_sent_and_regions_in_the_frame(
    model: str, box: list[int], sent: Size
) -> None:
    images = Images([Camera.from_fov(2000, 1000, 60)], sent_px=[sent], convention=convention_of(model))
    answer = parse_answer(json.dumps({"bbox_2d": box, "label": "mug"}), images)
    assert [region.box_px for region in answer.regions] == [pytest.approx((300, 300, 800, 700), abs=4)]
