"""The folder of a finished run: its results, the files that they name, and which folder is the newest."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.timed_results import read_results
from pipeline.records import Result
from pipeline.records.errors import InputError

_LISTED = 3

AnyResult = TypeVar("AnyResult", bound=Result)


def run_folder(path: Path | str) -> Path:
    """The folder of a run, given itself or its ``results.jsonl``.

    Raises:
        InputError: If it does not exist or holds no results.
    """
    folder = Path(path)
    if folder.name == RESULTS_NAME:
        folder = folder.parent
    try:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}; give the output_dir of a run.")
        if not (folder / RESULTS_NAME).is_file():
            raise InputError(f"The folder {folder} has no {RESULTS_NAME}; give the output_dir of a finished run.")
    except (OSError, ValueError) as error:
        raise InputError(f"The folder of the run cannot be read: {error}.") from None
    return folder


def newest_run(root: Path) -> Path:
    """The folder below ``root`` whose ``results.jsonl`` was written last.

    Raises:
        InputError: If no folder below it holds results.
    """
    found = [path for path in root.rglob(RESULTS_NAME) if path.is_file()]
    if not found:
        raise InputError(f"No folder below {root} has a {RESULTS_NAME}; name the output_dir of a run.")
    return max(found, key=lambda path: (path.stat().st_mtime_ns, str(path))).parent


def results_of(folder: Path) -> list[Result]:
    """The results of a run in their order; damaged lines are logged and skipped.

    Raises:
        ExportError: If the file cannot be read.
        InputError: If it holds no result.
    """
    results = list(read_results(folder / RESULTS_NAME))
    if not results:
        raise InputError(f"The file {folder / RESULTS_NAME} holds no result; run the items again.")
    return results


def results_of_item(results: Sequence[AnyResult], item_id: str) -> list[AnyResult]:
    """The results of one item.

    Raises:
        InputError: If there are none; it names similar ids, or how many there are.
    """
    found = [result for result in results if result.item_id == item_id]
    if not found:
        ids = list(dict.fromkeys(result.item_id for result in results))
        near = get_close_matches(item_id, ids)
        if near:
            raise InputError(f"The run has no item {item_id!r}; did you mean {' or '.join(near)}?")
        listed = ", ".join(ids[:_LISTED])
        if len(ids) > _LISTED:
            raise InputError(f"The run has no item {item_id!r}; there are {len(ids)} items, such as {listed}.")
        raise InputError(f"The run has no item {item_id!r}; it has {listed}.")
    return found


def file_in(folder: Path, name: str) -> Path | None:
    """A file that results name relative to their folder; None if it does not exist or lies outside the folder."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # Not a valid file name, or links in a circle.
        return None
