"""How right verdicts are, how much is decided, and how the baselines fare on the same claims.

Rendered scenes: the constants of the verifier were chosen on seeds from 0 on, and so is the risk of a row that does not
reach its coverage at the default one; reported are seeds from 100000 on. Real frames are those of ../shared/rgbd (or
THEODOLITE_SHARED); without them their rows are skipped and say so. They are few, and wrong verdicts on them led to
constants about boxes that overlap, so their rows are no held-out measure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, bounded

_FIRST_SEED = 100_000
_CLAIMS = 2000
# The calibration half, on which the risk of a row is chosen.
_CALIBRATION_SEED, _CALIBRATION = 0, 2000
_RISKS = (0.05, *(hundredths / 100 for hundredths in range(6, 31)))
# Claims drawn per scene; a row takes the first of them that its depth can carry.
_DRAWN, _PER_SCENE = 24, 12
_MOST_SCENES = 400
_SHARED = Path(os.environ.get("THEODOLITE_SHARED", Path(__file__).parents[3] / "shared")) / "rgbd"


@dataclass(frozen=True)
class Reach:
    """What a row should reach, as shares; the area as a share of the best baseline's."""

    right: float
    coverage: float
    occlusion: float | None = None
    area: float = 0.5
    calibration: float = 0.03


EXACT, MONOCULAR = Reach(0.995, 0.92, 0.95), Reach(0.97, 0.75, 0.90)
SENSOR, PREDICTED = Reach(0.98, 0.80), Reach(0.90, 0.25)


def figures() -> Iterator[Figure]:
    """Rendered scenes with exact and with monocular depth, then real frames with a sensor's and a network's."""
    import cv2

    from pipeline.evaluate.noise_fit import fit_noise

    cv2.setNumThreads(1)
    chosen = {name: _chosen_risk(reach, run) for name, reach, run in _rendered(_CALIBRATION_SEED, _CALIBRATION)}
    for name, reach, run in _rendered(_FIRST_SEED, _CLAIMS):
        yield from _row(name, reach, run, chosen[name])
    if not _SHARED.is_dir():
        for name in ("real frames, sensor depth", "real frames, predicted depth"):
            yield Figure(f"{name}: skipped, because {_SHARED} is not a folder", 0, "claims")
        return
    sensor = list(_frames("sensor"))
    run = _judged(sensor, lambda case: None)
    yield from _row("real frames, sensor depth", SENSOR, run)
    predicted = list(_frames("predicted"))
    run = _judged(predicted, lambda case: fit_noise(_pairs(case, predicted, sensor)))
    yield from _row("real frames, predicted depth, noise fitted to the other places", PREDICTED, run)


def _chosen_risk(reach: Reach, run: Any) -> float:
    """The default risk where it reaches the coverage; otherwise the largest one at which verdicts are right enough."""
    from pipeline.evaluate.claims.scores import scores

    if scores(_at(_RISKS[0], run.judgements)).coverage >= reach.coverage:
        return _RISKS[0]
    right = [risk for risk in _RISKS if scores(_at(risk, run.judgements)).accuracy >= reach.right]
    return max(right, default=_RISKS[0])


def _at(risk: float, judgements: list[Any]) -> list[Any]:
    """The same judgements, decided at another risk."""
    return [replace(item, is_decided=item.confidence >= 1 - risk) for item in judgements]


def _row(name: str, reach: Reach, run: Any, risk: float = 0.05) -> Iterator[Figure]:
    """The figures of one row of the table, at the default risk and at the one chosen on the calibration half."""
    from pipeline.evaluate.claims.baselines import judgements_of
    from pipeline.evaluate.claims.scores import balanced_accuracy, scores

    own = scores(run.judgements)
    plain = {judge: scores(judgements_of(found)) for judge, found in run.baselines.items()}
    name = f"{name} ({own.claims} claims)"
    best = max(item.accuracy for item in plain.values())
    if risk != _RISKS[0]:
        other = scores(_at(risk, run.judgements))
        chosen = f"decided claims right at risk {risk}, chosen on the calibration half"
        yield bounded(f"{name}: {chosen}", other.accuracy, "share", best, least=reach.right)
        yield bounded(f"{name}: coverage at risk {risk}", other.coverage, "share", least=reach.coverage)
    yield bounded(f"{name}: decided claims right", own.accuracy, "share", best, least=reach.right)
    yield bounded(f"{name}: coverage", own.coverage, "share", least=reach.coverage)
    judge, area = min(((judge, item.risk_coverage_area) for judge, item in plain.items()), key=lambda item: item[1])
    against = f"{name}: area under risk-coverage against {judge}"
    yield bounded(against, own.risk_coverage_area, "share", area, most=reach.area * area)
    hiding = [index for index, item in enumerate(run.judgements) if item.relation in ("occludes", "occluded_by")]
    if hiding:
        runs = [run.judgements, *map(judgements_of, run.baselines.values())]
        found, *others = (balanced_accuracy([judgements[index] for index in hiding]) for judgements in runs)
        accuracy = f"{name}: balanced accuracy of {len(hiding)} claims of occlusion"
        yield bounded(accuracy, found, "share", max(others), least=reach.occlusion)
    yield bounded(f"{name}: expected calibration error", own.calibration_error, "share", most=reach.calibration)


