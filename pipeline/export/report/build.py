"""The whole report of a finished run, from its results and stored scenes."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from pipeline.export.formats import FormatSettings
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.line_file import numbered_lines
from pipeline.export.report.index import write_index
from pipeline.export.report.item_page import write_item_page
from pipeline.export.report.rows import page_name
from pipeline.export.result_index import key_of
from pipeline.export.run_items import scene_path
from pipeline.export.stored_scene import read_scene
from pipeline.export.text import file_name
from pipeline.export.timed_results import TimesInOrder
from pipeline.records import Result, from_json
from pipeline.records.errors import ExportError, RecordError
from pipeline.records.timings import ResultTimings, with_timings

# Pages that one process writes at a time; processes start for more than these.
_BATCH, _FEW = 16, 32

Line = tuple[bytes, ResultTimings | None]
logger = logging.getLogger(__name__)


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write the pages of all results that have a scene, and the index.

    Args:
        path: Folder of the report.
        folder: Folder of the results.
        settings: Most points of a 3D view, and the only item to write again.

    Returns:
        The folder of the report; None if there are no results.

    Raises:
        ExportError: If the results cannot be read or the report cannot be written.
    """
    batches = _batches(folder)
    first = list(islice(batches, _FEW // _BATCH + 1))
    workers = min(os.cpu_count() or 1, 8)
    if len(first) <= _FEW // _BATCH or workers == 1:
        written = sum(_write_pages(folder, batch, settings) for batch in (*first, *batches))
    else:
        written = _in_processes(folder, first, batches, settings, workers)
    index = write_index(folder)
    if index is not None and not written:
        logger.warning(
            "No result of %s has a stored scene, so the report has no pages; run with export.scenes=true.", folder
        )
    return None if index is None else path


def _in_processes(
    folder: Path, first: list[list[Line]], others: Iterator[list[Line]], settings: FormatSettings, workers: int
) -> int:
    written = 0
    # A fresh process inherits no threads and no locks.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[int]] = deque()
        for batch in (*first, *others):
            waiting.append(pool.submit(_write_pages, folder, batch, settings))
            if len(waiting) > 2 * workers:
                written += waiting.popleft().result()
        written += sum(future.result() for future in waiting)
    return written


def _batches(folder: Path) -> Iterator[list[Line]]:
    lines = _timed_lines(folder / RESULTS_NAME)
    while batch := list(islice(lines, _BATCH)):
        yield batch


def _timed_lines(path: Path) -> Iterator[Line]:
    times = TimesInOrder(path)
    for _, line in numbered_lines(path):
        key = key_of(line)
        yield line, None if key is None else times.of(key)


def _write_pages(folder: Path, lines: list[Line], settings: FormatSettings) -> int:
    """Write the pages of the results on some lines; return how many there are."""
    written = 0
    for line, times in lines:
        try:
            result = with_timings(from_json(Result, line), times)
        except RecordError:
            continue  # The index says so.
        scene = scene_path(folder, result)
        if scene is None or settings.item not in (None, result.item_id):
            continue
        name = page_name(result) or file_name(result.item_id, result.question)
        try:
            stored = read_scene(scene)
        except ExportError as error:
            logger.warning("%s", error)
            continue
        if any(region.frame >= len(stored.scene.frames) for region in result.regions):
            logger.warning("A result of item %s names frames that its scene lacks; it has no page.", result.item_id)
            continue
        write_item_page(folder, stored, result, name, settings.view_points)
        written += 1
    return written
