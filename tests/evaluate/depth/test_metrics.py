from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluate.depth.depth_data import pooled
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.datasets.base import DepthSample
from pipeline.evaluate.depth.metrics import METRICS, metrics_of
from pipeline.evaluate.depth.moments import BIN_EDGES_M, pixel_moments
from pipeline.evaluate.depth.protocol import EvaluationProtocol, MetricGroup
from pipeline.evaluate.depth.score import score
from pipeline.records import DepthKind, DepthMap, Frame, Region, ScaleSource
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import ConfigError, InputError

REGIONS = (Region("wall", (0, 0, 40, 6)), Region("box", (10, 8, 30, 20)))


def metric_map(values: np.ndarray) -> DepthMap:
    return DepthMap.from_values(values, DepthKind.METRIC, ScaleSource.MODEL)


def sample_of(true: np.ndarray, source: CameraSource = CameraSource.GIVEN, **more) -> DepthSample:
    height, width = true.shape
    camera = Camera(width, width, width / 2 - 0.5, height / 2 - 0.5, width, height, source)
    frame = Frame(np.zeros((height, width, 3), np.uint8), camera)
    return DepthSample("sample", frame, metric_map(true), **more)


def plan(**changes) -> EvaluationProtocol:
    return EvaluationProtocol(**{"alignment": "none"} | changes)


def stepped(seed: int = 0) -> np.ndarray:
    """A slanted wall with a nearer rectangle in it, (30, 40) [m]."""
    true = np.linspace(3, 4, 40)[None].repeat(30, axis=0) + np.random.default_rng(seed).uniform(0, 0.02, (30, 40))
    true[8:20, 10:30] = 2
    return true


@pytest.mark.parametrize("predicted", [1.25, 0.8])
def test_a_ratio_at_the_threshold_is_neither_correct_nor_an_error(predicted: float) -> None:
    found = metrics_of(pixel_moments(np.array([predicted]), np.array([1.0]))[0])
    assert (found["delta1"], found["midas_error_rate"], found["delta2"]) == (0, 0, 1)


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_si_log_ignores_a_common_factor(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true_m = rng.uniform(1, 50, 500)
    predicted_m = true_m * np.exp(rng.normal(0, 1e-4, 500))
    original, scaled = (metrics_of(pixel_moments(k * predicted_m, true_m)[0])["si_log"] for k in (1, factor))
    assert scaled == pytest.approx(original, rel=1e-8)


@pytest.mark.parametrize("pixels", [1, 16_384, 16_385, 70_001])
def test_sums_over_blocks_are_those_over_all_pixels(pixels: int) -> None:
    rng = np.random.default_rng(0)
    true_m = rng.uniform(0.5, 80, pixels)
    predicted_m = 1.7 * true_m * np.exp(rng.normal(0, 0.2, pixels))
    moments, bins = pixel_moments(predicted_m, true_m)
    found, logs = metrics_of(moments), np.log(predicted_m / true_m)
    assert found["abs_rel"] == pytest.approx(np.mean(np.abs(predicted_m - true_m) / true_m), rel=1e-12)
    assert found["rmse_log"] == pytest.approx(np.sqrt(np.mean(logs**2)), rel=1e-12)
    assert found["si_log"] == pytest.approx(100 * np.std(logs), rel=1e-11, abs=1e-12)
    assert (moments["pixels"], sum(bins.pixels)) == (pixels, pixels)
    assert sum(bins.abs_m) == pytest.approx(np.abs(predicted_m - true_m).sum())


def test_pooled_numbers_are_those_of_all_pixels() -> None:
    rng = np.random.default_rng(1)
    images = [(rng.uniform(1, 9, count), rng.uniform(1, 9, count)) for count in (10, 1000, 37)]
    moments = [pixel_moments(*image)[0] for image in images]
    whole = metrics_of(pixel_moments(*(np.concatenate(part) for part in zip(*images, strict=True)))[0])
    assert metrics_of(pooled(moments)) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(
    "true_m, first_edge_m",
    [(1.0, 1.0), (2.0, 2.0), (2.5, 2 * 2**0.25), (1e-3, 0.125), (5000.0, 1024 / 2**0.25)],
)
def test_a_depth_falls_into_the_bin_whose_edges_are_around_it(true_m: float, first_edge_m: float) -> None:
    bins = pixel_moments(np.array([true_m * 1.5]), np.array([true_m]))[1]
    (filled,) = [index for index, count in enumerate(bins.pixels) if count]
    assert BIN_EDGES_M[filled] == pytest.approx(first_edge_m)
    assert (bins.abs_rel[filled], bins.abs_m[filled]) == (pytest.approx(0.5), pytest.approx(true_m / 2))


def test_bins_add_up() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.uniform(1, 30, (2, count)) for count in (50, 60))
    first, second, whole = (pixel_moments(*part)[1] for part in (one, other, np.concatenate((one, other), axis=1)))
    total = first + second
    assert total.pixels == whole.pixels
    np.testing.assert_allclose(total.abs_rel, whole.abs_rel)


