from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline.export.report.figure_text import margin_text, measurement, share_text
from pipeline.records.message import Language, message


def say_in(language: Language) -> Any:
    return lambda code, /, **values: message(code, **values).text(language)


@pytest.mark.parametrize(
    "probability, text",
    [(None, "–"), (1.0, ">99.9%"), (0.99949, "99.9%"), (0.5, "50.0%"), (0.0006, "0.1%"), (0.0, "<0.1%")],
)
def test_no_probability_is_shown_as_certain(probability: float | None, text: str) -> None:
    assert share_text(probability) == text


@pytest.mark.parametrize(
    "margin, unit, english, chinese",
    [
        (117.0, "px", "+117 px", "+117 像素"),
        (-0.3, "m", "−30.0 cm", "−30.0 cm"),
        (0.0243, "m", "+2.4 cm", "+2.4 cm"),
        (0.261, "of the frame's depth range", "+26% of the frame's depth range", "帧深度范围的 +26%"),
        (-0.4, "of the distance between the two", "−40% of the distance between the two", "两者间距的 −40%"),
        (0.25, "of the depth's unit", "+0.25 of the depth's unit", "+0.25 深度单位"),
        (-0.12, "relative", "−12%", "−12%"),
        (0.5, "of certainty", "", ""),
        (0.0, "count", "", ""),
        (3.0, "lux", "+3 lux", "+3 lux"),
        (None, None, "", ""),
    ],
)
def test_margins_have_sign_and_unit(margin: float | None, unit: str | None, english: str, chinese: str) -> None:
    assert margin_text(margin, unit, say_in("en")) == english
    assert margin_text(margin, unit, say_in("zh")) == chinese


def test_every_unit_of_the_rules_has_words() -> None:
    rules = Path(pipeline.__file__).parent / "verify"
    found = {unit for path in rules.rglob("*.py") for unit in re.findall(r'"(of [a-zA-Z2D\' ]+)"', path.read_text())}
    assert len(found) > 8
    for unit in found:
        assert unit.removeprefix("of ") not in margin_text(0.5, unit, say_in("zh"))


@pytest.mark.parametrize(
    "name, value, shown",
    [
        ("gap_of_depth_range", 0.328676, ("difference of the depths, of the frame's depth range", "32.9%")),
        ("nearest_visible_m", 0.3847347, ("distance of the nearest visible points", "38.5 cm")),
        ("contour_px", 965.0, ("length of the shared contour", "965 px")),
        ("sigma_relative", 0.06118, ("standard deviation", "6.12%")),
        ("z_subject_relative", 1.23456, ("depth of the subject", "1.23")),
        ("step", -0.7925967, ("step in depth at the contour (−1 to 1)", "-0.793")),
        ("is_lower_bound", 1.0, ("partly hidden, so that sizes are lower bounds", "yes")),
        ("count", 2.0, ("distinct regions", "2")),
        ("something_new_m", 2.0, ("something new", "2.00 m")),
    ],
)
def test_measurements_are_in_words_with_their_units(name: str, value: float, shown: tuple[str, str]) -> None:
    assert measurement(name, value, say_in("en")) == shown
    if not name.startswith("something"):
        assert re.search("[一-鿿]", measurement(name, value, say_in("zh"))[0])
