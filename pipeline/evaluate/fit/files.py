"""Files of a fit: weights and calibration as options of the configuration, and the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.evaluate.fit.run import Fitted, Judged
from pipeline.export.files import write_json, write_text
from pipeline.records import Status
from pipeline.records.calibration import Curve

# Stated errors whose verdicts are counted apart.
_TAILS = (0.01, 0.001)


def write_fit(fitted: Fitted, folder: Path, *, name: str, fitted_on: str, risk: float, confidence: float) -> None:
    """Write ``weights.yaml``, ``calibration.yaml`` and ``report.json``.

    Raises:
        ExportError: If a file cannot be written.
    """
    weights = {
        "_target_": "pipeline.records.weights.Weights",
        "_convert_": "all",
        "fitted_on": fitted_on,
        "models": {
            model: {"weights": dict(fitted.weights[model].weights), "intercept": fitted.weights[model].intercept}
            for model in fitted.weights.models
        },
    }
    calibration = {
        "_target_": "pipeline.records.calibration.Calibration",
        "_convert_": "all",
        "name": name,
        "fitted_on": fitted_on,
        "risk": risk,
        "confidence": confidence,
        "curves": {key: _plain(curve) for key, curve in fitted.calibration.curves.items()},
    }
    _write(folder / "weights.yaml", "Weights of the models that turn several cues into a probability", weights)
    _write(folder / "calibration.yaml", "How often verdicts of a stated probability proved correct", calibration)
    write_json(folder / "report.json", {"examples": dict(fitted.examples), "sets": rows_of(fitted)})


def rows_of(fitted: Fitted) -> dict[str, dict[str, Any]]:
    """Figures of every set: each place judged by what was fitted without it."""
    by_set: dict[str, list[Judged]] = defaultdict(list)
    for item in fitted.judged:
        by_set[item.set_name].append(item)
    return {name: figures_of(items) for name, items in by_set.items()}


def figures_of(items: list[Judged]) -> dict[str, Any]:
    """Number of claims, of decided and of wrong ones, and the same of those that state a small error."""
    decided = [item for item in items if item.verdict.status is not Status.UNDECIDED]
    figures: dict[str, Any] = {
        "claims": len(items),
        "places": len({item.place for item in items}),
        "decided": len(decided),
        "wrong": sum(is_wrong(item) for item in decided),
    }
    for tail in _TAILS:
        sure = [item for item in decided if stated_error(item) < tail]
        figures[f"stated_below_{tail:g}"] = len(sure)
        figures[f"wrong_below_{tail:g}"] = sum(is_wrong(item) for item in sure)
    return figures


def is_wrong(item: Judged) -> bool:
    """Whether a decided verdict contradicts the ground truth."""
    return (item.verdict.status is Status.SUPPORTED) is not item.claim.truth


def stated_error(item: Judged) -> float:
    """The probability of being wrong that a verdict states."""
    probability = item.verdict.probability
    return 0.5 if probability is None else min(probability, 1 - probability)


def _plain(curve: Curve | Mapping[str, Any]) -> dict[str, Any]:
    """A curve as YAML holds it."""
    plain = dict(vars(curve) if isinstance(curve, Curve) else curve)
    return {**plain, "features": {name: list(numbers) for name, numbers in plain["features"].items()}}


def _write(path: Path, what: str, content: dict[str, Any]) -> None:
    head = f"# {what}; made by `python -m pipeline fit`.\n"
    write_text(path, head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
