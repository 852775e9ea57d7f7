"""Files of a fit: weights and calibration as options of the configuration, and the report."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.evaluate.fit.run import Fitted, Judged
from pipeline.export.files import write_json, write_text
from pipeline.records import Status
from pipeline.records.calibration import Curve
from pipeline.records.weights import NAMES

# Stated errors whose verdicts are counted apart.
_TAILS = (0.01, 0.001)
# Digits of a weight, and width of a line.
_DIGITS, _WIDTH = 3, 100


def write_fit(fitted: Fitted, folder: Path, *, name: str, fitted_on: str, risk: float, confidence: float) -> None:
    """Write ``weights.yaml``, ``calibration.yaml`` and ``report.json``.

    Raises:
        ExportError: If a file cannot be written.
    """
    weights = [
        "# Weights of the models that turn several cues into a probability; made by `python -m pipeline fit`.",
        "_target_: pipeline.records.weights.Weights",
        "_convert_: all",
        "# What they were fitted on.",
        _line("fitted_on", fitted_on),
        "# By model: the weight of every cue, and the log-odds without any.",
        "models:",
    ]
    for model, meaning in NAMES.items():
        found = fitted.weights[model]
        weights += [f"  # {meaning[0].upper()}{meaning[1:]}.", f"  {model}:"]
        weights += ["    # Weights of the cues.", _line("weights", _rounded(found.weights), indent=4)]
        weights += [_line("intercept", round(found.intercept, _DIGITS), indent=4)]
    calibration = [
        "# How often verdicts of a stated probability proved correct; made by `python -m pipeline fit`.",
        "_target_: pipeline.records.calibration.Calibration",
        "_convert_: all",
        "# Name that verdicts state, and what it was fitted on.",
        _line("name", name),
        _line("fitted_on", fitted_on),
        "# Share of wrong decided verdicts that the guarantee bounds, and the confidence of that bound.",
        _line("risk", risk),
        _line("confidence", confidence),
        "# By family of relations and class of depth: slope of the log-odds, largest probability, verdicts and scenes",
        "# behind it, scenes that the guarantee lacks, and mean and deviation of the features of depth.",
        "curves:",
    ]
    for key, curve in fitted.calibration.curves.items():
        calibration.append(_line(key, _plain(curve), indent=2))
    for file, lines in (("weights", weights), ("calibration", calibration)):
        write_text(folder / f"{file}.yaml", "\n".join(lines) + "\n")
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


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DIGITS) + 0.0 for name, value in weights.items()}


def _line(key: str, value: Any, indent: int = 0) -> str:
    """One key of a YAML file, folded where it is long."""
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": _WIDTH - indent - len(key)}
    if isinstance(value, Mapping):
        first, *others = yaml.safe_dump(value, default_flow_style=True, **options).splitlines()
        text = "\n".join([f"{key}: {first}", *others])
    else:
        text = yaml.safe_dump({key: value}, default_flow_style=False, **options)
    return textwrap.indent(text.rstrip("\n"), " " * indent)
