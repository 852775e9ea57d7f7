"""The stages in their order: from an item to its results, and from an input to a folder of results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import Protocol

from pipeline.export.files import only_writer
from pipeline.export.jsonl import ResultWriter
from pipeline.export.run_summary import Summary
from pipeline.ingest.item import BadItem, Item
from pipeline.records import Result, Scene
from pipeline.records.errors import InputError
from pipeline.records.settings import Count, check_value
from pipeline.stages.exporting import Exporting
from pipeline.stages.group import Asked, Stages, exported, grouped, result_of, settle
from pipeline.stages.known_truth import KnowsTruth, with_truth
from pipeline.stages.timing import StageError, timed

logger = logging.getLogger(__name__)


class Source(Protocol):
    """A source of items."""

    def items(self) -> Iterator[Item | BadItem]:
        """The items, one by one."""
        ...

    def count(self) -> int | None:
        """The number of items; None if that requires reading them all."""
        ...

    def scene(self, item: Item) -> Scene:
        """Read an item's files."""
        ...


def process(scene: Scene, stages: Stages, folder: Path | None, seconds: dict[str, float]) -> Iterator[Result]:
    """Run all stages on one scene; its questions are asked together.

    Args:
        scene: The scene from ingest.
        stages: The stages.
        folder: Where artefacts go; None writes none.
        seconds: Time spent on the scene so far, by stage [s].

    Yields:
        One result per question, or one without a question if only claims are judged.

    Raises:
        StageError: If a stage fails; it names the stage.
    """
    for result, _ in process_with_scenes(scene, stages, folder, seconds):
        yield result


def process_with_scenes(
    scene: Scene, stages: Stages, folder: Path | None, seconds: dict[str, float]
) -> Iterator[tuple[Result, Scene]]:
    """The results of ``process``, each with the scene, its depth and its scale on which it was judged.

    Raises:
        StageError: If a stage fails; it names the stage.
    """
    seconds = dict(seconds)
    questions = _questions(scene, stages)
    scene = with_depth_and_text(scene, stages, seconds, asks=questions != (None,))
    group = _asked(scene, questions, seconds)
    settle(group, stages)
    for asked in group:
        result = asked.failure or result_of(asked, stages)
        outcome = exported(asked, result, stages, folder)
        if isinstance(outcome, StageError):
            raise outcome
        yield outcome, asked.known_scene


def with_depth_and_text(scene: Scene, stages: Stages, seconds: dict[str, float], *, asks: bool) -> Scene:
    """The scene with depth, text and the scale of its anchors, before questions are asked.

    Args:
        scene: The scene from ingest.
        stages: The stages.
        seconds: Receives the time of each stage [s].
        asks: Whether questions follow. Their prompts state depth in metres, so anchors of known regions apply first;
            anchors of objects that the model locates apply when its answer is judged.

    Raises:
        StageError: If a stage fails; it names the stage.
    """
    stages.check(asks=asks)
    with timed("depth", seconds):
        scene = stages.depth(scene)
    with timed("ocr", seconds):
        scene = stages.ocr(scene)
    if asks and scene.anchors:
        with timed("depth", seconds):
            scene = stages.verify.anchored(scene, (*scene.regions, *scene.text_regions))
    return scene


