"""The error budget: the size of every source of error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.records import DepthMap, Origin, Region
from pipeline.records.camera import CameraSource
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.errors import ConfigError
from pipeline.records.noise import NoiseModel, NoiseModels

VALUES = np.linspace(1, 3, 12).reshape(3, 4)
BUDGET = ErrorBudget()


@pytest.mark.parametrize(
    "kind, source, expected",
    [
        ("metric", "sensor", "sensor"),
        ("metric", "anchor", "anchor"),
        ("scale_invariant", "none", None),
        ("disparity_affine", "none", None),
    ],
)
def test_the_error_of_the_scale_is_that_of_its_source(kind: str, source: str, expected: str | None) -> None:
    found = BUDGET.scale_error(DepthMap.from_values(VALUES, kind, source))
    assert found == (0.0 if expected is None else BUDGET.scale[expected])


@pytest.mark.parametrize("measured, expected", [(0.4, 0.4), (0.0, 0.0), (None, BUDGET.scale["model"])])
def test_a_network_s_scale_has_the_error_of_its_noise_model(measured: float | None, expected: float) -> None:
    noise = NoiseModels({**NoiseModels().models, "own": NoiseModel(scale=measured)})
    depth = DepthMap.from_values(VALUES, "metric", "model", backend="own")
    assert ErrorBudget(noise).scale_error(depth) == expected
    assert ErrorBudget(noise).scale_error(replace(depth, scale_source="sensor")) == BUDGET.scale["sensor"]


def test_an_unknown_network_s_scale_is_that_of_the_worst_one_measured() -> None:
    depth = DepthMap.from_values(VALUES, "metric", "model", backend="file")
    assert BUDGET.scale_error(depth) == NoiseModels().models["unknown_shape"].scale


def test_an_error_from_anchors_takes_precedence() -> None:
    depth = replace(DepthMap.from_values(VALUES, "metric", "anchor"), scale_error=0.21)
    assert BUDGET.scale_error(depth) == 0.21


@pytest.mark.parametrize("source", list(CameraSource))
def test_a_length_across_needs_scale_and_focal_length(source: CameraSource) -> None:
    depth = DepthMap.from_values(VALUES, "metric", "model")
    expected = math.hypot(BUDGET.scale_error(depth), BUDGET.focal[source])
    assert BUDGET.length(depth, source) == pytest.approx(expected)


def test_better_sources_have_smaller_errors() -> None:
    sources = (CameraSource.GIVEN, CameraSource.EXIF, CameraSource.MODEL, CameraSource.ASSUMED)
    focal = [BUDGET.focal[source] for source in sources]
    assert focal == sorted(focal)
    assert BUDGET.scale["sensor"] < BUDGET.scale["anchor"] < BUDGET.scale["model"]
    assert BUDGET.mask_px < BUDGET.given_px < BUDGET.box_px
    assert BUDGET.stray_mask < BUDGET.stray_box


@pytest.mark.parametrize("side_px, expected", [(0, 2.0), (100, 5.0)])
def test_edges_of_a_model_s_box_err_with_its_size(side_px: float, expected: float) -> None:
    budget = ErrorBudget(box_px=2.0, box_share=0.03, mask_px=0.5, given_px=1.0)
    box = (0.0, 0.0, 9.0, 9.0)
    said, given = (Region("cup", box, origin=origin) for origin in (Origin.MODEL, Origin.GIVEN))
    assert budget.edge_px(said, side_px) == expected
    assert budget.edge_px(given, side_px) == 1.0
    masked = replace(said, mask=np.ones((9, 9), bool))
    assert budget.edge_px(masked, side_px) == 0.5
    assert budget.stray_share(masked) == budget.stray_mask
    assert budget.stray_share(said) == budget.stray_box


@pytest.mark.parametrize("value", [-1, math.inf])
@pytest.mark.parametrize("name", ["mask_px", "box_px", "box_share", "stray_box", "scale", "focal"])
def test_values_other_than_standard_deviations_are_refused_by_name(name: str, value: object) -> None:
    whole: object = value
    key = name
    if name in ("scale", "focal"):
        key, table = f"{name}.{next(iter(getattr(BUDGET, name)))}", getattr(BUDGET, name)
        whole = {**table, next(iter(table)): value}
    with pytest.raises(ConfigError, match=rf"^{key} must be a number of at least 0"):
        ErrorBudget(**{name: whole})  # type: ignore[arg-type]


@pytest.mark.parametrize("name, missing", [("scale", "model"), ("focal", "exif")])
def test_every_source_must_be_listed(name: str, missing: str) -> None:
    table = {key: value for key, value in getattr(BUDGET, name).items() if key != missing}
    with pytest.raises(ConfigError, match=rf"^{name} lacks {missing}\."):
        ErrorBudget(**{name: table})


def test_the_noise_of_depth_is_part_of_it() -> None:
    assert BUDGET.noise.models == NoiseModels().models
