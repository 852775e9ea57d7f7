"""Phases of Ray's processes, with a feed in this process in place of an actor, and without Ray."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from stages.runs import item, make_stages, manifest

from pipeline.batch import ray_work
from pipeline.batch.local import Work
from pipeline.batch.ray_feed import MOST_DEATHS, Feed
from pipeline.batch.ray_work import Phase
from pipeline.batch.reading import Unfinished
from pipeline.batch.whole_items import Recipe
from pipeline.ingest.item import Item
from pipeline.ingest.source import FileSource
from pipeline.records import Result, Scene
from pipeline.stages.depth import DepthStage
from pipeline.stages.timing import StageError


class RayError(Exception):
    """Stands for that of Ray."""


class Actor:
    """A feed whose calls happen at once; one that is gone fails where its answer is taken."""

    def __init__(self) -> None:
        self.feed, self.is_gone = Feed(), False

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(
            remote=lambda *arguments: self.is_gone or asyncio.run(getattr(self.feed, name)(*arguments))
        )


def got(answer: Any, timeout: float | None = None) -> Any:
    if answer is True:
        raise RayError("The actor died.")
    return answer


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Actor]:
    ray, exceptions = ModuleType("ray"), ModuleType("ray.exceptions")
    vars(ray).update(get=got, exceptions=exceptions)
    vars(exceptions).update(RayError=RayError)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.exceptions", exceptions)
    monkeypatch.setattr("cv2.setNumThreads", lambda count: None)
    monkeypatch.setitem(ray_work._PHASES, "whole", lambda work, given, recipe: [[f"did {one}"] for one in given])
    ray_work._made.cache_clear()
    yield Actor()
    ray_work._made.cache_clear()


def made() -> Work:
    return cast(Work, None)


def phase_of(feed: Actor, factory: Any = made, name: str = "whole", item_s: float | None = None) -> Phase:
    return Phase(name, pickle.dumps(factory), Recipe(Path("out"), 1, None), Path("none"), item_s, feed)


def row_of(number: int) -> bytes:
    return pickle.dumps([(number, f"item {number}", "a"), (number + 1, f"item {number + 1}", "b")])


def done(phase: Phase, number: int) -> list[Any]:
    return [value for _, _, value in pickle.loads(phase(row_of(number)))]


others: list[Phase] = []
outcomes: list[list[Any]] = []


def made_meanwhile() -> Work:
    """Another process starts before this one has."""
    if others:
        outcomes.append(done(others.pop(), 2 * len(others)))
    return made()


def test_many_processes_may_start_at_once(feed: Actor) -> None:
    outcomes.clear()
    others.extend([phase_of(feed, made_meanwhile)] * 5)
    made_meanwhile()
    assert outcomes == [[["did a"], ["did b"]]] * 5
    assert asyncio.run(feed.feed.known_deaths()) == {}


def test_a_row_for_which_no_process_starts_stops_the_run(feed: Actor) -> None:
    for _ in range(MOST_DEATHS + 1):
        feed.begin.remote("setup", [4])
    first, second = done(phase_of(feed), 4)
    assert isinstance(first, StageError) and isinstance(second, StageError) and first.is_fatal
    assert "end while they start" in str(first)
    assert done(phase_of(feed), 6) == [["did a"], ["did b"]]


def test_a_lost_feed_is_for_ray_to_tell_and_an_error_of_a_phase_stops_the_run(
    feed: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.is_gone = True
    with pytest.raises(RayError, match="The actor died"):
        done(phase_of(feed), 0)
    feed.is_gone = False
    monkeypatch.setitem(ray_work._PHASES, "whole", lambda *_: 1 / 0)
    first, _ = done(phase_of(feed), 0)
    assert isinstance(first, StageError) and first.is_fatal and isinstance(first.cause, ZeroDivisionError)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_process_whose_item_takes_too_long_ends_even_without_a_feed(
    feed: Actor, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    feed.is_gone = is_gone
    codes: list[int] = []
    monkeypatch.setattr("os._exit", codes.append)
    try:
        phase_of(feed, item_s=2.5)._give_up(3)
    except RayError:
        assert is_gone
    assert codes == [1]
    ((_, reason),) = asyncio.run(feed.feed.deaths("whole", [3]))
    assert reason == ("" if is_gone else "The item took longer than 2.5 s and was ended.")


class Odd(Exception):
    """Can be pickled, and not made from that again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


class Failing(DepthStage):
    """Fails on one item, and so does the source on another."""

    def all(self, scenes: Any) -> Any:
        if [scene.id for scene in scenes] != ["good"]:
            raise Odd("It is", "odd.")
        return super().all(scenes)


def work_with_failures() -> Work:
    source = FileSource(Path("items.jsonl"))
    read = source.scene

    def scene(item: Item) -> Scene:
        if item.id == "torn":
            raise Odd("It is", "torn.")
        return read(item)

    source.scene = scene  # type: ignore[method-assign]
    return Work(source, make_stages(depth=Failing(make_stages().depth.backend)))


def test_any_error_of_an_item_goes_from_phase_to_phase_and_stops_nothing(
    feed: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = {"relation": "left_of", "subject": "x", "object": "y"}
    items = manifest(tmp_path, *(item(name, claims=[claim]) for name in ("good", "torn", "odd"))).items()
    monkeypatch.chdir(tmp_path)
    row = pickle.dumps([(number, one.id, Unfinished(one)) for number, one in enumerate(items)])
    for name in ("read", "model", "draw"):
        row = phase_of(feed, work_with_failures, name)(row)
    (good, torn, odd) = (outcome for _, _, ((_, outcome),) in pickle.loads(row))
    assert isinstance(good, Result) and good.item_id == "good"
    assert [(each.stage, str(each), each.is_fatal) for each in (torn, odd)] == [
        ("ingest", "Unexpected Odd: It is torn.", False),
        ("depth", "Unexpected Odd: It is odd.", False),
    ]
