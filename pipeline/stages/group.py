"""A group of questions on its way from the model to the results, so that the model can answer them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.records import Answer, Attempt, FrameSummary, Region, Result, Scene, Verdict
from pipeline.records.errors import TheodoliteError
from pipeline.records.message import Language, detect_language, message
from pipeline.records.versions import versions
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import ExportStage
from pipeline.stages.ocr import OcrStage
from pipeline.stages.outcomes import attempt
from pipeline.stages.query import QueryStage
from pipeline.stages.recheck import Judged, Reason
from pipeline.stages.timing import StageError, timed
from pipeline.stages.verify import VerifyStage
from pipeline.verify.anchors import with_anchors

# Bounds the memory that the images of a group take; a single item may have more.
MOST_FRAMES = 32


@dataclass(frozen=True)
class Stages:
    """The stages after ingest; ``query`` is None where no model is asked."""

    depth: DepthStage
    ocr: OcrStage
    query: QueryStage | None
    verify: VerifyStage
    export: ExportStage

    def language(self, question: str | None) -> Language:
        """Language of a result's sentences: that of the question, unless the prompt's is set; English without one."""
        if question is None:
            return "en"
        return detect_language(question) if self.query is None else self.query.language_of(question)

    def anchored(self, scene: Scene, regions: Sequence[Region]) -> Scene:
        """The scene with the scale of its anchors, see ``with_anchors``, measured as the verifier measures."""
        if not scene.anchors:
            return scene
        return with_anchors(scene, regions, self.verify.verifier.budget, self.verify.verifier.settings)


@dataclass
class Asked:
    """One question of an item, and what became of it so far.

    Args:
        item_id: Id of the item.
        scene: Its scene with depth and text; None where it could not be made.
        question: The question; None where only the item's own claims are judged.
        shared_s: Seconds that the item cost before its questions, by stage; the first result takes them.
        ends_item: Whether it is the last of its item.
        failure: Why there is no result.
        answer: What the model said last.
        regions: What the verdicts' indices point at.
        measured: The scene as it was judged, with the scale of anchors that name what the model located.
        verdicts: The verifier's judgement of that answer.
        attempts: Earlier answers with theirs.
        recheck_error: Why the question could not be asked again.
        seconds: Seconds of this question alone, by stage.
    """

    item_id: str
    scene: Scene | None = None
    question: str | None = None
    shared_s: dict[str, float] = field(default_factory=dict)
    ends_item: bool = True
    failure: StageError | None = None
    answer: Answer | None = None
    regions: tuple[Region, ...] = ()
    measured: Scene | None = None
    verdicts: tuple[Verdict, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    recheck_error: TheodoliteError | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def known_scene(self) -> Scene:
        """The scene of a question that did not fail."""
        assert self.scene is not None
        return self.scene

    @property
    def judged_scene(self) -> Scene:
        """The same as it was judged."""
        return self.measured or self.known_scene


def grouped(items: Iterable[list[Asked]], batch_size: int) -> Iterator[list[Asked]]:
    """Questions of successive items, in their order, in groups that a model can answer together.

    A group ends at ``batch_size`` questions, or with the item that fills it to ``MOST_FRAMES`` frames.
    """
    group: list[Asked] = []
    for item in items:
        for asked in item:
            group.append(asked)
            if len(group) >= batch_size:
                yield group
                group = []
        scenes = {id(asked.scene): asked.scene for asked in group}
        if sum(len(scene.frames) for scene in scenes.values() if scene is not None) >= MOST_FRAMES:
            yield group
            group = []
    if group:
        yield group


def finish(group: Sequence[Asked], stages: Stages, folder: Path | None) -> Iterator[Result | StageError]:
    """Ask, judge and export a group of questions.

    Args:
        group: The questions; those that failed already stay failed.
        stages: The stages.
        folder: Where artefacts go; None writes none.

    Yields:
        One result or failure per question, in the order of the group.

    Raises:
        StageError: If a stage fails for a reason that concerns every item alike.
    """
    _ask(_going(group), stages)
    for asked in _going(group):
        try:
            asked.regions, asked.verdicts = _judge(asked, asked.answer, stages)
        except StageError as error:
            asked.failure = _of_one(error)
    _ask_again(_going(group), stages)
    for asked in group:
        yield asked.failure or _exported(asked, stages, folder)


def _going(group: Sequence[Asked]) -> list[Asked]:
    return [asked for asked in group if asked.failure is None]


def _of_one(error: StageError) -> StageError:
    """The error, unless it concerns every item alike."""
    if error.is_fatal:
        raise error
    return error


def _ask(group: list[Asked], stages: Stages) -> None:
    asking = [(asked, asked.known_scene, asked.question) for asked in group if asked.question is not None]
    if stages.query is None or not asking:
        return
    seconds: dict[str, float] = {}
    outcomes: Sequence[Answer | TheodoliteError]
    try:
        with timed("query", seconds):
            outcomes = stages.query.ask_all([(scene, question) for _, scene, question in asking])
    except StageError as error:
        outcomes = [_of_one(error)] * len(asking)
    for (asked, _, _), outcome in zip(asking, outcomes, strict=True):
        if isinstance(outcome, Answer):
            asked.answer = outcome
        else:
            asked.failure = outcome if isinstance(outcome, StageError) else StageError("query", outcome)
    _share(seconds, _going([asked for asked, _, _ in asking]))


def _share(seconds: dict[str, float], group: Sequence[Asked]) -> None:
    """Add equal parts of what the model took to each question that it answered, so that they sum up to it."""
    for asked in group:
        asked.seconds["query"] = asked.seconds.get("query", 0.0) + seconds["query"] / len(group)


def _judge(asked: Asked, answer: Answer | None, stages: Stages) -> tuple[tuple[Region, ...], tuple[Verdict, ...]]:
    with timed("verify", asked.seconds):
        regions, verdicts = stages.verify(asked.known_scene, answer, stages.language(asked.question))
        asked.measured = stages.anchored(asked.known_scene, regions)
        return regions, verdicts


def _ask_again(group: list[Asked], stages: Stages) -> None:
    """Ask those questions once more whose answers give a reason to."""
    if stages.query is None:
        return
    again: list[tuple[Asked, Judged, tuple[Reason, ...]]] = []
    for asked in group:
        if asked.question is not None and asked.answer is not None:
            own = asked.verdicts[: len(asked.answer.claims)]
            judged = Judged(asked.known_scene, asked.question, asked.answer, own, asked.regions)
            reasons = attempt(stages.query.reasons_to_ask_again, judged)
            if isinstance(reasons, TheodoliteError):
                asked.recheck_error = reasons
            elif reasons:
                again.append((asked, judged, reasons))
    if not again:
        return
    seconds: dict[str, float] = {}
    outcomes: Sequence[Answer | TheodoliteError]
    try:
        with timed("query", seconds):
            outcomes = stages.query.ask_again([(judged, reasons) for _, judged, reasons in again])
    except StageError as error:
        outcomes = [_of_one(error)] * len(again)
    _share(seconds, [asked for asked, _, _ in again])
    for (asked, judged, reasons), outcome in zip(again, outcomes, strict=True):
        _take(asked, judged, reasons, outcome, stages)


def _take(
    asked: Asked, judged: Judged, reasons: tuple[Reason, ...], outcome: Answer | TheodoliteError, stages: Stages
) -> None:
    """Let a second answer take the place of the first, which stays where there is none."""
    if not isinstance(outcome, Answer):
        asked.recheck_error = outcome
        return
    first = Attempt(judged.answer, asked.verdicts, asked.regions, "; ".join(reason.words for reason in reasons))
    try:
        asked.regions, asked.verdicts = _judge(asked, outcome, stages)
    except StageError as error:
        asked.recheck_error = _of_one(error)
        return
    asked.answer, asked.attempts = outcome, (first,)


def _exported(asked: Asked, stages: Stages, folder: Path | None) -> Result | StageError:
    result = _result(asked, stages.language(asked.question))
    if folder is not None:
        try:
            with timed("export", asked.seconds):
                result = stages.export(asked.judged_scene, result, folder)
        except StageError as error:
            return _of_one(error)
    seconds = {**asked.shared_s, **asked.seconds}
    asked.shared_s.clear()
    return replace(result, seconds={name: round(value, 6) for name, value in seconds.items()})


def _result(asked: Asked, language: Language) -> Result:
    notes = list(asked.judged_scene.problems)
    if asked.recheck_error is not None:
        notes.append(message("asking_again_failed", error=asked.recheck_error))
    if asked.attempts and asked.answer is not None and not asked.answer.claims:
        notes.append(message("second_answer_without_claim"))
    problems = asked.answer.problems if asked.answer is not None else ()
    return Result(
        item_id=asked.item_id,
        question=asked.question,
        frames=_summaries(asked.judged_scene),
        answer=asked.answer,
        verdicts=asked.verdicts,
        regions=asked.regions,
        attempts=asked.attempts,
        versions=versions(),
        errors=(*problems, *(note.text(language) for note in notes)),
        language=language,
    )


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
            scale_error=depth.scale_error if depth is not None else None,
        )
        for frame, depth in zip(scene.frames, depths, strict=True)
    )
