"""CV-Bench: questions of count, relation, depth and distance; two or three boxes in those of relation and depth.

Format: https://huggingface.co/datasets/nyu-visionx/CV-Bench (Tong et al. 2024, Apache-2.0): ``test_2d.parquet`` and
``test_3d.parquet`` with idx, type, task, image, question, choices, answer as ``(A)``, source, target_class, bbox and
others. Boxes are in the order in which the question names the objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pipeline.datasets.annotated.objects import unique_labels
from pipeline.datasets.base import Case, reader
from pipeline.datasets.formats.tables import Row, image_of
from pipeline.datasets.questions import (
    QuestionDataset,
    both_ways,
    case_of_question,
    choice_question,
    regions_of,
)
from pipeline.records import Claim, Region
from pipeline.records.expected import Expected

Task = Literal["Count", "Relation", "Depth", "Distance"]
TASKS: tuple[Task, ...] = ("Count", "Relation", "Depth", "Distance")
_SIDES = {"left": "left_of", "right": "right_of", "above": "above", "below": "below"}


@reader
class CvBench(QuestionDataset):
    """CV-Bench.

    Args:
        path: Folder with the Parquet files.
        tasks: Which of ``TASKS`` to read.
        box_format: ``xyxy`` if boxes are two corners, ``xywh`` if they are a corner and sides.
        fov_deg: Field of view to assume [deg].
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or its files are missing.
        ConfigError: If a task is unknown.
    """

    name = "cv-bench"
    title = "CV-Bench"
    how = "download test_2d.parquet and test_3d.parquet of nyu-visionx/CV-Bench there"

    tasks: Sequence[Task] = TASKS
    box_format: Literal["xyxy", "xywh"] = "xyxy"

    def patterns(self) -> list[tuple[str, ...]]:
        """The two files of the test."""
        return [("test_*.parquet", "**/*.parquet")]

    def case_of(self, row: Row, case_id: str) -> Case | None:
        """The image, the question, and for relation and depth the boxes with a true and a false claim."""
        if row["task"] not in self.tasks:
            return None
        frame = self.frame(image_of(row["image"], self.folder), f"{row['task']} {row.get('idx', '')}".strip())
        expected = choice_question(row["question"], row["choices"], row["answer"], row["task"])
        regions: list[Region] = []
        claims: tuple[Claim, ...] = ()
        boxes, names = _list(row.get("bbox")), _names(row, expected)
        if len(boxes) >= 2 and len(boxes) == len(names):
            regions = regions_of(boxes, unique_labels(names), frame.width, frame.height, self.box_format)
            claims = _claims(row["task"], expected, regions)
        return case_of_question(case_id, (frame,), expected, regions=regions, claims=claims)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _names(row: Row, expected: Expected) -> list[str]:
    """Names of the boxes: the row's classes, or for depth the options."""
    given = [str(name) for name in _list(row.get("target_class")) if str(name).strip()]
    if not given and row["task"] == "Depth":
        return list(expected.choices)
    return given


def _claims(task: str, expected: Expected, regions: Sequence[Region]) -> tuple[Claim, ...]:
    """The claim of the correct answer and its reverse. No relation says which of two objects is nearer to a third."""
    chosen = ord(expected.answer) - ord("A")
    first, second = regions[0].label, regions[1].label
    if task == "Depth" and len(regions) == 2 and len(expected.choices) == 2:
        return both_ways("closer", first, second, chosen == 0)
    side = _SIDES.get(expected.choices[chosen].lower())
    return both_ways(side, first, second, True) if task == "Relation" and side and len(regions) == 2 else ()
