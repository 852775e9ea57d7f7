from __future__ import annotations

import json
import logging
import multiprocessing
import os
from pathlib import Path

import pytest

from pipeline.export.jsonl import ResultWriter
from pipeline.records import Answer, FrameSummary, Result, from_json, to_json
from pipeline.records.camera import Camera
from pipeline.records.errors import ExportError


def result(item_id: str = "a", question: str | None = "Where?", text: str = "Here.") -> Result:
    frame = FrameSummary("photo.jpg", "0" * 64, Camera(10, 10, 1, 1, 4, 3))
    return Result(item_id, question, (frame,), Answer(text))


def test_results_read_back_as_they_were_written(tmp_path: Path) -> None:
    written = [result("a"), result("b", None), result("c", text="两行\n文字\u2028 and more")]
    with ResultWriter(tmp_path / "new" / "folder") as writer:
        for entry in written:
            writer.append(entry)
    lines = writer.path.read_bytes().splitlines()
    assert [from_json(Result, line) for line in lines] == written
    assert "两行" in lines[2].decode()


def test_failures_name_item_stage_and_reason(tmp_path: Path) -> None:
    with ResultWriter(tmp_path) as writer:
        writer.fail("a", "depth", "读不了\nfile")
    line = (tmp_path / "failures.jsonl").read_text(encoding="utf-8")
    assert line.count("\n") == 1 and "读不了" in line
    assert json.loads(line) == {"item_id": "a", "stage": "depth", "reason": "读不了\nfile"}


def test_resuming_keeps_and_knows_earlier_results(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ResultWriter(tmp_path) as writer:
        writer.append(result("a", "one"))
        writer.append(result("a", None))
    with ResultWriter(tmp_path, resume=True) as writer:
        assert writer.finished_ids() == {("a", "one"), ("a", None)}
        writer.append(result("b", "one"))
        assert ("b", "one") in writer.finished_ids()
    assert len(writer.path.read_bytes().splitlines()) == 3
    assert caplog.text == ""


def test_a_new_run_replaces_the_old_results_but_keeps_one_copy(tmp_path: Path) -> None:
    for item_id in ("first", "second"):
        with ResultWriter(tmp_path) as writer:
            writer.append(result(item_id))
            assert writer.finished_ids() == {(item_id, "Where?")}
    assert b'"first"' in (tmp_path / "results.previous.jsonl").read_bytes()
    for _ in range(2):
        ResultWriter(tmp_path).close()
    assert b'"second"' in (tmp_path / "results.previous.jsonl").read_bytes()


@pytest.mark.parametrize("kept", [0, 1, 2])
@pytest.mark.parametrize("torn", [b'{"item_id": "x", "ques', b"\0" * 100_000, b"{", '{"item_id": "桌'.encode()[:-1]])
def test_a_torn_last_line_is_cut_off_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kept: int, torn: bytes
) -> None:
    with ResultWriter(tmp_path) as writer:
        for number in range(kept):
            writer.append(result(str(number)))
    whole = writer.path.read_bytes()
    writer.path.write_bytes(whole + torn)
    with caplog.at_level(logging.WARNING), ResultWriter(tmp_path, resume=True) as writer:
        assert "incomplete last line" in caplog.text
        assert writer.path.read_bytes() == whole
        writer.append(result("next"))
        assert writer.finished_ids() == {(str(number), "Where?") for number in range(kept)} | {("next", "Where?")}


def test_a_line_that_is_not_a_result_is_skipped_with_its_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "results.jsonl").write_bytes(b'not json\n[1]\n"a"\n\xff\xfe\n{"id": "a"}\n')
    with ResultWriter(tmp_path, resume=True) as writer:
        writer.append(result("b"))
        assert writer.finished_ids() == {("b", "Where?")}
    assert all(f"Line {number} " in caplog.text for number in range(1, 6))


def _without(*names: str, **other: object) -> bytes:
    entry = json.loads(to_json(result("stub")))
    return json.dumps({key: value for key, value in entry.items() if key not in names} | other).encode()


