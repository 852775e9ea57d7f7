"""The index of a report: counts, and a row for each result and each failure, in scripts that load after the page."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.export.files import write_errors, write_text
from pipeline.export.html import rendered
from pipeline.export.jsonl import FAILURES_NAME, RESULTS_NAME
from pipeline.export.line_file import numbered_lines
from pipeline.export.report.assets import REPORT, write_report_assets
from pipeline.export.report.figure_text import Say
from pipeline.export.report.rows import Columns, Row, failure_row, row_of
from pipeline.export.report.scripts import script_value
from pipeline.export.run_summary import Summary
from pipeline.export.timed_results import read_results
from pipeline.models.hub import ships
from pipeline.records.message import LANGUAGES, Language, message

INDEX_NAME = f"{REPORT}/index.html"
"""Path of the index in the folder of the results."""

ROWS_PER_SCRIPT = 500
_FIRST_ROWS = 50
_MOST_NAMES = 6
_SHIPPED_DEPTH = "theodolite-depth-nano"
_SORTS = (
    ("item", "page_item"),
    ("supported", "index_sort_supported"),
    ("refuted", "index_sort_refuted"),
    ("undecided", "index_sort_undecided"),
    ("certainty", "index_certainty"),
    ("seconds", "index_seconds"),
)
# What the script fills in.
_WORDS = {
    "supported": (),
    "refuted": (),
    "undecided": (),
    "page_conflict": (),
    "index_answer_correct": (),
    "index_answer_wrong": (),
    "index_wrong_verdicts": ("count",),
    "index_failed_because": ("stage",),
    "page_given_claims": (),
    "index_more_claims": ("count",),
    "index_rows": ("first", "last", "count"),
    "index_rows_filtered": ("first", "last", "count", "total"),
    "index_no_rows": ("total",),
    "index_reading": ("count", "total"),
}

logger = logging.getLogger(__name__)


def write_index(folder: Path) -> Path | None:
    """Write the index of the results in a folder, with its rows and what its pages load.

    Pages and pictures of results that the folder no longer holds stay, but no row leads to them.

    Args:
        folder: Holds ``results.jsonl`` and, for failures, ``failures.jsonl``.

    Returns:
        The path of the index; None if there is no result, and then no report.

    Raises:
        ExportError: If the results cannot be read or the report cannot be written.
    """
    report = folder / REPORT
    summary = Summary(folder)
    models: Counter[str] = Counter()
    depths: Counter[str] = Counter()
    languages: Counter[Language] = Counter()
    versions: dict[str, str] = {}
    scripts = _Scripts(report / "data")
    for result in read_results(folder / RESULTS_NAME):
        summary.add(result)
        # The first results with answers are kept for the terminal alone.
        summary.shown.clear()
        if result.answer is not None:
            models[result.answer.model] += 1
        depths.update({frame.depth_backend for frame in result.frames if frame.depth_backend})
        versions = result.versions
        languages[result.language] += 1
        scripts.add(row_of(result, folder))
    if not summary.results:
        with write_errors(report):
            (folder / INDEX_NAME).unlink(missing_ok=True)
        return None
    failures: Counter[str] = Counter()
    for row in _failure_rows(folder / FAILURES_NAME):
        failures[row.stage] += 1
        scripts.add(row)
    scripts.finish()
    write_report_assets(folder)
    language = max(LANGUAGES, key=lambda one: languages[one])

    def say(code: str, /, **values: Any) -> str:
        return message(code, **values).text(language)

    page = rendered(
        "report_index.html",
        say=say,
        language="zh-Hans" if language == "zh" else "en",
        counts=summary,
        failed=failures.total(),
        failures=dict(failures),
        models=_listed(models, say),
        depths=_listed(Counter(_depth_name(name, say) for name in depths), say),
        versions={"theodolite": None, **versions},
        details=[
            *((say("index_seconds_of", stage=name), f"{value:.2f}") for name, value in summary.seconds.items()),
            *versions.items(),
        ],
        small_models=_small_models([*models, *depths], say),
        relations=scripts.columns.relations,
        sorts=_SORTS,
        rows=scripts.rows,
        chunks=scripts.chunks,
        first=scripts.first,
        conflicts=scripts.conflicts,
        words_of_script={code: say(code, **{key: f"{{{key}}}" for key in keys}) for code, keys in _WORDS.items()},
    )
    write_text(folder / INDEX_NAME, page)
    _remove_scripts(report / "data", scripts.chunks)
    return folder / INDEX_NAME


def _listed(names: Counter[str], say: Say) -> tuple[str, ...]:
    more = len(names) - _MOST_NAMES
    return (*list(names)[:_MOST_NAMES], *([say("index_more_claims", count=more)] if more > 0 else []))


def _depth_name(backend: str, say: Say) -> str:
    return say("depth_of_input") if backend in ("file", "given") else backend


def _small_models(names: Sequence[str], say: Say) -> str:
    """A warning about models that ship with the package; empty if none was used."""
    known = [_SHIPPED_DEPTH if name == "nano" else name for name in names]
    shipped = tuple(dict.fromkeys(name for name in known if ships(name)))
    if len(shipped) == 1:
        return say("index_small_model", model=shipped[0])
    return say("index_small_models", models=shipped) if shipped else ""


class _Scripts:
    """Writes rows to scripts of ``ROWS_PER_SCRIPT`` each, and the order of the pages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.columns = Columns()
        self.first: list[Row] = []
        self.pages: dict[str, None] = {}
        self.rows = self.chunks = self.conflicts = 0
        self._waiting: list[list[Any]] = []

    def add(self, row: Row) -> None:
        if len(self.first) < _FIRST_ROWS:
            self.first.append(row)
        # Two results of one question share a page.
        if row.name:
            self.pages.setdefault(row.name)
        self.rows += 1
        self.conflicts += row.has_conflict
        self._waiting.append(self.columns.values(row))
        if len(self._waiting) >= ROWS_PER_SCRIPT:
            self._write()

    def finish(self) -> None:
        if self._waiting:
            self._write()
        write_text(self.folder / "order.js", f"theodoliteOrder({script_value(list(self.pages))});\n")

    def _write(self) -> None:
        values = ",".join(map(script_value, (self.chunks, self._waiting)))
        write_text(self.folder / f"index-{self.chunks:03d}.js", f"theodoliteRows({values});\n")
        self.chunks += 1
        self._waiting = []


def _failure_rows(path: Path) -> Iterator[Row]:
    if not path.is_file():
        return
    for number, line in numbered_lines(path):
        try:
            entry = json.loads(line)
            row = failure_row(*(str(entry[key]) for key in ("item_id", "stage", "reason")))
        except (ValueError, RecursionError, KeyError, TypeError):
            logger.warning("Line %d of %s is not a failure and is skipped.", number, path)
            continue
        yield row


def _remove_scripts(folder: Path, count: int) -> None:
    """Remove scripts of rows beyond so many; pages and pictures of an earlier run stay, because others may be there."""
    number = count
    with write_errors(folder):
        while (path := folder / f"index-{number:03d}.js").is_file():
            path.unlink()
            number += 1
