"""A network's depth beside a sensor's measurements of the same frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes

from pipeline.records import Claim, DepthMap, Scene
from pipeline.records.calibration import Calibration
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.noise import NoiseModel, NoiseModels
from pipeline.synthetic.depth_errors import monocular_disparity, monocular_metric
from pipeline.synthetic.scenes import rendered_scene
from pipeline.verify.measured_points import with_measured_errors
from pipeline.verify.verifier import Verifier

FRAME = rendered_scene(7003, size_px=(320, 240)).view.frame
NOISE = NoiseModel(relative=0.02, place_share=0.1, pixel=0.002, far_share=0.2, scale=0.1)
BUDGET = ErrorBudget(NoiseModels({**NoiseModels().models, "simulated_metric": NOISE, "simulated_disparity": NOISE}))


def metric(error: float = 0.0, scale_error: float = 0.0) -> DepthMap:
    assert FRAME.given_depth is not None
    return monocular_metric(FRAME.given_depth.values, 3, error=error, scale_error=scale_error)


@pytest.mark.parametrize("error", [0.1, 0.2])
def test_measured_points_that_the_depth_misses_widen_its_smooth_error(error: float) -> None:
    found = with_measured_errors(FRAME, metric(error), BUDGET)
    assert 0.7 * error < NOISE.of_image(found).relative < 1.5 * error
    assert with_measured_errors(FRAME, metric(), BUDGET).misfit == 1.0


def test_a_reversed_map_is_wrong_by_its_whole_depth() -> None:
    assert FRAME.given_depth is not None
    right = monocular_disparity(FRAME.given_depth.values, 3, error=0.0)
    found = with_measured_errors(FRAME, replace(right, values=-right.values), BUDGET)
    assert NOISE.of_image(found).relative == 1.0


@pytest.mark.parametrize("factor, expected", [(1.02, 0.1), (2.0, np.log(2)), (0.5, np.log(2))])
def test_a_scale_that_misses_them_has_at_least_that_error(factor: float, expected: float) -> None:
    depth = metric()
    found = with_measured_errors(FRAME, replace(depth, values=factor * depth.values), BUDGET)
    assert found.scale_error == pytest.approx(expected, abs=0.02)
    np.testing.assert_array_equal(found.values, np.float32(factor) * depth.values)


def test_nothing_changes_without_a_sensor_or_for_its_own_depth() -> None:
    depth, sensor = metric(0.2, 0.5), FRAME.given_depth
    assert sensor is not None
    assert with_measured_errors(replace(FRAME, given_depth=None), depth, BUDGET) is depth
    assert with_measured_errors(replace(FRAME, given_depth=metric()), depth, BUDGET) is depth
    assert with_measured_errors(FRAME, sensor, BUDGET) is sensor
    few = replace(sensor, valid=np.arange(sensor.valid.size).reshape(sensor.shape) < 10)
    assert with_measured_errors(replace(FRAME, given_depth=few), depth, BUDGET) is depth


def test_the_verifier_heeds_them() -> None:
    exact = scenes.depth_m()
    claim = Claim("distance_to_camera", "lamp", value=1.5, unit="m")
    wrong = DepthMap.from_values(exact * 2, "metric", "model", backend="simulated_metric")
    scene: Scene = scenes.scene(wrong)
    sensor = DepthMap.from_values(exact, "metric", "sensor")
    seen = replace(scene, frames=tuple(replace(frame, given_depth=sensor) for frame in scene.frames))
    alone, beside = (
        Verifier(budget=BUDGET, calibration=Calibration.none()).judge(each, scenes.regions(), [claim])[0]
        for each in (scene, seen)
    )
    assert alone.probability is not None and beside.probability is not None
    assert alone.probability < 0.01 < 0.05 < beside.probability
