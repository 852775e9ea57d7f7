"""Noise models: their errors, and which map gets which."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.api import load_config
from pipeline.config.build import build, build_stages
from pipeline.config.overrides import options_of
from pipeline.records import DepthKind, DepthMap, Sampling
from pipeline.records.errors import ConfigError
from pipeline.records.noise import (
    AFFINE,
    EXACT,
    KINDS,
    NANO,
    SCANNER,
    SENSOR,
    SHAPE,
    UNKNOWN_AFFINE,
    UNKNOWN_SHAPE,
    NoiseModel,
    NoiseModels,
    image_factor,
    place_distance,
)

VALUES = np.linspace(1, 3, 12).reshape(3, 4)
DEFAULTS = {**NoiseModels().models, **NoiseModels().changes}


def depth(kind: str, source: str = "none", backend: str = "someone's") -> DepthMap:
    return DepthMap.from_values(VALUES, kind, source, backend=backend)


def scattered(source: str, backend: str) -> DepthMap:
    return replace(depth("metric", source, backend), sampling=Sampling(2.0, 5.0, is_scattered=True))


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
        (depth("metric", "sensor", "file"), SENSOR),
        (scattered("sensor", "lidar"), SCANNER),
        (scattered("sensor", "file"), SCANNER),
        (scattered("model", "file"), UNKNOWN_SHAPE),
        (depth("metric", "model", "zoedepth"), SHAPE),
        (depth("metric", "anchor", "moge"), SHAPE),
        (depth("metric", "anchor", "midas anchored"), SHAPE),
        (depth("metric", "anchor", "nano anchored"), SHAPE),
        (depth("scale_invariant", backend="moge"), SHAPE),
        (depth("depth_affine", backend="depth_anything_3"), AFFINE),
        (depth("disparity_affine", backend="midas"), AFFINE),
        (depth("metric", "model"), UNKNOWN_SHAPE),
        (depth("metric", "anchor"), UNKNOWN_SHAPE),
        (depth("metric", "anchor", "file anchored"), UNKNOWN_SHAPE),
        (depth("scale_invariant"), UNKNOWN_SHAPE),
        (depth("depth_affine"), UNKNOWN_AFFINE),
        (depth("disparity_affine"), UNKNOWN_AFFINE),
        (depth("metric", "model", "file"), UNKNOWN_SHAPE),
        (depth("disparity_affine", backend="predicted"), UNKNOWN_AFFINE),
        (depth("metric", "sensor", "rendered"), EXACT),
        (depth("disparity_affine", backend="rendered"), EXACT),
        (depth("disparity_affine", backend="nano"), NANO),
    ],
    ids=lambda part: f"{part.backend} {part.kind}" if isinstance(part, DepthMap) else "",
)
def test_a_map_gets_the_model_of_its_backend_or_else_of_its_kind(given: DepthMap, expected: NoiseModel) -> None:
    assert NoiseModels().of(given) is expected


def test_a_scanner_s_error_does_not_grow_with_distance_as_that_of_other_sensors_does() -> None:
    near_m, far_m = 1.0, 30.0
    assert SCANNER.smooth(far_m) == SCANNER.smooth(near_m) < SENSOR.smooth(far_m) / 5
    assert 0.01 < 5 * SCANNER.smooth(5.0) < 0.03


def test_a_backend_s_own_model_goes_before_that_of_its_kind() -> None:
    own = NoiseModel(relative=0.3)
    models = NoiseModels({**DEFAULTS, "midas": own})
    assert models.of(depth("disparity_affine", backend="midas")) is own
    assert models.of(depth("disparity_affine", backend="midas_v21")) is AFFINE


@pytest.mark.parametrize(
    "name, kind, base",
    [
        ("midas", "disparity_affine", AFFINE),
        ("midas", "scale_invariant", SHAPE),
        ("file", "disparity_affine", UNKNOWN_AFFINE),
    ],
)
def test_a_backend_s_numbers_replace_those_of_its_kind(name: str, kind: str, base: NoiseModel) -> None:
    models = NoiseModels({**DEFAULTS, name: {"pixel": 0.01, "relative": None}})
    assert models.of(depth(kind, backend=name)) == replace(base, pixel=0.01)
    assert NoiseModels().of(depth(kind, backend=name)) is base


@pytest.mark.parametrize("missing", KINDS)
def test_every_kind_needs_a_model(missing: str) -> None:
    with pytest.raises(ConfigError, match=rf"noise\.models lacks {missing}\."):
        NoiseModels({name: model for name, model in DEFAULTS.items() if name != missing})


def test_values_other_than_models_are_refused() -> None:
    for wrong in (0.1, {"size": 1.0}):
        with pytest.raises(ConfigError, match=r"noise\.models\.midas must hold relative, relative_per_m, .* not "):
            NoiseModels({**DEFAULTS, "midas": wrong})  # type: ignore[dict-item]


def test_the_configuration_equals_the_defaults() -> None:
    config = load_config()
    for found in (build(config.noise), build_stages(config).verify.verifier.budget.noise):
        assert (found.models, found.changes) == (NoiseModels().models, NoiseModels().changes)


def test_the_configuration_can_change_a_model() -> None:
    stages = build_stages(load_config(["noise.models.affine.relative=0.4", "noise.models.unknown_affine.relative=0.5"]))
    for backend, expected in (("midas", 0.4), ("someone's", 0.5), ("file", 0.5)):
        assert stages.verify.verifier.budget.noise.of(depth("disparity_affine", backend=backend)).relative == expected
    with pytest.raises(ConfigError, match=r"^noise\.models\.affine\.relative must be"):
        build_stages(load_config(["noise.models.affine.relative=-1"]))


def test_the_numbers_of_every_depth_backend_can_be_changed() -> None:
    options = options_of("depth")
    names = {build(load_config([f"depth={option}"]).depth).map_name for option in set(options) - {"file", "none"}}
    assert {"midas", "nano", "moge"} < names
    changed = [*names, "file", "lidar", "predicted", "simulated_sensor"]
    noise = build(load_config([f"noise.models.{name}.pixel={0.25 + at}" for at, name in enumerate(changed)]).noise)
    for at, name in enumerate(changed):
        assert noise.of(depth("disparity_affine", backend=name)).pixel == 0.25 + at
    assert noise.of(depth("disparity_affine")).pixel == UNKNOWN_AFFINE.pixel


def test_sensors_are_better_than_networks_these_better_with_a_shape_and_unknown_ones_the_worst() -> None:
    for level in (0.5, 2.0, 5.0):
        found = [model.smooth(level) for model in (EXACT, SENSOR, SHAPE, AFFINE, UNKNOWN_SHAPE, UNKNOWN_AFFINE)]
        assert found == sorted(set(found))
    assert UNKNOWN_SHAPE.scale is not None and SHAPE.scale == UNKNOWN_SHAPE.scale > 0.6
    assert DepthKind.METRIC.has_shape and SHAPE.far_share == 0 < AFFINE.far_share


@pytest.mark.parametrize(
    "disagreement, typical, misfit, expected",
    [
        (0.04, 0.01, 1.0, 4.0),
        (0.005, 0.01, 1.0, 1.0),
        (None, 0.01, 1.0, 1.0),
        (0.04, None, 1.0, 1.0),
        (0.04, 0.0, 1.0, 1.0),
        (None, None, 3.0, 3.0),
        (0.04, 0.01, 3.0, 4.0),
        (0.02, 0.01, 3.0, 3.0),
    ],
)
def test_an_image_has_the_larger_of_the_errors_that_it_shows(
    disagreement: float | None, typical: float | None, misfit: float, expected: float
) -> None:
    model = NoiseModel(relative=0.02, relative_per_m=0.01, pixel=0.003, far_share=0.2, typical_disagreement=typical)
    shown = replace(depth("disparity_affine"), disagreement=disagreement, misfit=misfit)
    assert image_factor(shown, model) == expected
    assert model.of_image(shown) == replace(model, relative=expected * 0.02, relative_per_m=expected * 0.01)


@pytest.mark.parametrize(
    "disagreement, misfit, expected",
    [(0.02, 1.0, 0.1), (0.0201, 1.0, 0.4), (0.05, 1.0, 0.4), (0.1, 1.0, 0.5), (None, 5.0, 0.25), (0.01, 3.0, 0.15)],
)
def test_an_image_whose_predictions_are_far_apart_is_unfamiliar(
    disagreement: float | None, misfit: float, expected: float
) -> None:
    model = NoiseModel(relative=0.05, typical_disagreement=0.01, unfamiliar=0.4)
    shown = replace(depth("disparity_affine"), disagreement=disagreement, misfit=misfit)
    assert model.of_image(shown).relative == pytest.approx(expected)


def test_no_image_s_smooth_error_exceeds_its_depth() -> None:
    shown = replace(depth("disparity_affine"), misfit=100.0)
    assert NoiseModel(relative=0.1).of_image(shown).relative == 1.0
    assert NoiseModel(relative=2.0).of_image(shown).relative == 2.0


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
