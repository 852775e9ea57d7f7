"""The index of a report: counts, and a row for each result and each failure, in scripts that load after the page."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.export.files import write_errors, write_text
from pipeline.export.html import rendered
from pipeline.export.jsonl import FAILURES_NAME, RESULTS_NAME
from pipeline.export.line_file import numbered_lines, read_records
from pipeline.export.report.assets import REPORT, write_report_assets
from pipeline.export.report.rows import Columns, Row, failure_row, row_of
from pipeline.export.report.scripts import script_value
from pipeline.export.run_summary import Summary
from pipeline.models.hub import ships
from pipeline.records import Result

INDEX_NAME = f"{REPORT}/index.html"
"""Path of the index in the folder of the results."""

ROWS_PER_SCRIPT = 500
_FIRST_ROWS = 50
_MOST_NAMES = 6
_SMALL_MODELS = (
    "The theodolite-...-nano models are small models that ship with Theodolite. They are trained on rendered scenes, "
    "not for photos."
)
_SORTS = (
    ("item", "item"),
    ("supported", "supported claims"),
    ("refuted", "refuted claims"),
    ("undecided", "undecided claims"),
    ("probability", "lowest probability"),
    ("margin", "smallest margin"),
    ("seconds", "seconds"),
)

logger = logging.getLogger(__name__)


def write_index(folder: Path) -> Path | None:
    """Write the index of the results in a folder, with its rows and what its pages load.

    Pages and pictures of results that the folder no longer holds are removed.

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
    versions: dict[str, str] = {}
    scripts = _Scripts(report / "data")
    for result in read_records(Result, folder / RESULTS_NAME):
        summary.add(result)
        # The first results with answers are kept for the terminal alone.
        summary.shown.clear()
        if result.answer is not None:
            models[result.answer.model] += 1
        depths.update({frame.depth_backend for frame in result.frames if frame.depth_backend})
        versions = result.versions
        scripts.add(row_of(result, folder))
    if not summary.results:
        with write_errors(report):
            shutil.rmtree(report, ignore_errors=True)
        return None
    failures: Counter[str] = Counter()
    for row in _failure_rows(folder / FAILURES_NAME):
        failures[row.stage] += 1
        scripts.add(row)
    scripts.finish()
    write_report_assets(folder)
    page = rendered(
        "report_index.html",
        counts=summary,
        failed=failures.total(),
        failures=dict(failures),
        models=_listed(models),
        depths=_listed(depths),
        versions={"theodolite": None, **versions},
        details=[
            *((f"seconds, {name}", f"{value:.2f}") for name, value in summary.seconds.items()),
            *versions.items(),
        ],
        small_models=_SMALL_MODELS if any(ships(name) for name in models) else "",
        relations=scripts.columns.relations,
        sorts=_SORTS,
        rows=scripts.rows,
        chunks=scripts.chunks,
        first=scripts.first,
    )
    write_text(folder / INDEX_NAME, page)
    _remove_others(report, scripts)
    return folder / INDEX_NAME


def _listed(names: Counter[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join([*list(names)[:_MOST_NAMES], *([f"and {more} more"] if more > 0 else [])])


class _Scripts:
    """Writes rows to scripts of ``ROWS_PER_SCRIPT`` each, and the order of the pages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.columns = Columns()
        self.first: list[Row] = []
        self.pages: list[str] = []
        self.pictures: set[str] = set()
        self.rows = self.chunks = 0
        self._waiting: list[list[Any]] = []

    def add(self, row: Row) -> None:
        if len(self.first) < _FIRST_ROWS:
            self.first.append(row)
        if row.name:
            self.pages.append(row.name)
        if row.thumbnail:
            self.pictures.add(row.thumbnail)
        self.rows += 1
        self._waiting.append(self.columns.values(row))
        if len(self._waiting) >= ROWS_PER_SCRIPT:
            self._write()

    def finish(self) -> None:
        if self._waiting:
            self._write()
        write_text(self.folder / "order.js", f"theodoliteOrder({script_value(self.pages)});\n")

    def _write(self) -> None:
        values = ",".join(map(script_value, (self.chunks, self.columns.units, self._waiting)))
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


def _remove_others(report: Path, scripts: _Scripts) -> None:
    """Remove scripts, pages and pictures that no row refers to."""
    pages = set(scripts.pages)
    kept = {
        "data": {"order.js", *(f"index-{number:03d}.js" for number in range(scripts.chunks))},
        "items": {f"{name}{suffix}" for name in pages for suffix in (".html", ".js")},
        "thumbnails": {f"{name}.jpg" for name in scripts.pictures},
    }
    for folder, names in kept.items():
        _remove(report / folder, lambda name, names=names: name in names)
    number = re.compile(r"-\d+(-depth)?\.jpg$")
    _remove(report / "images", lambda name: number.sub("", name) in scripts.pictures)


def _remove(folder: Path, is_kept: Any) -> None:
    if not folder.is_dir():
        return
    with write_errors(folder):
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith(".") and not is_kept(path.name):
                path.unlink(missing_ok=True)
