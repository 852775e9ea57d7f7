"""How right verdicts are on real frames, each place judged by what was fitted without it.

The sets, and what is fitted on, are those of ``conf/sets/shipped.yaml``: real frames in ../shared (or
THEODOLITE_SHARED) and rendered scenes. Without the folder nothing is measured. The rules, and which cues they read,
were chosen with these frames in view; the numbers that were fitted were not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, bounded

_SHARED = Path(os.environ.get("THEODOLITE_SHARED", Path(__file__).parents[3] / "shared"))
_OCCLUSION = ("occludes", "occluded_by")
# By how much inexact boxes may lower the share of correct verdicts.
_INEXACT_LOSS = 0.02


@dataclass(frozen=True)
class Row:
    """One row: the sets that it pools, and the shares of decided and of all claims that it should reach.

    A row of frames that another row has already, in a harder form, does not count among all sets together.
    """

    name: str
    sets: tuple[str, ...]
    correct: float
    decided: float | None = None
    relations: tuple[str, ...] = ()
    is_repeated: bool = False


_SENSORS = ("sensors_indoor", "sensors_phone", "sensors_sunrgbd", "sensors_truth")
_NETWORKS = ("networks_saved", "networks_hallway")
_WEAK = ("weak_sensors_indoor", "weak_sensors_phone", "weak_sensors_sunrgbd", "weak_tabletop_boxes")
_NANO = ("nano_kitti", "nano_indoor", "nano_tabletop", "nano_points")
ROWS: tuple[Row, ...] = (
    Row("kitti", ("kitti",), 0.97, 0.60),
    Row("kitti, sizes", ("kitti",), 0.95, 0.30, ("size",)),
    Row("kitti, 32 lines", ("kitti_32_lines",), 0.97, is_repeated=True),
    Row("sensors", _SENSORS, 0.985, 0.80),
    Row("phone and rgbd frames, full size", ("sensors_phone", "rgbd_sensor"), 0.985, 0.85),
    Row("phone frames, own size of the depth", ("phone_own_size",), 0.95),
    Row("networks", _NETWORKS, 0.98, 0.65),
    Row("networks, occlusion", _NETWORKS, 0.98, 0.50, _OCCLUSION),
    Row("weak network", _WEAK, 0.95),
    Row("small network on photos", _NANO, 0.95),
    Row("table tops, boxes", ("tabletop_boxes",), 0.97, 0.55),
    Row("table tops, masks", ("tabletop_masks",), 0.98, 0.85),
    Row("table tops, masks 2 px off", ("tabletop_masks_2px_off",), 0.98, 0.78),
    Row("table tops, monocular, boxes", ("tabletop_monocular_boxes",), 0.97, 0.25),
    Row("table tops, monocular, masks", ("tabletop_monocular_masks",), 0.97, 0.72),
)
# Faces of which neither hides the other: at most so many wrong, and with masks at least so many refuted.
_TOUCHING = {"touching_boxes": (1, 0), "touching_masks": (1, 7), "touching_monocular_masks": (1, 0)}
_INEXACT = ("kitti", *_SENSORS, "networks_saved", "tabletop_boxes")


def figures() -> Iterator[Figure]:
    """Every row, then faces that touch, inexact boxes, and the tails and calibration of all sets together."""
    if not (_SHARED / "real").is_dir():
        yield Figure(f"skipped, because {_SHARED / 'real'} is not a folder", 0, "claims")
        return
    judged, areas = _fitted()
    by_set: dict[str, list[Any]] = {}
    for item in judged:
        by_set.setdefault(item.set_name, []).append(item)
    for row in ROWS:
        items = [item for name in row.sets for item in by_set[name]]
        chosen = [item for item in items if not row.relations or item.claim.relation in row.relations]
        yield from _row(row, chosen)
    for name, (most_wrong, least_refuted) in _TOUCHING.items():
        wrong = sum(_is_wrong(item) for item in by_set[name])
        refuted = sum(item.verdict.status == "refuted" for item in by_set[name])
        yield bounded(f"{name}: wrong", wrong, "claims", most=most_wrong)
        yield bounded(f"{name}: refuted", refuted, "claims", least=least_refuted)
    exact, inexact = ([item for name in _INEXACT for item in by_set[f"{part}{name}"]] for part in ("", "inexact_"))
    least = _correct(exact) - _INEXACT_LOSS
    yield bounded("inexact boxes: correct", _correct(inexact), "share of decided", _correct(exact), least=least)
    pooled = [
        item for row in ROWS if not row.relations and not row.is_repeated for name in row.sets for item in by_set[name]
    ]
    yield from _tails(list({id(item): item for item in pooled}.values()))
    for name, (own, baseline, area) in areas.items():
        yield bounded(f"{name}: area under risk-coverage against {baseline}", own, "share", area, most=area)


def _row(row: Row, items: Sequence[Any]) -> Iterator[Figure]:
    decided = [item for item in items if item.verdict.status != "undecided"]
    name = f"{row.name} ({len(items)} claims of {len({item.place for item in items})} places)"
    yield bounded(f"{name}: correct", _correct(items), "share of decided", least=row.correct)
    if row.decided is not None:
        yield bounded(f"{name}: decided", len(decided) / max(len(items), 1), "share", least=row.decided)


def _tails(items: Sequence[Any]) -> Iterator[Figure]:
    """Verdicts that state small errors, and the calibration error of all."""
    from pipeline.evaluate.claims.scores import Judgement, figure_intervals, scores
    from pipeline.evaluate.fit.files import stated_error

    decided = [item for item in items if item.verdict.status != "undecided"]
    for tail, most in ((0.01, 0.015), (0.001, 0.005)):
        sure = [item for item in decided if stated_error(item) < tail]
        wrong = sum(map(_is_wrong, sure)) / max(len(sure), 1)
        yield bounded(f"pooled: wrong of {len(sure)} that state an error below {tail:.1%}", wrong, "share", most=most)
        if tail == 0.01:
            share = len(sure) / max(len(decided), 1)
            yield bounded(f"pooled: decided verdicts that state an error below {tail:.1%}", share, "share", least=0.4)
    judgements = [
        Judgement(
            item.claim.relation,
            item.claim.truth,
            item.verdict.probability,
            item.verdict.status != "undecided",
            item.place,
        )
        for item in items
    ]
    low, high = figure_intervals(judgements)["calibration_error"]
    name = f"pooled: expected calibration error, 95 % interval {low:.3f} to {high:.3f}"
    yield bounded(name, scores(judgements).calibration_error, "share", most=0.03)


def _fitted() -> tuple[list[Any], dict[str, tuple[float, str, float]]]:
    """All judged claims, and for every row the area under risk-coverage, its best baseline's name, and that one's."""
    import cv2

    from pipeline.api import load_config
    from pipeline.config.build import build
    from pipeline.config.build_fit import build_sets
    from pipeline.evaluate.claims.baselines import BaselineScore, default_baselines, judgements_of
    from pipeline.evaluate.claims.scores import Judgement, scores
    from pipeline.evaluate.fit.run import fit

    cv2.setNumThreads(1)
    config = load_config(["sets=shipped", f"shared={_SHARED}"], "fit")
    sets = {one.name: one for one in build_sets(config)}
    judged = list(fit(list(sets.values()), build(config.verify).verifier).judged)
    areas = {}
    for row in ROWS:
        if row.relations:
            continue
        own = [
            Judgement(item.claim.relation, item.claim.truth, item.verdict.probability, True, item.place)
            for item in judged
            if item.set_name in row.sets
        ]
        found = []
        for baseline in default_baselines():
            scored = [
                BaselineScore(claim.relation, bool(claim.truth), baseline.score(case.scene, claim), case.group)
                for name in row.sets
                for case in sets[name].cases
                for claim in case.scene.claims
            ]
            found.append((scores(judgements_of(scored)).risk_coverage_area, baseline.name))
        area, best = min(found)
        areas[row.name] = (scores(own).risk_coverage_area, best, area)
    return judged, areas


def _correct(items: Sequence[Any]) -> float:
    decided = [item for item in items if item.verdict.status != "undecided"]
    return 1 - sum(map(_is_wrong, decided)) / max(len(decided), 1)


def _is_wrong(item: Any) -> bool:
    from pipeline.evaluate.fit.files import is_wrong

    return item.verdict.status != "undecided" and is_wrong(item)
