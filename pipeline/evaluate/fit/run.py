"""Fits weights and calibration on cases of several data sets, with places left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from pipeline.datasets.base import Case
from pipeline.evaluate.fit.calibration import Stated, fit_curve
from pipeline.evaluate.fit.examples import Example, examples_of
from pipeline.evaluate.fit.logistic import Signs, fit_binary, fit_choice
from pipeline.records import Claim, Verdict
from pipeline.records.calibration import Calibration, features_of
from pipeline.records.relations import RELATIONS
from pipeline.records.weights import NAMES, CueModel, Weights
from pipeline.verify.verifier import Verifier

_SURFACE: Signs = {"share": 1, "cover": 1, "around": -1, "farther_around": 0, "claimed": -1, "owned": -1}
_OCCLUSION: Signs = {"owned": 1, "opposed": -1, "nearer_beside": 1, "filled": 1, "opposed_filled": -1, "gap": -1}
_TOUCHING: Signs = {"meets": 0, "flat": 1, "step": -1, "gap": -1, "beside": -1, "cut_off": 0}
SIGNS: Mapping[str, Signs] = {
    "surface_dense": {**_SURFACE, "chosen": 1},
    "surface_scattered": {**_SURFACE, "continued": -1},
    "occlusion_masks": {**_OCCLUSION, "step": 1, "nearer_around": 1, "junction": 1},
    "occlusion_boxes": {**_OCCLUSION, "step": 1, "nearer_around": 1},
    "occlusion_scattered": _OCCLUSION,
    "touching": _TOUCHING,
    "standing": {**_TOUCHING, "carried": 1, "higher": 1, "foot_seen": 0, "foot_on": 1, "foot_off": -1},
}
"""The cues of every model with the signs of their weights: 1, -1, or 0 where reason demands none."""
# Models that choose one of several alternatives.
_CHOICES = ("surface_dense", "surface_scattered")
# Rendered scenes are left out in so many groups, as they are many and alike.
_RENDERED_FOLDS = 5


@dataclass(frozen=True, eq=False)
class FitSet:
    """Cases of one source.

    Args:
        name: Its name.
        cases: The cases, each with the depth to judge on. Their groups are places, which are left out together.
        is_rendered: Whether they are rendered.
        weight: How much each of their examples counts.
        is_fitted_on: Whether they are fitted on; others are only judged.
    """

    name: str
    cases: Sequence[Case]
    is_rendered: bool = False
    weight: float = 1.0
    is_fitted_on: bool = True


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict by what was fitted without its place."""

    set_name: str
    place: str
    claim: Claim
    verdict: Verdict


@dataclass(frozen=True)
class Fitted:
    """The result of a fit.

    Args:
        weights: Fitted on everything.
        calibration: The same.
        judged: The claims of all real places.
        examples: Number of examples by model.
    """

    weights: Weights
    calibration: Calibration
    judged: tuple[Judged, ...]
    examples: Mapping[str, int] = field(default_factory=dict)


