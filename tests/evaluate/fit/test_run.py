"""Examples of cases, and fits that leave out the place that they judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
import scenes

from pipeline.datasets.base import Case
from pipeline.evaluate.fit.calibration import Stated
from pipeline.evaluate.fit.examples import Example, examples_of
from pipeline.evaluate.fit.run import SIGNS, FitSet, _groups, fit, fit_calibration, fit_weights
from pipeline.records import Claim, DepthKind, Region, Scene, Verdict
from pipeline.records.calibration import Calibration
from pipeline.records.weights import NAMES, CueModel, Weights
from pipeline.verify.verifier import Verifier

VERIFIER = Verifier()
HIDES = Claim("occludes", "screen", "cabinet", truth=True)
CLAIMS = (
    HIDES,
    Claim("occludes", "cabinet", "screen", truth=False),
    Claim("occluded_by", "cabinet", "screen", truth=True),
    Claim("occluded_by", "lamp", "cup", truth=False),
    Claim("closer", "cup", "lamp", truth=True),
    Claim("closer", "cabinet", "lamp", truth=False),
    Claim("left_of", "cup", "lamp", truth=True),
)


def masked() -> tuple[Region, ...]:
    z = scenes.depth_m()
    return scenes.regions(**{label: z == depth for label, (_, depth) in scenes.OBJECTS.items()})


def case(place: str, claims: Sequence[Claim] = CLAIMS, *, masks: bool = True, seed: int = 0) -> Case:
    """The analytic scene with noise."""
    noise = 1 + 0.002 * np.random.default_rng(seed).standard_normal((scenes.HEIGHT, scenes.WIDTH))
    scene = scenes.scene(scenes.as_kind(scenes.depth_m() * noise, DepthKind.METRIC))
    regions = masked() if masks else scenes.regions()
    return Case(replace(scene, regions=regions, claims=tuple(claims)), group=place)


def occlusions(*claims: Claim, masks: bool = True) -> list[Example]:
    return [item for item in examples_of(case("a", claims, masks=masks), VERIFIER) if "occlusion" in item.model]


@pytest.mark.parametrize(
    ("claim", "answer"),
    [
        (HIDES, 1),
        (replace(HIDES, truth=False), 0),
        (replace(HIDES, negated=True), 0),
        (replace(HIDES, negated=True, truth=False), 1),
    ],
)
def test_an_example_of_occlusion_says_what_holds_whatever_the_claim_says(claim: Claim, answer: int) -> None:
    (found,) = occlusions(claim)
    assert (found.model, found.place, found.answer, found.weight) == ("occlusion_masks", "a", answer, 1.0)
    assert found.cues[0].keys() >= SIGNS["occlusion_masks"].keys()
    assert found.cues[0]["owned"] > 0.3 > found.cues[0]["opposed"]


def test_of_what_is_hidden_the_cues_are_those_of_what_hides_it() -> None:
    active, passive = occlusions(HIDES, Claim("occluded_by", "cabinet", "screen", truth=True))
    assert (active.cues, active.answer) == (passive.cues, passive.answer)
    (opposite,) = occlusions(Claim("occludes", "cabinet", "screen", truth=False))
    assert opposite.cues[0]["opposed"] == pytest.approx(active.cues[0]["owned"], abs=1e-6)
    assert opposite.answer == 0


def test_without_masks_there_are_examples_of_boxes_and_of_claims_with_a_number_none() -> None:
    assert [item.model for item in occlusions(HIDES, masks=False)] == ["occlusion_boxes"]
    assert occlusions(replace(HIDES, value=0.3, unit="fraction")) == []
    assert occlusions(Claim("closer", "cup", "lamp", truth=True)) == []


def test_an_example_of_a_box_names_the_surface_that_its_mask_covers() -> None:
    found = [item for item in examples_of(case("a", ()), VERIFIER, 0.25) if item.model == "surface_dense"]
    assert len(found) == len(scenes.OBJECTS)
    assert {item.weight for item in found} == {0.25}
    for item in found:
        shares = [cues["share"] for cues in item.cues]
        assert all(cues.keys() >= SIGNS["surface_dense"].keys() for cues in item.cues)
        assert item.answer == int(np.argmax(shares))
    assert not [item for item in examples_of(case("a", (), masks=False), VERIFIER) if "surface" in item.model]


def test_models_without_examples_keep_their_weights_and_a_single_surface_is_no_example() -> None:
    shipped = Weights.shipped()
    alone = [Example("surface_dense", "a", ({"share": 0.0},), 0)] * 3
    found = fit_weights(alone, shipped)
    assert all(found[name] == shipped[name] for name in NAMES)


def test_every_model_is_fitted_on_its_own_examples_with_its_signs() -> None:
    examples = examples_of(case("a"), VERIFIER) + examples_of(case("b", masks=False), VERIFIER)
    shipped = Weights({name: CueModel({"x": 1.0}) for name in NAMES})
    found = fit_weights(examples, shipped)
    fitted = {name for name in NAMES if found[name] != shipped[name]}
    assert fitted == {item.model for item in examples if len(item.cues) > 1 or "occlusion" in item.model}
    for name in fitted:
        weights = found[name].weights
        assert list(weights) == list(SIGNS[name])
        assert all(weights[cue] * sign >= 0 for cue, sign in SIGNS[name].items())


def test_every_family_and_class_of_depth_has_its_own_curve() -> None:
    certain = [
        Stated(key, f"scene {number}", 0.999999, True)
        for key, count in (("order/measured", 60), ("size/predicted", 5))
        for number in range(count)
    ]
    found = fit_calibration(certain, risk=0.05, confidence=0.9)
    assert {key: curve.verdicts for key, curve in found.curves.items()} == {"order/measured": 60, "size/predicted": 5}  # type: ignore[union-attr]
    assert (found.risk, found.confidence) == (0.05, 0.9)


def test_places_are_left_out_one_by_one_and_rendered_ones_in_a_few_groups() -> None:
    real = FitSet("real", [case("kitchen"), case("hall"), case("kitchen")])
    rendered = FitSet("rendered", [case(f"world {number}") for number in range(12)], is_rendered=True)
    groups = _groups([(one, each) for one in (rendered, real) for each in one.cases])
    assert groups[:2] == [["kitchen"], ["hall"]]
    assert len(groups) == 2 + 5
    assert sorted(chain.from_iterable(groups[2:])) == sorted(f"world {number}" for number in range(12))
    assert max(map(len, groups[2:])) - min(map(len, groups[2:])) <= 1


SETS = (
    FitSet("real", [case("kitchen", seed=1), case("hall", seed=2), case("kitchen", seed=3)]),
    FitSet("judged", [case("yard", seed=4)], is_fitted_on=False),
    FitSet(
        "rendered", [case(f"world {number}", seed=10 + number) for number in range(2)], is_rendered=True, weight=0.5
    ),
)


def test_a_fit_judges_all_real_places_and_only_these() -> None:
    seen: list[str] = []
    found = fit(SETS, VERIFIER, on_place=seen.append)
    assert seen == ["kitchen", "hall", "yard"]
    places = [item.place for item in found.judged]
    assert {place: places.count(place) for place in places} == {
        "kitchen": 2 * len(CLAIMS), "hall": len(CLAIMS), "yard": len(CLAIMS)
    }  # fmt: skip
    assert all(item.verdict.claim == item.claim for item in found.judged)
    # Three claims of order and occlusion each, five cases that are fitted on.
    curves = found.calibration.curves
    assert curves.keys() == {"order/measured", "occlusion/measured"}
    assert {key: (curve.verdicts, curve.scenes) for key, curve in curves.items()} == {  # type: ignore[union-attr]
        "order/measured": (10, 4), "occlusion/measured": (20, 4)
    }  # fmt: skip
    assert found.examples["occlusion_masks"] == 20


def test_what_is_not_fitted_on_changes_no_fit() -> None:
    found = [fit(sets, VERIFIER) for sets in (SETS, (SETS[0], SETS[2]))]
    assert [found[0].weights[name] for name in NAMES] == [found[1].weights[name] for name in NAMES]
    assert found[0].calibration.curves == found[1].calibration.curves


def test_a_place_is_judged_by_fits_that_have_not_seen_its_truths(monkeypatch: pytest.MonkeyPatch) -> None:
    used: dict[int, set[tuple[str, str]]] = {}

    def weights_of(examples: Iterable[Example], shipped: Weights) -> Weights:
        return Weights({name: shipped[name] for name in NAMES}, ",".join(sorted({item.place for item in examples})))

    def calibration_of(stated: Sequence[Stated], **_: float) -> Calibration:
        return Calibration({}, fitted_on=",".join(sorted({item.scene for item in stated})))

    def judged(self: Verifier, scene: Scene, *rest: Any) -> tuple[Verdict, ...]:
        used.setdefault(id(scene), set()).add((self.weights.fitted_on, self.calibration.fitted_on))
        return judge(self, scene, *rest)

    judge = Verifier.judge
    monkeypatch.setattr("pipeline.evaluate.fit.run.fit_weights", weights_of)
    monkeypatch.setattr("pipeline.evaluate.fit.run.fit_calibration", calibration_of)
    monkeypatch.setattr(Verifier, "judge", judged)
    fit(SETS, VERIFIER)
    places = {each.group for one in SETS[::2] for each in one.cases}
    for one in SETS:
        for each in one.cases:
            others = ",".join(sorted(places - {each.group}))
            # First without calibration, where its verdicts are fitted on, then with that of all other places.
            expected = {(others, "")} if one.is_fitted_on else set()
            expected |= set() if one.is_rendered else {(others, others)}
            assert used[id(each.scene)] == expected, each.group
