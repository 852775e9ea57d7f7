"""Puts the store in order when it is opened: what a killed process or machine left half done."""

from __future__ import annotations

import json
import logging
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pipeline.export.files import remove_leftovers
from pipeline.records.errors import RecordError
from pipeline.records.versions import versions
from pipeline.serve.records import Ask, Job, JobState
from pipeline.serve.store.entries import Entry, Kind
from pipeline.serve.store.forms import job_of, job_text
from pipeline.serve.store.index import Index
from pipeline.serve.store.layout import Layout, bytes_below, is_own

_MADE_BY = "artefacts_made_by"

logger = logging.getLogger(__name__)


def put_in_order(index: Index, layout: Layout, now_s: float) -> None:
    """Remove files without an entry and entries without their file, and mark jobs that were cut off.

    Only files that are named as the store names them are removed.

    Raises:
        ExportError: If the index cannot be written.
    """
    remove_leftovers(layout.folder)
    _compare(index, layout.uploads, Kind.UPLOAD, "", now_s)
    _compare(index, layout.results, Kind.RESULT, ".json", now_s)
    _compare(index, layout.scenes, Kind.STORED, ".zip", now_s)
    _check_scenes(index, layout, now_s)
    _check_artefacts(index, layout, now_s)
    for entry in index.select("kind = ? AND is_open = 1 AND gone_s IS NULL", Kind.JOB):
        _interrupt(index, entry, now_s)


def _compare(index: Index, folder: Path, kind: Kind, suffix: str, now_s: float) -> None:
    """Make the files of a kind and its entries the same."""
    known, found = index.sizes(kind), set()
    with os.scandir(folder) as entries:
        for file in entries:
            name = file.name.removesuffix(suffix)
            if not (file.name.endswith(suffix) and is_own(name) and file.is_file(follow_symlinks=False)):
                continue
            # A machine that lost its power may leave a file that is too short.
            if known.get(name) == file.stat().st_size:
                found.add(name)
            else:
                with suppress(OSError):
                    os.unlink(file.path)
    if lost := sorted(known.keys() - found):
        logger.warning("Of the store %s, %d files are missing or torn: %s.", folder.parent, len(lost), kind)
        index.remove([entry for name in lost for entry in _entries(index, kind, name)], now_s)


def _entries(index: Index, kind: Kind, name: str) -> list[Entry]:
    return index.select("kind = ? AND id = ?", kind, name)


def _check_scenes(index: Index, layout: Layout, now_s: float) -> None:
    """Remove results whose stored scene is missing, and stored scenes that no result needs."""
    known = index.sizes(Kind.STORED)
    orphans = [entry for entry in index.select("kind = ? AND gone_s IS NULL", Kind.RESULT) if entry.scene not in known]
    index.remove(orphans, now_s)
    for entry in orphans:
        layout.result(entry.id).unlink(missing_ok=True)
    for digest in known:
        if not index.is_needed(digest):
            index.remove(_entries(index, Kind.STORED, digest), now_s)
            layout.scene(digest).unlink(missing_ok=True)


def _check_artefacts(index: Index, layout: Layout, now_s: float) -> None:
    """Remove artefacts of results that are gone or that another version made, and what was being made."""
    version = versions()["theodolite"]
    is_current = index.fact(_MADE_BY) == version
    shutil.rmtree(layout.assets, ignore_errors=True)
    results = index.sizes(Kind.RESULT).keys() if is_current else set()
    noted = {entry.id: entry for entry in index.select("kind = ?", Kind.ARTEFACTS)}
    with os.scandir(layout.artefacts) as entries:
        for folder in entries:
            if folder.name in results:
                for half in Path(folder.path).glob(".making-*"):
                    shutil.rmtree(half, ignore_errors=True)
                if size := bytes_below(Path(folder.path)):
                    # The last ones may have been made without being noted.
                    entry = noted.pop(folder.name, Entry(Kind.ARTEFACTS, folder.name, now_s))
                    index.add(replace(entry, bytes=size))
                    continue
            if folder.name.startswith(".gone-") or is_own(folder.name):
                shutil.rmtree(folder.path, ignore_errors=True)
    index.remove(list(noted.values()), now_s)
    if not is_current:
        index.note(_MADE_BY, version)


def _interrupt(index: Index, entry: Entry, now_s: float) -> None:
    """Give a job its final state: done if all its results are there, else interrupted."""
    try:
        job = job_of(entry.record)
    except RecordError as error:
        logger.warning("A job of the store cannot be read and is dropped: %s", error)
        index.remove([entry], now_s)
        return
    results = _results(index, job)
    is_done = bool(results) and None not in results
    state = JobState.DONE if is_done else JobState.INTERRUPTED
    ended = replace(job, state=state, finished_s=now_s, results=results, position=None, stage=None)
    index.add(replace(entry, record=job_text(ended), is_open=False))


def _results(index: Index, job: Job) -> tuple[str | None, ...]:
    """Results of a job in the order of its questions, also those that came just before the end."""
    questions = job.work.questions if isinstance(job.work, Ask) else (None,)
    found: list[str | None] = [*job.results, *[None] * (len(questions) - len(job.results))]
    for entry in index.of_job(job.id):
        if entry.id in found:
            continue
        asked = json.loads(entry.record).get("question")
        free = [number for number, one in enumerate(found) if one is None]
        place = next((number for number in free if number < len(questions) and questions[number] == asked), None)
        place = free[0] if place is None and free and not isinstance(job.work, Ask) else place
        if place is not None:
            found[place] = entry.id
    return tuple(found)
