"""Runs one evaluation of claims and writes ``claims.jsonl``, ``report.json``, ``report.html`` and pages of mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.datasets.base import ClaimDataset
from pipeline.evaluate.claims.mistake_pages import MistakePages
from pipeline.evaluate.claims.page import page_of
from pipeline.evaluate.claims.report import report_of
from pipeline.evaluate.claims.run import MOST_MISTAKES, Subjects, run_claims
from pipeline.export.files import only_writer, write_errors, write_json, write_text
from pipeline.export.line_file import LineFile
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
    """Judge the claims of a data set, ask its questions, and write the results.

    Args:
        dataset: The data set.
        subjects: What is evaluated.
        folder: Where the three files and the pages of the worst mistakes and wrong answers go; older ones are replaced.
        configuration: The whole configuration, for the report.
        limit: Most cases; None takes all.
        draws: Bootstrap draws per interval; 0 gives no intervals.
        seed: Seed of the draws.
        on_case: Called with the id of each finished case.

    Returns:
        The report, as ``report.json`` holds it.

    Raises:
        ConfigError: If a number is out of range.
        ExportError: If the folder cannot be written, or another run writes there.
        InputError: If the data set holds nothing to judge.
        TheodoliteError: If an error concerns all cases.
    """
    path = folder / "claims.jsonl"
    with only_writer(folder):
        with write_errors(path):
            path.unlink(missing_ok=True)
        pages = MistakePages(folder, subjects.stages, MOST_MISTAKES)
        with closing(LineFile(path)) as file:
            run = run_claims(
                dataset,
                subjects,
                limit=limit,
                on_case=on_case,
                on_claim=lambda claim: file.append(json.dumps(asdict(claim), ensure_ascii=False)),
                on_mistakes=pages.add,
                on_wrong_answer=pages.add_answer,
            )
        report = report_of(run, dataset=dataset.name, configuration=configuration, draws=draws, seed=seed)
        for mistake, link in zip(report["mistakes"], pages.finish(run.mistakes), strict=True):
            mistake["page"] = link
        for line, wrong in zip(report["wrong_answers"]["first"], run.wrong_answers, strict=True):
            line["page"] = pages.answer_link(wrong)
        write_json(folder / "report.json", report)
        write_text(folder / "report.html", page_of(report) + "\n")
    return report
