"""Rows of the index: what it shows, filters and sorts of each result and each failure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.claims.markup import shorten
from pipeline.export.report.answer_text import headline
from pipeline.export.report.assets import REPORT
from pipeline.export.report.conflicts import conflicts_of
from pipeline.export.report.figure_text import share_text
from pipeline.export.report.item_page import picture_name
from pipeline.export.report.pictures import thumbnail_path
from pipeline.export.text import file_name
from pipeline.records import Result, Status, Verdict

_LONGEST, _LONGEST_ANSWER, _LONGEST_CLAIM = 200, 160, 110
_SHOWN_CLAIMS = 3
# What is searched of claims and regions, in characters.
_LONGEST_SEARCHED, _MOST_SEARCHED = 1000, 500
_WORD = re.compile(r"\w+")
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
        certainty: Probability of what the least certain of the decided verdicts says; None where none is decided.
        seconds: Seconds of all stages; None for failures.
        thumbnail: Name of its thumbnail; empty without one.
        judged: Number of correct and of wrong verdicts, where ground truth is known.
        language: Language of the result.
        stage: Stage that failed; empty for results.
        reason: Why it failed.
        claims: The first claims, for results without a question.
        searched: Words of claims and regions that can be searched beside what the row shows.
        has_conflict: Whether the words of the answer contradict its JSON.
    """

    name: str
    item: str
    question: str = ""
    answer: str = ""
    is_correct: bool | None = None
    counts: tuple[int, ...] = (0, 0, 0)
    relations: tuple[str, ...] = ()
    certainty: float | None = None
    seconds: float | None = None
    thumbnail: str = ""
    judged: tuple[int, int] = (0, 0)
    language: str = "en"
    stage: str = ""
    reason: str = ""
    claims: tuple[str, ...] = ()
    searched: str = ""
    has_conflict: bool = False

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
        """The certainty in per cent; empty where there is none."""
        return "" if self.certainty is None else share_text(self.certainty)

    @property
    def more_claims(self) -> int:
        """Number of claims beyond those shown."""
        return sum(self.counts) - len(self.claims) if self.claims else 0


@dataclass
class Columns:
    """Values that many rows share; rows hold their indices.

    Args:
        relations: Names of relations.
    """

    relations: list[str] = field(default_factory=list)

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
            None if row.certainty is None else round(row.certainty, 6),
            None if row.seconds is None else round(row.seconds, 3),
            row.thumbnail,
            row.judged,
            row.language,
            row.stage,
            row.reason,
            row.claims,
            row.searched,
            int(row.has_conflict),
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
    correct = [verdict.is_correct for verdict in verdicts if verdict.is_correct is not None]
    name = page_name(result)
    if not (name and _exists(folder / REPORT / "items" / f"{name}.html")):
        name = _written_later(result, folder)
    picture = picture_name(result.artefacts, name)
    return Row(
        name,
        shorten(result.item_id, _LONGEST),
        shorten(result.question or "", _LONGEST),
        "" if result.answer is None else headline(result.answer.text, result.language, _LONGEST_ANSWER),
        result.is_correct,
        tuple(result.count(status) for status in Status),
        tuple(dict.fromkeys(str(verdict.claim.relation) for verdict in verdicts)),
        least_certainty(verdicts),
        sum(result.seconds.values()),
        picture if name and _exists(thumbnail_path(folder / REPORT, picture)) else "",
        (sum(correct), len(correct) - sum(correct)),
        result.language,
        claims=() if result.question else _first_claims(result),
        searched=searched_words(result),
        has_conflict=bool(conflicts_of(result)),
    )


def least_certainty(verdicts: Sequence[Verdict]) -> float | None:
    """Probability of what the least certain of the decided verdicts says; None where none is decided."""
    decided = (one.probability for one in verdicts if one.status is not Status.UNDECIDED)
    return min((max(share, 1 - share) for share in decided if share is not None), default=None)


def _first_claims(result: Result) -> tuple[str, ...]:
    return tuple(shorten(verdict.claim_text, _LONGEST_CLAIM) for verdict in result.verdicts[:_SHOWN_CLAIMS])


def searched_words(result: Result) -> str:
    """The distinct words of claims and labels, as the search for several words needs no more than these."""
    texts = dict.fromkeys(verdict.claim_text for verdict in result.verdicts[:_MOST_SEARCHED])
    texts |= dict.fromkeys(region.label for region in result.regions[:_MOST_SEARCHED])
    known = set(_WORD.findall(f"{result.item_id} {result.question}".casefold()))
    found = dict.fromkeys(word for text in texts for word in _WORD.findall(text[:_LONGEST].casefold()))
    return shorten(" ".join(word for word in found if word not in known), _LONGEST_SEARCHED)


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
