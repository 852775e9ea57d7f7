"""Q-Spatial Bench: distances and sizes that people measured.

Format: https://huggingface.co/datasets/andrewliao11/Q-Spatial-Bench (Liao et al. 2024; the card there names the
licence, and the ScanNet part needs ScanNet's own images): ``data/QSpatial_plus-*.parquet`` and
``QSpatial_scannet-*.parquet`` with question, answer_value, answer_unit (``centimeter``, ...), question_type, image_path
and image.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import Case
from pipeline.datasets.formats.tables import Row, image_of, tables_in
from pipeline.datasets.questions import UNITS, QuestionDataset, case_of_question
from pipeline.records.errors import InputError
from pipeline.records.expected import AnswerKind, Expected
from pipeline.records.settings import Count, FieldOfView, Text, checked

_HOW = "download the Parquet files of andrewliao11/Q-Spatial-Bench there"


class QSpatial(QuestionDataset):
    """Q-Spatial Bench.

    Args:
        path: Folder with the Parquet files.
        split: Which files: their names begin with it.
        images: Folder where the paths of images start that are not in the table; None is ``path``.
        fov_deg: Field of view to assume [deg].
        limit: Most cases.

    Raises:
        InputError: If the folder or its files are missing.
    """

    name = "q-spatial"

    @checked
    def __init__(
        self,
        path: Text | Path,
        *,
        split: str = "QSpatial_plus",
        images: Text | Path | None = None,
        fov_deg: FieldOfView = 60.0,
        limit: Count | None = None,
    ) -> None:
        folder = existing_folder(path, "Q-Spatial Bench", _HOW)
        tables = tables_in(folder, (f"**/{split}*",), f"Q-Spatial Bench ({split})", _HOW)
        super().__init__(tables, Path(images).expanduser() if images else folder, fov_deg, limit)

    def case_of(self, row: Row, case_id: str) -> Case:
        """The image and the question, whose answer is a length."""
        unit = UNITS.get(str(row["answer_unit"]).strip().lower())
        if unit is None:
            raise InputError(f"The unit {row['answer_unit']!r} of an answer is not known.")
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