def test_a_perfect_prediction_is_perfect_in_every_metric() -> None:
    true = stepped()
    found = score(sample_of(true, regions=REGIONS), metric_map(true), plan()).metrics
    assert list(found) == list(METRICS)
    for name, metric in METRICS.items():
        assert found[name] == pytest.approx(1.0 if metric.higher_is_better else 0.0, abs=1e-6), name


@pytest.mark.parametrize(
    "change, absent",
    [
        ({"source": CameraSource.ASSUMED}, {"chamfer", "cloud_f"}),
        ({"regions": ()}, {"object_order"}),
        ({"true": np.where(np.arange(30)[:, None] % 4, np.nan, stepped())}, {"boundary_f1", "edge_fly"}),
        ({"true": np.full((30, 40), 3.0)}, {"pair_order", "boundary_f1", "edge_fly", "object_order"}),
        ({"groups": ["order", "clouds"]}, {name for name in METRICS if METRICS[name].group in ("objects", "boundaries")}
         | {name for name in METRICS if METRICS[name].group == "pixels"} - {"coverage"}),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_absent(change: dict, absent: set[str]) -> None:
    true = change.get("true", stepped())
    regions = change.get("regions", REGIONS)
    sample = sample_of(true, change.get("source", CameraSource.GIVEN), regions=regions)
    found = score(sample, metric_map(true), plan(groups=change.get("groups", list(MetricGroup))))
    assert set(METRICS) - set(found.metrics) == absent


def test_pixels_without_a_prediction_lower_the_coverage_only() -> None:
    true = stepped()
    prediction = metric_map(true * 1.1)
    holes = replace(prediction, valid=np.arange(40)[None].repeat(30, axis=0) < 30)
    found = score(sample_of(true), holes, plan()).metrics
    assert found["coverage"] == 0.75
    assert found["abs_rel"] == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("is_known", [True, False])
def test_an_image_without_comparable_pixels_has_a_note_and_at_most_a_coverage(is_known: bool) -> None:
    sample = sample_of(stepped())
    nothing = replace(metric_map(stepped()), valid=np.zeros((30, 40), bool))
    if not is_known:
        sample = replace(sample, truth=replace(sample.truth, valid=nothing.valid))
    found = score(sample, nothing, plan(alignment="scale"))
    assert found.metrics == ({"coverage": 0.0} if is_known else {})
    assert (found.scale, found.shift) == (None, None)
    assert found.note.startswith("No pixel has both")


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.1, 10), shift=st.floats(-1, 1))
def test_metrics_of_affine_disparity_ignore_its_scale_and_shift(scale: float, shift: float) -> None:
    noisy = 1 / stepped(3) + np.random.default_rng(0).normal(0, 0.02, (30, 40))
    protocol = plan(alignment="scale_shift_disparity", max_depth_m=10)
    original, changed = (
        score(sample_of(stepped(), regions=REGIONS), DepthMap.from_values(values, "disparity_affine"), protocol)
        for values in (noisy, scale * noisy + shift)
    )
    # Rounding to float32 may move single pixels across a threshold.
    assert changed.metrics == pytest.approx(original.metrics, abs=2e-3)


def test_order_uses_the_prediction_even_if_its_alignment_is_a_constant() -> None:
    true = stepped()
    found = score(
        sample_of(true), DepthMap.from_values(1 - 1 / true, "disparity_affine"), plan(alignment="scale_shift_disparity")
    )
    assert found.metrics["pair_order"] == 0
    assert found.scale == 0 and "constant" in found.note


def test_a_kind_that_the_alignment_does_not_fit_and_another_size_are_refused() -> None:
    with pytest.raises(ConfigError, match="allowed are scale_shift_disparity"):
        score(sample_of(stepped()), DepthMap.from_values(stepped(), "disparity_affine"), plan())
    with pytest.raises(InputError, match="resize the prediction"):
        score(sample_of(stepped()), metric_map(np.ones((3, 4))), plan())


def test_names_of_metrics_are_theirs_and_every_group_has_one() -> None:
    assert all(name == metric.name and metric.label and metric.meaning for name, metric in METRICS.items())
    assert {metric.group for metric in METRICS.values()} == set(MetricGroup)
