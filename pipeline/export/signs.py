"""Signs of verdicts: discs with a tick, a cross or a dash, and their counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np

from pipeline.export.drawing import draw_text, line_height, readable_on, smooth_line, text_width
from pipeline.export.palette import STATUS_COLOURS
from pipeline.records import Status
from pipeline.records.message import Language, message

# Strokes in a disc of radius 1 about the origin.
_STROKES = {
    Status.SUPPORTED: (((-0.45, 0.05), (-0.12, 0.38), (0.48, -0.32)),),
    Status.REFUTED: (((-0.35, -0.35), (0.35, 0.35)), ((-0.35, 0.35), (0.35, -0.35))),
    Status.UNDECIDED: (((-0.42, 0.0), (0.42, 0.0)),),
}


def placed_signs(
    counts: Mapping[Status, int], text_px: int, language: Language | None = None
) -> tuple[list[tuple[Status, int, str]], int]:
    """Layout of the signs of verdicts in one line.

    Args:
        counts: Number of verdicts by status.
        text_px: Size of the text, and diameter of the signs [px].
        language: Language of the names of the statuses; None leaves out the names, and the number of a single verdict.

    Returns:
        Status, left edge [px] and text of each sign; and the width of the line [px].
    """
    gap, places, x = text_px if language else text_px // 3, [], 0
    for status in Status:
        if count := counts.get(status, 0):
            text = f"{count} {message(status).text(language)}" if language else str(count) if count > 1 else ""
            places.append((status, x, text))
            x += _sign_step(text_px) + text_width(text, text_px) + gap
    return places, max(0, x - gap)


def _sign_step(text_px: int) -> int:
    """Distance from the left edge of a sign to that of its text [px]."""
    return text_px + text_px // 4


def draw_signs(image: np.ndarray, places: Iterable[tuple[Status, int, str]], x: int, y: int, text_px: int) -> None:
    """Draw a line of signs from ``placed_signs``, with the top left corner of its line box at (x, y)."""
    for status, offset, text in places:
        draw_sign(image, status, x + offset, y + (line_height(text_px) - text_px) // 2, text_px)
        draw_text(image, text, x + offset + _sign_step(text_px), y, text_px)


def draw_sign(image: np.ndarray, status: Status, x: int, y: int, size_px: int) -> None:
    """Draw a disc with a tick, a cross or a dash, so that no meaning depends on colour alone.

    Args:
        image: Image to draw into.
        status: The status.
        x: Left edge [px].
        y: Top edge [px].
        size_px: Diameter [px].
    """
    colour, radius = STATUS_COLOURS[status], size_px / 2
    centre_x, centre_y = x + radius, y + radius
    centre = (round(centre_x * 16), round(centre_y * 16))
    cv2.circle(image, centre, round(radius * 16), colour, cv2.FILLED, cv2.LINE_AA, 4)
    for stroke in _STROKES[status]:
        points = [(centre_x + dx * radius, centre_y + dy * radius) for dx, dy in stroke]
        smooth_line(image, points, readable_on(colour), max(1, round(size_px / 8)))
