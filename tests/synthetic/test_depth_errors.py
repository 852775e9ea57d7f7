"""Simulated depth errors: repeatable, of the right kind, and as large as they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.records import DepthKind, DepthMap, ScaleSource
from pipeline.synthetic.depth_errors import monocular_disparity, monocular_metric, sensor_depth
from pipeline.synthetic.scenes import rendered_scene
from pipeline.synthetic.view import RenderedView

Simulation = Callable[[RenderedView, int], DepthMap]
SIMULATIONS: dict[str, Simulation] = {
    "sensor": lambda view, seed: sensor_depth(view.frame.given_depth.values, view.frame.camera, seed),
    "disparity": lambda view, seed: monocular_disparity(view.frame.given_depth.values, seed),
    "metric": lambda view, seed: monocular_metric(view.frame.given_depth.values, seed),
}


@pytest.fixture(scope="module")
def views() -> list[RenderedView]:
    return [rendered_scene(seed, size_px=(320, 240)).view for seed in range(6)]


@pytest.mark.parametrize(
    "name, kind, source",
    [
        ("sensor", DepthKind.METRIC, ScaleSource.SENSOR),
        ("disparity", DepthKind.DISPARITY_AFFINE, ScaleSource.NONE),
        ("metric", DepthKind.METRIC, ScaleSource.MODEL),
    ],
)
def test_the_map_has_its_kind_and_the_errors_of_its_seed(
    views: list[RenderedView], name: str, kind: DepthKind, source: ScaleSource
) -> None:
    depth, again, other = (SIMULATIONS[name](views[0], seed) for seed in (1, 1, 2))
    assert (depth.kind, depth.scale_source) == (kind, source)
    assert depth.digest == again.digest != other.digest


def test_sensor_noise_grows_with_distance_and_edges_have_holes(views: list[RenderedView]) -> None:
    for view in views:
        z = view.frame.given_depth.values
        depth = SIMULATIONS["sensor"](view, 0)
        share = depth.valid.mean()
        assert 0.5 < share < 0.999
        error = np.abs(depth.values - z)[depth.valid]
        near, far = z[depth.valid] < np.median(z), z[depth.valid] >= np.median(z)
        assert np.median(error[near]) < np.median(error[far])
        assert np.median(error / z[depth.valid]) < 0.02
        nearer = np.minimum.reduce([np.roll(z, shift, axis) for axis in (0, 1) for shift in (-1, 1)])
        edges = (z > 1.1 * nearer)[1:-1, 1:-1] & (z > 0)[1:-1, 1:-1]
        assert edges.sum() > 20
        assert depth.valid[1:-1, 1:-1][edges].mean() < 0.1


def test_sensor_noise_has_the_size_that_it_names() -> None:
    view = rendered_scene(0).view
    flat = np.full((240, 320), 2.0, np.float32)
    camera = view.frame.camera.resized(320, 240)
    depth = sensor_depth(flat, camera, 0)
    # 1.2 mm + 1.9 mm * 1.6 ** 2 of noise, and steps of 4 mm.
    assert depth.values[depth.valid].std() == pytest.approx(np.hypot(0.00606, 0.004 / np.sqrt(12)), rel=0.1)


def test_disparity_is_right_up_to_scale_and_shift_within_eight_per_cent(views: list[RenderedView]) -> None:
    errors = []
    for seed, view in enumerate(views * 3):
        z = view.frame.given_depth.values
        seen = view.frame.given_depth.valid
        values = SIMULATIONS["disparity"](view, seed).values[seen].astype(float)
        scale, shift = np.polyfit(values, 1 / z[seen], 1)
        assert scale > 0
        aligned = 1 / np.maximum(scale * values + shift, 1 / 50)
        errors.append(float((np.abs(aligned - z[seen]) / z[seen]).mean()))
    assert 0.06 < np.median(errors) < 0.1


def test_networks_blur_edges_over_a_few_pixels() -> None:
    step = np.where(np.arange(64) < 32, 1.0, 2.0)[None].repeat(48, axis=0).astype(np.float32)
    for depth in (
        monocular_disparity(step, 0, error=0.0).values,
        1 / monocular_metric(step, 0, error=0.0, scale_error=0.0).values,
    ):
        row = (depth[24] - depth[24].min()) / np.ptp(depth[24])
        assert 1 <= ((row > 0.1) & (row < 0.9)).sum() <= 4


def test_metric_depth_errs_in_scale(views: list[RenderedView]) -> None:
    view = views[0]
    z, seen = view.frame.given_depth.values, view.frame.given_depth.valid
    scales = [np.median(np.log(SIMULATIONS["metric"](view, seed).values[seen] / z[seen])) for seed in range(60)]
    assert np.std(scales) == pytest.approx(0.12, rel=0.4)


def test_missing_depth_stays_missing_for_a_sensor_only() -> None:
    z = np.full((48, 64), 2.0, np.float32)
    z[:10] = 0
    camera = rendered_scene(0).view.frame.camera.resized(64, 48)
    assert not sensor_depth(z, camera, 0).valid[:10].any()
    assert monocular_disparity(z, 0).valid.all() and monocular_metric(z, 0).valid.all()
