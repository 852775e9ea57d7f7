"""Groups of questions, which the model answers together, from the prompt to the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from pipeline.models.vlm.listening import Listener
from pipeline.records import Answer, Attempt, FrameSummary, Region, Result, Scene, Verdict
from pipeline.records.errors import TheodoliteError
from pipeline.records.message import Language, detect_language, message
from pipeline.records.versions import versions
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import ExportStage
from pipeline.stages.ocr import OcrStage
from pipeline.stages.outcomes import attempt, for_each
from pipeline.stages.timing import StageError, timed
from pipeline.stages.verify import VerifyStage

if TYPE_CHECKING:  # Runs without a model do not import these.
    from pipeline.stages.query import QueryStage
    from pipeline.stages.reading import Prompt
    from pipeline.stages.recheck import Judged, Reason

Value = TypeVar("Value")

# Bounds the memory of a group's images; a single item may have more frames.
MOST_FRAMES = 32


@dataclass(frozen=True)
class Stages:
    """The stages after ingest.

    Args:
        depth: Gives depth.
        ocr: Reads text.
        query: Asks a model; None if none is asked.
        verify: Judges claims.
        export: Writes files.
        asked_language: Language of results; None if the question decides.
        mapped: Applies a function to each of several questions, as ``map`` does; with threads, where ``verify`` waits
            for other processes.
    """

    depth: DepthStage
    ocr: OcrStage
    query: QueryStage | None
    verify: VerifyStage
    export: ExportStage = field(default_factory=ExportStage)
    asked_language: Language | None = None
    mapped: Callable[[Callable[[Asked], None], Sequence[Asked]], Iterable[None]] = map
    _checked: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def batch_size(self) -> int:
        """Most questions that are answered together; one where no model is asked."""
        return 1 if self.query is None else self.query.batch_size

    def language(self, question: str | None) -> Language:
        """Language of a result's sentences: that asked for if set, otherwise the question's; English without one."""
        if self.asked_language is not None:
            return self.asked_language
        if question is None:
            return "en"
        return detect_language(question) if self.query is None else self.query.language_of(question)

    def versions(self) -> dict[str, str]:
        """Versions of the program and its packages, and of the models that the stages use; answers name their own."""
        found = versions()
        backends = {"depth": self.depth.backend, "ocr": self.ocr.backend, "segment": self.verify.segmenter}
        for name, backend in backends.items():
            with suppress(TheodoliteError):  # What is missing is told where it is needed.
                if (version := backend.version) is not None:
                    found[name] = version
        return found

    def check(self, *, asks: bool) -> None:
        """Check, before anything is computed, that every stage can work; each stage is checked once.

        Args:
            asks: Whether a question follows, which needs the model.

        Raises:
            StageError: If a model, package, file or address of a stage cannot work; it names the stage.
        """
        for name in ("depth", "ocr", "verify", "query"):
            stage = getattr(self, name)
            if name in self._checked or stage is None or (name == "query" and not asks):
                continue
            try:
                stage.check()
            except TheodoliteError as error:
                raise StageError(name, error, is_fatal=True) from error
            self._checked.add(name)


class Follower(Listener, Protocol):
    """What follows a question through the stages."""

    def on_stage(self, name: str) -> None:
        """Learn that a stage begins: ``query``, ``verify``, or ``recheck``, in which the model answers once more."""


@dataclass
class Asked:
    """One question of an item, with its outcome so far.

    Args:
        item_id: Id of the item.
        scene: Its scene with depth and text; None if that failed. Once the question is judged, also with the scale of
            anchors on objects that the model located.
        question: The question; None if only the item's own claims are judged.
        shared_s: Seconds spent on the item before its questions, by stage; they count for the first result.
        ends_item: Whether it is the item's last question.
        failure: Why there is no result.
        prompt: The prompt of the question.
        answer: The model's last answer.
        regions: The regions to which the verdicts' indices refer.
        verdicts: The verdicts about that answer.
        attempts: Earlier answers with their verdicts.
        recheck_error: Why the question could not be asked again.
        earlier_errors: Errors of an earlier result whose answer is judged again.
        seconds: Seconds spent on this question alone, by stage.
        follower: What follows the question through the stages.
    """

    item_id: str
    scene: Scene | None = None
    question: str | None = None
    shared_s: dict[str, float] = field(default_factory=dict)
    ends_item: bool = True
    failure: StageError | None = None
    prompt: Prompt | None = None
    answer: Answer | None = None
    regions: tuple[Region, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    recheck_error: TheodoliteError | None = None
    earlier_errors: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    follower: Follower | None = None

    @property
    def known_scene(self) -> Scene:
        """The scene of a question that did not fail."""
        assert self.scene is not None
        return self.scene


def grouped(items: Iterable[list[Asked]], batch_size: int) -> Iterator[list[Asked]]:
    """Questions of successive items, in order, in groups that a model can answer together.

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


