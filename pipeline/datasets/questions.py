"""Base of benchmarks of questions: rows become cases with images, questions, and claims where boxes are given."""

from __future__ import annotations

import logging
import math
import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import Case, ClaimDataset, plain_reason, reader
from pipeline.datasets.formats.tables import Row, Table, tables_in
from pipeline.records import Box, Camera, Claim, Frame, Origin, Region, Scene
from pipeline.records.errors import InputError
from pipeline.records.expected import AnswerKind, Expected
from pipeline.records.settings import FieldOfView, Text

logger = logging.getLogger(__name__)

Entry = tuple[Table, int]
# A number off by this factor is wrong under every usual tolerance.
_WRONG_FACTOR = 2.5
UNITS = {
    "m": "m", "meter": "m", "meters": "m", "metre": "m", "metres": "m",
    "cm": "cm", "centimeter": "cm", "centimeters": "cm", "centimetre": "cm", "centimetres": "cm",
    "mm": "mm", "millimeter": "mm", "millimeters": "mm",
    "ft": "ft", "foot": "ft", "feet": "ft",
    "in": "in", "inch": "in", "inches": "in",
}  # fmt: skip
"""The records' units by their names in benchmarks."""


@reader
class QuestionDataset(ClaimDataset[Entry]):
    """Questions with answers, one case per row.

    Args:
        path: Folder of the data set.
        fov_deg: Field of view of images whose camera is not known [deg].

    Attributes:
        title: Name of the data set in messages.
        how: How to get it, as a sentence without its full stop.
        images: Folder where paths of images start; None is ``path``.

    Raises:
        InputError: If the folder or its tables are missing.
    """

    title: ClassVar[str]
    how: ClassVar[str]
    path: Text | Path = field(kw_only=False)
    fov_deg: FieldOfView = 60.0
    images: Text | Path | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Find the tables."""
        folder = existing_folder(self.path, self.title, self.how)
        self.tables = [table for group in self.patterns() for table in tables_in(folder, group, self.title, self.how)]
        self.folder = Path(self.images).expanduser() if self.images else folder

    @abstractmethod
    def patterns(self) -> Sequence[tuple[str, ...]]:
        """Globs of the tables below the folder; of each group, the first that matches a table is taken."""

    @cached_property
    def _entries(self) -> list[Entry]:
        entries: list[Entry] = []
        for table in self.tables:
            try:
                entries += [(table, index) for index in range(len(table))]
            except InputError as error:
                logger.warning("%s of data set %s is skipped: %s", table.file.name, self.name, error)
                self.unreadable[str(table.file)] = plain_reason(error)
        return entries

    def entries(self) -> Sequence[Entry]:
        """Every row of every table that can be opened."""
        return self._entries

    def entry_name(self, entry: Entry) -> str:
        """File and number of the row."""
        return f"row {entry[1] + 1} of {entry[0].file.name}"

    def case(self, entry: Entry, index: int) -> Case | None:
        """Read one row."""
        table, number = entry
        return self.case_of(table.row(number), f"{self.name}-{table.file.stem}-{number}")

    @abstractmethod
    def case_of(self, row: Row, case_id: str) -> Case | None:
        """The case of a row; None where the row has no answer or is not wanted."""

    def frame(self, rgb: np.ndarray, name: str, timestamp_s: float | None = None) -> Frame:
        """An image with an assumed camera and without depth."""
        height, width = rgb.shape[:2]
        return Frame(rgb, Camera.from_fov(width, height, self.fov_deg), timestamp_s=timestamp_s, name=name)


def case_of_question(
    case_id: str,
    frames: Sequence[Frame],
    expected: Expected,
    *,
    regions: Sequence[Region] = (),
    claims: Sequence[Claim] = (),
    group: str = "",
) -> Case:
    """A case of one question about some frames."""
    scene = Scene(case_id, tuple(frames), (expected.question,), regions=tuple(regions), claims=tuple(claims))
    return Case(scene, (expected,), group=group, tags={"category": expected.category} if expected.category else {})


def choice_question(question: str, choices: Sequence[str], answer: str, category: str) -> Expected:
    """A question of several options whose answer is the letter of one: ``B``, ``(B)`` or ``B.``.

    Raises:
        InputError: If the answer is not such a letter.
    """
    match = re.fullmatch(r"\(?([A-Z])[).:]?", answer.strip())
    if match is None:
        raise InputError(f"The correct answer {answer!r} is not the letter of an option.")
    texts = tuple(str(choice).strip() for choice in choices)
    options = "\n".join(f"({chr(ord('A') + position)}) {text}" for position, text in enumerate(texts))
    return Expected(f"{question.strip()}\n{options}", match[1], AnswerKind.CHOICE, texts, category=category)


def number_with_unit(text: str) -> tuple[float, str] | None:
    """The first length of a text, as (1.5, ``m``), or None.

    >>> number_with_unit("It is 6.91 feet tall."), number_with_unit("Yes.")
    ((6.91, 'ft'), None)
    """
    for match in re.finditer(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)", text):
        unit = UNITS.get(match[2].lower())
        if unit is not None:
            return float(match[1]), unit
    return None


def regions_of(boxes: Sequence[Any], labels: Sequence[str], width: int, height: int, box_format: str) -> list[Region]:
    """Regions of a benchmark's boxes, cut off at the image's edges.

    Args:
        boxes: Four numbers each [px].
        labels: Unique names.
        width: Width of the image [px].
        height: Height of the image [px].
        box_format: ``xyxy`` for corners, ``xywh`` for a corner and sides.

    Raises:
        InputError: If a box has no area within the image.
    """
    regions = []
    for label, numbers in zip(labels, boxes, strict=True):
        left, top, right, bottom = (float(number) for number in numbers)
        if box_format == "xywh":
            right, bottom = left + right, top + bottom
        box_px: Box = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
        if box_px[2] <= box_px[0] or box_px[3] <= box_px[1] or not all(map(math.isfinite, box_px)):
            raise InputError(f"The box {list(numbers)} of {label} lies outside the image of {width} x {height} px.")
        regions.append(Region(label, box_px, origin=Origin.GIVEN))
    return regions


def both_ways(relation: str, subject: str, other: str, truth: bool) -> tuple[Claim, Claim]:
    """A claim of an order and its reverse; one is true, the other false."""
    base: dict[str, Any] = {"relation": relation, "frames": (0,), "origin": Origin.GIVEN}
    return (
        Claim(**base, subject=subject, object=other, truth=truth),
        Claim(**base, subject=other, object=subject, truth=not truth),
    )


def correct_and_wrong(value: float, unit: str, *, is_larger: bool, **fields: Any) -> tuple[Claim, Claim]:
    """A claim of a correct number, and one of a number far off.

    Args:
        value: The correct number.
        unit: Its unit.
        is_larger: Whether the wrong number is too large.
        fields: Further fields of both claims.
    """
    wrong = value * _WRONG_FACTOR if is_larger else value / _WRONG_FACTOR
    base: dict[str, Any] = {"unit": unit, "frames": (0,), "origin": Origin.GIVEN, **fields}
    return Claim(**base, value=value, truth=True), Claim(**base, value=round(wrong, 3), truth=False)
