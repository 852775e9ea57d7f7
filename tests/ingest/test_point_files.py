from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.ingest.point_files import read_points
from pipeline.records.errors import InputError


def test_points_are_rows_of_little_endian_floats(tmp_path: Path) -> None:
    (tmp_path / "points.bin").write_bytes(struct.pack("<8f", 1, 2, 3, 0.5, 4, 5, 6, 0.25))
    assert read_points(tmp_path / "points.bin", 4).tolist() == [[1, 2, 3, 0.5], [4, 5, 6, 0.25]]


@pytest.mark.parametrize("content, words", [(b"", "is empty"), (bytes(17), "cut short")])
def test_points_that_end_early_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "points.bin").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_points(tmp_path / "points.bin", 4)
