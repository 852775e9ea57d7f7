"""VSI-Bench: questions about videos of rooms: counts, distances, sizes, directions, order and routes.

Format: https://huggingface.co/datasets/nyu-visionx/VSI-Bench (Yang et al. 2024, Apache-2.0; the videos have the terms
of ScanNet, ScanNet++ and ARKitScenes): ``test.jsonl`` or Parquet with id, dataset, scene_name, question_type, question,
ground_truth and options (``A. chair``) for questions of choice, and ``DATASET/SCENE_NAME.mp4``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from pipeline.datasets.base import Case, reader
from pipeline.datasets.formats.tables import Row
from pipeline.datasets.questions import QuestionDataset, case_of_question, choice_question
from pipeline.ingest.video import read_video
from pipeline.records import Frame
from pipeline.records.expected import AnswerKind, Expected
from pipeline.records.settings import Count

# Units in which the questions ask for a number.
_UNITS = {"object_abs_distance": "m", "object_size_estimation": "cm", "room_size_estimation": "m2"}


@reader
class VsiBench(QuestionDataset):
    """VSI-Bench.

    Args:
        path: Folder with the table and one folder of videos per source.
        question_types: Which types of question to read; None takes all.
        frames: Frames of each video, evenly over its length.
        fov_deg: Field of view to assume [deg].
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or its table is missing.
    """

    name = "vsi-bench"
    title = "VSI-Bench"
    how = "download test.jsonl of nyu-visionx/VSI-Bench and unpack its archives of videos there"

    question_types: Sequence[str] | None = None
    frames: Count = 8
    # Questions about one video follow each other.
    _last: tuple[Path, tuple[Frame, ...]] | None = field(default=None, init=False, repr=False)

    def patterns(self) -> list[tuple[str, ...]]:
        """JSON lines, else Parquet."""
        return [("test.jsonl", "*.jsonl", "**/*.parquet")]

    def case_of(self, row: Row, case_id: str) -> Case | None:
        """Frames of the video and the question."""
        kind = str(row["question_type"])
        if self.question_types is not None and kind not in self.question_types:
            return None
        frames = self._frames(self.folder / str(row["dataset"]) / f"{row['scene_name']}.mp4")
        answer = str(row["ground_truth"])
        options = [re.sub(r"^[A-Z]\.\s*", "", str(option)) for option in row.get("options") or ()]
        if options:
            expected = choice_question(row["question"], options, answer, kind)
        else:
            expected = Expected(row["question"], answer, AnswerKind.NUMBER, unit=_UNITS.get(kind), category=kind)
        return case_of_question(f"vsi-bench-{row['id']}", frames, expected, group=str(row["scene_name"]))

    def _frames(self, video: Path) -> tuple[Frame, ...]:
        if self._last is None or self._last[0] != video:
            read = read_video(video, frames=self.frames)
            self._last = video, tuple(self.frame(rgb, f"{video.stem} {time_s:.1f} s", time_s) for rgb, time_s in read)
        return self._last[1]
