"""The figures of a run as one plain dictionary: what ``report.json`` holds, and what page and console show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.evaluate.bootstrap import mean_interval, plain, with_interval
from pipeline.evaluate.claims.baselines import judgements_of
from pipeline.evaluate.claims.run import AnsweredQuestion, ClaimRun, JudgedClaim
from pipeline.evaluate.claims.scores import (
    Judgement,
    balanced_accuracy,
    figure_intervals,
    reliability,
    risk_coverage_curve,
    scores,
)
from pipeline.records import Status
from pipeline.records.versions import versions

SCHEMA_VERSION = "1.0"
"""Version of ``report.json``; a key is never renamed or removed within a major version."""

VERIFIER = "verifier"
_MOST_POINTS = 200
_OCCLUSION = ("occludes", "occluded_by")
_MOST_FAILURES = 100


def report_of(
    run: ClaimRun,
    *,
    dataset: str,
    configuration: dict[str, Any],
    draws: int = 300,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of a run, in plain JSON; what does not exist is null.

    Args:
        run: What was judged and asked.
        dataset: Name of the data set.
        configuration: The whole configuration of the run.
        draws: Bootstrap draws of every interval; 0 gives none.
        seed: Seed of the draws.
    """
    judges = {VERIFIER: run.judgements, **{name: judgements_of(found) for name, found in run.plain.items()}}
    bins = reliability(run.judgements) if run.judgements else ()
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
        "judges": {name: _figures(found, draws, seed) for name, found in judges.items()},
        "occlusion": {name: _occlusion(found) for name, found in judges.items()},
        "relations": _parts(judges, [item.relation for item in run.judgements], draws, seed),
        "sources": _parts(judges, run.sources, draws, seed),
        "reliability": [
            {"count": item.count, "probability": item.probability, "true_share": item.true_share} for item in bins
        ],
        "risk_coverage": {name: thinned_curve(found) for name, found in judges.items() if found},
        "answers": answer_figures(run.questions, draws, seed),
        "mistakes": [claim_line(claim) for claim in run.mistakes],
        "failures": {
            "count": len(run.failures),
            "first": [{"case": case, "part": part, "reason": why} for case, part, why in run.failures[:_MOST_FAILURES]],
        },
        "seconds": dict(run.seconds),
        "bootstrap": {"draws": draws, "seed": seed, "level": 0.95},
        "configuration": configuration,
        "versions": versions(),
    }
    found: dict[str, Any] = plain(report)
    return found


def claim_line(claim: JudgedClaim) -> dict[str, Any]:
    """One judged claim as a line of ``claims.jsonl``."""
    return {
        "case": claim.case,
        "group": claim.group,
        "relation": claim.relation,
        "claim": claim.claim,
        "truth": claim.truth,
        "probability": claim.probability,
        "status": str(claim.status),
        "reason": claim.reason,
        "source": claim.source,
    }


def thinned_curve(judgements: Sequence[Judgement], most: int = _MOST_POINTS) -> dict[str, list[float]]:
    """The risk-coverage curve with at most so many points, the first and the last among them."""
    coverage, risk = risk_coverage_curve(judgements)
    chosen = np.unique(np.linspace(0, len(coverage) - 1, min(most, len(coverage))).round().astype(int))
    return {"coverage": coverage[chosen].tolist(), "risk": risk[chosen].tolist()}


def answer_figures(questions: Sequence[AnsweredQuestion], draws: int, seed: int) -> list[dict[str, Any]]:
    """Figures of each way to ask, over all questions and by category: raw, with hints, verified."""
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

    ``asked_again`` is the share that was asked again, ``accuracy_before`` the accuracy of the first answers.
    """
    groups = [question.group for question in questions]
    found = [question.answers.get(name) for question in questions]
    first = [question.first_answers.get(name, answer) for question, answer in zip(questions, found, strict=True)]
    refuted = [item is not None and item.status is Status.REFUTED for item in found]
    columns = {
        "accuracy": [0.0 if item is None else item.score for item in found],
        "accuracy_before": [0.0 if item is None else item.score for item in first],
        "asked_again": [float(name in question.first_answers) for question in questions],
        "understood": [float(item is not None and item.value is not None) for item in found],
        "refuted": [float(is_refuted) for is_refuted in refuted],
        "supported": [float(item is not None and item.status is Status.SUPPORTED) for item in found],
        "accuracy_not_refuted": [
            math.nan if item is None or is_refuted else item.score
            for item, is_refuted in zip(found, refuted, strict=True)
        ],
        "accuracy_supported": [
            item.score if item is not None and item.status is Status.SUPPORTED else math.nan for item in found
        ],
        "refuted_wrong": [
            1 - item.score if item is not None and is_refuted else math.nan
            for item, is_refuted in zip(found, refuted, strict=True)
        ],
        "accuracy_after_verdicts": [0.0 if item is None else item.score_after for item in found],
    }
    return {
        "questions": len(questions),
        **{
            column: with_interval(_mean(values), mean_interval(values, groups, draws=draws, seed=seed))
            for column, values in columns.items()
        },
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
    """Balanced accuracy of who hides whom; claims that say how much are left out."""
    chosen = [item for item in judgements if item.relation in _OCCLUSION]
    return {
        "claims": len(chosen),
        "balanced_accuracy": balanced_accuracy(chosen),
        "balanced_accuracy_decided": balanced_accuracy(chosen, decided_only=True),
    }


def _parts(
    judges: dict[str, list[Judgement]], labels: Sequence[str], draws: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Figures of every judge for each label, the most frequent label first."""
    order = [label for label, _ in Counter(labels).most_common()]
    return {
        label: {
            name: _figures([item for item, at in zip(found, labels, strict=True) if at == label], draws, seed)
            for name, found in judges.items()
        }
        for label in order
    }


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
