"""Runs a data set of claims through the stages and the baselines, and keeps the judgements and answers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TypeVar

from pipeline.claims.compare_answers import Scored, scored
from pipeline.claims.markup import shorten
from pipeline.datasets.base import Case, ClaimDataset
from pipeline.evaluate.claims.baselines import Baseline, BaselineScore
from pipeline.evaluate.claims.judged_claim import JudgedClaim
from pipeline.evaluate.claims.scores import Judgement
from pipeline.evaluate.claims.wrong_answer import WrongAnswer
from pipeline.export.report.answer_text import headline
from pipeline.records import Attempt, Claim, Scene
from pipeline.records.calibration import FAMILIES, Calibration, class_of
from pipeline.records.errors import InputError
from pipeline.records.expected import Expected
from pipeline.records.relations import RELATIONS, ValueUse
from pipeline.records.result import CalibrationNote, Verdict
from pipeline.stages.compose import with_depth_and_text
from pipeline.stages.group import Asked, Stages, settle
from pipeline.stages.timing import StageError, timed
from pipeline.verify.verifier import reads_depth

logger = logging.getLogger(__name__)

MOST_MISTAKES = MOST_WRONG_ANSWERS = 50
_LONGEST_SAID = 200
Value = TypeVar("Value")
OnMistakes = Callable[[Asked, Sequence[tuple[int, JudgedClaim]]], None]
OnWrong = Callable[[Asked, WrongAnswer], None]


@dataclass(frozen=True)
class Subjects:
    """What is evaluated.

    Args:
        stages: The stages that judge the claims of the data set, without a model.
        baselines: Baselines for the same claims.
        ways: Ways to ask the model by their names in the report, in its order: the same stages with a query stage
            each. Empty if no model is asked.
    """

    stages: Stages
    baselines: tuple[Baseline, ...] = ()
    ways: dict[str, Stages] = field(default_factory=dict)

    @property
    def batch_size(self) -> int:
        """Most questions in one batch of the model."""
        return max((way.query.batch_size for way in self.ways.values() if way.query is not None), default=1)


@dataclass(frozen=True)
class AnsweredQuestion:
    """One question with its scored answers.

    Args:
        case: Id of the scene.
        group: The group that is resampled as a whole.
        category: Its category in the report.
        expected: The correct answer.
        answers: The last answer by way to ask; None where there was none.
        first_answers: The first answer by way to ask, where the question was asked again.
    """

    case: str
    group: str
    category: str
    expected: Expected
    answers: dict[str, Scored | None]
    first_answers: dict[str, Scored | None] = field(default_factory=dict)


@dataclass
class ClaimRun:
    """The results of a run.

    Args:
        judgements: The verifier's judgements, in the order of the claims.
        sources: Source of the depth of each judgement.
        baselines: Scores by the name of the baseline, in the same order.
        questions: Questions with their answers.
        mistakes: Decided and wrong claims, the most confident first.
        wrong_answers: The first wrong answers.
        failures: Case, part and reason of each failure.
        cases: Number of cases read.
        seconds: Time by part [s].
        kinds: Family and class of depth of each judgement, empty where no depth is needed.
        calibrations: Where the probability of each judgement comes from; None where no calibration applies.
        calibration: The verifier's calibration; None before anything is judged.
        risk: The verifier's risk.
    """

    judgements: list[Judgement] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    baselines: dict[str, list[BaselineScore]] = field(default_factory=dict)
    questions: list[AnsweredQuestion] = field(default_factory=list)
    mistakes: list[JudgedClaim] = field(default_factory=list)
    wrong_answers: list[WrongAnswer] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    cases: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    calibrations: list[CalibrationNote | None] = field(default_factory=list)
    calibration: Calibration | None = None
    risk: float = math.nan


def relation_of(claim: Claim) -> str:
    """Name under which a claim is counted: its relation, and whether it has a number that it could do without.

    >>> relation_of(Claim("closer", "cup", "book", value=3, unit="cm"))
    'closer, with a number'
    """
    is_optional = RELATIONS[claim.relation].value is ValueUse.OPTIONAL
    return f"{claim.relation}, with a number" if is_optional and claim.value is not None else str(claim.relation)


def source_of(scene: Scene, frames: Sequence[int] = ()) -> str:
    """Kind of the depth of a scene's frames, source of its scale, and name of its backend."""
    maps = [scene.depth[index] for index in frames if index < len(scene.depth)] or list(scene.depth)
    if not maps:
        return "no depth"
    parts = [(str(item.kind), str(item.scale_source), item.backend) for item in maps]
    names = [", ".join(part for part in item if part != "none") for item in parts]
    return " / ".join(dict.fromkeys(names))


