"""Verdicts averaged over the surfaces that boxes may show."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.objects import ObjectPixels, object_of
from pipeline.geometry.regions import Window
from pipeline.records import Claim
from pipeline.records.message import message
from pipeline.verify.mixture import judge_alternatives
from pipeline.verify.rules.base import CannotMeasure, Finding

CLAIM = Claim("closer", "cup", "lamp")


def located(*shares: float, name: str = "", mask: object = "a mask", pixels: ObjectPixels | None = None) -> Any:
    """An object that may be several surfaces, named by a letter each."""
    surfaces = [
        (share, SimpleNamespace(name=f"{name}{letter}", region=SimpleNamespace(mask=mask), pixels=pixels))
        for share, letter in zip(shares, "abcd", strict=False)
    ]
    return SimpleNamespace(alternatives=tuple(surfaces))


def rule(probabilities: Mapping[str, float | None]) -> Any:
    """A rule that knows the probability for every choice of surfaces; None where it cannot measure."""

    def judge(claim: Claim, *items: Any, sign: int = 1) -> Finding:
        names = " ".join(item.name for item in items)
        probability = probabilities[names]
        if probability is None:
            raise CannotMeasure("outside_frame", "needs_region_in_frame", label=names)
        probability = probability if sign > 0 else 1 - probability
        return Finding(probability, float(len(items)), names, message("within_error"), needs="needs_precision")

    return judge


@pytest.mark.parametrize(
    ("shares", "probabilities", "expected"),
    [
        ((1.0,), {"a": 0.8}, 0.8),
        ((0.6, 0.4), {"a": 0.9, "b": 0.2}, 0.6 * 0.9 + 0.4 * 0.2),
        ((0.95, 0.05), {"a": 0.9, "b": 0.2}, 0.95 * 0.9 + 0.05 * 0.2),
        ((0.5, 0.3, 0.2), {"a": 1.0, "b": 0.0, "c": 0.5}, 0.6),
        # What cannot be measured counts as one half.
        ((0.6, 0.4), {"a": 0.9, "b": None}, 0.6 * 0.9 + 0.4 * 0.5),
        ((0.5, 0.3, 0.2), {"a": 0.1, "b": None, "c": None}, 0.3),
        # So does what is too small to be a surface of its own.
        ((0.6, 0.2), {"a": 0.9, "b": 0.2}, 0.6 * 0.9 + 0.2 * 0.2 + 0.2 * 0.5),
    ],
)
def test_findings_are_averaged_by_the_probability_of_their_surface(
    shares: tuple[float, ...], probabilities: dict[str, float | None], expected: float
) -> None:
    assert judge_alternatives(rule(probabilities), CLAIM, [located(*shares)]).probability == pytest.approx(expected)


def test_surfaces_of_two_objects_are_combined() -> None:
    table = {"1a 2a": 1.0, "1a 2b": 0.5, "1b 2a": 0.25, "1b 2b": 0.0}
    found = judge_alternatives(rule(table), CLAIM, [located(0.7, 0.3, name="1"), located(0.6, 0.4, name="2")])
    assert found.probability == pytest.approx(0.42 * 1.0 + 0.28 * 0.5 + 0.18 * 0.25)
    assert found.unit == "1a 2a", "what was measured is that of the likeliest surfaces"


def test_the_likeliest_surfaces_are_found_wherever_they_stand() -> None:
    table = {"1a 2a": 0.5, "1a 2b": 0.7, "1b 2a": 0.3, "1b 2b": 0.9}
    found = judge_alternatives(rule(table), CLAIM, [located(0.2, 0.8, name="1"), located(0.1, 0.9, name="2")])
    assert found.unit == "1b 2b"
    assert found.probability == pytest.approx(0.02 * 0.5 + 0.18 * 0.7 + 0.08 * 0.3 + 0.72 * 0.9)


@pytest.mark.parametrize(("share", "clear"), [(0.91, True), (0.89, False), (0.5, False)])
def test_other_surfaces_are_worth_a_sentence_where_one_is_not_clear(share: float, clear: bool) -> None:
    found = judge_alternatives(rule({"a": 0.9, "b": 0.9}), CLAIM, [located(share, 1 - share)])
    assert (message("other_surfaces", share=1 - share).text("en") in found.note.text("en")) is not clear
    assert found.needs == ("needs_precision" if clear else "needs_mask")
    assert found.margin == 1.0


def columns(first: int, last: int) -> ObjectPixels:
    """An object of these columns of a window of 20 rows that starts there."""
    window, mask = Window(0, 20, first, last), np.ones((20, last - first), bool)
    found = object_of(window, mask, np.zeros(mask.shape, np.float32), 0)
    assert found is not None
    return found


@pytest.mark.parametrize(("last", "mask", "same"), [(9, None, True), (8, None, False), (9, "a mask", False)])
def test_two_boxes_that_show_mostly_the_same_pixels_need_masks(last: int, mask: object, same: bool) -> None:
    # The smaller one has 10 columns, of which 9 or 8 are of the larger one too.
    items = [
        located(1.0, name=name, mask=mask, pixels=columns(*ends))
        for name, *ends in (("1", 0, 10), ("2", 10 - last, 40))
    ]
    found = judge_alternatives(rule({"1a 2a": 0.7}), CLAIM, items)
    assert found.needs == ("needs_masks" if same else "needs_precision")
    assert found.probability == pytest.approx(0.7)


def test_a_refusal_on_the_likeliest_surface_is_that_of_the_claim() -> None:
    with pytest.raises(CannotMeasure, match="'b'"):
        judge_alternatives(rule({"a": 0.9, "b": None}), CLAIM, [located(0.4, 0.6)])


def test_the_rule_gets_its_options_on_every_surface() -> None:
    found = judge_alternatives(rule({"a": 0.9, "b": 0.2}), CLAIM, [located(0.6, 0.4)], sign=-1)
    assert found.probability == pytest.approx(1 - (0.6 * 0.9 + 0.4 * 0.2))


def test_another_error_than_a_refusal_is_no_one_half() -> None:
    with pytest.raises(KeyError):
        judge_alternatives(rule({"a": 0.9}), CLAIM, [located(0.6, 0.4)])


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), min_size=1, max_size=4))
def test_an_average_lies_between_its_parts(parts: list[tuple[float, float]]) -> None:
    total = sum(share for share, _ in parts)
    table = dict(zip("abcd", (probability for _, probability in parts), strict=False))
    found = judge_alternatives(rule(table), CLAIM, [located(*(share / total for share, _ in parts))])
    assert min(table.values()) - 1e-9 <= found.probability <= max(table.values()) + 1e-9
