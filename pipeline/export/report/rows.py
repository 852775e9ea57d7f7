"""Rows of the index: what it shows, filters and sorts of each result and each failure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.claims.markup import shorten, without_code
from pipeline.export.report.assets import REPORT
from pipeline.export.report.item_page import picture_name
from pipeline.export.report.pictures import thumbnail_path
from pipeline.export.report.verdict_view import margin_text, share_text
from pipeline.export.text import file_name
from pipeline.records import Result, Status

_LONGEST, _LONGEST_ANSWER = 200, 160
_PAGE = re.compile(rf"{REPORT}/items/([^/\\\0]+)\.html")


@dataclass(frozen=True)
class Row:
    """A row of the index.

    Args:
        name: Name of its page without suffix; empty without a page.
        item: Id of the item.
        question: The question; empty without one.
        answer: The answer on one line; empty without one.
        is_correct: Whether the answer is correct; None where that is not known.
        counts: Number of verdicts by status.
        relations: Relations of its claims.
        probability: Lowest probability of a claim; None where there is none.
        margin: The margin of the least absolute value; None where there is none.
        unit: Unit of the margin.
        seconds: Seconds of all stages; None for failures.
        thumbnail: Name of its thumbnail; empty without one.
        judged: Number of correct and of wrong verdicts, where ground truth is known.
        language: Language of the result.
        stage: Stage that failed; empty for results.
        reason: Why it failed.
    """

    name: str
    item: str
    question: str = ""
    answer: str = ""
    is_correct: bool | None = None
    counts: tuple[int, ...] = (0, 0, 0)
    relations: tuple[str, ...] = ()
    probability: float | None = None
    margin: float | None = None
    unit: str = ""
    seconds: float | None = None
    thumbnail: str = ""
    judged: tuple[int, int] = (0, 0)
    language: str = "en"
    stage: str = ""
    reason: str = ""

    @property
    def title(self) -> str:
        """What the row is called."""
        return self.question or self.item

    @property
    def shown_counts(self) -> dict[str, int]:
        """Number of verdicts by status, without those that do not occur."""
        return {str(status): count for status, count in zip(Status, self.counts, strict=True) if count}

    @property
    def share(self) -> str:
        """The lowest probability in per cent; empty where there is none."""
        return "" if self.probability is None else share_text(self.probability)

    @property
    def margin_words(self) -> tuple[str, str]:
        """The margin as it is shown, and its unit."""
        number, _, unit = margin_text(self.margin, self.unit).partition(" ")
        return number, unit


@dataclass
class Columns:
    """Values that many rows share; rows hold their indices.

    Args:
        relations: Names of relations.
        units: Units of margins.
    """

    relations: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)

    def values(self, row: Row) -> list[Any]:
        """A row as ``static/index.js`` reads it."""
        return [
            row.name,
            row.item,
            row.question,
            row.answer,
            None if row.is_correct is None else int(row.is_correct),
            row.counts,
            [_index(self.relations, name) for name in row.relations],
            None if row.probability is None else round(row.probability, 4),
            None if row.margin is None else float(f"{row.margin:.4g}"),
            _index(self.units, row.unit),
            None if row.seconds is None else round(row.seconds, 3),
            row.thumbnail,
            row.judged,
            row.language,
            row.stage,
            row.reason,
        ]


def _index(values: list[str], value: str) -> int:
    if value not in values:
        values.append(value)
    return values.index(value)


def row_of(result: Result, folder: Path) -> Row:
    """The row of a result.

    Args:
        result: The result.
        folder: Its folder, which holds its page and thumbnail.
    """
    verdicts = result.verdicts
    margins = [(verdict.margin, verdict.unit or "") for verdict in verdicts if verdict.margin is not None]
    margin, unit = min(margins, key=lambda pair: abs(pair[0]), default=(None, ""))
    correct = [verdict.is_correct for verdict in verdicts if verdict.is_correct is not None]
    name = page_name(result) or _written_later(result, folder)
    if not name:
        # A report that was made after the run.
        later = file_name(result.item_id, result.question)
        name = later if _exists(folder / REPORT / "items" / f"{later}.html") else ""
    picture = picture_name(result.artefacts, name)
    return Row(
        name,
        shorten(result.item_id, _LONGEST),
        shorten(result.question or "", _LONGEST),
        "" if result.answer is None else shorten(without_code(result.answer.text), _LONGEST_ANSWER),
        result.is_correct,
        tuple(result.count(status) for status in Status),
        tuple(dict.fromkeys(str(verdict.claim.relation) for verdict in verdicts)),
        min((verdict.probability for verdict in verdicts if verdict.probability is not None), default=None),
        margin,
        unit,
        sum(result.seconds.values()),
        picture if name and _exists(thumbnail_path(folder / REPORT, picture)) else "",
        (sum(correct), len(correct) - sum(correct)),
        result.language,
    )


def page_name(result: Result) -> str:
    """Name of a result's page without suffix; empty where it has none."""
    found = _PAGE.fullmatch(result.artefacts.get("page", ""))
    return found[1] if found and found[1] not in (".", "..") else ""


def _written_later(result: Result, folder: Path) -> str:
    """Name of the page of a result that was exported without one and got it later; empty without one."""
    name = file_name(result.item_id, result.question)
    return name if _exists(folder / REPORT / "items" / f"{name}.html") else ""


def failure_row(item_id: str, stage: str, reason: str) -> Row:
    """The row of a failure."""
    return Row("", shorten(item_id, _LONGEST), stage=shorten(stage, 40) or "run", reason=shorten(reason, 2 * _LONGEST))


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # Not a valid file name.
        return False
