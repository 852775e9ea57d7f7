from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.ingest.text_files import number_table
from pipeline.records.errors import InputError


@pytest.mark.parametrize(
    "content, rows",
    [
        ("1 2 3\n4 5 6\n", [[1, 2, 3], [4, 5, 6]]),
        ("# time x y\n1 2 -inf\n\n", [[1, 2, -np.inf]]),
        ("1 2 3 4 5 6", [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_a_table_has_its_rows(tmp_path: Path, content: str, rows: list[list[float]]) -> None:
    (tmp_path / "table.txt").write_text(content)
    assert number_table(tmp_path / "table.txt", 3, "table").tolist() == rows


@pytest.mark.parametrize("content", ["1 2", "", "1 2 nan", "one 2 3", "\ufeff1 2 3"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.txt").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"The table .*table\.txt"):
        number_table(tmp_path / "table.txt", 3, "table")
