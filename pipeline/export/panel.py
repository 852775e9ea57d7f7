"""The texts of an overlay: question and answer above the images, verdicts below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.claims.markup import without_code
from pipeline.export.drawing import (
    ELLIPSIS,
    GREY,
    HAIRLINE,
    INK,
    PAPER,
    draw_text,
    line_height,
    printable,
    shorten,
    text_width,
    wrap,
)
from pipeline.export.images import status_mark
from pipeline.export.palette import STATUS_COLOURS
from pipeline.records import Result, Status, Verdict

TEXT_PX = 18
SMALL_PX = 15
MOST_CLAIMS = 24
_ANSWER_CHARACTERS = 200
_ROW_PADDING = 9
_MARK_PX = 20
_BAR_WIDTH, _BAR_HEIGHT = 64, 8


def blank(width: int, height: int) -> np.ndarray:
    """An empty sheet, uint8 (height, width, 3)."""
    return np.full((height, width, 3), PAPER, dtype=np.uint8)


def draw_header(result: Result, width: int) -> np.ndarray | None:
    """Question and the beginning of the answer, uint8 (H, width, 3); None where there is neither."""
    entries = []
    if result.question:
        entries.append(("Question", printable(result.question), INK))
    if result.answer is not None:
        answer = printable(without_code(result.answer.text))
        cut = answer[:_ANSWER_CHARACTERS].rstrip() + ELLIPSIS if len(answer) > _ANSWER_CHARACTERS else answer
        entries.append(("Answer", cut or "(empty)", INK))
    if not entries:
        return None
    indent = max(text_width(name, TEXT_PX) for name, _, _ in entries) + 24
    rows = [(name, wrap(text, TEXT_PX, width - indent, 4), colour) for name, text, colour in entries]
    step = line_height(TEXT_PX)
    sheet = blank(width, sum(len(lines) * step for _, lines, _ in rows) + 8 * (len(rows) - 1))
    y = 0
    for name, lines, colour in rows:
        draw_text(sheet, name, 0, y, TEXT_PX, GREY)
        for line in lines:
            draw_text(sheet, line, indent, y, TEXT_PX, colour)
            y += step
        y += 8
    return sheet


@dataclass(frozen=True)
class _Columns:
    """Left edges of the table's columns, and its width [px]."""

    claim: int
    probability: int
    reason: int
    width: int


@dataclass(frozen=True)
class _Row:
    """One verdict, broken into lines."""

    verdict: Verdict
    claim: list[str]
    reason: list[str]
    needs: list[str]

    @property
    def height(self) -> int:
        return max(len(self.claim), len(self.reason) + len(self.needs), 1) * line_height(TEXT_PX) + 2 * _ROW_PADDING


def draw_verdicts(result: Result, width: int) -> np.ndarray:
    """How many claims hold, and a table of the first ones, uint8 (H, width, 3).

    Args:
        result: The result; of many claims the first 24 are listed and the others counted.
        width: Width of the sheet [px].
    """
    if not result.verdicts:
        sheet = blank(width, line_height(TEXT_PX))
        draw_text(sheet, "No claim was made that could be checked.", 0, 0, TEXT_PX, GREY)
        return sheet
    columns = _Columns(
        claim=150, probability=150 + round(width * 0.33), reason=150 + round(width * 0.33) + 160, width=width
    )
    rows = [_row(verdict, columns) for verdict in result.verdicts[:MOST_CLAIMS]]
    more = result.verdicts[MOST_CLAIMS:]
    heading = line_height(TEXT_PX) + 18
    titles = line_height(SMALL_PX) + 6
    footer = line_height(TEXT_PX) + 2 * _ROW_PADDING if more else 0
    sheet = blank(width, heading + titles + sum(row.height for row in rows) + footer)
    _draw_counts(sheet, result)
    y = heading
    for text, x in (
        ("Verdict", 0),
        ("Claim", columns.claim),
        ("Probability", columns.probability),
        ("Why", columns.reason),
    ):
        draw_text(sheet, text, x, y, SMALL_PX, GREY)
    y += titles
    for row in rows:
        cv2.line(sheet, (0, y), (width, y), HAIRLINE, 1)
        _draw_row(sheet, row, y, columns)
        y += row.height
    if more:
        cv2.line(sheet, (0, y), (width, y), HAIRLINE, 1)
        draw_text(sheet, _counted(more), columns.claim, y + _ROW_PADDING, TEXT_PX, GREY)
    return sheet


