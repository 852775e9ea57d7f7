"""Runs a composed configuration into a folder, with its record in ``run.json``."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pipeline.batch.local import LocalEngine
from pipeline.batch.ray_engine import RayEngine
from pipeline.batch.run import run
from pipeline.config.build import build, build_source, build_stages, work_factory
from pipeline.config.run_file import HIDDEN, RunRecord, run_record, write_run_file
from pipeline.console.interrupts import finishing_first
from pipeline.export.files import only_writer, write_errors
from pipeline.export.jsonl import EARLIER_NAME, PREVIOUS_NAME, ResultWriter
from pipeline.export.run_summary import Summary
from pipeline.export.timed_results import move_results
from pipeline.records.settings import Count, check_value
from pipeline.stages.plan import RunPlan, parse_only, parse_shard

logger = logging.getLogger(__name__)

Progress = Callable[[int | None, Any], tuple[Any, Callable[..., None]]]
# Where and what to run; a command for one item says that itself.
_OF_THE_RUN = frozenset({"output_dir", "resume", "limit", "shard", "only", "verbose", "log_format"})


def execute(
    config: DictConfig, folder: Path, progress: Progress, overrides: Iterable[str] = (), *, needs_all: bool = True
) -> Summary:
    """Run the stages over the input.

    Args:
        config: The configuration.
        folder: Where the results go.
        progress: Makes a progress bar and what advances it, by an item's id and the number of failures so far, from the
            number of items and the limit.
        overrides: What was set, in Hydra's grammar.
        needs_all: Whether an id in ``only`` that no item has is an error.

    Raises:
        TheodoliteError: Whatever stops the run.
    """
    check_value("limit", config.limit, Count | None)
    shard, only = parse_shard(config.shard), parse_only(_plain(config.only))
    source = build_source(config)
    stages = build_stages(config)
    record = run_record(config, overrides)
    plan = RunPlan(shard, only, needs_all, record.digest, command=lambda item_id: command_of(record, item_id))
    earlier = None
    if config.resume:
        from pipeline.console.resuming import adopt, conclude, earlier_results, lookup

        record = adopt(folder, record, keeps_settings=only is not None)
        if record.unfinished is not None:
            earlier = earlier_results(folder)
            plan = replace(plan, earlier=lookup(earlier))
    else:
        _begin(folder, record)
    engine: LocalEngine | RayEngine = build(config.engine)
    factory = work_factory(config) if engine.uses_processes else None
    bar, advance = progress(plan.total(source.count()), config.limit)
    summary = Summary(folder)
    with bar, finishing_first(logger.warning) as is_stopped:
        if earlier is not None and record.unfinished == "draw":
            from pipeline.stages.redraw import redraw

            redraw(earlier, stages.export, folder, record.digest, is_stopped)
            summary.is_stopped = is_stopped()
        run(
            source,
            stages,
            folder,
            resume=config.resume,
            limit=config.limit,
            plan=plan,
            on_item=lambda item_id: advance(item_id, len(summary.failures)),
            engine=engine,
            factory=factory,
            is_stopped=is_stopped,
            summary=summary,
        )
    if earlier is not None:
        conclude(folder, record, earlier)
    return summary


def _begin(folder: Path, record: RunRecord) -> None:
    """Start afresh: earlier results stay as ``results.previous.jsonl``, and ``run.json`` is the new run's."""
    with only_writer(folder), write_errors(folder):
        if (folder / EARLIER_NAME).exists():
            from pipeline.console.resuming import set_aside

            set_aside(folder)
            move_results(folder / EARLIER_NAME, folder / PREVIOUS_NAME)
        ResultWriter(folder).close()
        write_run_file(folder, record)


def command_of(record: RunRecord, item_id: str) -> str | None:
    """The command line that runs one item alone by a run's configuration, into a folder of its own.

    None where it cannot be typed: secrets were left out, or the id has both kinds of quotes.
    """
    quote = next((mark for mark in "\"'" if mark not in item_id), None)
    if quote is None or any(HIDDEN in override for override in record.overrides):
        return None
    keys = {_key(override) for override in record.overrides}
    command = "run" if keys & {"input", "experiment"} else "verify"
    overrides = [_as_typed(override) for override in record.overrides if _key(override) not in _OF_THE_RUN]
    if command == "verify" and "vlm=none" in overrides:
        overrides.remove("vlm=none")
    words = ["python", "-m", "pipeline", command, *overrides, f"only=[{quote}{item_id}{quote}]"]
    return f"cd {shlex.quote(record.working_folder)} && {shlex.join(words)}"


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


def _as_typed(override: str) -> str:
    """The override as a user types it: a question stands without Hydra's quotes."""
    if _key(override) != "question":
        return override
    from hydra.core.override_parser.overrides_parser import OverridesParser

    value = OverridesParser.create().parse_override(override).value()
    return f"{override.partition('=')[0]}={value}" if isinstance(value, str) else override


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
