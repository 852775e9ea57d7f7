from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Claim, DepthKind, DepthMap, Region, Scene, Status, Unit, Verdict
from pipeline.records.camera import Camera
from pipeline.records.errors import ConfigError
from pipeline.records.relations import RELATIONS, Need
from pipeline.verify.verifier import Verifier

S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED


def judge(claim: Claim, scene: Scene | None = None, regions: tuple[Region, ...] | None = None, **rest: Any) -> Verdict:
    return Verifier(**rest).judge(scene or scenes.scene(), regions or scenes.regions(), [claim])[0]


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
    (Claim("occludes", "cup", "lamp"), U),
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
def test_claims_about_a_known_scene(claim: Claim, status: Status) -> None:
    verdict = judge(claim)
    assert verdict.status is status, verdict.reason
    if status is U:
        assert verdict.needs


@pytest.mark.parametrize(("claim", "status"), METRIC_CASES, ids=lambda part: getattr(part, "in_words", str)())
def test_negation_exchanges_supported_and_refuted(claim: Claim, status: Status) -> None:
    verdict = judge(replace(claim, negated=True))
    assert verdict.status is {S: R, R: S, U: U}[status], verdict.reason


@pytest.mark.parametrize(("claim", "status"), METRIC_CASES, ids=lambda part: getattr(part, "in_words", str)())
def test_known_truth_does_not_change_a_verdict(claim: Claim, status: Status) -> None:
    for truth in (True, False):
        verdict = judge(replace(claim, truth=truth))
        assert replace(verdict, claim=claim) == judge(claim)


ORDER_CLAIMS = [claim for claim, _ in METRIC_CASES if RELATIONS[claim.relation].need in (Need.ORDER, Need.NOTHING)]


@settings(max_examples=100)
@given(
    scale=st.floats(0.01, 100),
    shift=st.floats(-50, 50),
    noise_m=st.sampled_from([0.0, 0.02, 0.2]),
    seed=st.integers(0, 3),
)
def test_verdicts_do_not_change_under_scale_and_shift_of_disparity(
    scale: float, shift: float, noise_m: float, seed: int
) -> None:
    values = np.clip(scenes.depth_m(noise_m, seed), 0.3, None)
    plain = scenes.scene(scenes.as_kind(values, DepthKind.DISPARITY_AFFINE))
    changed = scenes.scene(scenes.as_kind(values, DepthKind.DISPARITY_AFFINE, scale, shift))
    expected = [verdict.status for verdict in Verifier().judge(plain, scenes.regions(), ORDER_CLAIMS)]
    assert [verdict.status for verdict in Verifier().judge(changed, scenes.regions(), ORDER_CLAIMS)] == expected


@given(scale=st.floats(0.01, 100))
def test_verdicts_do_not_change_with_an_unknown_scale(scale: float) -> None:
    claims = [claim for claim, _ in METRIC_CASES if claim.value is None]
    plain, changed = (
        scenes.scene(scenes.as_kind(scenes.depth_m(), DepthKind.SCALE_INVARIANT, factor)) for factor in (1.0, scale)
    )
    expected = [verdict.status for verdict in Verifier().judge(plain, scenes.regions(), claims)]
    assert [verdict.status for verdict in Verifier().judge(changed, scenes.regions(), claims)] == expected


@pytest.mark.parametrize("kind", [kind for kind in DepthKind if kind is not DepthKind.METRIC])
@pytest.mark.parametrize(
    "claim", [claim for claim, _ in METRIC_CASES if claim.value is not None and "occ" not in claim.relation]
)
def test_lengths_need_metres(kind: DepthKind, claim: Claim) -> None:
    verdict = judge(claim, scenes.scene(scenes.as_kind(scenes.depth_m(), kind)))
    assert verdict.status is U
    assert verdict.needs_code == "needs_metric_depth"


@pytest.mark.parametrize("kind", [DepthKind.DISPARITY_AFFINE, DepthKind.DEPTH_AFFINE])
@pytest.mark.parametrize("relation", ["taller", "same_depth", "touching"])
def test_affine_depth_has_no_shape(kind: DepthKind, relation: str) -> None:
    verdict = judge(Claim(relation, "cabinet", "screen"), scenes.scene(scenes.as_kind(scenes.depth_m(), kind)))
    assert verdict.status is U
    assert verdict.needs_code == "needs_shape"


@pytest.mark.parametrize("kind", list(DepthKind))
def test_order_is_right_on_every_kind_of_depth(kind: DepthKind) -> None:
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), kind, 0.5, 3.0))
    assert judge(Claim("in_front_of", "screen", "cabinet"), scene).status is S
    assert judge(Claim("behind", "screen", "cabinet"), scene).status is R
    assert judge(Claim("occludes", "screen", "cabinet"), scene).status is S


@pytest.mark.parametrize("relation", ["left_of", "right_of", "in_front_of", "behind"])
def test_the_view_of_an_object_needs_its_orientation(relation: str) -> None:
    verdict = judge(Claim(relation, "screen", "cabinet", perspective="cabinet"))
    assert verdict.status is U
    assert verdict.needs_code == "needs_orientation"


