from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.formats.sequences import associate, number_table, sequences
from pipeline.records.errors import InputError


@pytest.mark.parametrize(
    "first_s, second_s, most_s, pairs",
    [
        ([], [], 1.0, []),
        ([1.0], [], 1.0, []),
        ([0.0, 1.0], [0.0, 1.0], 0.0, [(0, 0), (1, 1)]),
        ([0.0, 1.0], [0.021, 1.019], 0.02, [(1, 1)]),
        # Both would take the first; the closer one gets it, and the other takes what is left.
        ([0.0, 0.02], [0.015, 0.04], 0.05, [(0, 1), (1, 0)]),
        # The closest pair goes first even if that leaves another without a partner.
        ([0.0, 0.02], [0.015], 0.05, [(1, 0)]),
        ([2.0, 1.0], [1.01, 2.01], 0.02, [(1, 0), (0, 1)]),
    ],
)
def test_times_are_joined_closest_first_and_once(
    first_s: list[float], second_s: list[float], most_s: float, pairs: list[tuple[int, int]]
) -> None:
    assert associate(first_s, second_s, most_s) == pairs


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


def test_a_folder_is_a_sequence_or_holds_some(tmp_path: Path) -> None:
    for name in ("b", "a", "other"):
        (tmp_path / name).mkdir()
    for name in ("b", "a"):
        (tmp_path / name / "mark").touch()
    assert [place.name for place in sequences(tmp_path, lambda place: (place / "mark").exists())] == ["a", "b"]
    assert sequences(tmp_path / "b", lambda place: (place / "mark").exists()) == [tmp_path / "b"]
