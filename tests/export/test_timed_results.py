from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.export import timed_results
from pipeline.export.jsonl import ResultWriter
from pipeline.export.result_index import ResultIndex
from pipeline.export.timed_results import move_results, read_results, timings_path
from pipeline.records import Answer, FrameSummary, Result, to_json
from pipeline.records.camera import Camera
from pipeline.records.timings import timings_of

FRAME = FrameSummary("photo.jpg", "0" * 64, Camera(10, 10, 1, 1, 4, 3))


def timed(number: int) -> Result:
    answer = Answer("Here.", seconds=number / 8, timings={"decode_s": number / 16}, cached_tokens=number)
    return Result(f"item-{number}", "Where?", (FRAME,), answer, seconds={"depth": number / 4})


def written(folder: Path, count: int) -> Path:
    with ResultWriter(folder) as writer:
        for number in range(1, count + 1):
            writer.append(timed(number))
    return writer.path


def seconds_of(path: Path) -> list[float | None]:
    """The seconds of each result, read in order; what is found by key is checked to be the same."""
    found, index = list(read_results(path)), ResultIndex(path)
    assert [index.result((each.item_id, each.question)) for each in found] == found
    return [each.seconds.get("depth") for each in found]


def test_results_come_back_with_the_times_of_their_file(tmp_path: Path) -> None:
    path = written(tmp_path, 3)
    assert b"seconds" not in path.read_bytes() and b"cached" not in path.read_bytes()
    assert list(read_results(path)) == [timed(1), timed(2), timed(3)]
    assert timings_path(path).read_text().splitlines() == [to_json(timings_of(timed(n))) for n in (1, 2, 3)]


def test_runs_that_took_different_times_write_the_same_results(tmp_path: Path) -> None:
    lines = []
    for seconds in (1.0, 2.0):
        with ResultWriter(tmp_path / str(seconds)) as writer:
            writer.append(replace(timed(1), seconds={"depth": seconds}))
        lines.append(writer.path.read_bytes())
    assert lines[0] == lines[1]


def test_missing_and_damaged_times_cost_nothing_but_the_times(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, 4)
    times = timings_path(path)
    first, second, _, fourth = times.read_bytes().splitlines(keepends=True)
    times.write_bytes(first + b'{"item_id": 3}\n\xff\xfe\n' + fourth + second[:20])
    assert seconds_of(path) == [0.25, None, None, 1.0]
    times.write_bytes(second + first)
    assert seconds_of(path) == [0.25, 0.5, None, None], "in any order"
    times.unlink()
    assert seconds_of(path) == [None] * 4
    times.mkdir()
    assert seconds_of(path) == [None] * 4
    assert not caplog.records


def test_times_of_results_that_never_came_are_read_over(tmp_path: Path) -> None:
    path = written(tmp_path, 2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:30])
    with ResultWriter(tmp_path, resume=True) as writer:
        assert writer.finished_ids() == {("item-1", "Where?")}
        writer.append(timed(2))
        writer.append(timed(3))
    assert seconds_of(path) == [0.25, 0.5, 0.75]
    assert len(timings_path(path).read_bytes().splitlines()) == 4


def test_few_times_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_results, "_MOST_WAITING", 2)
    path = written(tmp_path, 6)
    assert seconds_of(path) == [0.25 * number for number in range(1, 7)]
    lines = timings_path(path).read_bytes().splitlines(keepends=True)
    timings_path(path).write_bytes(b"".join(lines[2:]))
    assert [each.seconds.get("depth") for each in read_results(path)] == [None, None, 0.75, 1.0, 1.25, 1.5]


def test_lines_of_earlier_versions_keep_the_times_that_they_hold(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text(f"{to_json(timed(1))}\n")
    with ResultWriter(tmp_path, resume=True) as writer:
        writer.append(timed(2))
    assert list(read_results(writer.path)) == [timed(1), timed(2)]
    assert seconds_of(writer.path) == [0.25, 0.5]


def test_a_last_line_without_its_end_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, 1)
    whole = path.read_bytes()
    with caplog.at_level(logging.WARNING):
        path.write_bytes(whole + whole[:50])
        assert seconds_of(path) == [0.25] and not caplog.records
        path.write_bytes(b"{}\n" + whole)
        assert seconds_of(path) == [0.25] and "Line 1 of" in caplog.text


def test_times_move_with_their_results_also_where_a_kill_left_them_apart(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    target = tmp_path / "results.earlier.jsonl"
    move_results(path, target)
    assert seconds_of(target) == [0.25] and not path.exists() and not timings_path(path).exists()
    target.rename(path)  # As if the times alone had moved.
    move_results(path, target)
    assert seconds_of(target) == [0.25]
