"""What a resumed run does with the results that its folder holds, by the configuration that made them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from pipeline.config.run_file import (
    RunRecord,
    Work,
    changed_sections,
    differences,
    read_run_file,
    some_differences,
    write_run_file,
)
from pipeline.export.files import only_writer, remove_leftovers, replacing, write_errors
from pipeline.export.jsonl import EARLIER_NAME, PREVIOUS_NAME, RESULTS_NAME
from pipeline.export.result_index import ResultIndex
from pipeline.export.timed_results import move_results, timings_path
from pipeline.records import Result
from pipeline.records.errors import ConfigError
from pipeline.stages.redraw import OF_SCENES, can_redraw

logger = logging.getLogger(__name__)

# Stages whose change leaves the model's answers as they are.
_AFTER_ANSWERS = frozenset({"verify", "export"})


def adopt(folder: Path, record: RunRecord, *, keeps_settings: bool = False) -> RunRecord:
    """Compare a run with the one that its folder holds, and prepare the folder for what changed.

    Results that are judged again or drawn anew move to ``results.earlier.jsonl``, from which the run takes them back
    one by one. The file stays until all of them are done, so that a killed run goes on with them.

    Args:
        folder: The folder of the results.
        record: The new run.
        keeps_settings: Whether ``run.json`` keeps what does not change results, for a run of a few items.

    Returns:
        The new run with what is left to do with earlier results.

    Raises:
        ConfigError: If the configuration differs in what cannot be done again alone.
        ExportError: If the folder cannot be written.
    """
    with only_writer(folder), write_errors(folder / RESULTS_NAME):
        remove_leftovers(folder)
        old = read_run_file(folder)
        if old is None:
            if len(ResultIndex(folder / RESULTS_NAME)):
                logger.warning(
                    "%s has results but no run.json, as earlier versions left it: whether this configuration made "
                    "them is not checked.",
                    folder,
                )
            write_run_file(folder, record)
            return record
        if keeps_settings:
            record = replace(record, settings=old.settings, overrides=old.overrides)
        changed = changed_sections(old, record)
        if fixed := changed - _AFTER_ANSWERS:
            raise ConfigError(
                f"The results in {folder} were made by another configuration: "
                f"{some_differences(differences(old, record, fixed))}. Choose another output_dir, leave out "
                "resume=true to start afresh, or set these keys as they were."
            )
        if old.version != record.version:
            logger.warning("Results in %s were made by version %s; this is %s.", folder, old.version, record.version)
        if changed:
            logger.warning("Changed since these results were made: %s.", some_differences(differences(old, record)))
            work = _work(old, record, changed, folder)
            set_aside(folder)
        else:
            work = old.unfinished or "judge"
        record = replace(record, unfinished=work if (folder / EARLIER_NAME).exists() else None)
        write_run_file(folder, record)
        return record


def _work(old: RunRecord, new: RunRecord, changed: set[str], folder: Path) -> Work:
    """How files are made again: from the stored scenes where that gives the same, otherwise from the input."""
    if "verify" in changed or old.unfinished == "judge":
        return "judge"
    keys = {line.partition(":")[0] for line in differences(old, new, ["export"])}
    concerns_scenes = bool(keys & {f"export.{key}" for key in OF_SCENES})
    files = [ResultIndex(folder / name) for name in (RESULTS_NAME, EARLIER_NAME)]
    return "draw" if not concerns_scenes and all(can_redraw(file, folder) for file in files) else "judge"


def set_aside(folder: Path) -> None:
    """Move all results to those of the earlier configuration."""
    results, earlier = folder / RESULTS_NAME, folder / EARLIER_NAME
    if not results.exists() or results.stat().st_size == 0:
        return
    if earlier.exists():
        newer, older = ResultIndex(results), ResultIndex(earlier)
        parts = {key: newer if key in newer else older for key in (*older, *newer)}
        times = (newer.timings_line(key) or older.timings_line(key) for key in parts)
        _write_lines(timings_path(earlier), (line for line in times if line is not None))
        _write_lines(earlier, (index.line(key) for key, index in parts.items()))
        timings_path(results).unlink(missing_ok=True)
        results.unlink()
    else:
        move_results(results, earlier)


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)


def earlier_results(folder: Path) -> ResultIndex:
    """The results of the earlier configuration that a run takes back."""
    return ResultIndex(folder / EARLIER_NAME)


def lookup(earlier: ResultIndex) -> Callable[[str, str | None], Result | None]:
    """Finds the earlier result of an item and question."""
    return lambda item_id, question: earlier.result((item_id, question)) if (item_id, question) in earlier else None


def conclude(folder: Path, record: RunRecord, earlier: ResultIndex) -> None:
    """Close a run that took earlier results back; where some are left, they wait for the next one.

    Raises:
        ExportError: If the folder cannot be written.
    """
    done = ResultIndex(folder / RESULTS_NAME)
    if left := sum(key not in done for key in earlier):
        logger.warning(
            "%d earlier results are not done yet and wait in %s; resume the run without limit to finish them.",
            left,
            EARLIER_NAME,
        )
        return
    with only_writer(folder), write_errors(folder / PREVIOUS_NAME):
        move_results(folder / EARLIER_NAME, folder / PREVIOUS_NAME)
        write_run_file(folder, replace(record, unfinished=None))
