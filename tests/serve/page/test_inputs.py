"""Gradio's inputs, and their words in every language."""

from __future__ import annotations

import pytest

gr = pytest.importorskip("gradio", reason="the extra serve is not installed")

from pipeline.records.relations import RELATIONS  # noqa: E402
from pipeline.serve.page.inputs import (  # noqa: E402
    Inputs,
    build_anchors,
    build_claim,
    build_settings,
    relation_choices,
    settings_of,
)
from pipeline.serve.page.requests import CONFIGURED, Settings  # noqa: E402


def built() -> Inputs:
    inputs = Inputs()
    with gr.Blocks(analytics_enabled=False):
        build_settings(inputs, {"depth": ["nano", "file"]})
        build_anchors(inputs)
        build_claim(inputs)
    return inputs


def test_every_setting_has_an_input_whose_first_value_is_its_default() -> None:
    inputs = built()
    assert set(inputs.settings) == set(vars(Settings()))
    values = [component.value for component in inputs.settings.values()]
    assert settings_of(values, list(inputs.settings)) == Settings()


def test_the_words_of_all_inputs_follow_the_language() -> None:
    inputs = built()
    english, chinese = inputs.updates("en"), inputs.updates("zh")
    assert len(english) == len(inputs.worded)
    for one, other in zip(english, chinese, strict=True):
        assert one.get("label", one.get("value")) != other.get("label", other.get("value"))
    values = [
        [[value for _, value in words["choices"]] for words in updates if "choices" in words]
        for updates in (english, chinese)
    ]
    assert values[0] == values[1] != []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_relations_are_offered_by_their_words(language: str) -> None:
    choices = relation_choices(language)["choices"]  # type: ignore[arg-type]
    assert {value for _, value in choices} <= {str(name) for name in RELATIONS}
    assert len({words for words, _ in choices}) == len(choices) > 10


def test_empty_inputs_leave_the_defaults() -> None:
    assert settings_of([None, 0.001, CONFIGURED], ["focal_px", "depth_scale", "ocr"]) == Settings(depth_scale=0.001)
