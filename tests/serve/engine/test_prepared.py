"""Scenes that are prepared once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from serve.engine.fakes import MemoryStore, frame_of
from stages.doubles import CountingDepth, CountingOcr
from stages.runs import make_stages

from pipeline.models.stopping import check_goes_on
from pipeline.records import Anchor, Scene
from pipeline.records.errors import DepthError, StoppedError
from pipeline.serve.engine.prepared import PreparedScenes, content_key
from pipeline.serve.engine.threads import Threads
from pipeline.serve.records import SceneInput
from pipeline.stages.depth import DepthStage
from pipeline.stages.ocr import OcrStage
from pipeline.stages.timing import StageError


@dataclass
class Watching:
    is_stopped: bool = False
    stages: list[str] = field(default_factory=list)

    def on_stage(self, name: str) -> None:
        self.stages.append(name)


@dataclass
class Bench:
    """Prepared scenes with counting stages."""

    most: int = 4
    depth: CountingDepth = field(default_factory=CountingDepth)
    ocr: CountingOcr = field(default_factory=CountingOcr)
    reads: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()
        self.stages = make_stages(depth=DepthStage(self.depth), ocr=OcrStage(self.ocr))
        self.threads = (Threads(2, "r"), Threads(1, "m"))
        self.scenes = PreparedScenes(self.most, *self.threads)

    def prepare(self, name: str, watcher: Watching | None = None) -> Any:
        def read() -> Scene:
            self.reads.append(name)
            assert self.gate.wait(20)
            if name == "bad":
                raise ValueError("bad")
            names = [f"{name}{number}" for number in range(8)] if "many" in name else [name]
            return Scene("item", tuple(map(frame_of, names)))

        return self.scenes.prepare(name, read, self.stages, watcher or Watching())


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    for threads in made.threads:
        threads.close()


def test_a_scene_gets_its_depth_and_text_once(bench: Bench) -> None:
    first, second = Watching(), Watching()
    found = bench.prepare("photo1", first).result(10)
    assert found.scene.depth[0].backend == "counting" and found.scene.text_regions[0].label == "SIGN 32"
    assert list(found.seconds) == ["ingest", "depth", "ocr"]
    again = bench.prepare("photo1", second).result(10)
    assert again.scene is found.scene and again.seconds == {}
    assert bench.reads == ["photo1"] and len(bench.depth.asked) == 1 and bench.ocr.asked == [0]
    assert (first.stages, second.stages) == (["ingest", "ingest", "depth", "ocr"], [])


def test_depth_does_not_learn_the_names_of_frames() -> None:
    names: list[str] = []

    class Named(CountingDepth):
        def estimate(self, frames: Any) -> Any:
            names.extend(frame.name for frame in frames)
            return super().estimate(frames)

    found = Bench(depth=Named()).prepare("photo1-many").result(10).scene
    assert names == [f"image {number}" for number in range(1, 9)]
    assert (found.id, found.frames[7].name) == ("item", "photo1-many7")


def test_all_who_come_while_it_is_prepared_wait_for_the_same(bench: Bench) -> None:
    bench.gate.clear()
    watchers = [Watching() for _ in range(5)]
    futures = [bench.prepare("photo1", watcher) for watcher in watchers]
    bench.gate.set()
    found = [future.result(10) for future in futures]
    assert len({id(each.scene) for each in found}) == 1 and len(bench.depth.asked) == 1
    assert [bool(each.seconds) for each in found] == [True, False, False, False, False], "one pays for it"
    assert all(watcher.stages[-2:] == ["depth", "ocr"] for watcher in watchers)


def test_only_the_last_used_are_kept() -> None:
    bench = Bench(most=2)
    for name in ("photo1", "photo2", "photo1", "photo3", "photo1", "photo2"):
        bench.prepare(name).result(10)
    assert bench.reads == ["photo1", "photo2", "photo3", "photo2"]


def test_scenes_that_take_too_much_memory_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr("pipeline.serve.engine.prepared._MOST_BYTES", 10_000)
    for name in ("photo1", "photo1", "photo2", "photo1"):
        bench.prepare(name).result(10)
    assert bench.reads == ["photo1", "photo2", "photo1"], "one of 6 kB fits, two do not"


def test_a_failure_reaches_all_who_wait_and_is_not_kept(bench: Bench) -> None:
    bench.gate.clear()
    futures = [bench.prepare("bad") for _ in range(2)]
    bench.gate.set()
    for future in futures:
        with pytest.raises(StageError) as failed:
            future.result(10)
        assert (failed.value.stage, type(failed.value.cause)) == ("ingest", ValueError)
    with pytest.raises(StageError):
        bench.prepare("bad").result(10)
    assert bench.reads == ["bad", "bad"]


def test_a_failure_of_depth_names_its_stage(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frames: object) -> None:
        raise DepthError("There is no depth.")

    monkeypatch.setattr(bench.depth, "estimate", fail)
    with pytest.raises(StageError, match="There is no depth") as failed:
        bench.prepare("photo1").result(10)
    assert failed.value.stage == "depth"


def test_nothing_more_is_done_once_nobody_waits(bench: Bench) -> None:
    bench.gate.clear()
    watchers = [Watching(), Watching()]
    futures = [bench.prepare("photo1", watcher) for watcher in watchers]
    for watcher in watchers:
        watcher.is_stopped = True
    bench.gate.set()
    for future in futures:
        with pytest.raises(StoppedError):
            future.result(10)
    assert bench.depth.asked == []
    assert bench.prepare("photo1").result(10).scene.depth


@pytest.mark.parametrize("leaves, is_kept", [((0,), True), ((0, 1), False)])
def test_depth_ends_between_frames_once_nobody_waits(leaves: tuple[int, ...], is_kept: bool) -> None:
    watchers, seen = [Watching(), Watching()], []

    class Slow(CountingDepth):
        def estimate(self, frames: Any) -> Any:
            for number, _ in enumerate(frames):
                check_goes_on()
                seen.append(number)
                for index in leaves if number == 2 else ():
                    watchers[index].is_stopped = True
            return super().estimate(frames)

    bench = Bench(depth=Slow())
    bench.gate.clear()
    futures = [bench.prepare("photo1-many", watcher) for watcher in watchers]
    bench.gate.set()
    if is_kept:
        assert futures[1].result(10).scene.depth and seen == [*range(8)]
        return
    for future in futures:
        with pytest.raises(StageError) as failed:
            future.result(10)
        assert isinstance(failed.value.cause, StoppedError)
    assert seen == [0, 1, 2]
    watchers[0].is_stopped = False
    assert bench.prepare("photo1-many", Watching()).result(10).scene.depth, "who comes later begins anew"


def test_one_who_still_waits_gets_it(bench: Bench) -> None:
    bench.gate.clear()
    gone, waits = Watching(), Watching()
    futures = [bench.prepare("photo1", watcher) for watcher in (gone, waits)]
    gone.is_stopped = True
    bench.gate.set()
    assert futures[1].result(10).scene.depth


@pytest.mark.parametrize(
    "change, is_same",
    [
        ({}, True),
        ({"images": ("photo1@other",)}, False),
        ({"anchors": (Anchor("camera_height", value=1.0),)}, True),  # type: ignore[arg-type]
        ({"options": {"segment": "grabcut"}}, True),
        ({"options": {"depth": "file"}}, False),
        ({"images": ("photo2",)}, False),
        ({"depth": ("photo9",)}, False),
        ({"depth_kind": "disparity_affine"}, False),
        ({"depth_scale": 0.001}, False),
        ({"fov_deg": 70.0}, False),
        ({"camera": {"fx": 1.0, "fy": 1.0, "cx": 0.0, "cy": 0.0}}, False),
    ],
)
def test_scenes_share_what_their_depth_depends_on_and_their_names(change: dict[str, Any], is_same: bool) -> None:
    store, given = MemoryStore(), SceneInput(("photo1",))
    uploads = {name: store.upload(name) for name in ("photo1", "photo1@other", "photo2", "photo9")}
    assert (content_key(given, uploads) == content_key(replace(given, **change), uploads)) is is_same


def test_equal_files_of_two_uploads_are_one_scene() -> None:
    store = MemoryStore()
    one, two = (store.upload(name) for name in ("photo1@a", "photo1@b"))
    uploads = {"a": one, "b": replace(two, name=one.name)}
    assert content_key(SceneInput(("a",)), uploads) == content_key(SceneInput(("b",)), uploads)