STUBS = [
    b'{"item_id": "stub", "question": "Where?"}',
    b'{"item_id": "stub"}',
    b'{"question": "Where?", "item_id": "stub", "schema_version": "1.3", "errors": []}',
    _without("frames"),
    _without("answer"),
    _without("verdicts"),
    _without("question"),
    _without(frames=[]),
    _without(verdicts=None),
]


@pytest.mark.parametrize("stub", STUBS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_stub_is_not_done_and_does_not_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stub: bytes, place: int
) -> None:
    whole = [to_json(result(name)).encode() for name in "ab"]
    lines = [*whole[:place], stub, *whole[place:]]
    before = b"".join(line + b"\n" for line in lines)
    (tmp_path / "results.jsonl").write_bytes(before)
    with ResultWriter(tmp_path, resume=True) as other, ResultWriter(tmp_path, resume=True) as writer:
        assert writer.finished_ids() == {("a", "Where?"), ("b", "Where?")}
        writer.append(result("stub"))
        other.append(result("other"))
        assert writer.finished_ids() == {(name, "Where?") for name in ("a", "b", "stub", "other")}
    written = (tmp_path / "results.jsonl").read_bytes().splitlines()
    assert [from_json(Result, line).item_id for line in written] == ["a", "b", "stub", "other"]
    assert (tmp_path / "results.previous.jsonl").read_bytes() == before
    assert "hold no whole result: 1 lines" in caplog.text


def test_a_result_without_a_question_or_an_answer_is_whole(tmp_path: Path) -> None:
    lines = [_without(item_id="a", question=None, answer=None), _without(item_id="b", verdicts=[]), _without(extra=1)]
    before = b"".join(line + b"\n" for line in lines)
    (tmp_path / "results.jsonl").write_bytes(before)
    with ResultWriter(tmp_path, resume=True) as writer:
        assert writer.finished_ids() == {("a", None), ("b", "Where?"), ("stub", "Where?")}
        assert writer.path.read_bytes() == before
    assert not (tmp_path / "results.previous.jsonl").exists()


def _append_many(folder: Path, name: str, count: int) -> None:
    with ResultWriter(folder, resume=True) as writer:
        for number in range(count):
            writer.append(result(f"{name}{number}", text=name * 3000))


def test_two_processes_write_whole_lines_only(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(tmp_path, name, 300)) for name in "ab"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        # Opening the file again must not cut off a line that another process is writing.
        with ResultWriter(tmp_path, resume=True):
            pass
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    lines = (tmp_path / "results.jsonl").read_bytes().splitlines()
    ids = [from_json(Result, line).item_id for line in lines]
    assert sorted(ids) == sorted(f"{name}{number}" for name in "ab" for number in range(300))


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ResultWriter(tmp_path) as writer:
        writer.append(result("whole"))
        whole, write = writer.path.read_bytes(), os.write
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:100]))
        with pytest.raises(ExportError, match=r"Cannot write .* no space for a whole line"):
            writer.append(result("cut short"))
        assert writer.path.read_bytes() == whole


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").symlink_to("/dev/full")
    with ResultWriter(tmp_path, resume=True) as writer, pytest.raises(ExportError, match="No space left") as caught:
        writer.append(result())
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="Cannot write"):
        ResultWriter(tmp_path / "file" / "folder")
    (tmp_path / "results.jsonl").mkdir()
    with pytest.raises(ExportError, match="Cannot write"):
        ResultWriter(tmp_path)


def test_text_that_is_not_unicode_is_refused_and_leaves_the_file_whole(tmp_path: Path) -> None:
    with ResultWriter(tmp_path) as writer:
        with pytest.raises(ExportError, match="no JSON form"):
            writer.append(result(text="\ud83d"))
        writer.fail("a", "export", "\ud83d")
        writer.append(result("b"))
        assert writer.finished_ids() == {("b", "Where?")}
