"""``python -m pipeline reproduce RUN ITEM``: run one item again and compare it with the stored result."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.logs import log_format
from pipeline.console.retry import known_run, working_folder
from pipeline.console.running import Progress, execute
from pipeline.export.compare_results import differing, without_timings
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.result_index import ResultIndex
from pipeline.records.errors import InputError


@dataclass(frozen=True)
class Comparison:
    """An item that was run again.

    Args:
        results: Number of its results that were compared.
        differences: What differs, as ``question: field: stored, again``.
        versions: What differs in the versions of the program and its packages.
    """

    results: int
    differences: tuple[str, ...]
    versions: tuple[str, ...]


def reproduce(folder: Path, item_id: str, progress: Progress) -> Comparison:
    """Run one item of a run again, by its configuration and without its cache, and compare.

    Args:
        folder: The folder of the run.
        item_id: Id of the item.
        progress: See ``execute``.

    Raises:
        InputError: If the run has no result of the item, or the item is not in its input.
        TheodoliteError: Whatever stops the run.
    """
    folder = folder.absolute()
    record = known_run(folder)
    stored = ResultIndex(folder / RESULTS_NAME)
    keys = [key for key in stored if key[0] == item_id]
    if not keys:
        raise InputError(f"{folder / RESULTS_NAME} has no result of item {item_id!r}.")
    config = record.config(
        resume=False, limit=None, shard=None, only=[item_id], cache_dir=None, log_format=log_format()
    )
    differences: list[str] = []
    versions: dict[str, None] = {}
    with tempfile.TemporaryDirectory(prefix="theodolite-") as name, working_folder(record):
        summary = execute(config, Path(name), progress, record.overrides)
        again = ResultIndex(Path(name) / RESULTS_NAME)
        for key in keys:
            question = f"{key[1]}: " if len(keys) > 1 else ""
            if key not in again:
                reason = summary.failures[0][2] if summary.failures else "the item has no such question now"
                differences.append(f"{question}no result again: {reason}")
                continue
            one, other = (json.loads(index.line(key)) for index in (stored, again))
            versions |= dict.fromkeys(differing(_versions(one), _versions(other), "versions"))
            differences += [question + line for line in _unlike(one, other)]
    return Comparison(len(keys), tuple(differences), tuple(versions))


def _versions(value: dict[str, Any]) -> dict[str, Any]:
    """Take what a result was made with out of its JSON form."""
    return {**value.pop("versions", {}), "schema": value.pop("schema_version", None)}


def _unlike(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    return differing(without_timings(one), without_timings(other))
