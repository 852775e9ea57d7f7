"""Claims about rendered scenes: balanced, repeatable, over all relations, hard ones among them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree
from synthetic.worlds import view

from pipeline.records import Claim, Comparison
from pipeline.records.relations import RELATIONS
from pipeline.synthetic.claims import LEAST_VISIBLE_SHARE, claims_of, visible_share
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.scenes import RenderedScene, rendered_scene, rendered_sequence

SIZE_PX = (320, 240)
Claimed = list[tuple[RenderedScene, tuple[Claim, ...]]]


@pytest.fixture(scope="module")
def claimed() -> Claimed:
    scenes = [rendered_scene(seed, size_px=SIZE_PX) for seed in range(15)]
    return [(scene, claims_of(scene.view, np.random.default_rng(k), 44)) for k, scene in enumerate(scenes)]


def test_true_and_false_are_balanced_for_each_relation(claimed: Claimed) -> None:
    for _, claims in claimed:
        for relation in {claim.relation for claim in claims}:
            counts = Counter(claim.truth for claim in claims if claim.relation == relation)
            assert counts[True] == counts[False]


def test_all_relations_occur(claimed: Claimed) -> None:
    claims = [claim for _, found in claimed for claim in found]
    assert {str(claim.relation) for claim in claims} == {name for name, entry in RELATIONS.items() if not entry.implied}
    assert any(claim.negated for claim in claims)
    assert {claim.relation for claim in claims if claim.value is not None} >= {"closer", "occludes", "size"}


def test_the_truth_of_a_claim_is_that_of_the_geometry(claimed: Claimed) -> None:
    for scene, claims in claimed:
        for claim in claims:
            assert truth_of(claim, scene.view).holds is claim.truth
            assert truth_of(replace(claim, negated=not claim.negated), scene.view).holds is not claim.truth


def test_some_are_close_to_the_boundary(claimed: Claimed) -> None:
    margins = [
        abs(truth_of(claim, scene.view).margin)
        for scene, claims in claimed
        for claim in claims
        if claim.relation in ("closer", "farther", "in_front_of", "behind")
    ]
    assert min(margins) < 0.05 < max(margins)


def test_claims_name_their_frame() -> None:
    view = rendered_sequence(2, 2, size_px=SIZE_PX).views[1]
    assert {claim.frames for claim in claims_of(view, np.random.default_rng(0), 10)} == {(1,)}


def test_nobody_is_asked_about_what_is_mostly_hidden(claimed: Claimed) -> None:
    hidden = 0
    for scene, claims in claimed:
        shares = {item.label: visible_share(item) for item in scene.view.objects}
        hidden += sum(share < LEAST_VISIBLE_SHARE for share in shares.values())
        for claim in claims:
            if not RELATIONS[claim.relation].counts:
                named = {claim.subject, claim.object, claim.other_object} - {None}
                assert min(shares[name] for name in named if name is not None) >= LEAST_VISIBLE_SHARE
    assert hidden > 0, "some objects are mostly hidden"


def test_occlusion_is_asked_of_what_meets_in_the_image(claimed: Claimed) -> None:
    asked = 0
    for scene, claims in claimed:
        visible = {item.label: item.visible for item in scene.view.objects}
        for claim in claims:
            if RELATIONS[claim.relation].rule == "occlusion":
                asked += 1
                first, second = (np.argwhere(visible[label]) for label in (claim.subject, claim.object or ""))
                assert cKDTree(second).query(first, p=np.inf)[0].min() <= 3
    assert asked > 10


def test_numbers_are_those_that_people_write(claimed: Claimed) -> None:
    values = [claim for _, claims in claimed for claim in claims if claim.value is not None]
    assert {claim.unit for claim in values} >= {"m", "cm", "ft", "in", "fraction", "count"}
    assert {claim.comparison for claim in values} == set(Comparison)
    for claim in values:
        assert claim.value is not None and claim.value >= 0
        if claim.value_m is not None:
            # Two digits, or less than a tenth of the unit.
            assert float(f"{claim.value:.2g}") == claim.value or round(claim.value, 1) == claim.value
        elif claim.unit == "fraction":
            assert claim.value <= 1


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_claims_repeat_and_are_no_more_than_asked_for_in_pairs(count: int) -> None:
    view = rendered_scene(3, size_px=SIZE_PX).view
    claims, again = (claims_of(view, np.random.default_rng(0), count) for _ in range(2))
    assert claims == again and len(claims) == count - count % 2


def test_what_a_view_lacks_is_not_asked_for(claimed: Claimed) -> None:
    scene, _ = claimed[0]
    (first, *_) = scene.view.objects
    alone = replace(scene.view, objects=(first,))
    found = {str(claim.relation) for claim in claims_of(alone, np.random.default_rng(0), 40)}
    assert found <= {"count", "size", "distance_to_camera"}
    assert found


def test_negated_claims_are_few_and_come_in_pairs(claimed: Claimed) -> None:
    claims = [claim for _, found in claimed for claim in found]
    share = np.mean([claim.negated for claim in claims])
    assert 0.03 < share < 0.2
    for _, found in claimed:
        for first, second in zip(found[::2], found[1::2], strict=True):
            assert (first.negated, first.relation) == (second.negated, second.relation)


def test_the_visible_share_is_that_of_the_object_alone() -> None:
    shares = {item.label: visible_share(item) for item in view().objects}
    assert all(0 < share <= 1 for share in shares.values()) and shares["red box"] > 0.95