def settle(group: Sequence[Asked], stages: Stages) -> None:
    """Ask and judge a group of questions, and ask again those whose answers give a reason to.

    Args:
        group: The questions, which receive the outcomes. Those that failed already stay failed; those that have an
            answer already are only judged.
        stages: The stages.

    Raises:
        StageError: If a stage fails for a reason that concerns every item.
    """
    if stages.query is not None:
        _ask([asked for asked in _going(group) if asked.question is not None and asked.answer is None], stages.query)

    def judge(asked: Asked) -> None:
        try:
            _judge_attempts(asked, stages)
            _judge(asked, asked.answer, stages)
        except StageError as error:
            asked.failure = _of_one(error)

    for _ in stages.mapped(judge, _going(group)):
        pass
    if stages.query is not None:
        _confirm(_going(group), stages, stages.query)
        _ask_again(_going(group), stages, stages.query)


def _going(group: Sequence[Asked]) -> list[Asked]:
    return [asked for asked in group if asked.failure is None]


def _tell(group: Sequence[Asked], stage: str) -> None:
    for asked in group:
        if asked.follower is not None:
            asked.follower.on_stage(stage)


def _of_one(error: StageError) -> StageError:
    """The error; raises it if it concerns every item."""
    if error.is_fatal:
        raise error
    return error


def _query(
    stage: QueryStage, group: Sequence[Asked], query: Callable[[], Sequence[Value | TheodoliteError]]
) -> list[Value | StageError]:
    """The model's outcome for each question; the answered ones share its time equally."""
    if not group:
        return []
    seconds: dict[str, float] = {}
    try:
        with stage.lock, timed("query", seconds, [asked.item_id for asked in group]):
            outcomes = query()
    except StageError as error:
        return [_of_one(error)] * len(group)
    answered = [asked for asked, outcome in zip(group, outcomes, strict=True) if not isinstance(outcome, Exception)]
    for asked in answered:
        asked.seconds["query"] = asked.seconds.get("query", 0.0) + seconds["query"] / len(answered)
    return [StageError("query", outcome) if isinstance(outcome, TheodoliteError) else outcome for outcome in outcomes]


def _ask(group: list[Asked], query: QueryStage) -> None:
    def answered() -> list[tuple[Prompt, Answer] | TheodoliteError]:
        prompts = query.prompts(
            [(asked.known_scene, asked.question or "") for asked in group], [asked.follower for asked in group]
        )
        return for_each(lambda *both: both, prompts, query.answers(prompts))

    _tell(group, "query")
    for asked, outcome in zip(group, _query(query, group, answered), strict=True):
        if isinstance(outcome, StageError):
            asked.failure = outcome
        else:
            asked.prompt, asked.answer = outcome


def _judge(asked: Asked, answer: Answer | None, stages: Stages) -> None:
    _tell([asked], "verify")
    scene = asked.known_scene if asked.prompt is None else asked.prompt.scene
    with timed("verify", asked.seconds, [asked.item_id]):
        verified = stages.verify(scene, answer, stages.language(asked.question))
    asked.scene, asked.regions, asked.verdicts = verified.scene, verified.regions, verified.verdicts


def _judge_attempts(asked: Asked, stages: Stages) -> None:
    """Judge the answers that an earlier run replaced by asking again."""
    judged = []
    for each in asked.attempts:
        with timed("verify", asked.seconds, [asked.item_id]):
            verified = stages.verify(asked.known_scene, each.answer, stages.language(asked.question))
        judged.append(replace(each, verdicts=verified.verdicts, regions=verified.regions))
    asked.attempts = tuple(judged)