def _rendered(first_seed: int, claims: int) -> Iterator[tuple[str, Reach, Any]]:
    """Rows of rendered scenes; all are made of the same scenes, each of which is rendered once."""
    from pipeline.datasets.rendered import Rendered
    from pipeline.evaluate.claims.run import ClaimRun
    from pipeline.synthetic.depth_errors import monocular_disparity

    def exact(case: Any, seed: int) -> Any:
        return case.scene.frames[0].given_depth

    def monocular(case: Any, seed: int) -> Any:
        return monocular_disparity(exact(case, seed).values, seed)

    rows: dict[str, tuple[Reach, Callable[[Any, int], Any], bool]] = {
        "rendered, exact depth, boxes": (EXACT, exact, False),
        "rendered, exact depth, masks": (EXACT, exact, True),
        "rendered, monocular disparity, boxes": (MONOCULAR, monocular, False),
        "rendered, monocular disparity, masks": (MONOCULAR, monocular, True),
    }
    runs = {name: ClaimRun() for name in rows}
    made = Rendered(_MOST_SCENES, seed=first_seed, claims_per_scene=_DRAWN, masks=True)
    for index, case in enumerate(made):
        for name, (_, depth, masks) in rows.items():
            missing = claims - len(runs[name].judgements)
            if missing > 0:
                _judged([_variant(case, depth(case, first_seed + index), masks, missing)], lambda _: None, runs[name])
        if all(len(run.judgements) >= claims for run in runs.values()):
            break
    for name, (reach, _, _) in rows.items():
        yield name, reach, runs[name]


def _variant(case: Any, depth: Any, masks: bool, most: int) -> Any:
    """The case with other depth, with or without masks, and the claims that this depth can carry."""
    from pipeline.datasets.annotated.claims import can_carry

    scene = case.scene
    pairs = zip(scene.claims[::2], scene.claims[1::2], strict=True)
    carried = (pair for pair in pairs if all(can_carry(claim, depth.kind) for claim in pair))
    kept = islice((claim for pair in carried for claim in pair), min(most, _PER_SCENE))
    regions = scene.regions if masks else tuple(replace(region, mask=None) for region in scene.regions)
    frame = replace(scene.frames[0], given_depth=depth)
    return replace(case, scene=replace(scene, frames=(frame,), regions=regions, claims=tuple(kept)))


def _frames(depth: str) -> Iterator[Any]:
    """Cases of the real frames."""
    from pipeline.api import load_config
    from pipeline.config.build_evaluation import build_dataset

    overrides = ["dataset=rgbd", f"dataset.path={_SHARED}"]
    if depth == "predicted":
        overrides += ["dataset.prediction=predicted_depth_m.npy", "dataset.prediction_kind=scale_invariant"]
    yield from build_dataset(load_config(overrides, "eval_claims"))


def _judged(cases: list[Any], noise_of: Callable[[Any], Any], run: Any = None) -> Any:
    """Judge cases one by one, each with its own noise model of predicted depth, or with the default one.

    Returns:
        All of them as one run, added to the given one.
    """
    from pipeline.evaluate.claims.run import ClaimRun, run_claims

    run = ClaimRun() if run is None else run
    for case in cases:
        if not case.scene.claims:
            continue
        part = run_claims(_One(case), _subjects(noise_of(case)))
        if part.failures:
            raise RuntimeError(f"Case {case.scene.id} failed: {part.failures[0]}")
        run.judgements += part.judgements
        run.sources += part.sources
        for name, found in part.baselines.items():
            run.baselines.setdefault(name, []).extend(found)
    return run


def _subjects(noise: Any) -> Any:
    """What is measured, as the configuration builds it; with another noise model of predicted depth if one is given."""
    from pipeline.records.noise import NoiseModels
    from pipeline.stages.verify import VerifyStage
    from pipeline.verify.verifier import Verifier

    subjects = _configured()
    if noise is None:
        return subjects
    verifier = subjects.stages.verify.verifier
    models = NoiseModels({**verifier.budget.noise.models, "predicted": noise})
    budget = replace(verifier.budget, noise=models)
    judge = Verifier(verifier.risk, budget, verifier.settings, verifier.frame_correlation)
    return replace(subjects, stages=replace(subjects.stages, verify=VerifyStage(judge)))


@cache
def _configured() -> Any:
    from pipeline.api import load_config
    from pipeline.config.build_evaluation import build_subjects

    return build_subjects(load_config(["cache_dir=null"], "eval_claims"))


class _One:
    """A data set of one case."""

    name = "one"

    def __init__(self, case: Any) -> None:
        self.case = case
        self.reasons: dict[str, str] = {}

    def __iter__(self) -> Iterator[Any]:
        return iter([self.case])

    def __len__(self) -> int:
        return 1


def _pairs(case: Any, predicted: list[Any], sensor: list[Any]) -> list[tuple[Any, Any]]:
    """Predicted depth and the sensor's of every frame that is not of the case's place."""
    truth = {item.scene.id: item.scene.frames[0].given_depth for item in sensor}
    return [
        (item.scene.frames[0].given_depth, truth[item.scene.id])
        for item in predicted
        if item.group != case.group and item.scene.id in truth
    ]
