from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scenes

from pipeline.evaluate.claims.baseline_depth import Reading, farness, frame_range
from pipeline.evaluate.claims.baselines import (
    BaselineScore,
    BoxBaseline,
    default_baselines,
    judgements_of,
    overlap_share,
)
from pipeline.records import Claim, DepthKind, Region, Scene
from pipeline.records.camera import Camera

KINDS = list(DepthKind)
ORDER = (DepthKind.DEPTH_AFFINE, DepthKind.DISPARITY_AFFINE)


def scene(kind: DepthKind = DepthKind.METRIC, **changes: object) -> Scene:
    depth = scenes.as_kind(scenes.depth_m(), kind, scale=1.0)
    return replace(scenes.scene(depth), regions=scenes.regions(), **changes)


def score(claim: Claim, kind: DepthKind = DepthKind.METRIC, reading: Reading = Reading.BOX_CENTRE) -> float | None:
    return BoxBaseline(reading).score(scene(kind), claim)


def test_a_box_is_read_by_its_mean_its_centre_or_its_nearest_mode() -> None:
    values = np.full((10, 10), 4.0)
    values[:, :3] = 1.0
    values[0, 9] = 0.2
    depth, box = scenes.as_kind(values, DepthKind.METRIC), (0.0, 0.0, 10.0, 10.0)
    assert farness(depth, box, Reading.BOX_MEAN) == pytest.approx(values.mean())
    assert farness(depth, box, Reading.BOX_CENTRE) == 4
    # A single stray pixel is not a mode.
    assert farness(depth, box, Reading.NEAREST_MODE) == pytest.approx(1, abs=0.1)


def test_pixels_without_depth_are_never_read() -> None:
    values = np.full((9, 9), np.nan)
    depth = scenes.as_kind(values, DepthKind.METRIC)
    assert all(farness(depth, (0, 0, 9, 9), reading) is None for reading in Reading)
    values[0, 0], values[8, 7] = 2.0, 3.0
    depth = scenes.as_kind(values, DepthKind.METRIC)
    assert farness(depth, (0, 0, 9, 9), Reading.BOX_MEAN) == 2.5
    assert farness(depth, (0, 0, 9, 9), Reading.BOX_CENTRE) == 3, "the valid pixel nearest to the centre"
    assert farness(depth, (20, 20, 30, 30), Reading.BOX_MEAN) is None, "a box outside the image"


@pytest.mark.parametrize("reading", list(Reading))
@pytest.mark.parametrize("kind", KINDS)
def test_farther_objects_have_larger_numbers_for_every_kind(kind: DepthKind, reading: Reading) -> None:
    depth = scenes.as_kind(scenes.depth_m(), kind, scale=3.0, shift=0.0)
    boxes = [scenes.OBJECTS[name][0] for name in ("cup", "screen", "lamp")]
    found = [farness(depth, tuple(map(float, box)), reading) for box in boxes]
    assert all(near is not None and far is not None and near < far for near, far in pairwise(found))


@pytest.mark.parametrize(
    "claim, sign",
    [
        (Claim("left_of", "cup", "lamp"), 1),
        (Claim("right_of", "cup", "lamp"), -1),
        (Claim("above", "cup", "cabinet"), 1),
        (Claim("below", "cup", "cabinet"), -1),
        (Claim("between", "screen", "cup", "cabinet"), 1),
        (Claim("between", "cup", "lamp", "screen"), -1),
        (Claim("closer", "cup", "lamp"), 1),
        (Claim("behind", "cup", "lamp"), -1),
        (Claim("closer", "cup", "lamp", value=70, unit="cm"), 1),
        (Claim("closer", "cup", "lamp", value=2, unit="m"), -1),
        (Claim("closer", "lamp", "cup", value=70, unit="cm"), -1),
        (Claim("same_depth", "screen", "lamp"), -1),
        (Claim("larger", "cabinet", "cup"), 1),
        (Claim("wider", "cup", "cabinet"), -1),
        # 70 px high and 50 px wide at 2 m with a focal length of 150 px: 0.93 m and 0.67 m.
        (Claim("size", "cabinet", value=0.93, unit="m", measure="height"), 1),
        (Claim("size", "cabinet", value=0.93, unit="m", measure="width"), -1),
        (Claim("size", "cabinet", value=0.67, unit="m"), 1),
        (Claim("distance_to_camera", "cup", value=0.95, unit="m"), 1),
        (Claim("distance_to_camera", "cup", value=0.95, unit="m", comparison="at_least"), -1),
        (Claim("distance_to_camera", "cup", value=2, unit="m", comparison="at_most"), 1),
        (Claim("count", "cup", value=1, unit="count"), 1),
        (Claim("count", "cup", value=2, unit="count", comparison="at_least"), -1),
        (Claim("count", "cup", value=2, unit="count", comparison="at_most"), 1),
    ],
)
def test_claims_of_the_analytic_scene(claim: Claim, sign: int) -> None:
    found = score(claim)
    assert found is not None and np.sign(found) == sign
    assert score(replace(claim, negated=True)) == -found


