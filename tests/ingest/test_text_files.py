from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.ingest.text_files import number_table, rows_of_lines
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


def test_chosen_columns_of_lines_are_read_in_their_order() -> None:
    data = b"skipped\n\n 1 2 3\r\n4\t5 6 7\nnot read\n"
    assert rows_of_lines(data, 1, 2, (2, 0)).tolist() == [[3, 1], [6, 4]]
    assert rows_of_lines(b"", 0, 0, (0, 1, 2)).shape == (0, 3)


@pytest.mark.parametrize("data", [b"", b"1 2 3\n", b"1 2 3\n1 2\n"])
def test_lines_that_are_missing_are_told(data: bytes) -> None:
    with pytest.raises(EOFError):
        rows_of_lines(data, 0, 2, (0, 2))