def kind_of(claim: Claim, verdict: Verdict, scene: Scene) -> str:
    """Family of a claim's relation and class of the depth that it was judged by, as ``order/measured``.

    Empty where the claim needs no depth, such as ``left_of``: it is about places in the image.
    """
    if not reads_depth(claim):
        return ""
    rule = RELATIONS[claim.relation].rule
    frame = next((item.frame for item in verdict.evidence), 0)
    return f"{FAMILIES.get(rule, rule)}/{class_of(scene.depth[frame]) if frame < len(scene.depth) else 'no depth'}"


def run_claims(
    dataset: ClaimDataset,
    subjects: Subjects,
    *,
    limit: int | None = None,
    on_case: Callable[[str], None] = lambda case_id: None,
    on_claim: Callable[[JudgedClaim], None] = lambda claim: None,
    on_mistakes: OnMistakes = lambda judged, mistakes: None,
    on_wrong_answer: OnWrong = lambda asked, wrong: None,
) -> ClaimRun:
    """Judge all claims of a data set and ask all its questions.

    A case whose depth, text or claims fail is counted and named. Images are dropped as soon as a case is done.

    Args:
        dataset: The data set.
        subjects: What is evaluated.
        limit: Most cases; None takes all.
        on_case: Called with the id of each finished case.
        on_claim: Called with each judged claim.
        on_mistakes: Called with each judged scene that has mistakes, and these with the indices of their verdicts.
        on_wrong_answer: Called with each of the first wrong answers.

    Raises:
        TheodoliteError: If an error concerns all cases, such as a missing model.
        InputError: If the data set holds nothing to judge or to ask.
    """
    verifier = subjects.stages.verify.verifier
    run = ClaimRun(
        baselines={baseline.name: [] for baseline in subjects.baselines},
        calibration=verifier.calibration,
        risk=verifier.risk,
    )
    for batch in _batches(islice(iter(dataset), limit), subjects):
        prepared = [(case, scene) for case in batch if (scene := _prepared(run, case, subjects)) is not None]
        for case, scene in prepared:
            _judge_claims(run, case, scene, subjects, on_claim, on_mistakes)
        _ask(run, prepared, subjects, on_wrong_answer)
        run.cases += len(batch)
        for case in batch:
            on_case(case.scene.id)
    run.failures += [(name, "reading", reason) for name, reason in dataset.reasons.items()]
    run.mistakes = sorted(run.mistakes, key=lambda claim: -claim.certainty)[:MOST_MISTAKES]
    _check(run, dataset, subjects)
    return run


def _batches(cases: Iterable[Case], subjects: Subjects) -> Iterator[list[Case]]:
    """Cases whose questions fill a batch of the model; single cases if no model is asked."""
    batch: list[Case] = []
    for case in cases:
        batch.append(case)
        asked = sum(len(item.expected) for item in batch)
        if not subjects.ways or not asked or asked >= subjects.batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _prepared(run: ClaimRun, case: Case, subjects: Subjects) -> Scene | None:
    """The scene with depth and text, and without given depth; None if a stage fails.

    The given depth of a data set is its ground truth unless it is what is judged; a network alone must not profit from
    it.
    """
    ways = list(subjects.ways.values()) if case.expected else []
    try:
        for way in ways:
            way.check(asks=True)
        scene = with_depth_and_text(case.scene, subjects.stages, run.seconds, asks=bool(ways))
        return replace(scene, frames=tuple(replace(frame, given_depth=None) for frame in scene.frames))
    except StageError as error:
        _fail(run, case, error)
        return None


def _fail(run: ClaimRun, case: Case, error: StageError) -> None:
    """Record the failure of one case.

    Raises:
        TheodoliteError: If the error concerns all cases.
    """
    if error.is_fatal:
        raise error.cause from error
    logger.debug("Case %s failed in %s.", case.scene.id, error.stage, exc_info=error.cause)
    run.failures.append((case.scene.id, error.stage, str(error)))


def _settled(run: ClaimRun, group: Sequence[tuple[Case, Asked]], stages: Stages) -> None:
    """Ask and judge as the command ``run`` does, and record failures and times."""
    try:
        settle([asked for _, asked in group], stages)
    except StageError as error:
        raise error.cause from error
    for case, asked in group:
        for stage, seconds in asked.seconds.items():
            run.seconds[stage] = run.seconds.get(stage, 0.0) + seconds
        if asked.failure is not None:
            _fail(run, case, asked.failure)
        if asked.recheck_error is not None:
            run.failures.append((case.scene.id, "recheck", str(asked.recheck_error)))


def _timed(run: ClaimRun, part: str, case: Case, work: Callable[[], Value]) -> Value | None:
    """The result of the work; None if it fails for this case, which is recorded."""
    try:
        with timed(part, run.seconds):
            return work()
    except StageError as error:
        _fail(run, case, error)
        return None


