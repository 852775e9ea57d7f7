"""Entries of the index."""

from __future__ import annotations

import pytest

from pipeline.serve.problems import GoneError, problem_of
from pipeline.serve.store.entries import Entry, Kind, gone
from pipeline.serve.store.layout import BLOCK_BYTES


@pytest.mark.parametrize(
    ("size", "blocks"), [(0, 0), (1, 1), (BLOCK_BYTES, 1), (BLOCK_BYTES + 1, 2), (10 * BLOCK_BYTES - 1, 10)]
)
def test_a_file_takes_whole_blocks(size: int, blocks: int) -> None:
    one, none = (Entry(Kind.UPLOAD, "id", 0.0, each) for each in (size, 0))
    assert one.on_disk - none.on_disk == blocks * BLOCK_BYTES


def test_records_count_in_bytes() -> None:
    assert Entry(Kind.JOB, "id", 0.0, record="杯").on_disk - Entry(Kind.JOB, "id", 0.0).on_disk == 3


def test_what_was_deleted_is_gone_for_clients() -> None:
    error = gone(Kind.UPLOAD)
    status, problem, _ = problem_of(error)
    assert isinstance(error, GoneError) and status == 410 and "upload was deleted" in problem["detail"]
