"""Where the labels of a picture go: near what they name, inside the picture, and never over each other."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from pipeline.export.drawing import printable, shorten_middle

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom."""

# Sizes that are tried, the best first: the share of the wanted font, and the most characters of a name.
_TRIES = ((1.0, 24), (0.92, 18), (0.84, 12), (0.76, 8), (0.68, 5))
_LINE = 1.45
_PADDING = 0.36
_GAP = 1.0
_NEAR = 3.0
_MOST_LATTICE = 2000


@dataclass(frozen=True)
class Wish:
    """A label to place.

    Args:
        key: What it belongs to.
        text: Its words.
        box: What it names.
        signs: Number of signs behind the words, each as wide as the font is high.
    """

    key: int
    text: str
    box: Rectangle
    signs: int = 0


@dataclass(frozen=True)
class Label:
    """A placed label.

    Args:
        key: That of its wish.
        text: Its words, possibly shortened.
        x: Left edge.
        y: Top edge.
        width: Width, signs included.
        height: Height.
        font: Size of the font.
        text_width: Width of the words.
        leader: Ends of the line to what it names (x1, y1, x2, y2), where that is not beside it.
    """

    key: int
    text: str
    x: float
    y: float
    width: float
    height: float
    font: float
    text_width: float
    leader: Rectangle | None = None

    @property
    def rectangle(self) -> Rectangle:
        """Its edges."""
        return self.x, self.y, self.x + self.width, self.y + self.height


def text_units(text: str) -> float:
    """Width of a text in a sans-serif font, in heights of the font; pages stretch the words to exactly that width.

    >>> text_units("杯子"), round(text_units("mug"), 2)
    (2.0, 2.06)
    """
    return sum(map(_advance, text))


@cache
def _advance(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if unicodedata.combining(character):
        return 0.0
    for characters, width in (("iljI|!.,:;'", 0.29), ('ftr()[]{}/\\-"` ', 0.38), ("mwMW@%—", 0.88)):
        if character in characters:
            return width
    return 0.68 if character.isupper() else 0.59


def placed_labels(wishes: Sequence[Wish], width: float, height: float, font: float) -> list[Label]:
    """Place labels of which no two overlap and all lie in the picture.

    Labels that do not fit become smaller and shorter, and in the end numbers.

    Args:
        wishes: The labels.
        width: Width of the picture.
        height: Height of the picture.
        font: Wanted size of the font, in the same unit.

    Returns:
        One label per wish, in the order of the wishes.
    """
    for share, most in _TRIES:
        placed = _placed(wishes, width, height, font * share, most, ())
        if placed is not None:
            return placed
    return _numbered(wishes, width, height, font * _TRIES[-1][0])


def placed_beside(
    wishes: Sequence[Wish], width: float, height: float, font: float, taken: Sequence[Label]
) -> list[Label]:
    """Place further labels over none of those that are ``taken``; none of them where there is no room."""
    return _placed(wishes, width, height, font, _TRIES[0][1], [label.rectangle for label in taken]) or []


def _placed(
    wishes: Sequence[Wish], width: float, height: float, font: float, most: int, taken: Sequence[Rectangle]
) -> list[Label] | None:
    """Labels of one size, the smallest box first because it leaves the least choice; None if one does not fit."""
    boxes = np.array([wish.box for wish in wishes], dtype=float).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    used = [*taken]
    found: dict[int, Label] = {}
    for index in np.argsort(areas, kind="stable"):
        wish = wishes[index]
        text = shorten_middle(printable(wish.text, 400), most)
        text_width = text_units(text) * font
        label_width = text_width + 2 * _PADDING * font + wish.signs * 1.2 * font
        label_height = _LINE * font
        if label_width > width or label_height > height:
            return None
        corner = _best_corner(boxes, int(index), label_width, label_height, width, height, used)
        if corner is None:
            return None
        x, y = corner
        rectangle = (x, y, x + label_width, y + label_height)
        used.append(rectangle)
        found[int(index)] = Label(
            wish.key, text, x, y, label_width, label_height, font, text_width, _leader(rectangle, wish.box)
        )
    return [found[index] for index in range(len(wishes))]


def _best_corner(
    boxes: np.ndarray, index: int, wide: float, high: float, width: float, height: float, used: Sequence[Rectangle]
) -> tuple[float, float] | None:
    """The free place that is nearest to the box and hides the least of other boxes."""
    x1, y1, x2, y2 = boxes[index]
    wishes = [(x, y) for y in (y1 - high, y1, y2, y2 - high) for x in (x1, x2 - wide)]
    wishes += [(x, (y1 + y2 - high) / 2) for x in (x1 - wide, x2)]
    step_x, step_y = max(wide / 2, 4.0), max(high + _GAP, 4.0)
    while (width / step_x) * (height / step_y) > _MOST_LATTICE:
        step_x, step_y = 1.5 * step_x, 1.5 * step_y
    across, down = np.meshgrid(
        np.append(np.arange(0, width - wide, step_x), width - wide),
        np.append(np.arange(0, height - high, step_y), height - high),
    )
    corners = np.concatenate([np.array(wishes), np.stack([across.ravel(), down.ravel()], axis=1)])
    corners = np.clip(corners, 0, (width - wide, height - high))
    left, top = corners[:, 0], corners[:, 1]
    right, bottom = left + wide, top + high
    if used:
        taken = np.array(used)
        hits = (
            (left[:, None] < taken[:, 2] + _GAP)
            & (right[:, None] > taken[:, 0] - _GAP)
            & (top[:, None] < taken[:, 3] + _GAP)
            & (bottom[:, None] > taken[:, 1] - _GAP)
        ).any(axis=1)
        if hits.all():
            return None
    else:
        hits = np.zeros(len(corners), dtype=bool)
    away = np.hypot(np.maximum(0, np.maximum(x1 - right, left - x2)), np.maximum(0, np.maximum(y1 - bottom, top - y2)))
    across_px = np.maximum(0, np.minimum(right[:, None], boxes[:, 2]) - np.maximum(left[:, None], boxes[:, 0]))
    down_px = np.maximum(0, np.minimum(bottom[:, None], boxes[:, 3]) - np.maximum(top[:, None], boxes[:, 1]))
    areas = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1.0)
    hidden = np.minimum(1.0, across_px * down_px / areas).sum(axis=1)
    order = np.minimum(np.arange(len(corners)), len(wishes)) * 0.01
    best = int(np.argmin(away / high + hidden + order + np.where(hits, np.inf, 0)))
    return float(left[best]), float(top[best])


