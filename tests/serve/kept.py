"""A store in a folder, and small results for it, that tests of the server share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from export.stored import depth_map, frame, result

from pipeline.export.stored_scene import StoredScene
from pipeline.records import Result, Scene
from pipeline.records.error_budget import DepthErrors
from pipeline.serve.records import Ask, Job, JobState
from pipeline.serve.settings import StoreSettings
from pipeline.serve.store.layout import new_id
from pipeline.serve.store.store import Store

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@contextmanager
def opened(folder: Path, **settings: float) -> Iterator[Store]:
    """The store of a folder, closed at the end of the block."""
    store = Store(StoreSettings(folder=str(folder), **settings))
    try:
        yield store
    finally:
        store.close()


def scene(number: int = 0, kind: str | None = "metric") -> StoredScene:
    """A scene whose photo differs by its number."""
    picture = frame(name=f"photo-{number}.png")
    picture.rgb[0, :3] = (number % 256, number // 256, 7)
    depth = () if kind is None else (depth_map(kind),)
    return StoredScene(Scene("item", (picture,), depth=depth), (DepthErrors(scale=0.01),) * len(depth))


def kept(store: Store, number: int = 0, question: str | None = None, job: str = "job", kind: str = "metric") -> str:
    """Id of a result in the store, about the scene of that number."""
    return store.add_result(numbered(number, question), scene(number, kind), f"scene-{number}", job)


def numbered(number: int, question: str | None = None) -> Result:
    """A result that differs by its number."""
    return replace(result(question or f"Question {number}?"), item_id=f"item-{number}")


def job(state: JobState = JobState.WAITING, questions: tuple[str, ...] = ("Where?",), **more: object) -> Job:
    """A job that asks."""
    return Job(new_id(), Ask("scene", questions), "client", state, **{"created_s": time.time(), **more})  # type: ignore[arg-type]


def upload(store: Store, data: bytes = PNG, name: str = "cup.png") -> str:
    """Id of an upload in the store."""
    with store.new_upload() as incoming:
        incoming.write(data)
        return incoming.finish(name).id


def files_below(folder: Path) -> set[str]:
    """Paths of all files below a folder but the index and the lock."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith("index.sqlite") and path != ".lock"}
