from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.formats.sequences import associate, sequences


@pytest.mark.parametrize(
    "first_s, second_s, most_s",
    [
        (np.zeros(4000), np.zeros(4000), 0.02),
        (np.arange(4000) / 30, np.arange(4000) / 30 + 0.01, 1e9),
        (np.arange(4000) / 30, np.zeros(4000), 1e9),
    ],
    ids=["equal times", "no bound", "one moment"],
)
def test_thousands_of_times_are_joined_at_once(first_s: np.ndarray, second_s: np.ndarray, most_s: float) -> None:
    start = time.process_time()
    pairs = associate(first_s.tolist(), second_s.tolist(), most_s)
    assert time.process_time() - start < 2
    assert len({at for at, _ in pairs}) == len({to for _, to in pairs}) == len(pairs) == 4000
    if (second_s > 0).all() or (first_s == 0).all():
        assert pairs == [(at, at) for at in range(4000)]


def _all_pairs_sorted(first_s: list[float], second_s: list[float], most_s: float) -> list[tuple[int, int]]:
    """The rule of associate.py, word for word."""
    candidates = [
        (abs(one - other), at, to)
        for at, one in enumerate(first_s)
        for to, other in enumerate(second_s)
        if abs(one - other) <= most_s
    ]
    found: dict[int, int] = {}
    for _, at, to in sorted(candidates):
        if at not in found and to not in found.values():
            found[at] = to
    return sorted(found.items(), key=lambda pair: (first_s[pair[0]], pair))


@pytest.mark.parametrize("most_s", [0, 1, 3, 100])
@pytest.mark.parametrize("moments", [3, 12, 60, 1000])
def test_joining_is_that_of_associate_py_also_for_equal_times(moments: int, most_s: int) -> None:
    generator = np.random.default_rng(moments)
    for sizes in ((14, 11), (1, 0), *[(9, 14)] * 40):
        first, second = ([float(each) for each in generator.integers(0, moments, size)] for size in sizes)
        assert associate(first, second, most_s) == _all_pairs_sorted(first, second, most_s)


def test_times_that_are_no_numbers_are_not_joined() -> None:
    assert associate([np.nan, np.inf, 1.0], [1.0, np.inf, np.nan], np.inf) == [(2, 0)]


def test_a_folder_is_a_sequence_or_holds_some(tmp_path: Path) -> None:
    for name in ("b", "a", "other"):
        (tmp_path / name).mkdir()
    for name in ("b", "a"):
        (tmp_path / name / "mark").touch()
    assert [place.name for place in sequences(tmp_path, lambda place: (place / "mark").exists())] == ["a", "b"]
    assert sequences(tmp_path / "b", lambda place: (place / "mark").exists()) == [tmp_path / "b"]
