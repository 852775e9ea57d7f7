"""Claims about rendered scenes: balanced, repeatable, over all relations, hard ones among them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pipeline.evaluate.rendered.claims import claims_of
from pipeline.evaluate.rendered.scenes import RenderedScene, rendered_scene, rendered_sequence
from pipeline.evaluate.truth import truth_of
from pipeline.records import Claim
from pipeline.relations import RELATIONS

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
