"""Q-Spatial Bench: distances and sizes that people measured.

Format: https://huggingface.co/datasets/andrewliao11/Q-Spatial-Bench (Liao et al. 2024; the card there names the
licence, and the ScanNet part needs ScanNet's own images): ``data/QSpatial_plus-*.parquet`` and
``QSpatial_scannet-*.parquet`` with question, answer_value, answer_unit (``centimeter``, ...), question_type, image_path
and image.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.datasets.base import Case, reader
from pipeline.datasets.formats.tables import Row, image_of
from pipeline.datasets.questions import UNITS, QuestionDataset, case_of_question
from pipeline.records.errors import InputError
from pipeline.records.expected import AnswerKind, Expected
from pipeline.records.settings import Text


@reader
class QSpatial(QuestionDataset):
    """Q-Spatial Bench.

    Args:
        path: Folder with the Parquet files.
        split: Beginning of the names of the files to read.
        images: Folder where paths of images start; None is ``path``.
        fov_deg: Field of view to assume [deg].
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or its files are missing.
    """

    name = "q-spatial"
    title = "Q-Spatial Bench"
    how = "download the Parquet files of andrewliao11/Q-Spatial-Bench there"

    split: str = "QSpatial_plus"
    images: Text | Path | None = None

    def patterns(self) -> list[tuple[str, ...]]:
        """The files of the split."""
        return [(f"**/{self.split}*",)]

    def case_of(self, row: Row, case_id: str) -> Case:
        """The image and the question, whose answer is a length."""
        unit = UNITS.get(str(row["answer_unit"]).strip().lower())
        if unit is None:
            raise InputError(f"The unit {row['answer_unit']!r} of an answer is unknown.")
        image = row.get("image")
        rgb = image_of(row["image_path"] if image is None else image, self.folder)
        expected = Expected(
            row["question"],
            f"{float(row['answer_value']):g}",
            AnswerKind.NUMBER,
            unit=unit,
            category=str(row.get("question_type") or ""),
        )
        # Several questions are asked about one image.
        return case_of_question(
            case_id, (self.frame(rgb, case_id),), expected, group=str(row.get("image_path") or case_id)
        )