def draw_footer(text: str, width: int) -> np.ndarray:
    """One small grey line, uint8 (H, width, 3)."""
    sheet = blank(width, line_height(SMALL_PX))
    draw_text(sheet, shorten(printable(text), SMALL_PX, width), 0, 0, SMALL_PX, GREY)
    return sheet


def _row(verdict: Verdict, columns: _Columns) -> _Row:
    reason, needs = printable(verdict.reason, 400), printable(verdict.needs or "", 200)
    width = columns.width - columns.reason
    return _Row(
        verdict,
        wrap(printable(verdict.claim.in_words(), 400), TEXT_PX, columns.probability - columns.claim - 24, 4),
        wrap(reason, TEXT_PX, width, 2),
        wrap(f"needs: {needs}", TEXT_PX, width, 2) if needs else [],
    )


def _counted(verdicts: Sequence[Verdict]) -> str:
    """How many verdicts are not listed, by status."""
    numbers = Counter(verdict.status for verdict in verdicts)
    statuses = ", ".join(f"{numbers[status]} {status}" for status in Status)
    return f"and {len(verdicts)} more in results.jsonl: {statuses}"


def probability_text(probability: float) -> str:
    """Two digits, or three close to the usual thresholds 0.05 and 0.95, where two hide the side."""
    is_close = min(abs(probability - 0.05), abs(probability - 0.95)) <= 0.02
    return f"{probability:.3f}" if is_close else f"{probability:.2f}"


def _draw_counts(sheet: np.ndarray, result: Result) -> None:
    total = len(result.verdicts)
    x = 0
    draw_text(sheet, text := f"{total} claim{'s' if total > 1 else ''}", x, 0, TEXT_PX)
    x += text_width(text, TEXT_PX) + 32
    for status in Status:
        if count := result.count(status):
            status_mark(sheet, status, x, (line_height(TEXT_PX) - _MARK_PX) // 2, _MARK_PX, STATUS_COLOURS[status])
            x += _MARK_PX + 8
            draw_text(sheet, text := f"{count} {status}", x, 0, TEXT_PX)
            x += text_width(text, TEXT_PX) + 28


def _draw_row(sheet: np.ndarray, row: _Row, y: int, columns: _Columns) -> None:
    verdict, step = row.verdict, line_height(TEXT_PX)
    colour = STATUS_COLOURS[verdict.status]
    y += _ROW_PADDING
    status_mark(sheet, verdict.status, 0, y + (step - _MARK_PX) // 2, _MARK_PX, colour)
    draw_text(sheet, verdict.status, _MARK_PX + 8, y, TEXT_PX)
    for number, line in enumerate(row.claim):
        draw_text(sheet, line, columns.claim, y + number * step, TEXT_PX)
    for number, line in enumerate(row.reason):
        draw_text(sheet, line, columns.reason, y + number * step, TEXT_PX, GREY)
    for number, line in enumerate(row.needs, start=len(row.reason)):
        draw_text(sheet, line, columns.reason, y + number * step, TEXT_PX)
    if verdict.probability is None:
        draw_text(sheet, "unknown", columns.probability, y, TEXT_PX, GREY)
        return
    top, left = y + (step - _BAR_HEIGHT) // 2, columns.probability + 58
    draw_text(sheet, probability_text(verdict.probability), columns.probability, y, TEXT_PX)
    sheet[top : top + _BAR_HEIGHT, left : left + _BAR_WIDTH] = HAIRLINE
    sheet[top : top + _BAR_HEIGHT, left : left + round(verdict.probability * _BAR_WIDTH)] = colour