def test_occlusion_needs_overlapping_boxes_and_a_depth_step() -> None:
    overlap = overlap_share(scenes.OBJECTS["screen"][0], scenes.OBJECTS["cabinet"][0])
    assert overlap == pytest.approx(15 * 45 / (45 * 45))
    assert score(Claim("occludes", "screen", "cabinet")) == pytest.approx(min(overlap / 0.15, (2 / 1.2 - 1) / 0.2) - 1)
    assert (score(Claim("occludes", "cabinet", "screen")) or 0) < 0, "the farther one hides nothing"
    assert (score(Claim("occluded_by", "cabinet", "screen")) or 0) > 0
    assert (score(Claim("occludes", "cup", "cabinet")) or 0) < 0, "their boxes do not overlap"
    share = 15 * 45 / (50 * 70)
    assert (score(Claim("occludes", "screen", "cabinet", value=share, unit="fraction")) or 0) > 0
    assert (score(Claim("occludes", "screen", "cabinet", value=0.6, unit="fraction")) or 0) < 0


def test_contact_needs_adjoining_boxes_at_similar_depth() -> None:
    values = np.full((60, 80), 3.0)
    values[20:40, 10:30], values[20:40, 30:50], values[2:20, 12:26] = 1.0, 1.05, 1.02
    regions = (
        Region("left", (10, 20, 30, 40)),
        Region("right", (30, 20, 50, 40)),
        Region("top", (12, 2, 26, 20)),
        Region("wall", (50, 20, 70, 40)),
    )
    made = scenes.scene(frames=1)
    frame = replace(made.frames[0], rgb=np.zeros((60, 80, 3), np.uint8), camera=Camera.from_fov(80, 60, 60))
    made = Scene("touching", (frame,), regions=regions, depth=(scenes.as_kind(values, DepthKind.METRIC),))
    baseline = BoxBaseline("box_mean")
    signs = {
        ("touching", "left", "right"): 1,
        ("touching", "right", "wall"): -1,
        ("touching", "right", "top"): -1,
        ("on", "top", "left"): 1,
        ("on", "left", "top"): -1,
        ("on", "left", "right"): 0,
    }
    for (relation, subject, other), sign in signs.items():
        found = baseline.score(made, Claim(relation, subject, other))
        assert found is not None and np.sign(found) == sign, (relation, subject, other)


@pytest.mark.parametrize("kind", ORDER)
@pytest.mark.parametrize(
    "claim",
    [
        Claim("same_depth", "cup", "lamp"),
        Claim("larger", "cup", "lamp"),
        Claim("touching", "cup", "lamp"),
        Claim("on", "cup", "lamp"),
        Claim("distance_between", "cup", "lamp", value=1, unit="m"),
        Claim("distance_to_camera", "cup", value=1, unit="m"),
        Claim("size", "cup", value=1, unit="m"),
        Claim("closer", "cup", "lamp", value=1, unit="m"),
    ],
)
def test_affine_depth_gives_order_and_occlusion_only(claim: Claim, kind: DepthKind) -> None:
    assert score(claim, kind) is None
    assert (score(Claim("closer", "cup", "lamp"), kind) or 0) > 0
    assert (score(Claim("occludes", "screen", "cabinet"), kind) or 0) > 0


def test_lengths_need_metres_but_size_order_does_not() -> None:
    kind = DepthKind.SCALE_INVARIANT
    assert score(Claim("size", "cup", value=1, unit="m"), kind) is None
    assert (score(Claim("larger", "cabinet", "cup"), kind) or 0) > 0


def test_a_claim_that_boxes_cannot_decide_has_no_score() -> None:
    assert score(Claim("size", "cup", value=1, unit="m", measure="depth")) is None
    assert score(Claim("closer", "cup", "bed")) is None
    assert BoxBaseline("box_mean").score(replace(scene(), depth=()), Claim("closer", "cup", "lamp")) is None
    assert BoxBaseline("box_mean").score(replace(scene(), depth=()), Claim("left_of", "cup", "lamp")) is not None


def test_masks_are_ignored() -> None:
    mask = np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)
    mask[0, 0] = True
    masked = replace(scene(), regions=scenes.regions(cup=mask, cabinet=mask))
    for baseline in default_baselines():
        for claim in (Claim("closer", "cup", "cabinet"), Claim("larger", "cabinet", "cup")):
            assert baseline.score(masked, claim) == baseline.score(scene(), claim)


def test_the_depth_range_of_a_frame_ignores_outliers() -> None:
    values = np.linspace(1, 2, 10_000).reshape(100, 100)
    values[0, 0] = 90
    assert frame_range(scenes.as_kind(values, DepthKind.METRIC)) == pytest.approx(0.96, abs=0.01)
    assert frame_range(scenes.as_kind(np.full((4, 4), np.nan), DepthKind.METRIC)) == 0


def test_scores_become_confidences_by_rank_within_their_relation() -> None:
    given = [
        BaselineScore("closer", True, 5.0, "a"),
        BaselineScore("closer", True, -500.0, "a"),
        BaselineScore("closer", True, 0.1, "a"),
        BaselineScore("left_of", False, 100.0, "a"),
        BaselineScore("left_of", False, None, "a"),
        BaselineScore("left_of", False, 0.0, "a"),
    ]
    made = judgements_of(given)
    assert [item.relation for item in made] == [item.relation for item in given]
    probabilities = [item.probability for item in made]
    assert probabilities[:3] == pytest.approx([0.75, 0.125, 0.625])
    assert probabilities[3] == pytest.approx(0.5 + 1 / 3), "ranked within its own relation only"
    assert probabilities[4:] == [None, 0.5]
    assert [item.is_decided for item in made] == [True, True, True, True, False, True]
    assert [item.error for item in made] == [0, 1, 0, 1, 0.5, 0.5]


def test_equal_scores_have_equal_confidence() -> None:
    made = judgements_of([BaselineScore("closer", True, value, "a") for value in (2.0, -2.0, 2.0)])
    assert len({item.confidence for item in made}) == 1
