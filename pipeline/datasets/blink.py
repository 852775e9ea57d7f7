"""BLINK: questions of several options about one to four images, one folder per subtask.

Format: https://huggingface.co/datasets/BLINK-Benchmark/BLINK (Fu et al. 2024, Apache-2.0): ``SUBTASK/val-*.parquet``
with idx, question, sub_task, image_1 to image_4, choices, answer as ``(A)``, prompt and explanation. The answers of
``test-*.parquet`` are hidden. Points and boxes of a question are drawn into its images, not given as regions.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.datasets.base import Case, reader
from pipeline.datasets.formats.tables import Row, image_of
from pipeline.datasets.questions import Entry, QuestionDataset, case_of_question, choice_question

SPATIAL = ("Relative_Depth", "Spatial_Relation", "Counting", "Multi-view_Reasoning")
"""Subtasks about space."""
_HIDDEN = "hidden"


@reader
class Blink(QuestionDataset):
    """BLINK.

    Args:
        path: Folder with one folder per subtask.
        subtasks: Names of the subtasks to read.
        fov_deg: Field of view to assume [deg].
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or a subtask is missing.
    """

    name = "blink"
    title = "BLINK"
    how = "download the Parquet files of BLINK-Benchmark/BLINK, one folder per subtask, there"

    subtasks: Sequence[str] = SPATIAL

    def patterns(self) -> list[tuple[str, ...]]:
        """One group per subtask."""
        return [(f"{subtask}/val*.parquet", f"{subtask}/*.parquet") for subtask in self.subtasks]

    def entry_name(self, entry: Entry) -> str:
        """Subtask and number of the row."""
        return f"row {entry[1] + 1} of {entry[0].file.parent.name}"

    def case_of(self, row: Row, case_id: str) -> Case | None:
        """The images and the question; None where its answer is hidden."""
        if str(row["answer"]).strip().lower() == _HIDDEN:
            return None
        frames = [
            self.frame(image_of(row[f"image_{number}"], self.folder), f"{row['idx']} {number}")
            for number in range(1, 5)
            if row.get(f"image_{number}") is not None
        ]
        expected = choice_question(row["question"], row["choices"], row["answer"], row["sub_task"])
        return case_of_question(f"blink-{row['idx']}", frames, expected)
