from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scenes
from verifiers import uncalibrated

from pipeline.records import Claim, DepthKind, DepthMap, Region, Scene, Status, Unit, Verdict
from pipeline.records.errors import ConfigError

S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED


def judge(claim: Claim, scene: Scene | None = None, regions: tuple[Region, ...] | None = None, **rest: Any) -> Verdict:
    return uncalibrated(**rest).judge(scene or scenes.scene(), regions or scenes.regions(), [claim])[0]


METRIC_CASES = [
    (Claim("left_of", "screen", "cabinet"), S),
    (Claim("right_of", "screen", "cabinet"), R),
    (Claim("above", "cup", "screen"), S),
    (Claim("below", "cup", "screen"), R),
    (Claim("in_front_of", "screen", "cabinet"), S),
    (Claim("behind", "screen", "cabinet"), R),
    (Claim("closer", "cup", "lamp"), S),
    (Claim("farther", "cup", "lamp"), R),
    (Claim("closer", "screen", "cabinet", value=80, unit="cm"), S),
    (Claim("closer", "screen", "cabinet", value=2, unit="m"), R),
    (Claim("farther", "screen", "cabinet", value=80, unit="cm"), R),
    (Claim("occludes", "screen", "cabinet"), S),
    (Claim("occludes", "cabinet", "screen"), R),
    (Claim("occluded_by", "cabinet", "screen"), S),
    (Claim("occluded_by", "screen", "cabinet"), R),
    (Claim("occludes", "cup", "lamp"), R),
    (Claim("occludes", "screen", "cabinet", value=0.4, unit="fraction"), U),
    (Claim("distance_to_camera", "lamp", value=1.5, unit="m"), S),
    (Claim("distance_to_camera", "lamp", value=5, unit="ft"), S),
    (Claim("distance_to_camera", "lamp", value=3, unit="m"), R),
    (Claim("distance_to_camera", "lamp", value=1, unit="m", comparison="at_least"), S),
    (Claim("distance_to_camera", "lamp", value=1, unit="m", comparison="at_most"), R),
    # cup: z 0.8 at (18, 20) px, lamp: z 1.5 at (135, 40) px
    (Claim("distance_between", "cup", "lamp", value=1.15, unit="m"), S),
    (Claim("distance_between", "cup", "lamp", value=30, unit="cm"), R),
    (Claim("distance_between", "cup", "lamp", value=1.15, unit="m", measure="centre"), S),
    # cabinet: 70 px of 150 at 2 m
    (Claim("size", "cabinet", value=93, unit="cm", measure="height"), S),
    (Claim("size", "cabinet", value=67, unit="cm", measure="width"), S),
    (Claim("size", "cabinet", value=30, unit="cm", measure="width"), R),
    (Claim("size", "lamp", value=45, unit="cm", measure="width"), R),
    (Claim("size", "cabinet", value=2, unit="m", measure="height"), R),
    (Claim("taller", "cabinet", "screen"), S),
    (Claim("smaller", "cabinet", "cup"), R),
    (Claim("same_depth", "screen", "lamp"), R),
    (Claim("between", "screen", "cup", "cabinet"), S),
    (Claim("between", "cup", "screen", "cabinet"), R),
    (Claim("touching", "cup", "lamp"), R),
    (Claim("on", "screen", "cup"), R),
]


@pytest.mark.parametrize(("claim", "status"), METRIC_CASES, ids=lambda part: getattr(part, "in_words", str)())
def test_claims_about_a_known_scene_their_denials_and_their_ground_truth(claim: Claim, status: Status) -> None:
    claims = [claim, replace(claim, negated=True), *(replace(claim, truth=truth) for truth in (True, False))]
    verdict, denied, *others = uncalibrated().judge(scenes.scene(), scenes.regions(), claims)
    assert verdict.status is status, verdict.reason
    assert denied.status is {S: R, R: S, U: U}[status], denied.reason
    assert [replace(other, claim=claim) for other in others] == [verdict, verdict], "no rule looks at the ground truth"


def of_kind(kind: str, values: np.ndarray | None = None) -> Scene:
    return scenes.scene(scenes.as_kind(scenes.depth_m() if values is None else values, DepthKind(kind)))


CLOSER = Claim("closer", "cup", "lamp")
UNDECIDED: list[tuple[Claim, Scene | None, str]] = [
    *(
        (claim, of_kind(kind), "no_metres")
        for kind in ("scale_invariant", "depth_affine", "disparity_affine")
        for claim, _ in METRIC_CASES
        if claim.value is not None and "occ" not in claim.relation
    ),
    *(
        (Claim(relation, "cabinet", "screen"), of_kind(kind), "no_shape")
        for kind in ("depth_affine", "disparity_affine")
        for relation in ("taller", "same_depth", "touching", "on")
    ),
    *(
        (Claim(relation, "screen", "cabinet", perspective="cabinet"), None, "own_perspective")
        for relation in ("left_of", "right_of", "in_front_of", "behind")
    ),
    (Claim("left_of", "ghost", "cup"), None, "not_found"),
    (Claim("left_of", "cup", "ghost"), None, "not_found"),
    (Claim("left_of", "cup", "the cup"), None, "same_region"),
    (Claim("left_of", "cup", "cup#2"), None, "only_so_many"),
    (CLOSER, of_kind("metric", np.where(scenes.inside((10, 10, 26, 30)), np.nan, scenes.depth_m())), "few_pixels"),
    (CLOSER, replace(scenes.scene(), depth=()), "no_depth"),
    (CLOSER, of_kind("disparity_affine", np.ones((scenes.HEIGHT, scenes.WIDTH))), "constant_depth"),
    (replace(CLOSER, frames=(7,)), scenes.scene(frames=2), "no_such_frame"),
    (replace(CLOSER, frames=(1,)), scenes.scene(frames=2), "never_together"),
]