def _judge_claims(
    run: ClaimRun,
    case: Case,
    scene: Scene,
    subjects: Subjects,
    on_claim: Callable[[JudgedClaim], None],
    on_mistakes: OnMistakes,
) -> None:
    """Judge the case's own claims by the verifier and the baselines."""
    if not scene.claims:
        return
    judged = Asked(scene.id, scene)
    _settled(run, [(case, judged)], subjects.stages)
    if judged.failure is not None:
        return
    by_baseline = {
        baseline.name: _timed(run, baseline.name, case, partial(_baseline_scores, baseline, scene))
        for baseline in subjects.baselines
    }
    mistakes: list[tuple[int, JudgedClaim]] = []
    for index, (claim, verdict) in enumerate(zip(scene.claims, judged.verdicts, strict=True)):
        assert claim.truth is not None
        relation = relation_of(claim)
        done = JudgedClaim(
            scene.id,
            relation,
            claim.in_words(),
            claim.truth,
            verdict.probability,
            verdict.status,
            verdict.reason,
            source_of(judged.known_scene, claim.frames),
            case.group,
            kind_of(claim, verdict, judged.known_scene),
            verdict.calibration,
        )
        run.judgements.append(done.judgement)
        run.sources.append(done.source)
        run.kinds.append(done.kind)
        run.calibrations.append(done.calibration)
        for name, scores in by_baseline.items():
            score = None if scores is None else scores[index]
            run.baselines[name].append(BaselineScore(relation, claim.truth, score, case.group))
        if done.is_mistake:
            mistakes.append((index, done))
        on_claim(done)
    run.mistakes += [claim for _, claim in mistakes]
    if mistakes:
        on_mistakes(judged, mistakes)


def _baseline_scores(baseline: Baseline, scene: Scene) -> list[float | None]:
    return [baseline.score(scene, claim) for claim in scene.claims]


def _ask(run: ClaimRun, prepared: Sequence[tuple[Case, Scene]], subjects: Subjects, on_wrong: OnWrong) -> None:
    """Ask the questions of several cases together in each way, and score the answers."""
    questions = [
        (case, replace(scene, claims=()), AnsweredQuestion(scene.id, case.group, item.category, item, {}))
        for case, scene in prepared
        for item in case.expected
        if subjects.ways
    ]
    for name, stages in subjects.ways.items():
        group = [(case, Asked(scene.id, scene, question.expected.question)) for case, scene, question in questions]
        _settled(run, group, stages)
        for (case, asked), (_, _, question) in zip(group, questions, strict=True):
            found = question.answers[name] = _scored(run, case, asked, asked, question.expected, stages)
            if found is not None and found.score < 1 and len(run.wrong_answers) < MOST_WRONG_ANSWERS:
                wrong = _wrong_answer(name, asked, found, question.expected)
                run.wrong_answers.append(wrong)
                on_wrong(asked, wrong)
            for first in asked.attempts:
                question.first_answers[name] = _scored(run, case, asked, first, question.expected, stages)
    run.questions += [question for _, _, question in questions]


def _scored(
    run: ClaimRun, case: Case, asked: Asked, judged: Asked | Attempt, expected: Expected, stages: Stages
) -> Scored | None:
    """The score of a judged answer."""
    answer, verdicts = judged.answer, judged.verdicts
    if asked.prompt is None or answer is None:
        return None
    return _timed(run, "score", case, lambda: scored(expected, answer, verdicts))


def _wrong_answer(name: str, asked: Asked, found: Scored, expected: Expected) -> WrongAnswer:
    assert asked.answer is not None
    said = headline(asked.answer.text, "en", _LONGEST_SAID)
    return WrongAnswer(asked.item_id, name, shorten(expected.question, 300), expected.answer, said, str(found.status))


def _check(run: ClaimRun, dataset: ClaimDataset, subjects: Subjects) -> None:
    """Check that something was measured.

    Raises:
        InputError: If nothing was; names the first failure, if any.
    """
    if run.judgements or any(answer is not None for question in run.questions for answer in question.answers.values()):
        return
    if run.failures:
        case, part, reason = run.failures[0]
        raise InputError(f"Nothing of data set {dataset.name} could be judged: {reason} (case {case}, {part})")
    if not subjects.ways and run.cases:
        raise InputError(
            f"Data set {dataset.name} holds no claims, and its questions need a model; "
            "add vlm=qwen3vl, vlm=openai or vlm=recorded."
        )
    wanted = "claims or questions" if subjects.ways else "claims"
    raise InputError(f"Data set {dataset.name} holds no {wanted}; check its path, its limit and its relations.")
