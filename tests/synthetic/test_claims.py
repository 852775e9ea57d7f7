"""Claims about rendered scenes: balanced, repeatable, over all relations, hard ones among them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from synthetic.worlds import view

from pipeline.records import Claim, Comparison
from pipeline.records.relations import RELATIONS
from pipeline.synthetic.claims import LEAST_VISIBLE_SHARE, claims_of, visible_share
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.scenes import RenderedScene, rendered_scene, rendered_sequence

SIZE_PX = (320, 240)


@pytest.fixture(scope="module")
def claimed() -> list[tuple[RenderedScene, tuple[Claim, ...]]]:
    scenes = [rendered_scene(seed, size_px=SIZE_PX) for seed in range(15)]
    return [(scene, claims_of(scene.view, np.random.default_rng(k), 44)) for k, scene in enumerate(scenes)]


def test_true_and_false_are_balanced_for_each_relation(claimed: list[tuple[RenderedScene, tuple[Claim, ...]]]) -> None:
    for _, claims in claimed:
        for relation in {claim.relation for claim in claims}:
            counts = Counter(claim.truth for claim in claims if claim.relation == relation)
            assert counts[True] == counts[False]


def test_all_relations_occur(claimed: list[tuple[RenderedScene, tuple[Claim, ...]]]) -> None:
    claims = [claim for _, found in claimed for claim in found]
    assert {str(claim.relation) for claim in claims} == {name for name, entry in RELATIONS.items() if not entry.implied}
    assert any(claim.negated for claim in claims)
    assert {claim.relation for claim in claims if claim.value is not None} >= {"closer", "occludes", "size"}


def test_the_truth_of_a_claim_is_that_of_the_geometry(
    claimed: list[tuple[RenderedScene, tuple[Claim, ...]]],
) -> None:
    for scene, claims in claimed:
        for claim in claims:
            assert truth_of(claim, scene.view).holds is claim.truth
            assert truth_of(replace(claim, negated=not claim.negated), scene.view).holds is not claim.truth


def test_some_are_close_to_the_boundary(claimed: list[tuple[RenderedScene, tuple[Claim, ...]]]) -> None:
    margins = [
        abs(truth_of(claim, scene.view).margin)
        for scene, claims in claimed
        for claim in claims
        if claim.relation in ("closer", "farther", "in_front_of", "behind")
    ]
    assert min(margins) < 0.05 < max(margins)


def test_claims_are_repeatable_and_no_more_than_asked_for() -> None:
    view = rendered_scene(2, size_px=SIZE_PX).view
    first, second = (claims_of(view, np.random.default_rng(7), 11) for _ in range(2))
    assert first == second
    assert len(first) == 10


def test_claims_name_their_frame() -> None:
    view = rendered_sequence(2, 2, size_px=SIZE_PX).views[1]
    assert {claim.frames for claim in claims_of(view, np.random.default_rng(0), 10)} == {(1,)}


def test_nobody_is_asked_about_what_is_mostly_hidden(
    claimed: list[tuple[RenderedScene, tuple[Claim, ...]]],
) -> None:
    hidden = 0
    for scene, claims in claimed:
        shares = {item.label: visible_share(item) for item in scene.view.objects}
        hidden += sum(share < LEAST_VISIBLE_SHARE for share in shares.values())
        for claim in claims:
            if not RELATIONS[claim.relation].counts:
                named = {claim.subject, claim.object, claim.other_object} - {None}
                assert min(shares[name] for name in named if name is not None) >= LEAST_VISIBLE_SHARE
    assert hidden > 0, "some objects are mostly hidden"


def test_occlusion_is_asked_of_what_meets_in_the_image(
    claimed: list[tuple[RenderedScene, tuple[Claim, ...]]],
) -> None:
    asked = 0
    for scene, claims in claimed:
        visible = {item.label: item.visible for item in scene.view.objects}
        for claim in claims:
            if RELATIONS[claim.relation].rule == "occlusion":
                asked += 1
                rows, columns = np.nonzero(visible[claim.subject])
                others = np.argwhere(visible[claim.object or ""])
                nearest = min(
                    int(np.abs(others - place).max(axis=1).min())
                    for place in np.stack((rows, columns), axis=1)[:: max(1, len(rows) // 400)]
                )
                assert nearest <= 8
    assert asked > 10


def test_numbers_are_those_that_people_write(claimed: list[tuple[RenderedScene, tuple[Claim, ...]]]) -> None:
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
def test_no_more_claims_than_asked_for_and_always_in_pairs(count: int) -> None:
    view = rendered_scene(3, size_px=SIZE_PX).view
    assert len(claims_of(view, np.random.default_rng(0), count)) == count - count % 2


def test_what_a_view_lacks_is_not_asked_for(claimed: list[tuple[RenderedScene, tuple[Claim, ...]]]) -> None:
    scene, _ = claimed[0]
    (first, *_) = scene.view.objects
    alone = replace(scene.view, objects=(first,))
    found = {str(claim.relation) for claim in claims_of(alone, np.random.default_rng(0), 40)}
    assert found <= {"count", "size", "distance_to_camera"}
    assert found


def test_negated_claims_are_few_and_come_in_pairs(claimed: list[tuple[RenderedScene, tuple[Claim, ...]]]) -> None:
    claims = [claim for _, found in claimed for claim in found]
    share = np.mean([claim.negated for claim in claims])
    assert 0.03 < share < 0.2
    for _, found in claimed:
        assert all(first.negated is second.negated for first, second in zip(found[::2], found[1::2], strict=True))
        assert all(first.relation == second.relation for first, second in zip(found[::2], found[1::2], strict=True))


def test_the_visible_share_is_that_of_the_object_alone() -> None:
    made = view()
    for item in made.objects:
        assert 0 < visible_share(item) <= 1
    in_front = next(item for item in made.objects if item.label == "red box")
    assert visible_share(in_front) > 0.95