@pytest.mark.parametrize(
    ("subject", "object_", "words"),
    [
        ("ghost", "cup", "ghost"),
        ("cup", "ghost", "ghost"),
        ("cup", "the cup", "same region"),
        ("cup", "cup#2", "cup#2"),
    ],
)
def test_what_is_not_located_is_undecided_and_named(subject: str, object_: str, words: str) -> None:
    verdict = judge(Claim("left_of", subject, object_))
    assert verdict.status is U
    assert words in verdict.reason


def test_two_regions_of_one_label_must_be_told_apart() -> None:
    regions = (*scenes.regions(), Region("cup", (100, 10, 110, 20)))
    assert "cup#1" in judge(Claim("left_of", "cup", "lamp"), regions=regions).reason
    assert judge(Claim("left_of", "cup#1", "cup#2"), regions=regions).status is S


@pytest.mark.parametrize(
    "region",
    [
        Region("x", (0, 0, 2, 2)),
        Region("x", (500, 500, 600, 600)),
        Region("x", (0, 0, 50, 50), mask=np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)),
        Region("x", (0, 0, 50, 50), mask=np.ones((3, 3), bool)),
    ],
)
def test_regions_that_show_nothing_are_refused_with_a_reason(region: Region) -> None:
    verdict = judge(Claim("closer", "x", "cup"), regions=(*scenes.regions(), region))
    assert verdict.status is U
    assert "'x'" in verdict.reason


def test_holes_in_the_depth_are_undecided_not_wrong() -> None:
    values = scenes.depth_m()
    values[10:30, 10:26] = np.nan
    verdict = judge(Claim("closer", "cup", "lamp"), scenes.scene(scenes.as_kind(values, DepthKind.METRIC)))
    assert verdict.status is U
    assert verdict.reason_code == "few_pixels" and "0 pixels" in verdict.reason


def test_without_depth_only_the_image_is_judged() -> None:
    scene = replace(scenes.scene(), depth=())
    assert judge(Claim("left_of", "screen", "cabinet"), scene).status is S
    verdict = judge(Claim("closer", "screen", "cabinet"), scene)
    assert verdict.status is U
    assert verdict.needs_code == "needs_depth"


def test_a_constant_map_decides_no_order() -> None:
    scene = scenes.scene(DepthMap.from_values(np.ones((scenes.HEIGHT, scenes.WIDTH)), "disparity_affine"))
    assert judge(Claim("closer", "cup", "lamp"), scene).status is U


def test_a_mask_is_trusted_over_its_box() -> None:
    mask = np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)
    mask[35:95, 80:105] = True
    regions = (*scenes.regions(), Region("door", (0, 0, 160, 120), mask=mask))
    verdict = judge(Claim("farther", "door", "screen", value=0.8, unit="m"), regions=regions)
    assert verdict.status is S


def test_a_smaller_risk_speaks_less() -> None:
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), DepthKind.SCALE_INVARIANT))
    claim = Claim("closer", "lamp", "cabinet")
    bold, careful = judge(claim, scene, risk=0.3), judge(claim, scene, risk=1e-6)
    assert (bold.status, careful.status) == (S, U)
    assert bold.probability == careful.probability


@pytest.mark.parametrize("risk", [0, 0.5, -1, 2])
def test_impossible_risks_are_refused(risk: float) -> None:
    with pytest.raises(ConfigError, match="risk"):
        Verifier(risk)


def test_an_assumed_camera_makes_lengths_less_certain() -> None:
    claim = Claim("size", "cabinet", value=93, unit="cm", measure="height")
    assumed = replace(scenes.CAMERA, source="assumed")
    assert judge(claim, scenes.scene(camera=assumed)).status is U
    assert judge(claim).status is S


def two_views(second: DepthMap) -> tuple[Scene, tuple[Region, ...]]:
    scene = scenes.scene(frames=2)
    regions = scenes.regions()
    return replace(scene, depth=(scene.depth[0], second)), (*regions, *(replace(item, frame=1) for item in regions))


def test_frames_that_agree_are_surer_than_one() -> None:
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


@pytest.mark.parametrize(("frames", "code"), [((7,), "no_such_frame"), ((1,), "never_together")])
def test_frames_that_a_claim_names_must_show_it(frames: tuple[int, ...], code: str) -> None:
    verdict = judge(Claim("left_of", "cup", "lamp", frames=frames), scenes.scene(frames=2))
    assert verdict.status is U
    assert verdict.reason_code == code


def test_the_same_input_gives_the_same_verdict() -> None:
    claims = [claim for claim, _ in METRIC_CASES]
    assert Verifier().judge(scenes.scene(), scenes.regions(), claims) == Verifier().judge(
        scenes.scene(), scenes.regions(), claims
    )


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


def test_a_wide_camera_is_not_needed_to_find_every_rule() -> None:
    import importlib

    for relation in RELATIONS.values():
        assert callable(importlib.import_module(f"pipeline.verify.rules.{relation.rule}").judge)


def test_a_size_cut_off_by_the_border_is_only_a_lower_bound() -> None:
    camera = Camera(150.0, 150.0, 79.5, 59.5, scenes.WIDTH, scenes.HEIGHT)
    regions = (*scenes.regions(), Region("wall", (0, 0, 160, 120)))
    assert (
        judge(Claim("size", "wall", value=2.4, unit="m", measure="height"), scenes.scene(camera=camera), regions).status
        is U
    )