def fit(
    sets: Sequence[FitSet],
    verifier: Verifier,
    *,
    risk: float = 0.05,
    confidence: float = 0.9,
    on_place: Callable[[str], None] = lambda place: None,
) -> Fitted:
    """Fit weights and calibration, and judge every real place by what was fitted without it.

    Args:
        sets: What to fit on, and what to judge.
        verifier: Its budget, settings and risk are used, not its weights and calibration.
        risk: Share of wrong verdicts that the guarantee bounds.
        confidence: Confidence of that bound.
        on_place: Called with the name of every place that was judged.
    """
    bare = verifier.with_fits(verifier.weights, Calibration.none())
    cases = [(one, case) for one in sets for case in one.cases]
    of_place: dict[str, list[Example]] = {case.group: [] for _, case in cases}
    for one, case in cases:
        if one.is_fitted_on:
            of_place[case.group] += examples_of(case, bare, one.weight)
    groups = _groups(cases)
    weights: dict[str, Weights] = {}
    for group in groups:
        others = chain.from_iterable(of_place[place] for place in of_place if place not in group)
        weights |= dict.fromkeys(group, fit_weights(others, bare.weights))
    stated = [
        item
        for one, case in cases
        if one.is_fitted_on
        for item in _stated(one, case, bare.with_fits(weights[case.group], Calibration.none()))
    ]
    judged: list[Judged] = []
    for group in groups:
        chosen = [(one, case) for one, case in cases if case.group in group and not one.is_rendered]
        if not chosen:
            continue
        rest = fit_calibration([item for item in stated if item.scene not in group], risk=risk, confidence=confidence)
        judge = bare.with_fits(weights[group[0]], rest)
        judged += (item for one, case in chosen for item in _judged(one, case, judge))
        on_place(", ".join(group))
    everything = list(chain.from_iterable(of_place.values()))
    counts = Counter(item.model for item in everything)
    calibration = fit_calibration(stated, risk=risk, confidence=confidence)
    return Fitted(fit_weights(everything, bare.weights), calibration, tuple(judged), counts)


def fit_weights(examples: Iterable[Example], shipped: Weights) -> Weights:
    """Weights of all models that have examples; the others keep the given ones."""
    by_model: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if len(example.cues) > 1 or example.model not in _CHOICES:
            by_model[example.model].append(example)
    models: dict[str, CueModel] = {}
    for name in NAMES:
        items, signs = by_model[name], SIGNS[name]
        answers, counts = [item.answer for item in items], [item.weight for item in items]
        if not items:
            models[name] = shipped[name]
        elif name in _CHOICES:
            models[name] = fit_choice([item.cues for item in items], answers, counts, signs)
        else:
            models[name] = fit_binary(
                [item.cues[0] for item in items], [answer == 1 for answer in answers], counts, signs
            )
    return Weights(models)


def fit_calibration(stated: Sequence[Stated], *, risk: float = 0.05, confidence: float = 0.9) -> Calibration:
    """A curve for every family of relations and class of depth that has verdicts."""
    by_key: dict[str, list[Stated]] = defaultdict(list)
    for item in stated:
        by_key[item.key].append(item)
    curves = {key: fit_curve(items, risk=risk, confidence=confidence) for key, items in sorted(by_key.items())}
    return Calibration(curves, risk=risk, confidence=confidence)


def _groups(cases: Sequence[tuple[FitSet, Case]]) -> list[list[str]]:
    """Places that are left out together: every real one by itself, rendered ones in a few groups."""
    rendered = list(dict.fromkeys(case.group for one, case in cases if one.is_rendered))
    real = list(dict.fromkeys(case.group for one, case in cases if not one.is_rendered))
    folds = [rendered[number::_RENDERED_FOLDS] for number in range(_RENDERED_FOLDS)]
    return [[place] for place in real] + [fold for fold in folds if fold]


def _judged(one: FitSet, case: Case, verifier: Verifier) -> list[Judged]:
    scene = case.scene
    verdicts = verifier.judge(scene, scene.regions, scene.claims)
    return [Judged(one.name, case.group, *pair) for pair in zip(scene.claims, verdicts, strict=True)]


def _stated(one: FitSet, case: Case, verifier: Verifier) -> list[Stated]:
    """The probabilities of a case's claims before calibration, of those that depend on depth."""
    found = []
    features = [features_of(depth) for depth in case.scene.depth]
    for item in _judged(one, case, verifier):
        frame = item.verdict.evidence[0].frame if item.verdict.evidence else 0
        depth = case.scene.depth[frame]
        is_familiar = verifier.budget.noise.of(depth).knows(depth)
        key = Calibration.key(RELATIONS[item.claim.relation].rule, depth, is_familiar)
        if key is not None and item.verdict.probability is not None:
            truth, probability = bool(item.claim.truth), item.verdict.probability
            found.append(Stated(key, case.group, probability, truth, one.is_rendered, features[frame]))
    return found
