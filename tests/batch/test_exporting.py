from __future__ import annotations

import threading
from pathlib import Path

import pytest
import scenes
from stages.runs import make_stages

from pipeline.batch.exporting import Exporting
from pipeline.records import Result, Scene
from pipeline.records.errors import ConfigError, ExportError, InputError
from pipeline.stages.export import ExportStage
from pipeline.stages.group import MOST_FRAMES, Asked
from pipeline.stages.timing import StageError

WAIT_S = 20


class Gate(ExportStage):
    """Exports an item once it may; the names of items say how that ends."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.begun: list[str] = []

    def __call__(self, scene: Scene, result: Result, folder: Path) -> Result:
        self.begun.append(result.item_id)
        assert threading.current_thread() is not threading.main_thread()
        assert self.open.wait(WAIT_S)
        if result.item_id == "full":
            raise ExportError("The disk is full.")
        if result.item_id == "fatal":
            raise ConfigError("Nothing can be exported.")
        return result


def settled(*names: str, frames: int = 1) -> list[tuple[Asked, Result | StageError]]:
    scene = scenes.scene()
    return [
        (
            Asked(name, Scene(name, scene.frames * frames)),
            StageError("query", InputError("silent")) if name == "silent" else Result(name, None, (), None),
        )
        for name in names
    ]


def exporting(gate: Gate, tmp_path: Path, done: list[str]) -> Exporting:
    def written(asked: Asked, outcome: Result | StageError) -> None:
        assert threading.current_thread() is threading.main_thread()
        done.append(f"{asked.item_id}: {outcome}" if isinstance(outcome, StageError) else asked.item_id)

    return Exporting(make_stages(export=gate), tmp_path, written)


def test_the_caller_goes_on_while_results_are_exported_and_gets_them_in_order(tmp_path: Path) -> None:
    gate, done = Gate(), []
    with exporting(gate, tmp_path, done) as queue:
        queue.add(settled("a", "silent"))
        queue.add(settled("full", "b"))
        assert done == []
        gate.open.set()
    assert done == ["a", "silent: silent", "full: The disk is full.", "b"]


def test_no_more_frames_wait_than_a_group_may_hold(tmp_path: Path) -> None:
    gate, done = Gate(), []
    with exporting(gate, tmp_path, done) as queue:
        queue.add(settled("a", frames=MOST_FRAMES))
        assert done == []
        threading.Timer(0.3, gate.open.set).start()
        queue.add(settled("b", frames=1))
        # Both together are too many frames, so the first had to be finished.
        assert gate.open.is_set() and done[:1] == ["a"]
    assert done == ["a", "b"]


def test_a_fatal_error_ends_the_run_and_keeps_what_was_exported_before(tmp_path: Path) -> None:
    gate, done = Gate(), []
    gate.open.set()
    with pytest.raises(StageError, match="Nothing can be exported") as caught, exporting(gate, tmp_path, done) as queue:
        queue.add(settled("a", "fatal", "b"))
    assert caught.value.is_fatal and done == ["a"]


def test_an_error_of_a_later_stage_still_writes_what_was_settled(tmp_path: Path) -> None:
    gate, done = Gate(), []
    gate.open.set()
    with pytest.raises(KeyboardInterrupt), exporting(gate, tmp_path, done) as queue:
        queue.add(settled("a", "b"))
        raise KeyboardInterrupt
    assert done == ["a", "b"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("export")]


def test_a_failure_without_a_scene_is_written_too_at_the_end(tmp_path: Path) -> None:
    gate, done = Gate(), []
    threading.Timer(0.3, gate.open.set).start()
    failed = StageError("ingest", InputError("no file"))
    with exporting(gate, tmp_path, done) as queue:
        queue.add([*settled("a"), (Asked("lost", None), failed)])
    assert done == ["a", "lost: no file"]
