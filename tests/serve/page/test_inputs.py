"""Gradio's inputs, and their words in every language."""

from __future__ import annotations

import pytest

gr = pytest.importorskip("gradio", reason="the extra serve is not installed")

from pipeline.serve.page.inputs import (  # noqa: E402
    Inputs,
    build_anchors,
    build_commands,
    build_settings,
    settings_of,
)
from pipeline.serve.page.requests import CONFIGURED, Settings  # noqa: E402


def built() -> Inputs:
    inputs = Inputs()
    with gr.Blocks(analytics_enabled=False):
        build_settings(inputs, {"depth": ["nano", "file"]})
        build_commands(inputs, build_anchors(inputs))
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


def test_empty_inputs_leave_the_defaults() -> None:
    assert settings_of([None, 0.001, CONFIGURED], ["focal_px", "depth_scale", "ocr"]) == Settings(depth_scale=0.001)
