"""The results of a folder with their scenes, for formats of whole runs.

The questions of an item share its scene, so they come together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.overlay import write_image
from pipeline.export.run_folder import file_in
from pipeline.export.stored_scene import StoredScene, read_scene
from pipeline.export.text import file_stem
from pipeline.export.timed_results import read_results
from pipeline.records import Region, Result
from pipeline.records.errors import ExportError

_JPEG_QUALITY = 95

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class RunItem:
    """One item of a run.

    Args:
        name: A file name, without suffix, that no other item of the run has.
        stored: Its scene.
        results: Its results, one per question.
    """

    name: str
    stored: StoredScene
    results: tuple[Result, ...]


@dataclass(frozen=True, eq=False)
class SharedRegion:
    """A region that one or more results of an item hold.

    Args:
        region: The region.
        places: Index of each result that holds it, with its index in the result's regions.
    """

    region: Region
    places: tuple[tuple[int, int], ...]


def scene_path(folder: Path, result: Result) -> Path | None:
    """The stored scene of a result; None if it has none, it does not exist, or it lies outside the folder."""
    name = result.artefacts.get("scene")
    return None if name is None else file_in(folder, name)


def run_items(folder: Path, item: str | None = None) -> Iterator[RunItem]:
    """The items of a folder that have scenes, in order; damaged scenes are logged and skipped.

    Args:
        folder: The folder of ``results.jsonl``.
        item: Id of the only item that is wanted; None takes all.

    Raises:
        ExportError: If the results cannot be read.
    """
    results = folder / RESULTS_NAME
    order: dict[Path, list[int]] = {}
    for number, result in enumerate(read_results(results)):
        path = scene_path(folder, result) if item in (None, result.item_id) else None
        if path is not None:
            order.setdefault(path, []).append(number)
    last = {numbers[-1]: path for path, numbers in order.items()}
    of = {number: path for path, numbers in order.items() for number in numbers}
    held: dict[Path, list[Result]] = {}
    taken: set[str] = set()
    for number, result in enumerate(read_results(results)):
        if number not in of:
            continue
        held.setdefault(of[number], []).append(result)
        # An item's results are held until the last one is read, and no longer.
        if number in last:
            together = tuple(held.pop(last[number]))
            try:
                stored = read_scene(last[number])
            except ExportError as error:
                logger.warning("%s", error)
                continue
            name = _free(file_stem(last[number].stem), taken)
            yield RunItem(name, stored, _fitting(together, len(stored.scene.frames)))


def shared_regions(item: RunItem) -> list[SharedRegion]:
    """Every region of an item once, however many of its results hold it."""
    found: dict[tuple[object, ...], tuple[Region, list[tuple[int, int]]]] = {}
    for number, result in enumerate(item.results):
        for index, region in enumerate(result.regions):
            mask = None if region.mask is None else region.mask.tobytes()
            content = (region.label, region.box_px, region.frame, region.origin, region.score, mask)
            found.setdefault(content, (region, []))[1].append((number, index))
    return [SharedRegion(region, tuple(places)) for region, places in found.values()]


def write_photos(item: RunItem, folder: Path) -> list[str]:
    """Write the photos of an item in the size of its frames, as JPEG.

    Returns:
        The file name of each frame's photo in the folder.

    Raises:
        ExportError: If one cannot be written.
    """
    names = []
    for index, frame in enumerate(item.stored.scene.frames):
        name = f"{item.name}-{index}.jpg"
        write_image(folder / name, frame.rgb, jpeg_quality=_JPEG_QUALITY)
        names.append(name)
    return names


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number if another item has it, also where upper and lower case are the same."""
    free, number = name, 2
    while free.casefold() in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free.casefold())
    return free


def _fitting(results: tuple[Result, ...], frames: int) -> tuple[Result, ...]:
    """The results whose regions lie in frames of the scene; others are logged."""
    kept = []
    for result in results:
        if all(region.frame < frames for region in result.regions):
            kept.append(result)
        else:
            logger.warning("A result of item %s names frames that its scene lacks; it is skipped.", result.item_id)
    return tuple(kept)
