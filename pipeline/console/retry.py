"""``python -m pipeline retry RUN``: run the failed items of a finished run again, by its own configuration."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.config.logs import log_format
from pipeline.config.run_file import RUN_NAME, RunRecord, read_run_file
from pipeline.console.running import Progress, execute
from pipeline.export.jsonl import FAILURES_NAME, failed_id
from pipeline.export.line_file import numbered_lines
from pipeline.export.run_summary import Summary
from pipeline.records.errors import ConfigError, InputError

logger = logging.getLogger(__name__)


def retry(folder: Path, progress: Progress) -> Summary | None:
    """Run the items in ``failures.jsonl`` again.

    Failures of items that now succeed leave the file, which stays as it was in ``failures.previous.jsonl``.

    Args:
        folder: The folder of the run.
        progress: See ``execute``.

    Returns:
        The summary; None if nothing had failed.

    Raises:
        TheodoliteError: Whatever stops the run.
    """
    folder = folder.absolute()
    record = known_run(folder)
    path = folder / FAILURES_NAME
    lines = numbered_lines(path) if path.exists() else iter(())
    ids = sorted({item_id for _, line in lines if (item_id := failed_id(line)) is not None})
    if not ids:
        return None
    config = record.config(resume=True, limit=None, shard=None, only=ids, log_format=log_format())
    with working_folder(record):
        summary = execute(config, folder, progress, record.overrides, needs_all=False)
    failed = {item_id for item_id, _, _ in summary.failures}
    left = {item_id for _, line in numbered_lines(path) if (item_id := failed_id(line)) is not None} - failed
    if not summary.is_stopped:
        summary.failures += [(item_id, "ingest", "The input no longer has it.") for item_id in sorted(left)]
    return summary


def known_run(folder: Path) -> RunRecord:
    """The record of a run that can be run again.

    Raises:
        InputError: If the folder holds no run.
        ConfigError: If its configuration is not known or incomplete.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; give the output_dir of a run.")
    record = read_run_file(folder)
    if record is None and (runs := sorted(folder.glob(f"*/{RUN_NAME}"))):
        raise ConfigError(f"{folder} holds the runs of a sweep; give one of them, such as {runs[0].parent}.")
    if record is None:
        raise ConfigError(f"{folder} has no run.json, which says how to run it again; run it once more to make one.")
    if record.hides_secrets:
        raise ConfigError(
            f"The configuration in {folder} holds secrets, which are never stored; resume it by the command that "
            "started it, or name variables of the environment instead (${oc.env:NAME})."
        )
    return record


def run_argument(arguments: Sequence[str], command: str, others: str = "") -> list[str]:
    """The arguments of a command that takes the folder of a run.

    Raises:
        ConfigError: If their number is wrong.
    """
    names = ["RUN", *others.split()]
    if len(arguments) != len(names) or any(argument.startswith("-") for argument in arguments):
        raise ConfigError(f"{command} takes {' and '.join(names)}: python -m pipeline {command} {' '.join(names)}.")
    return list(arguments)


@contextmanager
def working_folder(record: RunRecord) -> Iterator[None]:
    """Work in the folder in which a run was started, because its paths may start there."""
    here = Path.cwd()
    if not Path(record.working_folder).is_dir():
        logger.warning("The folder %s of the run is gone; its relative paths start here.", record.working_folder)
        yield
        return
    os.chdir(record.working_folder)
    try:
        yield
    finally:
        os.chdir(here)
