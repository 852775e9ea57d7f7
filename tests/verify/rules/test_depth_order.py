"""Closer, farther, in front of and behind."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic.worlds import piece
from verifiers import uncalibrated
from verify.rules.frames import R, S, U, disparity, exact_depth, index, judged, leans, rescaled, seen

from pipeline.records import Claim, DepthMap, Region, Status
from pipeline.records.noise import NoiseModel, NoiseModels
from pipeline.synthetic.view import RenderedView
from pipeline.verify.verifier import ErrorBudget

NEAR, FAR = "red box", "blue box"
RELATIONS = {"closer": S, "in_front_of": S, "farther": R, "behind": R}


@pytest.fixture(scope="module")
def view() -> RenderedView:
    return seen(
        piece(NEAR, (-0.3, -0.3, 0.0), (0.3, 0.3, 0.3)),
        piece(FAR, (0.5, 0.8, 0.0), (0.4, 0.4, 0.4)),
        piece("green ball", (0.1, 0.85, 0.0), (0.3, 0.3, 0.3)),
        height_m=0.9,
    )


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("relation, status", RELATIONS.items())
def test_order_on_every_kind_of_depth(view: RenderedView, relation: str, status: Status, masks: bool) -> None:
    depths = (None, rescaled(view, 0.01), disparity(view), disparity(view, 500.0, -3.0))
    for depth in depths:
        (verdict,) = judged(view, [Claim(relation, NEAR, FAR)], depth, masks=masks)
        assert verdict.status is status if masks else leans(verdict, status), verdict.reason
        assert (verdict.margin or 0.0) * (1 if status is S else -1) > 0


@pytest.mark.parametrize("value, status", [(1.1, S), (0.3, R), (4.0, R)])
def test_the_difference_must_fit_too(view: RenderedView, value: float, status: Status) -> None:
    (verdict,) = judged(view, [Claim("closer", NEAR, FAR, value=value, unit="m")])
    assert verdict.status is status, verdict.reason
    assert judged(view, [Claim("farther", NEAR, FAR, value=value, unit="m")])[0].status is R


def flat(first_m: float, second_m: float) -> DepthMap:
    values = scenes.flat(((20, 20, 60, 100), first_m), ((100, 20, 140, 100), second_m))
    return DepthMap.from_values(values, "scale_invariant", backend="own")


CLOSER = Claim("closer", "first", "second")
REGIONS = (Region("first", (20, 20, 60, 100)), Region("second", (100, 20, 140, 100)))


@settings(max_examples=30)
@given(st.floats(0.005, 0.3))
def test_a_clearer_difference_is_more_probable(noise: float) -> None:
    budget = ErrorBudget(noise=NoiseModels({**NoiseModels().models, "own": NoiseModel(relative=noise)}))
    found = []
    for ratio in (0.7, 0.9, 1.0, 1.1, 1.4):
        scene = scenes.scene(flat(1.0, ratio))
        (verdict,) = uncalibrated(budget=budget).judge(scene, REGIONS, [CLOSER])
        found.append(verdict.probability)
    assert found == sorted(found)
    assert found[2] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("place_share, is_decided", [(0.01, False), (2.0, True)])
def test_neighbours_share_their_error(place_share: float, is_decided: bool) -> None:
    noise = NoiseModels({**NoiseModels().models, "own": NoiseModel(relative=0.1, place_share=place_share)})
    verifier = uncalibrated(budget=ErrorBudget(noise=noise))
    (verdict,) = verifier.judge(scenes.scene(flat(1.0, 1.12)), REGIONS, [CLOSER])
    assert (verdict.status is S) is is_decided


def test_nearest_parts_that_say_the_opposite_are_doubt() -> None:
    # The second's middle is farther, but an arm of it reaches before the first.
    values = flat(1.5, 1.7).values
    masks = values == 1.5, values == np.float32(1.7)
    regions = tuple(replace(item, mask=mask) for item, mask in zip(REGIONS, masks, strict=True))
    reaching = values.copy()
    reaching[40:80, 104:118] = 0.9
    clear, doubtful = (
        uncalibrated().judge(scenes.scene(DepthMap.from_values(z_m, "metric", "sensor")), regions, [CLOSER])[0]
        for z_m in (values, reaching)
    )
    assert clear.status is S
    assert 0.5 < (doubtful.probability or 0) < (clear.probability or 0)
    assert doubtful.status is U


def test_numbers_are_in_the_unit_that_the_depth_has(view: RenderedView) -> None:
    units = {exact_depth: "m", partial(rescaled, scale=1.0): "relative", disparity: "of the frame's depth range"}
    metric, *_ = found = [judged(view, [Claim("closer", NEAR, FAR)], depth(view))[0] for depth in units]
    assert [verdict.unit for verdict in found] == list(units.values())
    z = [float(np.median(view.objects[index(view, label)].visible_z_m)) for label in (NEAR, FAR)]
    assert metric.margin == pytest.approx(z[1] - z[0], abs=0.01)
    assert metric.evidence[0].numbers["z_subject_m"] == pytest.approx(z[0], abs=0.01)
