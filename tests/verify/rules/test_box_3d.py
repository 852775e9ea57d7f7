"""3D boxes of a model against a scene whose geometry is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache, partial
from itertools import cycle

import numpy as np
import pytest
import scenes
from verifiers import uncalibrated
from verify.rules.frames import DEPTHS, R, S, U

from pipeline.records import Box3D, Claim, DepthKind, DepthMap, Region, Scene, Status, Verdict
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.scenes import rendered_scene
from pipeline.synthetic.view import RenderedView

# The lamp's front face is 20 x 40 px at 1.5 m with 150 px focal length, its middle at pixel (134.5, 39.5).
LAMP = Box3D((0.55, -0.2, 1.55), (0.2, 0.4, 0.1))


def lamp(box: Box3D | None, *, masked: bool = True) -> Region:
    return Region(
        "lamp", scenes.OBJECTS["lamp"][0], mask=scenes.inside(scenes.OBJECTS["lamp"][0]) if masked else None, box_3d=box
    )


def judge(region: Region, scene: Scene | None = None) -> Verdict:
    return uncalibrated().judge(scene or scenes.scene(), (region,), [Claim("box_3d", region.label)])[0]


def shifted(along: float = 0.0, across_m: float = 0.0, size: float = 1.0) -> Box3D:
    x, y, z = (1 + along) * np.array(LAMP.center_m) + (across_m, 0, 0)
    return Box3D((x, y, z), tuple(size * side for side in LAMP.size_m))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    "box, status, words",
    [
        (LAMP, S, "agrees with the measured distance of 1.6"),
        (shifted(along=0.05), S, "(3%) farther than the measured depth"),
        (shifted(along=0.4), R, "farther than the measured depth"),
        (shifted(along=-0.4), R, "nearer than the measured depth"),
        (shifted(across_m=-0.3), R, "covers 0% of its pixels"),
        (shifted(size=3.0), R, "overlaps its 2D box with an IoU of"),
    ],
)
def test_a_box_is_compared_with_the_depth_and_the_image(box: Box3D, status: Status, words: str, masked: bool) -> None:
    verdict = judge(lamp(box, masked=masked))
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_a_turned_box_does_not_hold_its_object() -> None:
    verdict = judge(lamp(replace(LAMP, rotation_rad=(0, 0, np.pi / 2))))
    assert verdict.status is R
    assert "20.0 cm long along its x axis, where 37.0 cm are visible" in verdict.reason
    assert judge(lamp(replace(LAMP, rotation_rad=(0, 0, np.pi)))).status is S


@pytest.mark.parametrize("size, status", [(1.0, S), (0.9, S), (0.5, R)])
def test_what_is_visible_must_fit_into_the_box(size: float, status: Status) -> None:
    verdict = judge(lamp(shifted(size=size)))
    assert verdict.status is status, verdict.reason
    if status is R:
        assert "along its y axis, where" in verdict.reason


def test_the_disagreement_of_depth_is_reported_in_metres_and_percent() -> None:
    verdict = judge(lamp(Box3D((0.825, -0.3, 2.3), (0.3, 0.6, 0.1))))
    assert "lies" in verdict.reason and "(4" in verdict.reason and "farther" in verdict.reason
    numbers = verdict.evidence[0].numbers
    # The face at 2.25 m instead of 1.5 m.
    assert numbers["depth_gap_share"] == pytest.approx(0.5, abs=0.05)
    assert numbers["depth_gap_m"] == pytest.approx(0.5 * numbers["measured_m"], rel=0.1)
    assert numbers["inside_share"] == 0.0


def test_the_evidence_holds_overlap_and_centres() -> None:
    evidence = judge(lamp(LAMP)).evidence[0]
    assert evidence.points["box_centre"] == LAMP.center_m
    assert np.allclose(evidence.points["measured_centre"], (0.55, -0.2, 1.5), atol=0.02)
    assert evidence.numbers["inside_share"] == 1.0
    assert evidence.numbers["covered_share"] == 1.0
    assert 0 <= evidence.numbers["iou_3d"] <= 1


@pytest.mark.parametrize("kind", [kind for kind in DepthKind if kind is not DepthKind.METRIC])
@pytest.mark.parametrize(
    "box, status", [(LAMP, U), (shifted(along=0.1), U), (shifted(across_m=-0.3), R), (shifted(size=3.5), R)]
)
def test_without_metres_only_the_projection_can_refute(kind: DepthKind, box: Box3D, status: Status) -> None:
    verdict = judge(lamp(box), scenes.scene(scenes.as_kind(scenes.depth_m(), kind)))
    assert verdict.status is status, verdict.reason
    if status is U:
        assert verdict.needs_code == "needs_metric_depth"


@pytest.mark.parametrize("box, status", [(LAMP, U), (shifted(across_m=-0.3), R)])
def test_without_depth_the_2d_box_can_refute(box: Box3D, status: Status) -> None:
    scene = replace(scenes.scene(), depth=())
    verdict = judge(lamp(box, masked=False), scene)
    assert verdict.status is status, verdict.reason


def test_a_box_that_made_its_own_2d_box_is_judged_by_depth_alone() -> None:
    # The projection of the front face, as the parser writes it for answers without 2D boxes.
    region = Region("lamp", (125, 20, 145, 60), box_3d=LAMP)
    assert judge(region).status is S
    nearer = replace(region, box_3d=Box3D((0.275, -0.1, 0.775), (0.1, 0.2, 0.05)))
    verdict = judge(nearer)
    assert verdict.status is R
    assert "nearer" in verdict.reason


def test_distance_within_the_scale_error_decides_nothing() -> None:
    depth = replace(DepthMap.from_values(scenes.depth_m(), "metric", "model"), scale_error=0.15)
    assert judge(lamp(LAMP), scenes.scene(depth)).status is U
    assert judge(lamp(shifted(along=1.5, size=2.5)), scenes.scene(depth)).status is R


def test_a_region_without_a_3d_box_says_so() -> None:
    verdict = judge(lamp(None))
    assert verdict.status is U
    assert (verdict.reason_code, verdict.needs_code) == ("no_box_3d", "needs_box_3d")


def test_a_box_behind_the_camera_is_not_judged() -> None:
    assert judge(lamp(Box3D((0, 0, -1), (1, 1, 1)))).status is U


def claims_about_boxes(view: RenderedView, rng: np.random.Generator) -> tuple[list[Region], list[Claim]]:
    """A stated box for every object, slightly changed ones in turn with wrong ones, and a claim about each."""
    regions, claims = [], []
    for item, region, is_correct in zip(view.objects, view.regions(), cycle((True, False)), strict=False):
        along, size = rng.uniform(-0.06, 0.06), np.exp(rng.uniform(-0.06, 0.06, 3))
        if not is_correct:
            along, size = ((0.6, 1.0), (-0.35, 1.0), (0.0, 0.5), (0.0, 2.8))[rng.integers(4)]
        centre, sides = (1 + along) * np.array(item.box_3d.center_m), size * np.array(item.box_3d.size_m)
        box = replace(item.box_3d, center_m=tuple(centre), size_m=tuple(sides))
        claim = Claim("box_3d", item.label, frames=(view.index,))
        holds = truth_of(claim, view, box).holds
        regions.append(replace(region, box_3d=box if holds is is_correct else None))
        claims += [replace(claim, truth=holds)] * (holds is is_correct)
    return regions, claims


scene_of = cache(partial(rendered_scene, size_px=(320, 240)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, least_correct, least_coverage", [("exact", 0.98, 0.85), ("sensor", 0.98, 0.85), ("network", 0.95, 0.15)]
)
def test_verdicts_about_boxes_of_rendered_scenes(kind: str, least_correct: float, least_coverage: float) -> None:
    counts: Counter[tuple[bool | None, Status]] = Counter()
    for seed in range(600, 630):
        made = scene_of(seed)
        regions, claims = claims_about_boxes(made.view, np.random.default_rng(seed))
        verdicts = uncalibrated().judge(replace(made.scene, depth=(DEPTHS[kind](made.view, seed),)), regions, claims)
        counts.update((verdict.claim.truth, verdict.status) for verdict in verdicts)
    decided = sum(count for (_, status), count in counts.items() if status is not U)
    assert counts[True, S] + counts[False, R] >= least_correct * decided
    assert decided >= least_coverage * counts.total()
