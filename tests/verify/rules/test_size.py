"""Sizes of objects of known size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from synthetic.worlds import piece
from verifiers import uncalibrated
from verify.rules.frames import BOARD, POLE, SIZES_M, R, S, U, exact_depth, index, judged, leans, negated, objects, seen

from pipeline.records import Claim
from pipeline.records.error_budget import ErrorBudget
from pipeline.synthetic.view import RenderedView
from pipeline.verify.rules.size import measured

RED, _, TUBE = SIZES_M


def size(subject: str, value: float, measure: str | None = None, **rest: Any) -> Claim:
    return Claim("size", subject, value=value, unit="m", measure=measure, **rest)


@pytest.mark.parametrize("label", SIZES_M)
@pytest.mark.parametrize("measure, axis", [("width", 0), ("height", 2)])
@pytest.mark.parametrize("masks", [True, False])
def test_sizes_are_measured_along_gravity_and_across_the_view(
    sized: RenderedView, label: str, measure: str, axis: int, masks: bool
) -> None:
    true_m = SIZES_M[label][axis]
    frame = objects(sized, masks=masks)
    assert measured(frame[index(sized, label)], measure).length == pytest.approx(true_m, rel=0.08)
    claims = [size(label, factor * true_m, measure) for factor in (1.0, 0.5, 2.0)]
    correct, *wrong = judged(sized, claims, masks=masks)
    assert correct.status is S or (correct.status is U and not (masks and measure == "height")), correct.reason
    for verdict in wrong:
        assert verdict.status is R if masks else leans(verdict, R), verdict.reason


def test_without_a_side_anything_from_height_to_width_fits(sized: RenderedView) -> None:
    found = judged(sized, [size(TUBE, value) for value in (0.2, 0.45, 0.7, 2.0)])
    assert [verdict.status is R for verdict in found] == [False, False, False, True]


def test_a_coarse_scale_leaves_fine_sizes_open(sized: RenderedView) -> None:
    depth = replace(exact_depth(sized), scale_source="model")
    vague = uncalibrated(budget=ErrorBudget(scale={"sensor": 0.005, "model": 1.0, "anchor": 0.05}))
    for claim in (size(RED, 0.5, "height"), size(RED, 0.6, "height")):
        assert judged(sized, [claim], depth, verifier=vague)[0].status is U
        assert judged(sized, [negated(claim)], depth, verifier=vague)[0].status is U


def test_a_hidden_part_makes_a_size_a_lower_bound(pole: RenderedView) -> None:
    board, part = (measured(objects(pole)[index(pole, label)], "height") for label in (BOARD, POLE))
    assert (board.hidden, board.length) == (0.0, pytest.approx(0.35, rel=0.05))
    assert part.hidden > 0 and part.length < 0.7
    less, true, more = judged(pole, [size(POLE, value, "height") for value in (0.5 * part.length, 0.8, 1.2)])
    assert less.status is R
    assert true.status is U and more.status is not S
    assert "whole object" in (true.needs or "")
    assert true.evidence[0].numbers["is_lower_bound"] == 1.0


def test_sizes_are_correct_at_any_distance() -> None:
    lengths = []
    for distance_m in (1.5, 2.5, 3.5):
        view = seen(piece("red box", (0.0, 0.0, 0.0), (0.4, 0.3, 0.5)), distance_m=distance_m)
        lengths.append(measured(objects(view)[0], "height").length)
    np.testing.assert_allclose(lengths, 0.5, rtol=0.06)
