"""The figures of a run as one dictionary: the content of ``report.json``, of the page and of the console output."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from pipeline.claims.compare_answers import Scored
from pipeline.evaluate.bootstrap import as_json, mean_of, ratio, share_interval, with_interval
from pipeline.evaluate.claims.baselines import judgements_of
from pipeline.evaluate.claims.run import AnsweredQuestion, ClaimRun
from pipeline.evaluate.claims.scores import (
    Judgement,
    balanced_accuracy,
    figure_intervals,
    reliability,
    risk_coverage_curve,
    scores,
    tails,
)
from pipeline.records import Status
from pipeline.records.result import CalibrationNote
from pipeline.records.versions import versions

SCHEMA_VERSION = "1.2"
"""Version of ``report.json``; a key is never renamed or removed within a major version."""

VERIFIER = "verifier"
NEEDS = ("depth", "image_plane")
"""What claims are judged by: depth, or places in the image alone (left, above, between, count)."""
_MOST_POINTS = 200
_OCCLUSION = ("occludes", "occluded_by")
_MOST_FAILURES = 100
_NO_ANSWER = Scored(None, 0.0, Status.UNDECIDED, 0.0)
Judges = dict[str, list[Judgement]]


def report_of(
    run: ClaimRun,
    *,
    dataset: str,
    configuration: dict[str, Any],
    draws: int = 300,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of a run as JSON values; figures that do not exist are null.

    Args:
        run: The judged claims and the answers.
        dataset: Name of the data set.
        configuration: The whole configuration of the run.
        draws: Bootstrap draws per interval; 0 gives no intervals.
        seed: Seed of the draws.
    """
    judges = {VERIFIER: run.judgements, **{name: judgements_of(found) for name, found in run.baselines.items()}}
    needs = [NEEDS[not kind] for kind in run.kinds]
    report = {
        "schema_version": SCHEMA_VERSION,
        "dataset": {
            "name": dataset,
            "cases": run.cases,
            "claims": len(run.judgements),
            "true_claims": sum(item.truth for item in run.judgements),
            "questions": len(run.questions),
            "scenes": len({item.group for item in run.judgements}),
        },
        **_whole(judges, draws, seed),
        "needs": {need: _whole(_chosen(judges, needs, need), draws, seed) for need in NEEDS if need in needs},
        "calibration": _calibration(run),
        "occlusion": {name: _occlusion(found) for name, found in judges.items()},
        "relations": _parts(judges, [item.relation for item in run.judgements], draws, seed),
        "sources": _parts(judges, run.sources, draws, seed),
        "answers": answer_figures(run.questions, draws, seed),
        "mistakes": [asdict(claim) for claim in run.mistakes],
        "wrong_answers": {
            "count": sum(found.score < 1 for one in run.questions for found in one.answers.values() if found),
            "first": [asdict(one) for one in run.wrong_answers],
        },
        "failures": {
            "count": len(run.failures),
            "first": [{"case": case, "part": part, "reason": why} for case, part, why in run.failures[:_MOST_FAILURES]],
        },
        "seconds": dict(run.seconds),
        "bootstrap": {"draws": draws, "seed": seed, "level": 0.95},
        "configuration": configuration,
        "versions": versions(),
    }
    found: dict[str, Any] = as_json(report)
    return found


def thinned_curve(judgements: Sequence[Judgement], most: int = _MOST_POINTS) -> dict[str, list[float]]:
    """The risk-coverage curve, thinned to at most ``most`` points; its ends stay."""
    coverage, risk = risk_coverage_curve(judgements)
    chosen = np.unique(np.linspace(0, len(coverage) - 1, min(most, len(coverage))).round().astype(int))
    return {"coverage": coverage[chosen].tolist(), "risk": risk[chosen].tolist()}


def answer_figures(questions: Sequence[AnsweredQuestion], draws: int, seed: int) -> list[dict[str, Any]]:
    """Figures of each way to ask, over all questions and by category."""
    askers = list(dict.fromkeys(name for question in questions for name in question.answers))
    categories = dict.fromkeys(question.category for question in questions)
    subsets: list[tuple[str | None, list[AnsweredQuestion]]] = [(None, list(questions))]
    if len(categories) > 1:
        subsets += [(name, [item for item in questions if item.category == name]) for name in categories]
    return [
        {"asked": name, "category": category, **_answers(chosen, name, draws, seed)}
        for category, chosen in subsets
        for name in askers
    ]


