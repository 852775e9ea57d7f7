"""Noise models: their errors, and which map gets which."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.api import load_config
from pipeline.config.build import build, build_stages
from pipeline.config.overrides import options_of
from pipeline.records import DepthKind, DepthMap
from pipeline.records.errors import ConfigError
from pipeline.records.noise import AFFINE, DEFAULTS, EXACT, NANO, SENSOR, SHAPE, NoiseModel, NoiseModels, place_distance

VALUES = np.linspace(1, 3, 12).reshape(3, 4)


def depth(kind: str, source: str = "none", backend: str = "someone's") -> DepthMap:
    return DepthMap.from_values(VALUES, kind, source, backend=backend)


def test_near_places_share_their_error_and_far_ones_do_not() -> None:
    model = NoiseModel(place_share=0.2)
    found = [model.correlation(distance) for distance in (0.0, 0.1, 0.2, 0.5, 2.0)]
    assert found[0] == 1.0 and found[-1] < 1e-9
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(math.exp(-0.5))


def test_without_a_size_of_places_nothing_is_shared() -> None:
    assert NoiseModel().correlation(0.0) == 0.0


@pytest.mark.parametrize("value", [-0.1, math.inf])
@pytest.mark.parametrize("name", ["relative", "pixel_per_m", "place_share", "far_share", "blur_px"])
def test_values_other_than_standard_deviations_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be a number of at least 0"):
        NoiseModel(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given, expected",
    [
        (depth("metric", "sensor"), SENSOR),
        (depth("metric", "model"), SHAPE),
        (depth("metric", "anchor"), SHAPE),
        (depth("scale_invariant"), SHAPE),
        (depth("depth_affine"), AFFINE),
        (depth("disparity_affine"), AFFINE),
        (depth("metric", "sensor", "rendered"), EXACT),
        (depth("disparity_affine", backend="rendered"), EXACT),
        (depth("disparity_affine", backend="nano"), NANO),
    ],
    ids=lambda part: f"{part.backend} {part.kind}" if isinstance(part, DepthMap) else "",
)
def test_a_map_gets_the_model_of_its_backend_or_else_of_its_kind(given: DepthMap, expected: NoiseModel) -> None:
    assert NoiseModels().of(given) is expected


def test_a_backend_s_own_model_goes_before_that_of_its_kind() -> None:
    own = NoiseModel(relative=0.3)
    models = NoiseModels({**DEFAULTS, "midas": own})
    assert models.of(depth("disparity_affine", backend="midas")) is own
    assert models.of(depth("disparity_affine", backend="dpt")) is AFFINE


@pytest.mark.parametrize("kind, base", [("disparity_affine", AFFINE), ("scale_invariant", SHAPE)])
def test_a_backend_s_numbers_replace_those_of_its_kind(kind: str, base: NoiseModel) -> None:
    models = NoiseModels({**DEFAULTS, "midas": {"pixel": 0.01, "relative": None}})
    assert models.of(depth(kind, backend="midas")) == replace(base, pixel=0.01)
    assert models.of(depth(kind, backend="dpt")) is base


@pytest.mark.parametrize("missing", ["sensor", "shape", "affine"])
def test_every_kind_needs_a_model(missing: str) -> None:
    with pytest.raises(ConfigError, match=rf"noise\.models lacks {missing}\."):
        NoiseModels({name: model for name, model in DEFAULTS.items() if name != missing})


def test_values_other_than_models_are_refused() -> None:
    for wrong in (0.1, {"size": 1.0}):
        with pytest.raises(ConfigError, match=r"noise\.models\.midas must hold relative, relative_per_m, .* not "):
            NoiseModels({**DEFAULTS, "midas": wrong})  # type: ignore[dict-item]


def test_the_configuration_equals_the_defaults() -> None:
    config = load_config()
    assert build(config.noise).models == dict(DEFAULTS)
    assert build_stages(config).verify.verifier.budget.noise.models == dict(DEFAULTS)


def test_the_configuration_can_change_a_model() -> None:
    stages = build_stages(load_config(["noise.models.affine.relative=0.4"]))
    for backend in ("someone's", "midas"):
        assert stages.verify.verifier.budget.noise.of(depth("disparity_affine", backend=backend)).relative == 0.4
    with pytest.raises(ConfigError, match=r"^noise\.models\.affine\.relative must be"):
        build_stages(load_config(["noise.models.affine.relative=-1"]))


def test_the_numbers_of_every_depth_backend_can_be_changed() -> None:
    options = options_of("depth")
    names = {build(load_config([f"depth={option}"]).depth).map_name for option in set(options) - {"file", "none"}}
    assert {"midas", "nano", "moge"} < names
    for name in [*names, "file", "lidar", "predicted", "simulated_sensor"]:
        noise = build(load_config([f"noise.models.{name}.pixel=0.25"]).noise)
        assert noise.of(depth("disparity_affine", backend=name)).pixel == 0.25
        assert noise.of(depth("disparity_affine")).pixel == AFFINE.pixel


def test_sensors_are_better_than_networks_and_these_better_with_a_shape() -> None:
    for level in (0.5, 2.0, 5.0):
        assert EXACT.smooth(level) < SENSOR.smooth(level) < SHAPE.smooth(level) < AFFINE.smooth(level)
    assert DepthKind.METRIC.has_shape and SHAPE.far_share == 0 < AFFINE.far_share


@pytest.mark.parametrize(
    "second, shape, expected",
    [((30, 40), (100, 50), 0.5), ((30, 40), (50, 100), 0.5), ((0, 0), (10, 10), 0.0), ((0, 200), (100, 100), 2.0)],
)
def test_places_are_as_far_apart_as_a_share_of_the_longer_side(
    second: tuple[float, float], shape: tuple[int, int], expected: float
) -> None:
    origin = np.zeros(2)
    assert place_distance(origin, np.array(second), shape) == pytest.approx(expected)
    assert place_distance(np.array(second), origin, shape) == pytest.approx(expected)