def _leader(label: Rectangle, box: Rectangle) -> Rectangle | None:
    """The shortest line from a label to its box; None where they are close."""
    ends = []
    for axis in (0, 1):
        low, high = max(label[axis], box[axis]), min(label[axis + 2], box[axis + 2])
        if low <= high:
            ends.append(((low + high) / 2, (low + high) / 2))
        else:
            ends.append((label[axis + 2], box[axis]) if label[axis + 2] < box[axis] else (label[axis], box[axis + 2]))
    (x1, x2), (y1, y2) = ends
    return (x1, y1, x2, y2) if math.hypot(x2 - x1, y2 - y1) > _NEAR else None


def _numbered(wishes: Sequence[Wish], width: float, height: float, font: float) -> list[Label]:
    """Numbers in the cells of a grid, which always has room."""
    digits = max(text_units(str(wish.key + 1)) for wish in wishes)
    aspect = (digits + 2 * _PADDING) / _LINE
    rows = max(1, math.ceil(math.sqrt(len(wishes) * height * aspect / width)))
    columns = math.ceil(len(wishes) / rows)
    rows = math.ceil(len(wishes) / columns)
    cell_width, cell_height = width / columns, height / rows
    font = 0.9 * min(font / 0.9, cell_width / (digits + 2 * _PADDING), cell_height / _LINE)
    # Cells go to the boxes from top to bottom and left to right, so that lines cross little.
    order = sorted(range(len(wishes)), key=lambda index: (wishes[index].box[1], wishes[index].box[0]))
    found: dict[int, Label] = {}
    for start in range(0, len(order), columns):
        line = sorted(order[start : start + columns], key=lambda index: wishes[index].box[0])
        for column, index in enumerate(line):
            text = str(wishes[index].key + 1)
            text_width = text_units(text) * font
            label_width, label_height = text_width + 2 * _PADDING * font, _LINE * font
            x, y = column * cell_width, start / columns * cell_height
            rectangle = (x, y, x + label_width, y + label_height)
            found[index] = Label(
                wishes[index].key, text, x, y, label_width, label_height, font, text_width,
                _leader(rectangle, wishes[index].box),
            )  # fmt: skip
    return [found[index] for index in range(len(wishes))]