@pytest.mark.parametrize(("claim", "scene", "code"), UNDECIDED)
def test_what_cannot_be_measured_is_undecided_with_a_reason(claim: Claim, scene: Scene | None, code: str) -> None:
    verdict = judge(claim, scene)
    assert verdict.status is U
    assert verdict.reason_code == code, verdict.reason


@pytest.mark.parametrize(
    ("region", "code"),
    [
        (Region("x", (0, 0, 2, 2)), "few_pixels"),
        (Region("x", (500, 500, 600, 600)), "few_pixels"),
        (Region("x", (0, 0, 50, 50), mask=np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)), "few_pixels"),
        (Region("x", (0, 0, 50, 50), mask=np.ones((3, 3), bool)), "mask_of_other_size"),
    ],
)
def test_regions_that_show_nothing_are_refused_with_a_reason(region: Region, code: str) -> None:
    verdict = judge(Claim("closer", "x", "cup"), regions=(*scenes.regions(), region))
    assert verdict.status is U
    assert verdict.reason_code == code and "'x'" in verdict.reason


def test_two_regions_of_one_label_must_be_told_apart() -> None:
    regions = (*scenes.regions(), Region("cup", (100, 10, 110, 20)))
    assert "cup#1" in judge(Claim("left_of", "cup", "lamp"), regions=regions).reason
    assert judge(Claim("left_of", "cup#1", "cup#2"), regions=regions).status is S


def test_a_mask_is_trusted_over_its_box() -> None:
    regions = (*scenes.regions(), Region("door", (0, 0, 160, 120), mask=scenes.inside((80, 35, 105, 95))))
    verdict = judge(Claim("farther", "door", "screen", value=0.8, unit="m"), regions=regions)
    assert verdict.status is S


def test_a_smaller_risk_decides_less() -> None:
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), DepthKind.SCALE_INVARIANT))
    claim = Claim("closer", "lamp", "cabinet")
    bold, careful = judge(claim, scene, risk=0.3), judge(claim, scene, risk=1e-6)
    assert (bold.status, careful.status) == (S, U)
    assert bold.probability == careful.probability


@pytest.mark.parametrize("risk", [0, 0.5, -1, 2])
def test_impossible_risks_are_refused(risk: float) -> None:
    with pytest.raises(ConfigError, match="risk"):
        uncalibrated(risk)


def test_an_assumed_camera_makes_lengths_less_certain() -> None:
    claim = Claim("size", "cabinet", value=93, unit="cm", measure="height")
    assumed = replace(scenes.CAMERA, source="assumed")
    assert judge(claim, scenes.scene(camera=assumed)).status is U
    assert judge(claim).status is S


def two_views(second: DepthMap) -> tuple[Scene, tuple[Region, ...]]:
    scene = scenes.scene(frames=2)
    regions = scenes.regions()
    return replace(scene, depth=(scene.depth[0], second)), (*regions, *(replace(item, frame=1) for item in regions))


def test_frames_that_agree_are_more_certain_than_one() -> None:
    noisy = scenes.as_kind(scenes.depth_m(), DepthKind.SCALE_INVARIANT)
    scene, regions = two_views(noisy)
    scene = replace(scene, depth=(noisy, noisy))
    claim = Claim("closer", "screen", "lamp")
    single, both = judge(replace(claim, frames=(0,)), scene, regions), judge(claim, scene, regions)
    assert 0.5 < single.probability < both.probability
    assert len(both.evidence) == 2


def test_frames_that_contradict_each_other_are_undecided_and_named() -> None:
    turned = DepthMap.from_values(4.0 - scenes.depth_m(), "metric", "sensor")
    scene, regions = two_views(turned)
    verdict = judge(Claim("closer", "cup", "lamp"), scene, regions)
    assert verdict.status is U
    assert verdict.reason == "The claim is supported by frame 1 and refuted by frame 2."


def test_depth_of_two_frames_is_never_compared() -> None:
    scene, regions = two_views(scenes.scene().depth[0])
    only = tuple(region for region in regions if (region.label == "cup") == (region.frame == 1))
    verdict = judge(Claim("closer", "cup", "lamp"), scene, only)
    assert verdict.status is U
    assert verdict.reason_code == "never_together"


@pytest.mark.parametrize(
    ("values", "origin", "status"),
    [
        ({"value": 2}, "given", S),
        ({"value": 3}, "given", R),
        ({"value": 1}, "model", R),
        ({"value": 2}, "model", U),
        ({"value": 2, "comparison": "at_least"}, "model", S),
        ({"value": 3, "comparison": "at_most"}, "given", S),
    ],
)
def test_counting(values: dict[str, Any], origin: str, status: Status) -> None:
    regions = tuple(Region("chair", (x, 0, x + 10, 10), origin=origin) for x in (0, 50, 51))
    assert judge(Claim("count", "chairs", unit=Unit.COUNT, **values), regions=regions).status is status


def test_evidence_points_at_the_regions_that_were_compared() -> None:
    verdict = judge(Claim("in_front_of", "screen", "cabinet"))
    (evidence,) = verdict.evidence
    assert [scenes.regions()[index].label for index in evidence.regions] == ["screen", "cabinet"]
    assert evidence.numbers["z_subject_m"] == pytest.approx(1.2, abs=1e-3)
    assert evidence.points["object"][2] == pytest.approx(2.0, abs=1e-3)


def test_a_size_cut_off_by_the_border_is_only_a_lower_bound() -> None:
    regions = (*scenes.regions(), Region("wall", (0, 0, 160, 120)))
    assert judge(Claim("size", "wall", value=2.4, unit="m", measure="height"), regions=regions).status is U
