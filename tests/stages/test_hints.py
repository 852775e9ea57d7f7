from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scenes

from pipeline.models.vlm.hints import depth_table
from pipeline.records import DepthKind, DepthMap, Region, Scene
from pipeline.records.error_budget import ErrorBudget
from pipeline.stages.hints import read_depth
from pipeline.verify.rules.base import Settings


@pytest.mark.parametrize("kind", list(DepthKind))
def test_every_kind_of_depth_is_read_in_its_own_unit_and_order(kind: DepthKind) -> None:
    scale, shift = (1.0, 0.0) if kind is DepthKind.METRIC else (3.0, 0.5)
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), kind, scale, shift))
    found = {hint.reference: hint for hint in read_depth(scene, scenes.regions())}
    assert list(found) == list(scenes.OBJECTS)
    for label, (_, metres) in scenes.OBJECTS.items():
        expected = {
            DepthKind.METRIC: metres,
            DepthKind.SCALE_INVARIANT: scale * metres,
            DepthKind.DEPTH_AFFINE: scale * metres + shift,
            DepthKind.DISPARITY_AFFINE: scale / metres + shift,
        }[kind]
        hint = found[label]
        assert (hint.near, hint.median, hint.far) == pytest.approx((expected,) * 3, rel=1e-5)
        assert hint.kind is kind
    nearness = [found[label].nearness for label in ("cup", "screen", "lamp", "cabinet")]
    assert nearness == sorted(nearness, reverse=True)
    rows = [line for line in depth_table(tuple(found.values()), "en", scene.frames).splitlines() if "| [" in line]
    order = [cell.strip() for row in rows for cell in row.split("|") if cell.strip() in scenes.OBJECTS]
    assert order == ["cup", "screen", "lamp", "cabinet"], "from near to far"


def test_the_percentiles_of_a_slope_run_from_near_to_far() -> None:
    columns = np.linspace(1.0, 3.0, scenes.WIDTH)
    depth = scenes.as_kind(np.tile(columns, (scenes.HEIGHT, 1)), DepthKind.METRIC)
    mask = np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)
    mask[20:100, 40:120] = True
    (hint,) = read_depth(scenes.scene(depth), (Region("ramp", (40, 20, 120, 100), mask=mask),))
    assert hint.median == pytest.approx(columns[80], rel=0.02)
    assert hint.near == pytest.approx(np.percentile(columns[40:120], 10), rel=0.04)
    assert hint.far == pytest.approx(np.percentile(columns[40:120], 90), rel=0.04)


def test_namesakes_are_numbered_frame_by_frame_and_the_unmeasurable_left_out() -> None:
    cup, lamp = scenes.regions()[3], scenes.regions()[2]
    tiny = Region("speck", (0.0, 0.0, 1.0, 1.0))
    regions = (cup, tiny, replace(lamp, label="cup"), replace(cup, frame=1))
    hints = read_depth(scenes.scene(frames=2), regions)
    assert [(hint.reference, hint.region.frame) for hint in hints] == [("cup#1", 0), ("cup#2", 0), ("cup", 1)]


@pytest.mark.parametrize("depth", [(), "invalid"])
def test_without_usable_depth_there_is_nothing_to_tell(depth: object) -> None:
    scene = scenes.scene()
    if depth == "invalid":
        nowhere = DepthMap.from_values(np.full((scenes.HEIGHT, scenes.WIDTH), math.nan), "metric", "sensor")
        scene = Scene(scene.id, scene.frames, depth=(nowhere,))
    else:
        scene = replace(scene, depth=())
    assert read_depth(scene, scenes.regions()) == ()


def test_constant_depth_has_no_nearest_object() -> None:
    depth = scenes.as_kind(np.full((scenes.HEIGHT, scenes.WIDTH), 2.0), DepthKind.METRIC)
    assert {hint.nearness for hint in read_depth(scenes.scene(depth), scenes.regions())} == {0.5}


def test_objects_are_cut_out_as_the_verifier_cuts_them_out() -> None:
    small = Region("cup", (10.0, 10.0, 14.0, 14.0))
    assert read_depth(scenes.scene(), [small], ErrorBudget(), Settings(min_pixels=20)) == ()
    (hint,) = read_depth(scenes.scene(), [small])
    assert hint.reference == "cup"
