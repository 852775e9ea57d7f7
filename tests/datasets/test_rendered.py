from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.datasets.base import DepthSample
from pipeline.datasets.rendered import Rendered
from pipeline.records.errors import ConfigError
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.scenes import rendered_scene


@pytest.mark.parametrize(
    "depth, kind, source",
    [
        ("exact", "metric", "sensor"),
        ("sensor", "metric", "sensor"),
        ("metric", "metric", "model"),
        ("disparity", "disparity_affine", "none"),
    ],
)
def test_scenes_have_the_depth_and_the_claims_it_carries(depth: str, kind: str, source: str) -> None:
    data = Rendered(2, seed=5, depth=depth, claims_per_scene=8)
    cases, again = list(data), list(data)
    assert len(cases) == len(data) == 2
    assert [case.scene.claims for case in cases] == [case.scene.claims for case in again]
    for seed, case in enumerate(cases, start=5):
        view = rendered_scene(seed).view
        given = case.scene.frames[0].given_depth
        assert given is not None and (given.kind, given.scale_source) == (kind, source)
        assert np.array_equal(case.scene.frames[0].rgb, view.frame.rgb)
        assert all(region.mask is None for region in case.scene.regions)
        assert len(case.scene.claims) == 8 and sum(bool(claim.truth) for claim in case.scene.claims) == 4
        for claim in case.scene.claims:
            assert truth_of(claim, view).holds is claim.truth
            if kind == "disparity_affine":
                assert claim.value is None or claim.relation in ("count", "occludes", "occluded_by")
                assert claim.relation not in ("size", "same_depth", "taller", "touching")


def test_relations_can_be_chosen_and_masks_given() -> None:
    (case,) = Rendered(9, limit=1, relations=("left_of", "closer"), masks=True, claims_per_scene=4)
    assert {str(claim.relation) for claim in case.scene.claims} <= {"left_of", "closer"}
    assert len(case.scene.claims) % 2 == 0 and case.scene.claims
    assert all(region.mask is not None for region in case.scene.regions)


def first(**arguments: Any) -> DepthSample:
    sample = Rendered(1, seed=3, **arguments).read(0)
    assert isinstance(sample, DepthSample)
    return sample


def test_truth_is_exact_and_objects_come_with_masks() -> None:
    sample = first(prediction=None)
    assert sample.frame.given_depth is None
    view = rendered_scene(3).view
    assert view.frame.given_depth is not None
    assert sample.truth.digest == view.frame.given_depth.digest
    assert (sample.frame.rgb == view.frame.rgb).all() and sample.frame.camera == view.frame.camera
    assert len(sample.regions) == len(view.objects) > 0
    for region, item in zip(sample.regions, view.objects, strict=True):
        assert region.mask is not None and (region.mask == item.visible).all()
    assert sample.name == sample.group == "rendered-3"


@pytest.mark.parametrize("source", ["exact", "sensor", "disparity", "metric"])
def test_the_depth_beside_the_image_follows_the_true_depth_and_repeats(source: str) -> None:
    sample = first(prediction=source)
    given, again, truth = sample.frame.given_depth, first(prediction=source).frame.given_depth, sample.truth
    assert given is not None and again is not None and given.digest == again.digest
    both = given.valid & truth.valid
    ours, theirs = given.values[both], truth.values[both]
    assert np.corrcoef(ours, 1 / theirs if given.kind.larger_is_nearer else theirs)[0, 1] > 0.7
    assert (given.digest == truth.digest) is (source == "exact")


def test_questions_come_with_their_correct_answers_on_tidy_scenes() -> None:
    cases = list(Rendered(3, questions=2, tidy=True))
    assert all(case.scene.frames[0].rgb.shape == (256, 256, 3) for case in cases)
    expected = [item for case in cases for item in case.expected]
    assert len(expected) > 3 and {item.answer for item in expected} == {"yes", "no"}
    assert not any(case.expected for case in Rendered(1))


def test_seeds_count_up_to_the_limit() -> None:
    data = Rendered(5, seed=7, limit=3)
    assert data.names() == ["rendered-7", "rendered-8", "rendered-9"] and len(data) == 3
    digests = {sample.frame.digest for sample in map(data.read, range(3)) if isinstance(sample, DepthSample)}
    assert len(digests) == 3


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"depth": "guessed"}, "exact, sensor"),
        ({"prediction": "radar"}, "exact, sensor"),
        ({"claims_per_scene": 1}, "claims_per_scene"),
        ({"count": 0}, "count"),
        ({"seed": -1}, "seed"),
        ({"relations": ["near"]}, "near"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Rendered(**changes)
