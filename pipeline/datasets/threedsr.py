"""3DSRBench: questions of height, location, orientation and several objects, of two to four options.

Format: https://huggingface.co/datasets/ccvl/3DSRBench (Ma et al. 2024, CC BY 4.0): TSV for VLMEvalKit with index,
question, A to D, answer (a letter), category and image in base64, or Parquet with image_url in place of the image.
"""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from pipeline.datasets.base import Case, reader
from pipeline.datasets.formats.tables import Row, image_of
from pipeline.datasets.questions import QuestionDataset, case_of_question, choice_question
from pipeline.records.errors import InputError
from pipeline.records.settings import Text

_EMPTY = ("", "nan", "none")


@reader
class ThreeDsrBench(QuestionDataset):
    """3DSRBench.

    Args:
        path: Folder with the tables.
        files: Pattern of their names; None takes TSV files, else Parquet files.
        images: Folder of the images that the table does not hold, by the names in their URLs; None is ``path``.
        fov_deg: Field of view to assume [deg].
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or its files are missing.
    """

    name = "3dsrbench"
    title = "3DSRBench"
    how = "download 3dsrbench_v1_vlmevalkit_circular.tsv of ccvl/3DSRBench there"

    files: str | None = None
    images: Text | Path | None = None

    def patterns(self) -> list[tuple[str, ...]]:
        """The chosen files, else TSV, else Parquet."""
        return [(self.files,) if self.files else ("*.tsv", "**/*.parquet")]

    def case_of(self, row: Row, case_id: str) -> Case:
        """The image and the question."""
        texts = (str(row.get(letter) or "").strip() for letter in "ABCD")
        choices = list(takewhile(lambda text: text.lower() not in _EMPTY, texts))
        value = next((row[key] for key in ("image", "image_path", "image_url") if row.get(key)), None)
        if value is None:
            raise InputError("The row has neither image nor image_path nor image_url.")
        frame = self.frame(image_of(value, self.folder), case_id)
        expected = choice_question(row["question"], choices, row["answer"], str(row.get("category") or ""))
        # Questions about one image belong together, as does one question with its options rotated.
        source = row.get("image_url") or row.get("image_path") or str(row.get("qid") or "").split("-")[0]
        return case_of_question(case_id, (frame,), expected, group=str(source or case_id))
