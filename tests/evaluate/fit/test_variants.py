"""Harder forms of a case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes
from scipy.stats import spearmanr
from verifiers import uncalibrated

from pipeline.datasets.base import Case
from pipeline.evaluate.fit.examples import examples_of
from pipeline.evaluate.fit.variants import Variant, scanned, varied, weakly_predicted
from pipeline.geometry.regions import boxes_iou
from pipeline.geometry.scattered import spacing_px
from pipeline.records import Box3D, Claim, DepthMap, Origin
from pipeline.records.depth import DepthKind


def case() -> Case:
    depth = scenes.as_kind(scenes.depth_m(), DepthKind.METRIC)
    made = scenes.scene(depth)
    z = scenes.depth_m()
    regions = scenes.regions(**{label: z == depth_m for label, (_, depth_m) in scenes.OBJECTS.items()})
    claims = (Claim("closer", "cup", "lamp", truth=True),)
    frames = tuple(replace(frame, given_depth=depth) for frame in made.frames)
    return Case(replace(made, frames=frames, depth=(), regions=regions, claims=claims))


def scanned_case(spacing_px: tuple[int, int] = (2, 3)) -> Case:
    """The same with returns of a scanner, so far apart along x and y."""
    made = case()
    depth = scanned(depth_of(made), spacing_px, np.random.default_rng(0))
    return replace(made, scene=replace(made.scene, frames=(replace(made.scene.frames[0], given_depth=depth),)))


def depth_of(made: Case) -> DepthMap:
    depth = made.scene.frames[0].given_depth
    assert depth is not None
    return depth


@pytest.mark.parametrize("variant", list(Variant))
def test_a_seed_gives_one_form(variant: Variant) -> None:
    of = scanned_case if variant is Variant.FEWER_LINES else case
    one, same, other = (varied(of(), variant, seed) for seed in (1, 1, 2))
    assert depth_of(one).digest == depth_of(same).digest
    assert [region.box_px for region in one.scene.regions] == [region.box_px for region in same.scene.regions]
    if variant is Variant.INEXACT_BOXES:
        assert [region.box_px for region in one.scene.regions] != [region.box_px for region in other.scene.regions]
    elif variant is not Variant.AMODAL_BOXES:
        assert depth_of(one).digest != depth_of(other).digest


def test_a_scan_with_fewer_lines_holds_returns_of_the_scan_on_lines_that_are_farther_apart() -> None:
    before = depth_of(scanned_case())
    after = depth_of(varied(scanned_case(), Variant.FEWER_LINES, 3))
    assert not (after.valid & ~before.valid).any()
    np.testing.assert_array_equal(after.values[after.valid], before.values[after.valid])
    assert 0.05 < after.valid.sum() / before.valid.sum() < 0.5
    assert after.sampling.is_scattered and after.backend == "lidar"
    assert after.sampling.height_px > before.sampling.height_px
    # 1.33 degrees of this camera are 3.5 pixels in its middle.
    lines = np.flatnonzero(after.valid.any(axis=1))
    assert np.diff(lines).min() >= 3


def test_masks_tell_which_returns_of_a_scan_are_the_object_s() -> None:
    made = scanned_case((3, 4))
    scene = made.scene.with_depth((depth_of(made),))
    found = [one for one in examples_of(replace(made, scene=scene), uncalibrated()) if one.model == "surface_scattered"]
    assert len(found) == len(scenes.OBJECTS)


@pytest.mark.parametrize(
    ("variant", "kind", "source", "scattered"),
    [
        (Variant.SENSOR, "metric", "sensor", False),
        (Variant.MONOCULAR, "disparity_affine", "none", False),
        (Variant.SCANNER, "metric", "sensor", True),
        (Variant.WEAK_NETWORK, "scale_invariant", "none", False),
        (Variant.INEXACT_BOXES, "metric", "sensor", False),
    ],
)
def test_every_form_has_its_kind_of_depth_and_keeps_the_claims(
    variant: Variant, kind: str, source: str, scattered: bool
) -> None:
    made = varied(case(), variant, 0)
    depth = depth_of(made)
    assert (depth.kind, depth.scale_source, depth.sampling.is_scattered) == (kind, source, scattered)
    assert made.scene.claims == case().scene.claims


@pytest.mark.parametrize("spacing", [(2, 6), (3, 12)])
def test_a_scanner_s_returns_are_regular_and_show_the_nearest_thing_in_their_beam(spacing: tuple[int, int]) -> None:
    depth = scanned(depth_of(case()), spacing, np.random.default_rng(0))
    assert spacing_px(depth.valid) == spacing
    assert (depth.sampling.width_px, depth.sampling.height_px) == spacing
    true = depth_of(case()).values
    ratio = depth.values[depth.valid] / true[depth.valid]
    assert np.median(np.abs(ratio - 1)) < 0.004
    assert ratio.max() < 1.01 and ratio.min() < 0.9, "at edges what is nearer counts"


def test_a_weak_network_keeps_most_of_the_order_but_not_all() -> None:
    true = depth_of(case())
    found = [spearmanr(weakly_predicted(true, np.random.default_rng(seed)).values.ravel(), true.values.ravel())[0]
             for seed in range(5)]  # fmt: skip
    assert 0.2 < float(np.mean(found)) < 0.95


def test_boxes_of_a_model_are_near_the_true_ones_without_masks() -> None:
    boxes = [varied(case(), Variant.INEXACT_BOXES, seed).scene.regions for seed in range(20)]
    overlaps = [boxes_iou(found.box_px, true.box_px)
                for regions in boxes for found, true in zip(regions, case().scene.regions, strict=True)]  # fmt: skip
    assert 0.6 < float(np.median(overlaps)) < 0.95
    assert np.mean(np.array(overlaps) < 0.3) < 0.15
    for regions in boxes:
        for region in regions:
            left, top, right, bottom = region.box_px
            assert region.mask is None and region.origin is Origin.MODEL
            assert 0 <= left < right <= scenes.WIDTH and 0 <= top < bottom <= scenes.HEIGHT


def test_amodal_boxes_are_those_of_boxes_in_space_and_lose_the_claims() -> None:
    made = case()
    cup, *others = made.scene.regions[::-1]
    # A cube of 0.4 m in 2 m on the axis: from -0.2 to 0.2 at its front, in 1.8 m.
    regions = (replace(cup, box_3d=Box3D((0.0, 0.0, 2.0), (0.4, 0.4, 0.4))), *others)
    found = varied(replace(made, scene=replace(made.scene, regions=regions)), Variant.AMODAL_BOXES, 0).scene
    half_px = 150 * 0.2 / 1.8
    assert found.regions[0].box_px == pytest.approx((80 - half_px, 60 - half_px, 80 + half_px, 60 + half_px), abs=0.6)
    assert found.regions[1:] == tuple(others)
    assert found.claims == ()
