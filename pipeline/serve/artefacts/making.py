"""Gives the artefacts of results, and makes those that are asked for the first time."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Lock
from weakref import WeakValueDictionary

from pipeline.export.report.assets import REPORT, ensure_report_assets
from pipeline.records.errors import ExportError
from pipeline.serve.artefacts.download import write_download
from pipeline.serve.artefacts.names import Wanted, wanted
from pipeline.serve.artefacts.writers import WRITERS, write_workbench
from pipeline.serve.problems import UnknownError
from pipeline.serve.store.entries import Kind, gone
from pipeline.serve.store.store import Store

# Each holds the frames of a scene in their full size.
_MOST_WRITERS = 2
_ASSETS = f"{REPORT}/assets/"
# Parts that are there from the start.
_STORED = ("result.json", "scene.zip")

_writing = BoundedSemaphore(_MOST_WRITERS)
_locks: WeakValueDictionary[Path, _Making] = WeakValueDictionary()
_locks_lock = Lock()


@dataclass(frozen=True)
class Artefact:
    """A file of a result.

    Args:
        path: Where it lies.
        media_type: Its media type.
        download_name: Its name on a client's disk, of plain ASCII characters.
    """

    path: Path
    media_type: str
    download_name: str


def artefact(store: Store, result_id: str, name: str) -> Artefact:
    """An artefact of a result, made if this is the first request for it; several threads may ask at once.

    Args:
        store: The store.
        result_id: Id of the result.
        name: One of the names in ``ARTEFACTS``; hostile ones are unknown.

    Raises:
        UnknownError: If there never was such a result, or it has no such artefact.
        GoneError: If the result was deleted.
        UnfitError: If the result's depth carries too little for it.
        ExportError: If it cannot be made.
        DependencyError: If a package for it is missing.
    """
    asked = wanted(name)
    if asked.name.startswith(_ASSETS):
        store.result_info(result_id)
        return _found(_assets(store) / asked.name.removeprefix(_ASSETS), asked, result_id)
    return _part_of(made(store, result_id, asked.kind.part), asked, result_id)


def made_artefact(store: Store, result_id: str, name: str) -> Artefact | None:
    """An artefact of a result that need not be made; None for one that must be. It waits for no other thread.

    Raises:
        UnknownError: If there never was such a result, or it has no such artefact.
        GoneError: If the result was deleted.
        ExportError: If the folder of the result's artefacts cannot be made.
    """
    asked = wanted(name)
    if asked.name.startswith(_ASSETS):
        store.result_info(result_id)
        path = store.assets / asked.name
        return _found(path, asked, result_id) if path.is_file() else None
    part = _place(store, result_id, asked.kind.part)
    return _part_of(part, asked, result_id) if part.exists() else None


def _part_of(part: Path, asked: Wanted, result_id: str) -> Artefact:
    path = part if asked.path == asked.kind.part else part.parent / asked.path
    if not path.is_file() and not part.is_dir():
        # A sweep came between.
        raise gone(Kind.RESULT)
    return _found(path, asked, result_id)


def _found(path: Path, asked: Wanted, result_id: str) -> Artefact:
    if not path.is_file():
        raise UnknownError(f"This result has no artefact {asked.name}.")
    return Artefact(path, asked.media_type, f"theodolite-{result_id[:8]}-{asked.name.replace('/', '-')}")


def made(store: Store, result_id: str, part: str) -> Path:
    """The file or folder of a part of a result's artefacts, made if needed, by one thread alone."""
    with store.held(result_id):
        path = _place(store, result_id, part)
        if part not in _STORED and not path.exists():
            making = _making(path)
            with making.lock:
                if not path.exists():
                    _make(store, result_id, path)
    return path


def _place(store: Store, result_id: str, part: str) -> Path:
    """Where a part lies once it is made."""
    if part in _STORED:
        return store.result_file(result_id) if part == "result.json" else store.scene_file(result_id)
    return store.folder_of(result_id) / part


def _make(store: Store, result_id: str, path: Path) -> None:
    result, folder = store.result(result_id), path.parent / f".making-{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700)
        new = folder / path.name
        if path.name == "download.zip":
            write_download(new, result, lambda part: made(store, result_id, part), _assets(store))
        else:
            with _writing:
                if path.name == "workbench.json":
                    write_workbench(new, result, store.scene_file(result_id), result_id)
                else:
                    WRITERS[path.name](new, result, store.scene_file(result_id))
        os.rename(new, path)
    except OSError as error:
        raise ExportError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    store.note_artefacts(result_id)


def _assets(store: Store) -> Path:
    """The folder of the scripts and styles of reports, which all results of a store share."""
    folder = store.assets
    with _making(folder).lock:
        ensure_report_assets(folder)
    return folder / REPORT / "assets"


class _Making:
    """Something that one thread makes while others wait for it."""

    def __init__(self) -> None:
        self.lock = Lock()


def _making(path: Path) -> _Making:
    with _locks_lock:
        found = _locks.get(path)
        if found is None:
            found = _locks[path] = _Making()
        return found