def run(
    source: Source,
    stages: Stages,
    folder: Path,
    *,
    resume: bool = False,
    limit: int | None = None,
    on_item: Callable[[str], None] = lambda item_id: None,
) -> Summary:
    """Run all stages on every item of a source and write the results in the order of the items.

    An item or question that fails is recorded in ``failures.jsonl``, and the run continues; a missing model or package
    or a wrong configuration stops it. Ground truth that the source knows is added to finished results.

    Args:
        source: The source of the items.
        stages: The stages.
        folder: Where ``results.jsonl``, ``failures.jsonl`` and artefacts go.
        resume: Whether to skip results that the folder already contains.
        limit: Maximum number of items; None means all.
        on_item: Called with the id of every finished item, for a progress bar.

    Raises:
        ConfigError: If the configuration cannot work.
        DependencyError: If a package is missing.
        ModelUnavailableError: If a model is missing.
        ExportError: If the folder cannot be written.
    """
    check_value("limit", limit, Count | None)
    summary = Summary(folder)
    batch_size = 1 if stages.query is None else stages.query.batch_size
    with only_writer(folder), ResultWriter(folder, resume=resume) as writer:
        finished = writer.finished_ids() if resume else set()
        items = _prepared(source, stages, finished, summary, on_item, limit)

        def written(asked: Asked, outcome: Result | StageError) -> None:
            _write(asked, outcome, writer, summary)
            if asked.ends_item:
                on_item(asked.item_id)

        try:
            with Exporting(stages, folder, written) as exporting:
                for group in grouped(items, batch_size):
                    settle(group, stages)
                    exporting.add([(asked, _result(asked, stages, source)) for asked in group])
        except StageError as error:
            raise error.cause from error
        stages.export.finish(folder)
    return summary


def _result(asked: Asked, stages: Stages, source: Source) -> Result | StageError:
    """The result of a settled question with the ground truth that the source knows, or its failure."""
    if asked.failure is not None:
        return asked.failure
    result = result_of(asked, stages)
    return with_truth(result, source) if isinstance(source, KnowsTruth) else result


def check_work(scene: Scene, *, asks: bool) -> None:
    """Check that a scene has a question or a claim.

    Args:
        scene: The scene.
        asks: Whether a model is asked.

    Raises:
        InputError: If it has neither.
    """
    if not asks and not scene.claims:
        raise InputError(
            "There is nothing to do: no model is asked and no claims are given; give claims=claims.json, "
            "or choose a model with vlm=qwen3vl and give question=..."
        )
    if asks and not scene.questions and not scene.claims:
        raise InputError('There is no question: give question="..." or a "question" in the manifest.')


def _prepared(
    source: Source,
    stages: Stages,
    finished: Set[tuple[str, str | None]],
    summary: Summary,
    on_item: Callable[[str], None],
    limit: int | None,
) -> Iterator[list[Asked]]:
    """For each item, its unanswered questions with depth and text, or one failure."""
    for item in islice(source.items(), limit):
        if isinstance(item, BadItem):
            yield [Asked(item.id, failure=StageError("ingest", InputError(item.reason)))]
            continue
        questions = _questions(item, stages)
        missing = [question for question in questions if (item.id, question) not in finished]
        summary.skipped += len(questions) - len(missing)
        if not missing:
            on_item(item.id)
            continue
        seconds: dict[str, float] = {}
        try:
            with timed("ingest", seconds):
                scene = source.scene(item)
                check_work(scene, asks=stages.query is not None)
            scene = with_depth_and_text(scene, stages, seconds, asks=missing != [None])
            asked = _asked(scene, missing, seconds)
        except StageError as error:
            if error.is_fatal:
                raise
            asked = [Asked(item.id, failure=error)]
        yield asked


def _questions(item: Item | Scene, stages: Stages) -> Sequence[str | None]:
    """The questions, or one None if only claims are judged."""
    return (item.questions if stages.query is not None else ()) or (None,)


def _asked(scene: Scene, questions: Sequence[str | None], seconds: dict[str, float]) -> list[Asked]:
    last = len(questions) - 1
    return [
        Asked(scene.id, scene, question, seconds, ends_item=number == last) for number, question in enumerate(questions)
    ]


def _write(asked: Asked, outcome: Result | StageError, writer: ResultWriter, summary: Summary) -> None:
    if isinstance(outcome, Result):
        try:
            with timed("export", {}):
                writer.append(outcome)
            summary.add(outcome)
            summary.rechecks["failed"] += asked.recheck_error is not None
            return
        except StageError as error:
            outcome = error
    logger.debug("Item %s failed in stage %s.", asked.item_id, outcome.stage, exc_info=outcome.cause)
    summary.failures.append((asked.item_id, outcome.stage, str(outcome)))
    writer.fail(asked.item_id, outcome.stage, str(outcome))
