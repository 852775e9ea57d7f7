"""``python -m pipeline merge RUN RUN ... output_dir=OUT``: join the folders of runs that share one input."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.config.build import build, build_source
from pipeline.config.run_file import RunRecord, differences, some_differences, write_run_file
from pipeline.console.retry import known_run, working_folder
from pipeline.export.compare_results import same_result
from pipeline.export.files import make_folder, only_writer, replacing, write_errors
from pipeline.export.jsonl import FAILURES_NAME, RESULTS_NAME, failed_id
from pipeline.export.line_file import numbered_lines
from pipeline.export.report.assets import REPORT
from pipeline.export.result_index import Key, ResultIndex
from pipeline.export.timed_results import timings_path
from pipeline.records.errors import ConfigError, ExportError, TheodoliteError
from pipeline.stages.plan import Shard, parse_shard

logger = logging.getLogger(__name__)
_MOST_NAMED = 5


def merge(folders: Sequence[Path], target: Path) -> tuple[int, int]:
    """Join runs of one configuration, such as the shards of one input, into a folder.

    Results come in the order of the input, or by id where the input cannot be read. Their files are hard links where
    the file system allows it, and copies otherwise. A failure of an item that another run finished is left out.

    Args:
        folders: The folders of the runs.
        target: The new folder.

    Returns:
        Numbers of results and of failures.

    Raises:
        ConfigError: If the runs differ in configuration, are unfinished, or two of them disagree about an item.
        ExportError: If a file cannot be read or written, or the target holds results.
    """
    folders = [folder.absolute() for folder in folders]
    target = target.absolute()
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("merge was given a folder twice; name each RUN once.")
    records = [known_run(folder) for folder in folders]
    _check_alike(folders, records)
    _tell_missing([parse_shard(record.settings.get("shard")) for record in records])
    indices = [ResultIndex(folder / RESULTS_NAME) for folder in folders]
    origin = _origins(folders, indices)
    failures = _failures(folders, {item_id for item_id, _ in origin})
    if (target / RESULTS_NAME).exists():
        raise ExportError(f"{target} holds results already; choose another output_dir.")
    make_folder(target)
    with only_writer(target):
        keys = list(_in_order(origin, records[0]))
        with replacing(timings_path(target / RESULTS_NAME)) as temporary, temporary.open("wb") as file:
            times = (indices[origin[key]].timings_line(key) for key in keys)
            file.writelines(line + b"\n" for line in times if line is not None)
        with replacing(target / RESULTS_NAME) as temporary, temporary.open("wb") as file:
            for key in keys:
                line = indices[origin[key]].line(key)
                for artefact in json.loads(line).get("artefacts", {}).values():
                    _place(folders[origin[key]], target, artefact)
                file.write(line + b"\n")
        for folder in folders:
            for page in _of_pages(folder):
                _place(folder, target, page)
        with replacing(target / FAILURES_NAME) as temporary:
            temporary.write_bytes(b"".join(line + b"\n" for line in failures))
        write_run_file(target, replace(records[0], settings={**records[0].settings, "shard": None, "limit": None}))
        _finish(target, records[0])
    return len(origin), len(failures)


def _check_alike(folders: Sequence[Path], records: Sequence[RunRecord]) -> None:
    for folder, record in zip(folders, records, strict=True):
        if record.unfinished is not None:
            raise ConfigError(f"{folder} has results of an earlier configuration left; resume it first.")
        if record.digest != records[0].digest:
            lines = some_differences(differences(records[0], record))
            raise ConfigError(f"{folder} and {folders[0]} were made by different configurations: {lines}.")


def _tell_missing(shards: Sequence[Shard]) -> None:
    """Warn of the shards that are missing where all are parts of one number of them."""
    counts = {shard.count for shard in shards}
    if len(counts) != 1 or not (missing := set(range(1, counts.pop() + 1)) - {shard.number for shard in shards}):
        return
    names = [f"{number}/{shards[0].count}" for number in sorted(missing)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    logger.warning("Without the shards %s%s, the items of these are missing.", ", ".join(names[:_MOST_NAMED]), more)


def _origins(folders: Sequence[Path], indices: Sequence[ResultIndex]) -> dict[Key, int]:
    """The run that each result is taken from; the first one of several that say the same."""
    origin: dict[Key, int] = {}
    for number, index in enumerate(indices):
        for key in index:
            first = origin.setdefault(key, number)
            if first != number and not same_result(indices[first].line(key), index.line(key)):
                raise ConfigError(
                    f"{folders[first]} and {folders[number]} have different results of item {key[0]!r}; leave one out."
                )
    return origin


def _failures(folders: Sequence[Path], done: set[str]) -> list[bytes]:
    """Failures of items without a result, each once."""
    kept: dict[bytes, None] = {}
    for folder in folders:
        if (folder / FAILURES_NAME).exists():
            for _, line in numbered_lines(folder / FAILURES_NAME):
                if (item_id := failed_id(line)) is not None and item_id not in done:
                    kept[line.rstrip(b"\n")] = None
    return list(kept)


def _in_order(origin: dict[Key, int], record: RunRecord) -> Iterator[Key]:
    """The results in the order of the input; by id, then as they come, those that it does not have."""
    of_item: dict[str, list[Key]] = {}
    for key in origin:
        of_item.setdefault(key[0], []).append(key)
    try:
        with working_folder(record):
            ids = [item.id for item in build_source(record.config()).items()]
    except TheodoliteError:
        ids = []
    for item_id in [*ids, *sorted(of_item)]:
        yield from of_item.pop(item_id, ())


def _of_pages(folder: Path) -> Iterator[str]:
    """Files that the pages of results load, by their path in the run; the report's own files are written anew."""
    for path in sorted((folder / REPORT).glob("*/*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix()


def _place(source: Path, target: Path, artefact: str) -> None:
    """Put a file of a run at the same place of another folder."""
    place = PurePosixPath(artefact)
    if place.is_absolute() or ".." in place.parts:
        raise ExportError(f"The artefact {artefact} of a result in {source} lies outside of its folder.")
    wanted = target / place
    if wanted.exists():
        return
    make_folder(wanted.parent)
    with write_errors(wanted):
        try:
            os.link(source / place, wanted)
        except FileNotFoundError:
            raise ExportError(f"{source / place} is missing; run its item again.") from None
        except OSError:
            with replacing(wanted) as temporary:
                shutil.copyfile(source / place, temporary)


def _finish(target: Path, record: RunRecord) -> None:
    build(record.config().export).finish(target)
