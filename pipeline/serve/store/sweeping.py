"""Deletes what is too old, and the oldest of what is too much."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.serve.settings import GB, StoreSettings
from pipeline.serve.store.entries import Entry, Kind
from pipeline.serve.store.index import Index
from pipeline.serve.store.layout import Layout

_BATCH = 64
_HOUR_S = 3600.0
# Ids of deleted things are remembered for as long again as results live, and no more than so many.
_MOST_REMEMBERED = 20_000


def sweep(index: Index, layout: Layout, settings: StoreSettings, now_s: float) -> int:
    """Delete what is older than the settings allow, then make room.

    Jobs that have not ended stay, and so does what is being read or added.

    Args:
        index: The index.
        layout: Where files lie.
        settings: Most ages and size.
        now_s: The time [s since 1970].

    Returns:
        How many entries were deleted.

    Raises:
        ExportError: If the index cannot be written.
    """
    results_before_s = now_s - settings.result_hours * _HOUR_S
    uploads_before_s = now_s - settings.upload_hours * _HOUR_S
    # A scene without its uploads or its results is of no use.
    scenes_before_s = min(results_before_s, uploads_before_s)
    deleted = 0
    for kind, before_s in (
        (Kind.UPLOAD, uploads_before_s),
        (Kind.RESULT, results_before_s),
        (Kind.ARTEFACTS, results_before_s),
        (Kind.JOB, results_before_s),
        (Kind.SCENE, scenes_before_s),
    ):
        with index.lock:
            old = index.select("kind = ? AND gone_s IS NULL AND is_open = 0 AND created_s < ?", kind, before_s)
        for start in range(0, len(old), _BATCH):
            deleted += len(_delete(index, layout, old[start : start + _BATCH], now_s))
    index.forget(results_before_s, _MOST_REMEMBERED)
    return deleted + make_room(index, layout, settings, now_s)


def make_room(index: Index, layout: Layout, settings: StoreSettings, now_s: float) -> int:
    """Delete what is oldest until all takes no more room than the settings allow.

    Artefacts count from when they were made last, and go before their result if that is older than they.

    Returns:
        How many entries were deleted.

    Raises:
        ExportError: If the index cannot be written.
    """
    most, deleted = settings.size_gb * GB, 0
    while index.total() > most:
        before = deleted
        for entry in _oldest(index):
            # One by one, because only the last result of a stored scene makes its room free.
            deleted += len(_delete(index, layout, [entry], now_s))
            if index.total() <= most:
                return deleted
        if deleted == before:
            break
    return deleted


def make_room_of(index: Index, layout: Layout, owner: str, most_bytes: float, now_s: float) -> int:
    """Delete the oldest uploads of a client until all of them take no more room than this.

    Returns:
        How many were deleted.

    Raises:
        ExportError: If the index cannot be written.
    """
    deleted = 0
    while index.total_of(owner) > most_bytes:
        old = index.select(f"owner = ? ORDER BY created_s, number LIMIT {_BATCH}", owner)
        before = deleted
        for entry in old:
            deleted += len(_delete(index, layout, [entry], now_s))
            if index.total_of(owner) <= most_bytes:
                return deleted
        if deleted == before:
            break
    return deleted


def _oldest(index: Index) -> list[Entry]:
    with index.lock:
        found = index.select(
            f"gone_s IS NULL AND is_open = 0 AND kind != ? ORDER BY created_s, number LIMIT {_BATCH}", Kind.STORED
        )
        return [entry for entry in found if not _is_used(index, entry)]


def _is_used(index: Index, entry: Entry) -> bool:
    return index.is_held(Kind.RESULT if entry.kind is Kind.ARTEFACTS else entry.kind, entry.id)


def _delete(index: Index, layout: Layout, entries: Sequence[Entry], now_s: float) -> list[Entry]:
    """Delete those entries that nobody uses, first from the index: a file without an entry is cleaned up later."""
    with index.lock:
        going = [entry for entry in entries if not _is_used(index, entry)]
        scenes = index.remove(going, now_s)
        # Within the lock, because the same scene may be added again.
        for scene in scenes:
            layout.scene(scene).unlink(missing_ok=True)
    for entry in going:
        if entry.kind is Kind.UPLOAD:
            layout.upload(entry.id).unlink(missing_ok=True)
        elif entry.kind is Kind.RESULT:
            layout.result(entry.id).unlink(missing_ok=True)
        if entry.kind in (Kind.RESULT, Kind.ARTEFACTS):
            layout.remove_artefacts(entry.id)
    return going
