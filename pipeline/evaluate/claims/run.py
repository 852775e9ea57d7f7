"""Runs a data set of claims through depth, verifier and baselines, and keeps what is needed to score them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

from pipeline.claims.compare_answers import Scored, scored, with_asked_claim
from pipeline.claims.resolve import unique_names
from pipeline.datasets.base import Case, ClaimDataset
from pipeline.evaluate.claims.baselines import PlainJudge, PlainScore
from pipeline.evaluate.claims.scores import Judgement
from pipeline.records import Answer, Claim, Region, Scene, Status, Verdict
from pipeline.records.errors import FATAL, InputError, TheodoliteError
from pipeline.records.expected import Expected
from pipeline.records.relations import RELATIONS, ValueUse

logger = logging.getLogger(__name__)

_MOST_MISTAKES = 50
Outcome = Answer | TheodoliteError
Stage = Callable[[Scene], Scene]
Value = TypeVar("Value")


class Judge(Protocol):
    """Judges an answer's claims, or those of the scene where there is no answer; the verify stage does."""

    def __call__(self, scene: Scene, answer: Answer | None) -> tuple[tuple[Region, ...], tuple[Verdict, ...]]:
        """All regions; and one verdict per claim, the answer's first."""
        ...


class Asker(Protocol):
    """Asks a model; the query stage does."""

    def ask_all(self, asked: Sequence[tuple[Scene, str]]) -> list[Outcome]:
        """One answer or error per question, in their order."""
        ...


@dataclass(frozen=True)
class Subjects:
    """What is evaluated.

    Args:
        depth: Gives a scene its depth.
        ocr: Gives a scene its text.
        judge: Judges claims.
        baselines: Plain judges of the same claims.
        askers: Ways to ask the model by name, in the order of the report; none where no model is asked.
        batch_size: Most questions that are asked together.
    """

    depth: Stage
    ocr: Stage
    judge: Judge
    baselines: tuple[PlainJudge, ...] = ()
    askers: dict[str, Asker] = field(default_factory=dict)
    batch_size: int = 8


@dataclass(frozen=True)
class JudgedClaim:
    """One claim of a data set with its verdict, as it is written to ``claims.jsonl``.

    Args:
        case: Id of the scene.
        relation: Name under which the report counts it, see ``relation_of``.
        claim: The claim in words.
        truth: Whether it holds.
        probability: Probability that it holds; None where nothing could be measured.
        status: The verdict.
        reason: The verdict's reason.
        source: Kind of the depth, source of its scale, and name of its backend.
        group: What is resampled as a whole.
    """

    case: str
    relation: str
    claim: str
    truth: bool
    probability: float | None
    status: Status
    reason: str
    source: str
    group: str

    @property
    def judgement(self) -> Judgement:
        """What is scored."""
        is_decided = self.status is not Status.UNDECIDED
        return Judgement(self.relation, self.truth, self.probability, is_decided, self.group)

    @property
    def is_mistake(self) -> bool:
        """Whether it is decided and wrong."""
        return self.status is not Status.UNDECIDED and (self.status is Status.SUPPORTED) is not self.truth


@dataclass(frozen=True)
class AnsweredQuestion:
    """One question with its scored answers by the name of the asker; None where there was no answer."""

    case: str
    group: str
    category: str
    expected: Expected
    answers: dict[str, Scored | None]


