from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import scenes

from pipeline.export.jsonl import ResultWriter
from pipeline.export.result_index import ResultIndex
from pipeline.records import FrameSummary, Result
from pipeline.stages.export import ExportStage
from pipeline.stages.redraw import can_redraw, redraw


@pytest.fixture
def earlier(tmp_path: Path) -> ResultIndex:
    """Two results with scenes, apart from the folder's ``results.jsonl``."""
    stage = ExportStage(report=False, overlay=False)
    scene = scenes.scene()
    with ResultWriter(tmp_path / "before") as writer:
        for name in ("a", "b"):
            frame = FrameSummary("photo", "0" * 64, scenes.CAMERA)
            result = Result(name, None, (frame,), None, versions={"configuration": "old"})
            writer.append(stage(replace(scene, id=name), result, tmp_path / "out"))
    return ResultIndex(writer.path)


def test_files_are_drawn_from_the_scenes_which_stay_as_they_are(tmp_path: Path, earlier: ResultIndex) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "out/scenes").iterdir()}
    assert can_redraw(earlier, tmp_path / "out")
    assert redraw(earlier, ExportStage(report=False, ply=True), tmp_path / "out", "new") == 2
    drawn = ResultIndex(tmp_path / "out/results.jsonl")
    assert list(drawn) == [("a", None), ("b", None)]
    for key in drawn:
        result = drawn.result(key)
        assert set(result.artefacts) == {"scene", "overlay", "ply"}
        assert all((tmp_path / "out" / path).is_file() for path in result.artefacts.values())
        assert result.versions["configuration"] == "new"
    assert {path: path.read_bytes() for path in (tmp_path / "out/scenes").iterdir()} == before


def test_who_is_asked_to_stop_draws_the_rest_later(tmp_path: Path, earlier: ResultIndex) -> None:
    stage, answers = ExportStage(report=False), iter([False, True])
    assert redraw(earlier, stage, tmp_path / "out", "new", lambda: next(answers)) == 1
    assert list(ResultIndex(tmp_path / "out/results.jsonl")) == [("a", None)]
    assert redraw(earlier, stage, tmp_path / "out", "new") == 1


def test_what_is_drawn_already_is_left_out_and_a_damaged_scene_is_named(
    tmp_path: Path, earlier: ResultIndex, caplog: pytest.LogCaptureFixture
) -> None:
    (damaged,) = (tmp_path / "out/scenes").glob("b-*")
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    stage = ExportStage(report=False)
    assert redraw(earlier, stage, tmp_path / "out", "new") == 1
    assert "The files of item b are made from its input again" in caplog.text
    damaged.write_bytes(whole)
    assert redraw(earlier, stage, tmp_path / "out", "new") == 1
    damaged.unlink()
    assert not can_redraw(earlier, tmp_path / "out")
