"""A verifier whose numbers do not move when weights or calibration are fitted anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipeline.records.calibration import Calibration
from pipeline.records.weights import Weights
from pipeline.verify.verifier import Verifier

WEIGHTS = Weights(**yaml.safe_load((Path(__file__).parent / "weights.yaml").read_text(encoding="utf-8")))


def uncalibrated(*arguments: Any, **settings: Any) -> Verifier:
    """A verifier with the tests' weights that states probabilities as the rules do."""
    return Verifier(*arguments, **{"weights": WEIGHTS, "calibration": Calibration.none(), **settings})