def _judged(asked: Asked) -> Judged | None:
    """A judged answer with the verdicts about its own claims; None without an answer."""
    from pipeline.stages.recheck import Judged

    if asked.prompt is None or asked.answer is None:
        return None
    return Judged(asked.prompt, asked.answer, asked.verdicts[: len(asked.answer.claims)], asked.regions)


def _confirm(group: list[Asked], stages: Stages, query: QueryStage) -> None:
    """Ask about regions on which claims hang, and judge the claims again with the doubt about them."""
    looks = []
    for asked in group:
        judged = _judged(asked)
        questions = attempt(query.questions_about, judged) if judged is not None else None
        if questions is not None and judged is not None and not isinstance(questions, TheodoliteError):
            looks.append((asked, (judged, questions)))
    answers = _query(query, [asked for asked, _ in looks], lambda: query.look_again([look for _, look in looks]))
    for (asked, _), answer in zip(looks, answers, strict=True):
        if isinstance(answer, StageError):
            continue
        try:
            _judge(asked, answer, stages)
        except StageError as error:
            asked.failure = _of_one(error)
        else:
            asked.answer = answer


def _ask_again(group: list[Asked], stages: Stages, query: QueryStage) -> None:
    """Ask again the questions whose answers give a reason to."""
    again: list[tuple[Asked, tuple[Judged, tuple[Reason, ...]]]] = []
    for asked in group:
        if (judged := _judged(asked)) is not None:
            reasons = attempt(query.reasons_to_ask_again, judged)
            if isinstance(reasons, TheodoliteError):
                asked.recheck_error = reasons
            elif reasons:
                again.append((asked, (judged, reasons)))
    _tell([asked for asked, _ in again], "recheck")
    outcomes = _query(query, [asked for asked, _ in again], lambda: query.ask_again([judged for _, judged in again]))
    for (asked, (judged, reasons)), outcome in zip(again, outcomes, strict=True):
        try:
            if isinstance(outcome, StageError):
                raise outcome
            first = Attempt(judged.answer, asked.verdicts, asked.regions, "; ".join(reason.words for reason in reasons))
            _judge(asked, outcome, stages)
        except StageError as error:
            asked.recheck_error = _of_one(error)
        else:
            asked.answer, asked.attempts = outcome, (first,)
    _confirm([asked for asked, _ in again if asked.failure is None and asked.recheck_error is None], stages, query)


def exported(asked: Asked, result: Result | StageError, stages: Stages, folder: Path | None) -> Result | StageError:
    """The result of a settled question, with its files written and its times.

    Args:
        asked: The question.
        result: Its result, or its failure, which stays as it is.
        stages: The stages.
        folder: Where artefacts go; None writes none.

    Returns:
        The result, or the question's failure.

    Raises:
        StageError: If the export fails for a reason that concerns every item.
    """
    if isinstance(result, StageError):
        return result
    if folder is not None:
        try:
            with timed("export", asked.seconds, [asked.item_id]):
                result = stages.export(asked.known_scene, result, folder)
        except StageError as error:
            return _of_one(error)
    seconds = {**asked.shared_s, **asked.seconds}
    asked.shared_s.clear()
    return replace(result, seconds={name: round(value, 6) for name, value in seconds.items()})


def result_of(asked: Asked, stages: Stages) -> Result:
    """The result of a settled question that did not fail, before its files are written."""
    language = stages.language(asked.question)
    notes = [*asked.known_scene.notes, *asked.known_scene.problems]
    if asked.recheck_error is not None:
        notes.append(message("asking_again_failed", error=asked.recheck_error))
    if asked.attempts and asked.answer is not None and not asked.answer.claims:
        notes.append(message("second_answer_without_claim"))
    problems = asked.answer.problems if asked.answer is not None else ()
    failed = message("asking_again_failed", error="").text(language)
    kept = [error for error in asked.earlier_errors if error.startswith(failed)]
    return Result(
        item_id=asked.item_id,
        question=asked.question,
        frames=_summaries(asked.known_scene),
        answer=asked.answer,
        verdicts=asked.verdicts,
        regions=asked.regions,
        attempts=asked.attempts,
        versions=stages.versions(),
        errors=(*problems, *(note.text(language) for note in notes), *kept),
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
