"""The command ``fit``: from a composed configuration to weights, a calibration and a printed table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from pipeline.console.evaluation import ProgressOf

if TYPE_CHECKING:
    from omegaconf import DictConfig


def fit_all(config: DictConfig, console: Console, progress_of: ProgressOf) -> int:
    """Fit weights and calibration, write them, and print how places that were left out were judged.

    Args:
        config: The configuration of ``fit``.
        console: Where the table goes.
        progress_of: See ``measure_claims``.

    Returns:
        The exit code.
    """
    from hydra.core.hydra_config import HydraConfig

    from pipeline.config.build import build, check_flags
    from pipeline.config.build_fit import build_sets
    from pipeline.evaluate.fit.files import rows_of, write_fit
    from pipeline.evaluate.fit.run import fit
    from pipeline.records.settings import Share, Text, check_value

    check_flags(config)
    risk, confidence = (check_value(key, config[key], Share) for key in ("risk", "confidence"))
    name = check_value("name", config.name, Text)
    verifier = build(config.verify).verifier
    sets = build_sets(config)
    folder = Path(HydraConfig.get().runtime.output_dir)
    places = {case.group for one in sets for case in one.cases if not one.is_rendered}
    progress, on_place = progress_of(len(places), None)
    with progress:
        fitted = fit(sets, verifier, risk=risk, confidence=confidence, on_place=on_place)
    fitted_on = config.fitted_on or ", ".join(one.name for one in sets if one.is_fitted_on)
    write_fit(fitted, folder, name=name, fitted_on=fitted_on, risk=risk, confidence=confidence)
    table = Table("set", "claims", "places", "decided", "wrong", box=None)
    for set_name, row in rows_of(fitted).items():
        table.add_row(set_name, *(str(row[key]) for key in ("claims", "places", "decided", "wrong")))
    console.print(table)
    console.print(f"Weights, calibration and report: {folder}", markup=False)
    return 0