@dataclass
class ClaimRun:
    """What a run gave.

    Args:
        judgements: Of the verifier, in the order of the claims.
        sources: Source of the depth of each judgement.
        plain: Scores of each baseline, in the same order.
        questions: Questions with their answers.
        mistakes: Decided and wrong claims, the most confident first.
        failures: Case, part and reason of what failed.
        cases: Number of cases that were read.
        seconds: Time by part.
    """

    judgements: list[Judgement] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    plain: dict[str, list[PlainScore]] = field(default_factory=dict)
    questions: list[AnsweredQuestion] = field(default_factory=list)
    mistakes: list[JudgedClaim] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    cases: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def relation_of(claim: Claim) -> str:
    """Name under which a claim is counted: its relation, and whether it says by how much where it need not.

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


def run_claims(
    dataset: ClaimDataset,
    subjects: Subjects,
    *,
    limit: int | None = None,
    on_case: Callable[[str], None] = lambda case_id: None,
    on_claim: Callable[[JudgedClaim], None] = lambda claim: None,
) -> ClaimRun:
    """Judge and ask all that a data set holds.

    A case whose depth, text or claims fail is counted and named; images are dropped as soon as a case is done.

    Args:
        dataset: The data set.
        subjects: What is evaluated.
        limit: Most cases; None takes all.
        on_case: Called with the id of each case that is done.
        on_claim: Called with each judged claim.

    Raises:
        TheodoliteError: An error that concerns all cases alike, such as a missing model.
        InputError: If the data set holds nothing to judge, or nothing to ask where there is a model.
    """
    run = ClaimRun(plain={judge.name: [] for judge in subjects.baselines})
    for batch in _batches(islice(iter(dataset), limit), subjects):
        prepared = []
        for case in batch:
            run.cases += 1
            scene = _timed(run, "depth", case, partial(_with_depth, case.scene, subjects))
            if scene is not None:
                prepared.append((case, scene))
                _judge_claims(run, case, scene, subjects, on_claim)
        if subjects.askers:
            _ask(run, prepared, subjects)
        for case in batch:
            on_case(case.scene.id)
    reasons = getattr(dataset, "reasons", {})
    run.failures += [
        (name, "reading", reasons.get(name, "The entry cannot be read.")) for name in getattr(dataset, "skipped", ())
    ]
    run.mistakes = _ranked(run.mistakes)
    _check(run, dataset, subjects)
    return run


def _ranked(mistakes: Sequence[JudgedClaim]) -> list[JudgedClaim]:
    """The worst mistakes, the most confident first and the earlier first among equals."""
    return sorted(mistakes, key=lambda claim: -abs((claim.probability or 0.5) - 0.5))[:_MOST_MISTAKES]


def _batches(cases: Iterable[Case], subjects: Subjects) -> Iterator[list[Case]]:
    """Cases whose questions fill a batch of the model; one by one where no model is asked."""
    batch: list[Case] = []
    for case in cases:
        batch.append(case)
        if not subjects.askers or sum(len(item.expected) for item in batch) >= subjects.batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _timed(run: ClaimRun, part: str, case: Case, work: Callable[[], Value]) -> Value | None:
    """What the work gives; None, and the failure is noted, where it fails for this case alone."""
    start = time.perf_counter()
    try:
        return work()
    except FATAL:
        raise
    except Exception as error:
        known = isinstance(error, TheodoliteError)
        reason = (
            str(error) if known else f"This part failed for a reason not foreseen ({type(error).__name__}); try -v."
        )
        logger.debug("Case %s failed in %s.", case.scene.id, part, exc_info=error)
        run.failures.append((case.scene.id, part, reason))
        return None
    finally:
        run.seconds[part] = run.seconds.get(part, 0.0) + time.perf_counter() - start


def _judge_claims(
    run: ClaimRun, case: Case, scene: Scene, subjects: Subjects, on_claim: Callable[[JudgedClaim], None]
) -> None:
    """Judge the case's own claims, by the verifier and by the baselines."""
    if not scene.claims:
        return
    judged = _timed(run, "verify", case, lambda: subjects.judge(scene, None))
    if judged is None:
        return
    plain = {
        judge.name: _timed(run, judge.name, case, partial(_plain_scores, judge, scene)) for judge in subjects.baselines
    }
    for index, (claim, verdict) in enumerate(zip(scene.claims, judged[1], strict=True)):
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
            source_of(scene, claim.frames),
            case.group,
        )
        run.judgements.append(done.judgement)
        run.sources.append(done.source)
        for name, scores in plain.items():
            score = None if scores is None else scores[index]
            run.plain[name].append(PlainScore(relation, claim.truth, score, case.group))
        if done.is_mistake:
            _keep(run, done)
        on_claim(done)


def _with_depth(scene: Scene, subjects: Subjects) -> Scene:
    return subjects.ocr(subjects.depth(scene))


def _plain_scores(judge: PlainJudge, scene: Scene) -> list[float | None]:
    return [judge.judge(scene, claim) for claim in scene.claims]


def _keep(run: ClaimRun, mistake: JudgedClaim) -> None:
    run.mistakes.append(mistake)
    if len(run.mistakes) >= 2 * _MOST_MISTAKES:
        run.mistakes = _ranked(run.mistakes)


def _ask(run: ClaimRun, prepared: Sequence[tuple[Case, Scene]], subjects: Subjects) -> None:
    """Ask the questions of several cases together, in each way, and score the answers."""
    asked = [(case, scene, expected) for case, scene in prepared for expected in case.expected]
    answers: list[dict[str, Scored | None]] = [{} for _ in asked]
    for name, asker in subjects.askers.items():
        start = time.perf_counter()
        outcomes = asker.ask_all([(scene, expected.question) for _, scene, expected in asked]) if asked else []
        run.seconds["ask"] = run.seconds.get("ask", 0.0) + time.perf_counter() - start
        for (case, scene, expected), outcome, found in zip(asked, outcomes, answers, strict=True):
            found[name] = _scored(run, case, scene, expected, outcome, subjects)
    for (case, scene, expected), found in zip(asked, answers, strict=True):
        run.questions.append(AnsweredQuestion(scene.id, case.group, expected.category, expected, found))


def _scored(
    run: ClaimRun, case: Case, scene: Scene, expected: Expected, outcome: Outcome, subjects: Subjects
) -> Scored | None:
    if isinstance(outcome, TheodoliteError):
        run.failures.append((scene.id, "query", str(outcome)))
        return None
    known = (*scene.regions, *outcome.regions)
    answer = with_asked_claim(expected, outcome, list(dict.fromkeys([*(r.label for r in known), *unique_names(known)])))
    judged = _timed(run, "verify", case, lambda: subjects.judge(replace(scene, claims=()), answer))
    verdicts = judged[1] if judged is not None else ()
    return _timed(run, "score", case, lambda: scored(expected, answer, verdicts))


def _check(run: ClaimRun, dataset: ClaimDataset, subjects: Subjects) -> None:
    """Make sure that something was measured.

    Raises:
        InputError: If nothing was; names the first failure where there is one.
    """
    if run.judgements or any(answer is not None for question in run.questions for answer in question.answers.values()):
        return
    if run.failures:
        case, part, reason = run.failures[0]
        raise InputError(f"Nothing of data set {dataset.name} could be judged: {reason} (case {case}, {part})")
    wanted = "claims or questions" if subjects.askers else "claims"
    if not subjects.askers and run.cases:
        raise InputError(
            f"The {run.cases} cases of data set {dataset.name} hold no claims; it has questions only, which need a "
            "model: add vlm=qwen3vl, vlm=openai or vlm=recorded."
        )
    raise InputError(f"Data set {dataset.name} holds no {wanted}; check its path, its limit and its relations.")
