"""A batch: from a source of items to a folder of results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

from pipeline.batch.exporting import Exporting
from pipeline.batch.in_order import in_order
from pipeline.batch.local import LocalEngine, Work, needs_no_model, pooled
from pipeline.batch.ray_engine import RayEngine
from pipeline.batch.reading import Unfinished, prepared, read
from pipeline.batch.settled import finished_result
from pipeline.batch.whole_items import Outcome, Recipe, whole_items
from pipeline.batch.workers import WorkerPool
from pipeline.export.files import only_writer
from pipeline.export.jsonl import ResultWriter
from pipeline.export.run_summary import Summary
from pipeline.export.text import short_line
from pipeline.ingest.item import BadItem
from pipeline.records import Result
from pipeline.records.errors import ConfigError
from pipeline.records.settings import Count, check_value
from pipeline.stages.compose import Source, questions_of
from pipeline.stages.group import Asked, Stages, grouped, settle
from pipeline.stages.plan import RunPlan
from pipeline.stages.timing import StageError, timed

logger = logging.getLogger(__name__)

# Items that are read while others are worked on; each may have many frames.
_READ_AHEAD = 2
# Groups of questions in work: while the model answers one, the claims of the other are judged.
_GROUPS = 2


def run(
    source: Source,
    stages: Stages,
    folder: Path,
    *,
    resume: bool = False,
    limit: int | None = None,
    plan: RunPlan = RunPlan(),  # noqa: B008  (frozen)
    on_item: Callable[[str], None] = lambda item_id: None,
    engine: LocalEngine | RayEngine = LocalEngine(),  # noqa: B008  (frozen)
    factory: Callable[[], Work] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    summary: Summary | None = None,
) -> Summary:
    """Run all stages on every item of a source and write the results in the order of the items.

    An item or question that fails is recorded in ``failures.jsonl``, and the run continues; a missing model or package
    or a wrong configuration stops it. Ground truth that the source knows is added to finished results. A resumed run
    takes the failures of items that it computes out of ``failures.jsonl`` at its end, unless they failed again.

    Args:
        source: The source of the items.
        stages: The stages.
        folder: Where ``results.jsonl``, ``failures.jsonl`` and artefacts go.
        resume: Whether to skip results that the folder already contains.
        limit: Maximum number of items; None means all.
        plan: Which of these items are taken, and what is known of them.
        on_item: Called with the id of every finished item, for a progress bar.
        engine: The processes that work.
        factory: Makes a source and stages equal to these in another process; pickled. None: there is only this one.
        is_stopped: Whether no further item is to be begun; those in work are finished.
        summary: What to count in; None makes a new one.

    Raises:
        ConfigError: If the configuration cannot work.
        DependencyError: If a package is missing.
        ModelUnavailableError: If a model is missing.
        ExportError: If the folder cannot be written.
    """
    check_value("limit", limit, Count | None)
    summary = Summary(folder) if summary is None else summary
    with only_writer(folder), ResultWriter(folder, resume=resume) as writer:
        finished = writer.finished_ids() if resume else set()

        def unfinished() -> Iterator[Unfinished]:
            for item in plan.items(islice(source.items(), limit)):
                if is_stopped():
                    summary.is_stopped = True
                    return
                if isinstance(item, BadItem):
                    yield Unfinished(item)
                    continue
                questions = questions_of(item, stages)
                missing = [question for question in questions if (item.id, question) not in finished]
                summary.skipped += len(questions) - len(missing)
                if missing:
                    yield Unfinished(item, missing, [plan.earlier(item.id, question) for question in missing])
                else:
                    writer.settle(item.id)
                    on_item(item.id)

        def written(asked: Asked, outcome: Result | StageError) -> None:
            _write(asked, outcome, writer, summary, plan)
            if asked.ends_item:
                on_item(asked.item_id)

        try:
            recipe = Recipe(folder, stages.batch_size, plan.configuration)
            if isinstance(engine, RayEngine):
                found = engine.outcomes(unfinished(), _given(factory), recipe, has_models=not needs_no_model(stages))
                with closing(found):
                    for asked, outcome in found:
                        written(asked, outcome)
            else:
                with engine.pool(factory) as pool:
                    if pool is not None and needs_no_model(stages):
                        for asked, outcome in whole_items(unfinished(), pool, recipe, engine.workers):
                            written(asked, outcome)
                    else:
                        _by_stages(unfinished(), source, stages, folder, plan, written, pool, engine.workers)
        except StageError as error:
            raise error.cause from error
        writer.drop_settled_failures()
        stages.export.finish(folder)
    return summary


def _by_stages(
    unfinished: Iterable[Unfinished],
    source: Source,
    stages: Stages,
    folder: Path,
    plan: RunPlan,
    written: Callable[[Asked, Result | StageError], None],
    pool: WorkerPool | None,
    workers: int,
) -> None:
    """Models work here, in batches across items, and a thread here reads the items; the workers judge and draw."""
    shared = pooled(stages, pool)
    with (
        ThreadPoolExecutor(1, thread_name_prefix="read") as reader,
        ThreadPoolExecutor(_GROUPS, thread_name_prefix="ask") as askers,
        Exporting(shared, folder, written, threads=max(workers, 1)) as exporting,
    ):
        items = in_order(lambda one: reader.submit(read, one, source, stages), unfinished, _READ_AHEAD)
        groups = grouped(prepared(items, shared, stages.batch_size), stages.batch_size)

        def settled(group: list[Asked]) -> list[Outcome]:
            settle(group, shared)
            return [(asked, finished_result(asked, shared, source, plan.configuration)) for asked in group]

        done = (
            map(settled, groups)
            if pool is None
            else in_order(lambda group: askers.submit(settled, group), groups, _GROUPS)
        )
        for group in done:
            exporting.add(group)


def _given(factory: Callable[[], Work] | None) -> Callable[[], Work]:
    if factory is None:
        raise ConfigError("engine=ray needs a factory of its stages, which other processes call.")
    return factory


def _write(asked: Asked, outcome: Result | StageError, writer: ResultWriter, summary: Summary, plan: RunPlan) -> None:
    if isinstance(outcome, Result):
        try:
            with timed("export", {}, [asked.item_id]):
                writer.append(outcome)
            logger.info(
                "Item %s has a result.", asked.item_id, extra={"item": asked.item_id, "seconds": outcome.seconds}
            )
            summary.add(outcome)
            summary.rechecks["failed"] += asked.recheck_error is not None
            return
        except StageError as error:
            outcome = error
    reason = short_line(str(outcome))
    logger.info(
        "Item %s failed in stage %s: %s",
        *(asked.item_id, outcome.stage, reason),
        exc_info=outcome.cause if logger.isEnabledFor(logging.DEBUG) else None,
        extra={"item": asked.item_id, "stage": outcome.stage},
    )
    summary.failures.append((asked.item_id, outcome.stage, reason))
    writer.fail(asked.item_id, outcome.stage, reason, plan.command(asked.item_id))
