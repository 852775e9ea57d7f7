"""Distances between objects whose places are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from synthetic.worlds import piece
from verify.rules.frames import R, S, U, judged, leans, objects, seen, sensed, two_boxes

from pipeline.records import Claim, Status
from pipeline.synthetic.view import RenderedView
from pipeline.verify.rules.distance_between import judge

RED, BLUE = "red box", "blue box"
# One behind the other: 0.7 m from the one's hidden back to the other's front, 1.0 m between the centres.
BEHIND = (piece(RED, (-0.16, 0.0, 0.0), (0.3, 0.3, 0.2)), piece(BLUE, (0.16, 1.0, 0.0), (0.3, 0.3, 0.4)))


@pytest.fixture(scope="module")
def view() -> RenderedView:
    """The nearest points are 0.5 m apart, the centres 0.8 m."""
    return two_boxes(0.5)


def claim(value: float, measure: str | None = None, **rest: Any) -> Claim:
    return Claim("distance_between", RED, BLUE, value=value, unit="m", measure=measure, **rest)


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize(
    "value, measure, status",
    [
        (0.5, "nearest", S),
        (0.8, "nearest", R),
        (0.25, "nearest", R),
        (0.8, "centre", S),
        (0.5, "centre", R),
        (1.3, "centre", R),
        (0.65, None, S),
        (0.2, None, R),
        (1.6, None, R),
    ],
)
def test_distances_of_nearest_points_and_of_centres(
    view: RenderedView, value: float, measure: str | None, status: Status, masks: bool
) -> None:
    (verdict,) = judged(view, [claim(value, measure)], masks=masks)
    assert verdict.status is status if masks else leans(verdict, status), verdict.reason


@pytest.mark.parametrize("value, measure", [(0.5, "nearest"), (0.8, "centre")])
def test_a_sensor_measures_them_too(view: RenderedView, value: float, measure: str) -> None:
    correct, wrong = judged(view, [claim(value, measure), claim(2 * value, measure)], sensed(view))
    assert correct.status is not R, correct.reason
    assert wrong.status is R


@pytest.mark.parametrize(
    "comparison, value, status",
    [("at_least", 0.3, S), ("at_least", 1.2, R), ("at_most", 1.2, S), ("at_most", 0.3, R), ("at_least", 0.65, U)],
)
def test_bounds_must_hold_for_every_reading(view: RenderedView, comparison: str, value: float, status: Status) -> None:
    (verdict,) = judged(view, [claim(value, comparison=comparison)])
    assert verdict.status is status, verdict.reason


def test_the_order_of_the_two_does_not_matter(view: RenderedView) -> None:
    for measure in ("nearest", "centre", None):
        forward = claim(0.6, measure)
        backward = Claim("distance_between", BLUE, RED, value=0.6, unit="m", measure=measure)
        first, second = judged(view, [forward, backward])
        assert first.status is second.status
        assert first.probability == pytest.approx(second.probability, abs=0.05)


def test_a_hidden_back_makes_a_gap_an_upper_bound() -> None:
    view = seen(*BEHIND, height_m=0.5)
    true_m = view.world.surface_distance_m(0, 1)
    finding = judge(claim(1.0, "nearest"), *objects(view))
    assert finding.numbers["least_m"] - 0.02 <= true_m <= finding.numbers["nearest_visible_m"] + 0.02
    near, far = judged(view, [claim(true_m, "nearest"), claim(2 * finding.numbers["nearest_visible_m"], "nearest")])
    assert near.status is not R, near.reason
    assert far.status is R


@pytest.mark.parametrize("height_m", [0.5, 0.9])
def test_centres_lie_behind_the_fronts_that_are_seen(height_m: float) -> None:
    view = seen(*BEHIND, height_m=height_m)
    finding = judge(claim(1.0, "centre"), *objects(view))
    true_m = float(np.linalg.norm(np.subtract(*(item.box_3d.center_m for item in view.objects))))
    assert finding.numbers["centres_m"] == pytest.approx(true_m, rel=0.1)
    for item, name in zip(view.objects, ("subject", "object"), strict=True):
        assert np.linalg.norm(np.subtract(finding.points[f"centre_{name}"], item.box_3d.center_m)) < 0.16


def test_the_evidence_holds_the_measured_points(view: RenderedView) -> None:
    finding = judge(claim(0.5, "nearest"), *objects(view))
    first, second = (np.array(finding.points[f"nearest_{name}"]) for name in ("subject", "object"))
    assert np.linalg.norm(first - second) == pytest.approx(finding.numbers["nearest_visible_m"], rel=1e-6)
    assert first[0] < 0 < second[0]


@pytest.mark.parametrize(
    "comparison, value, status",
    [("at_least", 0.2, S), ("at_least", 0.65, U), ("at_least", 1.5, R), ("at_most", 1.5, S), ("at_most", 0.65, U)],
)
def test_a_bound_without_a_measure_must_hold_for_both_distances(
    view: RenderedView, comparison: str, value: float, status: Status
) -> None:
    (verdict,) = judged(view, [claim(value, comparison=comparison)])
    assert verdict.status is status, (verdict.probability, verdict.reason)
