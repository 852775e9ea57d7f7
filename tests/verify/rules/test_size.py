"""Sizes of solids whose size is known."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from synthetic.worlds import piece
from verify.rules.frames import (
    BOARD,
    POLE,
    SIZED,
    SIZES_M,
    exact_depth,
    half_hidden_pole,
    index,
    judged,
    leans,
    negated,
    objects,
    seen,
)

from pipeline.records import Claim, DepthMap, Status
from pipeline.records.error_budget import ErrorBudget
from pipeline.synthetic.view import RenderedView
from pipeline.verify.rules.size import measured
from pipeline.verify.verifier import Verifier

S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED
RED, BALL, TUBE = SIZES_M


@pytest.fixture(scope="module")
def view() -> RenderedView:
    return seen(*SIZED, height_m=1.0)


@pytest.fixture(scope="module")
def hiding() -> RenderedView:
    return half_hidden_pole()


def size(subject: str, value: float, measure: str | None = None, **rest: Any) -> Claim:
    return Claim("size", subject, value=value, unit="m", measure=measure, **rest)


@pytest.mark.parametrize("label", SIZES_M)
@pytest.mark.parametrize("measure, axis", [("width", 0), ("height", 2)])
@pytest.mark.parametrize("masks", [True, False])
def test_sizes_are_measured_along_gravity_and_across_the_view(
    view: RenderedView, label: str, measure: str, axis: int, masks: bool
) -> None:
    true_m = SIZES_M[label][axis]
    frame = objects(view, masks=masks)
    assert measured(frame[index(view, label)], measure).length == pytest.approx(true_m, rel=0.08)
    claims = [size(label, factor * true_m, measure) for factor in (1.0, 0.5, 2.0)]
    right, *wrong = judged(view, claims, masks=masks)
    assert right.status is not R
    for verdict in wrong:
        assert verdict.status is R if masks else leans(verdict, R), verdict.reason


@pytest.mark.parametrize("label", SIZES_M)
def test_exact_masks_support_true_heights(view: RenderedView, label: str) -> None:
    (verdict,) = judged(view, [size(label, SIZES_M[label][2], "height")])
    assert verdict.status is S, verdict.reason


@pytest.mark.parametrize("comparison, factor, status", [
    ("at_least", 0.6, S), ("at_least", 1.6, R), ("at_most", 1.6, S), ("at_most", 0.6, R),
])  # fmt: skip
def test_bounds(view: RenderedView, comparison: str, factor: float, status: Status) -> None:
    (verdict,) = judged(view, [size(RED, factor * 0.5, "height", comparison=comparison)])
    assert verdict.status is status, verdict.reason


def test_without_a_side_anything_from_height_to_width_fits(view: RenderedView) -> None:
    found = judged(view, [size(TUBE, value) for value in (0.2, 0.45, 0.7, 2.0)])
    assert [verdict.status is not R for verdict in found] == [True, True, True, False]
    assert found[3].status is R


def test_the_farther_a_claim_from_the_truth_the_less_probable(view: RenderedView) -> None:
    for factors in ((1.0, 1.15, 1.3, 1.6, 2.5), (1.0, 0.87, 0.75, 0.6, 0.4)):
        verdicts = judged(view, [size(RED, factor * 0.5, "height") for factor in factors])
        found = [verdict.probability or 0.0 for verdict in verdicts]
        assert all(second <= first + 1e-3 for first, second in pairwise(found))


def test_a_coarse_scale_leaves_fine_sizes_open(view: RenderedView) -> None:
    depth = DepthMap(exact_depth(view).values, exact_depth(view).valid, "metric", "model", backend="rendered")  # type: ignore[arg-type]
    vague = Verifier(budget=ErrorBudget(scale={"sensor": 0.005, "model": 1.0, "anchor": 0.05}))
    for claim in (size(RED, 0.5, "height"), size(RED, 0.6, "height")):
        assert judged(view, [claim], depth, verifier=vague)[0].status is U
        assert judged(view, [negated(claim)], depth, verifier=vague)[0].status is U


def test_a_hidden_part_makes_a_size_a_lower_bound(hiding: RenderedView) -> None:
    assert measured(objects(hiding)[index(hiding, POLE)], "height").hidden > 0
    visible = measured(objects(hiding)[index(hiding, POLE)], "height").length
    assert visible < 0.7
    less, true, more = judged(hiding, [size(POLE, value, "height") for value in (0.5 * visible, 0.8, 1.2)])
    assert less.status is R
    assert true.status is U and more.status is not S
    assert "whole object" in (true.needs or "")
    assert true.evidence[0].numbers["is_lower_bound"] == 1.0


def test_what_is_seen_whole_is_no_lower_bound(hiding: RenderedView) -> None:
    found = measured(objects(hiding)[index(hiding, BOARD)], "height")
    assert found.hidden == 0.0
    assert found.length == pytest.approx(0.35, rel=0.05)


def test_sizes_are_right_whatever_the_distance() -> None:
    lengths = []
    for distance_m in (1.5, 2.5, 3.5):
        view = seen(piece("red box", (0.0, 0.0, 0.0), (0.4, 0.3, 0.5)), distance_m=distance_m)
        lengths.append(measured(objects(view)[0], "height").length)
    np.testing.assert_allclose(lengths, 0.5, rtol=0.06)
