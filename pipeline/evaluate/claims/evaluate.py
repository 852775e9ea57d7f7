"""One evaluation from its parts to its files: ``claims.jsonl``, ``report.json`` and ``report.html``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.datasets.base import ClaimDataset
from pipeline.evaluate.claims.page import page_of
from pipeline.evaluate.claims.report import claim_line, report_of
from pipeline.evaluate.claims.run import JudgedClaim, Subjects, run_claims
from pipeline.export.files import only_writer, replacing, write_error
from pipeline.records.settings import Count, Natural, checked


@checked
def evaluate_claims(
    dataset: ClaimDataset,
    subjects: Subjects,
    folder: Path,
    *,
    configuration: dict[str, Any],
    limit: Count | None = None,
    draws: Natural = 300,
    seed: Natural = 0,
    on_case: Callable[[str], None] = lambda case_id: None,
) -> dict[str, Any]:
    """Judge a data set and write what came out.

    Args:
        dataset: The data set.
        subjects: What is evaluated.
        folder: Where the three files go; older ones are replaced.
        configuration: The whole configuration, for the report.
        limit: Most cases; None takes all.
        draws: Bootstrap draws of every interval; 0 gives none.
        seed: Seed of the draws.
        on_case: Called with the id of each case that is done.

    Returns:
        The report, as ``report.json`` holds it.

    Raises:
        ConfigError: If a number is out of range.
        ExportError: If the folder cannot be written, or another run writes there.
        InputError: If the data set holds nothing to judge.
        TheodoliteError: An error that concerns all cases alike.
    """
    with only_writer(folder):
        with _lines(folder / "claims.jsonl") as write:
            run = run_claims(dataset, subjects, limit=limit, on_case=on_case, on_claim=write)
        report = report_of(run, dataset=dataset.name, configuration=configuration, draws=draws, seed=seed)
        page = page_of(report)
        for name, text in (("report.json", json.dumps(report, indent=2, ensure_ascii=False)), ("report.html", page)):
            with replacing(folder / name) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
    return report


@contextmanager
def _lines(path: Path) -> Iterator[Callable[[JudgedClaim], None]]:
    """Writes one claim a line, as soon as it is judged."""
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise write_error(path, error) from error

    def write(claim: JudgedClaim) -> None:
        try:
            file.write(json.dumps(claim_line(claim), ensure_ascii=False) + "\n")
        except OSError as error:
            raise write_error(path, error) from error

    with file:
        yield write
