"""Changes that must keep a verdict, and changes that must reverse it, on rendered scenes with all relations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verifiers import uncalibrated
from verify.rules.frames import DEPTHS, exact_depth, predicted

from pipeline.records import Claim, DepthMap, Status, Verdict
from pipeline.records.relations import RELATIONS, Need
from pipeline.synthetic.claims import claims_of
from pipeline.synthetic.scenes import RenderedScene, rendered_scene
from pipeline.verify.rules import object_view
from pipeline.verify.verifier import need_of

SEEDS = range(6000, 6006)
MIRRORED = {
    "left_of": "right_of",
    "above": "below",
    "closer": "farther",
    "in_front_of": "behind",
    "occludes": "occluded_by",
    "larger": "smaller",
}
MIRRORED |= {second: first for first, second in MIRRORED.items()} | {name: name for name in ("touching", "same_depth")}
OPPOSITE = {Status.SUPPORTED: Status.REFUTED, Status.REFUTED: Status.SUPPORTED, Status.UNDECIDED: Status.UNDECIDED}


@cache
def made(seed: int) -> RenderedScene:
    return rendered_scene(seed, size_px=(320, 240))


@cache
def claims_about(seed: int, count: int = 30) -> tuple[Claim, ...]:
    return claims_of(made(seed).view, np.random.default_rng(seed), count)


def exact(seed: int) -> DepthMap:
    return exact_depth(made(seed).view)


def depths(seed: int) -> Iterator[DepthMap]:
    """The same scene's depth: exact, of a sensor, and of a network."""
    yield from (depth_of(made(seed).view, seed) for depth_of in DEPTHS.values())


def judge(seed: int, claims: tuple[Claim, ...], depth: DepthMap, *, masks: bool = True) -> tuple[Verdict, ...]:
    scene = replace(made(seed).scene, depth=(depth,))
    return uncalibrated().judge(scene, made(seed).view.regions(masks=masks), claims)


def statuses(verdicts: tuple[Verdict, ...]) -> list[Status]:
    return [verdict.status for verdict in verdicts]


def changed(depth: DepthMap, scale: float, shift: float) -> DepthMap:
    values = np.where(depth.valid, scale * (depth.values.astype(np.float64) + shift), 0)
    return replace(depth, values=values.astype(np.float32))


@settings(max_examples=20)
@given(
    seed=st.sampled_from(SEEDS),
    scale=st.floats(1e-3, 1e3),
    shift_share=st.floats(-2, 2),
    masks=st.booleans(),
    is_exact=st.booleans(),
)
def test_scale_and_shift_of_disparity_change_no_verdict(
    seed: int, scale: float, shift_share: float, masks: bool, is_exact: bool
) -> None:
    if is_exact:
        values = 1 / np.where(exact(seed).valid, exact(seed).values, 50.0)
        plain = DepthMap.from_values(values, "disparity_affine", backend="rendered")
    else:
        plain = predicted(made(seed).view, seed)
    other = changed(plain, scale, shift_share * float(np.ptp(plain.values)))
    first, second = (judge(seed, claims_about(seed), depth, masks=masks) for depth in (plain, other))
    # At a threshold, rounding may decide whether a verdict is open, but it may not reverse one.
    for one, two in zip(first, second, strict=True):
        assert one.probability == pytest.approx(two.probability, abs=0.02), one.claim.in_words()
        assert one.status is two.status or min(abs((one.probability or 0) - edge) for edge in (0.05, 0.95)) < 0.02


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("scale", [0.01, 70.0])
def test_an_unknown_scale_changes_no_verdict(scale: float, masks: bool) -> None:
    for seed in SEEDS:
        claims = tuple(claim for claim in claims_about(seed) if claim.value is None)
        plain = replace(exact(seed), kind="scale_invariant", scale_source="none")
        other = replace(plain, values=plain.values * np.float32(scale))
        assert statuses(judge(seed, claims, plain, masks=masks)) == statuses(judge(seed, claims, other, masks=masks))


@pytest.mark.parametrize("masks", [True, False])
def test_the_opposite_of_a_claim_has_the_opposite_verdict(masks: bool) -> None:
    for seed in SEEDS:
        opposites = tuple(replace(claim, negated=not claim.negated) for claim in claims_about(seed))
        for depth in depths(seed):
            first, second = (judge(seed, claims, depth, masks=masks) for claims in (claims_about(seed), opposites))
            for one, two in zip(first, second, strict=True):
                assert two.status is OPPOSITE[one.status], one.claim.in_words()
                assert (one.probability is None) is (two.probability is None)
                if one.probability is not None and two.probability is not None:
                    assert one.probability + two.probability == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("masks", [True, False])
def test_a_claim_said_the_other_way_round_has_the_same_verdict(masks: bool) -> None:
    for seed in SEEDS:
        claims = tuple(claim for claim in claims_about(seed) if claim.relation in MIRRORED)
        turned = tuple(
            replace(claim, relation=MIRRORED[claim.relation], subject=claim.object, object=claim.subject)
            for claim in claims
        )
        for depth in depths(seed):
            for one, two in zip(*(judge(seed, which, depth, masks=masks) for which in (claims, turned)), strict=True):
                assert one.status is two.status, one.claim.in_words()
                assert one.probability == pytest.approx(two.probability, abs=1e-6), one.claim.in_words()


def test_of_two_orders_at_most_one_is_supported() -> None:
    strict = ("left_of", "above", "closer", "taller", "wider", "larger", "occludes", "on")
    for seed in SEEDS:
        labels = [item.label for item in made(seed).view.objects]
        pairs = [(first, second) for i, first in enumerate(labels) for second in labels[i + 1 :]]
        for depth in depths(seed):
            forward = tuple(Claim(name, *pair) for name in strict for pair in pairs)
            backward = tuple(Claim(name, second, first) for name in strict for first, second in pairs)
            for one, two in zip(judge(seed, forward, depth), judge(seed, backward, depth), strict=True):
                assert not one.status is two.status is Status.SUPPORTED, one.claim.in_words()
                if one.claim.relation not in ("occludes", "on") and None not in (one.probability, two.probability):
                    assert one.probability + two.probability == pytest.approx(1, abs=1e-6), one.claim.in_words()


def test_a_verdict_depends_neither_on_other_claims_nor_on_their_order() -> None:
    for seed in SEEDS:
        claims = claims_about(seed)
        for depth in depths(seed):
            among = judge(seed, claims, depth)
            assert judge(seed, claims[::-1], depth) == among[::-1]
            assert judge(seed, claims[:1], depth) == among[:1]


def test_affine_disparity_decides_nothing_but_order_and_the_image() -> None:
    decided = set()
    for seed in SEEDS:
        for verdict in judge(seed, claims_about(seed), predicted(made(seed).view, seed)):
            if need_of(verdict.claim) in (Need.METRIC, Need.SHAPE):
                assert verdict.status is Status.UNDECIDED
            elif verdict.status is not Status.UNDECIDED:
                decided.add(RELATIONS[verdict.claim.relation].rule)
    assert decided >= {"depth_order", "occlusion", "image_order"}


def test_objects_are_cut_out_once_for_all_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_out = Mock(wraps=object_view.own_pixels)
    monkeypatch.setattr(object_view, "own_pixels", cut_out)
    judge(SEEDS[0], claims_about(SEEDS[0]) * 4, exact(SEEDS[0]))
    assert 1 < cut_out.call_count <= len(made(SEEDS[0]).view.objects)