def _answers(questions: Sequence[AnsweredQuestion], name: str, draws: int, seed: int) -> dict[str, Any]:
    """Figures of one way to ask; a question without an answer counts as answered wrongly.

    ``asked_again`` is the share of questions asked again, ``accuracy_before`` the accuracy of the first answers.
    """
    groups = [question.group for question in questions]
    answers = [question.answers.get(name) for question in questions]
    found = [answer or _NO_ANSWER for answer in answers]
    first = [question.first_answers.get(name, answer) for question, answer in zip(questions, found, strict=True)]
    score = np.array([item.score for item in found])
    is_refuted, is_supported = (
        np.array([item.status is status for item in found]) for status in (Status.REFUTED, Status.SUPPORTED)
    )
    is_left = ~is_refuted & [answer is not None for answer in answers]
    columns = {
        "accuracy": score,
        "accuracy_before": np.array([(item or _NO_ANSWER).score for item in first]),
        "asked_again": np.array([name in question.first_answers for question in questions]),
        "understood": np.array([item.value is not None for item in found]),
        "refuted": is_refuted,
        "supported": is_supported,
        "accuracy_not_refuted": np.where(is_left, score, math.nan),
        "accuracy_supported": np.where(is_supported, score, math.nan),
        "refuted_wrong": np.where(is_refuted, 1 - score, math.nan),
        "accuracy_after_verdicts": np.array([item.score_after for item in found]),
    }
    return {"questions": len(questions)} | {
        column: with_interval(mean_of(values), share_interval(values, groups, draws=draws, seed=seed))
        for column, values in columns.items()
    }


def _figures(judgements: Sequence[Judgement], draws: int, seed: int) -> dict[str, Any]:
    figures = scores(judgements)
    intervals = figure_intervals(judgements, draws=draws, seed=seed)
    return {
        "claims": figures.claims,
        "decided": sum(item.is_decided for item in judgements),
        **{name: with_interval(getattr(figures, name), interval) for name, interval in intervals.items()},
    }


def _occlusion(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Balanced accuracy of claims about occlusion; claims that state its share are left out."""
    chosen = [item for item in judgements if item.relation in _OCCLUSION]
    return {
        "claims": len(chosen),
        "balanced_accuracy": balanced_accuracy(chosen),
        "balanced_accuracy_decided": balanced_accuracy(chosen, decided_only=True),
    }


def _parts(judges: Judges, labels: Sequence[str], draws: int, seed: int) -> dict[str, dict[str, Any]]:
    """Figures of the verifier and the baselines for each label, the most frequent label first."""
    return {
        label: {name: _figures(found, draws, seed) for name, found in _chosen(judges, labels, label).items()}
        for label, _ in Counter(labels).most_common()
    }


def _chosen(judges: Judges, labels: Sequence[str], label: str) -> Judges:
    """The judgements of one label."""
    return {
        name: [item for item, at in zip(found, labels, strict=True) if at == label] for name, found in judges.items()
    }


def _whole(judges: Judges, draws: int, seed: int) -> dict[str, Any]:
    """Everything about a set of claims that needs no further labels."""
    own = judges[VERIFIER]
    return {
        "judges": {name: _figures(found, draws, seed) for name, found in judges.items()},
        "tails": [
            {
                "below": tail.below,
                "verdicts": tail.verdicts,
                "scenes": tail.groups,
                "wrong": tail.wrong,
                "wrong_share": with_interval(ratio(tail.wrong, tail.verdicts), tail.wrong_interval),
                "stated_error": tail.stated_error,
            }
            for tail in tails(own, draws=draws, seed=seed)
        ],
        "reliability": [vars(item) for item in reliability(own)],
        "risk_coverage": {name: thinned_curve(found) for name, found in judges.items() if found},
    }


def _calibration(run: ClaimRun) -> dict[str, Any]:
    """Which calibration applied to the verdicts of each family of relations and class of depth, and what it guarantees.

    A guarantee bounds the share of wrong verdicts among those decided at the risk of the calibration, so it says
    nothing about verdicts that are decided at another risk.
    """
    rows: dict[tuple[str, CalibrationNote | None], list[Judgement]] = {}
    notes: dict[tuple[str, str | None], CalibrationNote | None] = {}
    for item, kind, note in zip(run.judgements, run.kinds, run.calibrations, strict=True):
        if kind:
            # Frames of one curve differ in their distance alone; the row shows the largest one.
            place = (kind, None if note is None else note.curve)
            known = notes.setdefault(place, note)
            if known is not None and note is not None and (note.distance or 0.0) > (known.distance or 0.0):
                rows[kind, replace(known, distance=note.distance)] = rows.pop((kind, known), [])
                notes[place] = known = replace(known, distance=note.distance)
            rows.setdefault((kind, known), []).append(item)
    own = run.calibration
    return {
        "name": own.name if own else None,
        "fitted_on": own.fitted_on if own else None,
        "risk": own.risk if own else None,
        "confidence": own.confidence if own else None,
        "decided_at_risk": run.risk,
        "kinds": [
            {
                "kind": kind,
                "claims": len(found),
                "decided": sum(item.is_decided for item in found),
                "wrong": sum(item.is_decided and item.error > 0.5 for item in found),
                "calibration": None if note is None else asdict(note),
                "has_guarantee": (
                    note is not None and note.missing_scenes == 0 and own is not None and own.risk == run.risk
                ),
            }
            for (kind, note), found in sorted(rows.items(), key=lambda row: (row[0][0], -len(row[1])))
        ],
    }
