"""Text and simple shapes on images.

Convention: images are uint8 (H, W, 3) RGB and are modified; positions are (x, y) [px] of the top left corner.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from functools import cache, lru_cache

import cv2
import numpy as np

from pipeline.export.palette import Colour

INK: Colour = (33, 37, 41)
GREY: Colour = (108, 117, 125)
PAPER: Colour = (255, 255, 255)
ELLIPSIS = "..."

_SHIFT = 4


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("uni")


def printable(text: str, longest: int = 2000) -> str:
    """The text on one line, without control characters and lone surrogates, on which OpenCV crashes."""
    cleaned = "".join(
        " " if character.isspace() else character if unicodedata.category(character)[0] != "C" else ""
        for character in text[: 2 * longest]
    )
    return " ".join(cleaned.split())[:longest]


@lru_cache(maxsize=4096)
def text_width(text: str, size_px: int) -> int:
    """Width of the text [px], including trailing spaces."""
    if not text:
        return 0
    # OpenCV measures ink; the bar at the end makes it include trailing spaces.
    return int(_ink_width(f"{text}|", size_px) - _ink_width("|", size_px))


def _ink_width(text: str, size_px: int) -> int:
    x, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _font(), size_px)
    return int(x + width)


def draw_text(image: np.ndarray, text: str, x: int, y: int, size_px: int, colour: Colour = INK) -> None:
    """Draw one line of text with the top left corner of its line box, see ``line_height``, at (x, y)."""
    if text:
        # Without an explicit range, OpenCV breaks the line at the edge of the image.
        baseline = y + round(size_px * 1.08)
        cv2.putText(image, text, (int(x), int(baseline)), colour, _font(), size_px, 0, 0, (0, 1 << 20))


def line_height(size_px: int) -> int:
    """Height of one line of text [px]."""
    return round(size_px * 1.4)


def shorten(text: str, size_px: int, width_px: int) -> str:
    """The text, cut and with an ellipsis if it is too wide."""
    if text_width(text, size_px) <= width_px:
        return text
    count = bisect_right(range(1, len(text)), width_px, key=lambda end: text_width(_cut(text, end), size_px))
    return _cut(text, count) if count else ""


def _cut(text: str, end: int) -> str:
    return text[:end].rstrip() + ELLIPSIS


def shorten_middle(text: str, most_characters: int) -> str:
    """The text, with an ellipsis in its middle if it is too long, because names often differ at their ends."""
    if len(text) <= most_characters:
        return text
    kept = most_characters - len(ELLIPSIS)
    return text[: kept - kept // 2].rstrip() + ELLIPSIS + text[len(text) - kept // 2 :].lstrip()


def rounded_rectangle(image: np.ndarray, x: int, y: int, width: int, height: int, radius: int, colour: Colour) -> None:
    """Fill the part of a rectangle with round corners that lies in the image."""
    radius = max(0, min(radius, width // 2, height // 2))
    left, top, right, bottom = x, y, x + width - 1, y + height - 1
    cv2.rectangle(image, (left + radius, top), (right - radius, bottom), colour, cv2.FILLED)
    cv2.rectangle(image, (left, top + radius), (right, bottom - radius), colour, cv2.FILLED)
    for corner_x in (left + radius, right - radius):
        for corner_y in (top + radius, bottom - radius):
            cv2.circle(image, (corner_x, corner_y), radius, colour, cv2.FILLED, cv2.LINE_AA)


def smooth_line(
    image: np.ndarray, points: list[tuple[float, float]], colour: Colour, thickness: int, closed: bool = False
) -> None:
    """Draw an anti-aliased line through points at fractions of a pixel."""
    scaled = np.round(np.array(points) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(image, [scaled], closed, colour, thickness, cv2.LINE_AA, _SHIFT)


def readable_on(colour: Colour) -> Colour:
    """The ink or paper colour, whichever has more contrast to the colour (WCAG 2.1, relative luminance)."""
    channels = np.array(colour) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return INK if luminance > 0.22 else PAPER
