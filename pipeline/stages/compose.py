"""The stages in their order: from an item to its results, and from an input to a folder of results."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pipeline.errors import FATAL, InputError, TheodoliteError
from pipeline.export.files import only_writer
from pipeline.export.jsonl import ResultWriter
from pipeline.ingest.item import BadItem, Item
from pipeline.records import FrameSummary, Result, Scene, Status
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import ExportStage
from pipeline.stages.ocr import OcrStage
from pipeline.stages.query import QueryStage
from pipeline.stages.verify import VerifyStage
from pipeline.versions import versions

logger = logging.getLogger(__name__)



class Source(Protocol):
    """Where items come from."""

    def items(self) -> Iterator[Item | BadItem]:
        """The items, one by one."""
        ...

    def count(self) -> int | None:
        """How many there are, where that is known without reading them all."""
        ...

    def scene(self, item: Item) -> Scene:
        """Read an item's files."""
        ...


class StageError(TheodoliteError):
    """A stage failed on one item.

    Args:
        stage: Name of the stage.
        cause: What it raised.
    """

    def __init__(self, stage: str, cause: Exception) -> None:
        known = isinstance(cause, TheodoliteError)
        super().__init__(str(cause) if known else f"Unexpected {type(cause).__name__}: {cause}")
        self.stage = stage
        self.cause = cause


@dataclass(frozen=True)
class Stages:
    """The stages after ingest; ``query`` is None where no model is asked."""

    depth: DepthStage
    ocr: OcrStage
    query: QueryStage | None
    verify: VerifyStage
    export: ExportStage


@dataclass
class Summary:
    """What a run did.

    Args:
        folder: Where it wrote.
        results: Number of results written.
        skipped: Number of results that an earlier run had written.
        failures: (item id, stage, reason) of each item that failed.
        verdicts: Number of verdicts by status.
        rightly: Number of decided verdicts that agree with a known truth, and number of all with one.
        seconds: Time by stage [s].
    """

    folder: Path
    results: int = 0
    skipped: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    rightly: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.results += 1
        for verdict in result.verdicts:
            self.verdicts[verdict.status] += 1
            if verdict.claim.truth is not None and verdict.status is not Status.UNDECIDED:
                self.rightly["decided"] += 1
                self.rightly["right"] += (verdict.status is Status.SUPPORTED) == verdict.claim.truth
        self.seconds.update(result.seconds)


def process(scene: Scene, stages: Stages, folder: Path | None, seconds: dict[str, float]) -> Iterator[Result]:
    """Take one scene through all stages; one result per question.

    Args:
        scene: The scene, as ingest made it.
        stages: The stages.
        folder: Where artefacts go; None writes none.
        seconds: Time that the scene has cost so far, by stage [s].

    Yields:
        One result per question, or one without a question where only claims are judged.

    Raises:
        StageError: If a stage fails; it names the stage.
    """
    seconds = dict(seconds)
    with _stage("depth", seconds):
        scene = stages.depth(scene)
    with _stage("ocr", seconds):
        scene = stages.ocr(scene)
    questions = scene.questions if stages.query is not None else ()
    for question in questions or (None,):
        spent = dict(seconds)
        answer = None
        if question is not None and stages.query is not None:
            with _stage("query", spent):
                answer = stages.query(scene, question)
        with _stage("verify", spent):
            regions, verdicts = stages.verify(scene, answer)
        result = Result(
            item_id=scene.id,
            question=question,
            frames=_summaries(scene),
            answer=answer,
            verdicts=verdicts,
            regions=regions,
            versions=versions(),
            errors=answer.problems if answer is not None else (),
        )
        if folder is not None:
            with _stage("export", spent):
                result = stages.export(scene, result, folder)
        yield _with_seconds(result, spent)
        seconds = {}


def run(
    source: Source,
    stages: Stages,
    folder: Path,
    *,
    resume: bool = False,
    on_item: Callable[[str], None] = lambda item_id: None,
) -> Summary:
    """Take every item of a source through all stages and write what comes out.

    An item that fails is written to ``failures.jsonl`` and the run goes on; a missing model or package
    and a wrong configuration stop it.

    Args:
        source: Where items come from.
        stages: The stages.
        folder: Where ``results.jsonl``, ``failures.jsonl`` and artefacts go.
        resume: Whether to skip what the folder already holds.
        on_item: Called with the id of every item once it is done, for a progress bar.

    Raises:
        ConfigError: If the configuration cannot work.
        DependencyError: If a package is missing.
        ModelUnavailableError: If a model is missing.
        ExportError: If nothing can be written.
    """
    summary = Summary(folder)
    with only_writer(folder), ResultWriter(folder, resume=resume) as writer:
        finished = writer.finished_ids() if resume else set()
        for item in source.items():
            try:
                if isinstance(item, BadItem):
                    raise StageError("ingest", InputError(item.reason))
                _run_item(item, source, stages, writer, finished, summary)
            except StageError as error:
                if isinstance(error.cause, FATAL):
                    raise error.cause from error
                logger.debug("Item %s failed in stage %s.", item.id, error.stage, exc_info=error.cause)
                summary.failures.append((item.id, error.stage, str(error)))
                writer.fail(item.id, error.stage, str(error))
            on_item(item.id)
    return summary


def _run_item(
    item: Item,
    source: Source,
    stages: Stages,
    writer: ResultWriter,
    finished: set[tuple[str, str | None]],
    summary: Summary,
) -> None:
    asked: tuple[str | None, ...] = (item.questions if stages.query is not None else ()) or (None,)
    done = [question for question in asked if (item.id, question) in finished]
    summary.skipped += len(done)
    if len(done) == len(asked):
        return
    seconds: dict[str, float] = {}
    with _stage("ingest", seconds):
        scene = source.scene(item)
        if stages.query is None and not scene.claims:
            raise InputError(
                "There is nothing to do: no model is asked and no claims are given; "
                "set vlm=qwen3vl (or another) with question=..., or claims=claims.json."
            )
        if stages.query is not None and not scene.questions and not scene.claims:
            raise InputError('There is no question: give question="..." or a "question" in the manifest.')
    scene = replace(scene, questions=tuple(question for question in scene.questions if question not in done))
    for result in process(scene, stages, writer.folder, seconds):
        with _stage("export", {}):
            writer.append(result)
        summary.add(result)


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    except StageError:
        raise
    except Exception as error:
        raise StageError(name, error) from error
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start


def _with_seconds(result: Result, seconds: dict[str, float]) -> Result:
    return replace(result, seconds={name: round(value, 6) for name, value in seconds.items()})


def _summaries(scene: Scene) -> tuple[FrameSummary, ...]:
    depths = scene.depth or (None,) * len(scene.frames)
    return tuple(
        FrameSummary(
            name=frame.name,
            sha256=frame.digest,
            camera=frame.camera,
            timestamp_s=frame.timestamp_s,
            depth_kind=depth.kind if depth is not None else None,
            scale_source=depth.scale_source if depth is not None else None,
            depth_backend=depth.backend if depth is not None else None,
        )
        for frame, depth in zip(scene.frames, depths, strict=True)
    )
