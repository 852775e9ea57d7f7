"""What a piece of work asks of the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pipeline.claims.markup import shorten
from pipeline.claims.prose import parse_prose
from pipeline.records import Attempt, Claim, Origin, Region, Result, Scene, Status
from pipeline.records.message import Language, Message, detect_language
from pipeline.serve.masks import decoded
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import Ask, Judge, MaskedRegion, MeasureDepth, Regions, Rejudge, SceneInput, Work
from pipeline.serve.settings import Limits
from pipeline.stages.group import Asked, Follower, Stages


class Stored(Protocol):
    """What was stored earlier."""

    def scene(self, id: str) -> SceneInput:
        """What a scene is read from."""
        ...

    def result(self, id: str) -> Result:
        """An earlier result."""
        ...


@dataclass(frozen=True)
class Options:
    """Options of the stages for one piece of work.

    Args:
        groups: Options of the groups depth, ocr and segment, as (group, name).
        hints: Depth hints in the prompt; None takes the configured ones.
        language: Language of the results; None takes that of each question.
        recheck: 1 asks again whatever is configured; None does what is configured.
    """

    groups: tuple[tuple[str, str], ...] = ()
    hints: str | None = None
    language: Language | None = None
    recheck: int | None = None


@dataclass(frozen=True)
class Plan:
    """A piece of work, checked, with what it builds on.

    Args:
        given: What its scene is read from.
        questions: The questions; one None where only claims are judged, or depth is measured.
        asks: Whether the model is needed.
        options: Options of the stages.
        regions: Regions that were given.
        claims: Claims that were given.
        notes: What was left out of them.
        earlier: The result whose answer is judged again, or whose question is asked again.
    """

    given: SceneInput
    questions: tuple[str | None, ...] = (None,)
    asks: bool = False
    options: Options = Options()
    regions: Regions = ()
    claims: tuple[Claim, ...] = ()
    notes: tuple[Message, ...] = ()
    earlier: Result | None = None

    @property
    def earlier_attempts(self) -> tuple[Attempt, ...]:
        """Attempts before the earlier answer, where its question is asked again."""
        return self.earlier.attempts if self.earlier is not None and self.asks else ()

    def questions_about(
        self, scene: Scene, stages: Stages, seconds: dict[str, float], followers: Sequence[Follower]
    ) -> list[Asked]:
        """Its questions about its scene.

        Args:
            scene: The scene with depth and text.
            stages: The stages, which measure the scale of anchors.
            seconds: Time spent on the scene [s].
            followers: One per question.

        Raises:
            UnfitError: If a mask is not of the size of its frame.
            RecordError: If a region or an anchor lies outside of the scene.
        """
        scene = replace(
            scene,
            regions=tuple(decoded(region, scene) for region in self.regions),
            claims=self.claims,
            anchors=self.given.anchors,
            notes=(*scene.notes, *self.notes),
        )
        if self.asks and scene.anchors:
            scene = stages.verify.anchored(scene, (*scene.regions, *scene.text_regions))
        last = len(self.questions) - 1
        group = [
            Asked(scene.id, scene, question, seconds, ends_item=number == last, follower=follower)
            for number, (question, follower) in enumerate(zip(self.questions, followers, strict=True))
        ]
        if (earlier := self.earlier) is not None:
            group[0].answer = earlier.answer
            if not self.asks:
                group[0].attempts, group[0].earlier_errors = earlier.attempts, earlier.errors
        return group


@dataclass(frozen=True)
class Planner:
    """Checks work when it comes.

    Args:
        store: What was stored earlier.
        limits: See ``Limits``.
        has_model: Whether there is a model that answers.
    """

    store: Stored
    limits: Limits
    has_model: bool

    def plan(self, work: Work) -> Plan:
        """The plan of a piece of work.

        Raises:
            UnknownError: If its scene or an earlier result is unknown.
            GoneError: If one of them was deleted.
            UnfitError: If it asks for something that cannot be done.
        """
        given = self.store.scene(work.scene)
        groups = tuple(sorted(given.options.items()))
        match work:
            case Ask():
                return self._ask(work, given, groups)
            case Judge():
                return self._judge(work, given, groups)
            case Rejudge():
                return self._rejudge(work, given, groups)
            case MeasureDepth():
                return Plan(given, options=Options(groups))

    def _ask(self, work: Ask, given: SceneInput, groups: tuple[tuple[str, str], ...]) -> Plan:
        if not self.has_model:
            raise UnfitError("This server has no model that answers questions; it judges given claims.")
        options = Options(groups, work.hints, work.language)
        regions = self._regions(work.regions)
        if work.after is not None:
            return self._again(work, given, options, regions)
        if not work.questions:
            raise UnfitError("There is no question; give at least one.")
        if len(work.questions) > self.limits.questions:
            raise UnfitError(f"There are {len(work.questions)} questions; ask at most {self.limits.questions} at once.")
        for question in work.questions:
            self._check_text(question, "question")
        return Plan(given, work.questions, asks=True, options=options, regions=regions)

    def _again(self, work: Ask, given: SceneInput, options: Options, regions: Regions) -> Plan:
        earlier = self.store.result(work.after or "")
        if earlier.question is None or earlier.answer is None:
            raise UnfitError("That result answers no question, so there is none to ask again.")
        if len(work.questions) > 1:
            raise UnfitError("One question is asked again; give it in other words, or leave it out.")
        for question in work.questions:
            self._check_text(question, "question")
        own = earlier.verdicts[: len(earlier.answer.claims)]
        if all(verdict.status is not Status.REFUTED for verdict in own):
            raise UnfitError("No claim of that answer is refuted, so there is no evidence to ask again with.")
        language = options.language or earlier.language
        return Plan(
            given,
            work.questions or (earlier.question,),
            asks=True,
            options=replace(options, language=language, recheck=1),
            regions=(*_given_regions(earlier), *regions),
            earlier=earlier,
        )

    def _judge(self, work: Judge, given: SceneInput, groups: tuple[tuple[str, str], ...]) -> Plan:
        if not work.claims:
            raise UnfitError("There is no claim; give at least one.")
        if len(work.claims) > self.limits.claims:
            raise UnfitError(f"There are {len(work.claims)} claims; give at most {self.limits.claims} at once.")
        regions = self._regions(work.regions)
        names = [region.label if isinstance(region, Region) else region.region.label for region in regions]
        claims: list[Claim] = []
        notes: list[Message] = []
        for claim in work.claims:
            if isinstance(claim, Claim):
                claims.append(claim)
                continue
            self._check_text(claim, "claim")
            found, problems = parse_prose(claim, names)
            if not found:
                why = problems[0].text() if problems else "Write one like 'The cup is left of the plate.'"
                raise UnfitError(f"The sentence {shorten(claim)!r} states no claim that can be judged. {why}")
            claims += [replace(each, text_span=None, origin=Origin.GIVEN) for each in found]
            notes += problems
        if len(claims) > self.limits.claims:
            raise UnfitError(f"The sentences state {len(claims)} claims; give at most {self.limits.claims} at once.")
        language = work.language or _language_of(work.claims)
        return Plan(
            given, options=Options(groups, language=language), regions=regions, claims=tuple(claims), notes=tuple(notes)
        )

    def _rejudge(self, work: Rejudge, given: SceneInput, groups: tuple[tuple[str, str], ...]) -> Plan:
        earlier = self.store.result(work.result)
        said = 0 if earlier.answer is None else len(earlier.answer.claims)
        return Plan(
            given,
            (earlier.question,),
            options=Options(groups, language=earlier.language),
            regions=_given_regions(earlier),
            claims=tuple(verdict.claim for verdict in earlier.verdicts[said:]),
            earlier=earlier,
        )

    def _regions(self, regions: Regions) -> Regions:
        if len(regions) > self.limits.regions:
            raise UnfitError(f"There are {len(regions)} regions; give at most {self.limits.regions} at once.")
        return tuple(map(_as_given, regions))

    def _check_text(self, text: str, what: str) -> None:
        if not text.strip():
            raise UnfitError(f"A {what} is empty; say what to {'ask' if what == 'question' else 'judge'}.")
        if len(text) > self.limits.question_chars:
            raise UnfitError(
                f"A {what} has {len(text)} characters; write at most {self.limits.question_chars} of them."
            )


def _as_given(region: Region | MaskedRegion) -> Region | MaskedRegion:
    if isinstance(region, MaskedRegion):
        return replace(region, region=replace(region.region, origin=Origin.GIVEN))
    return replace(region, origin=Origin.GIVEN)


def _given_regions(earlier: Result) -> tuple[Region, ...]:
    """The regions that were given to an earlier result, without masks that a segmenter made."""
    given = [region for region in earlier.regions if region.origin is Origin.GIVEN]
    return tuple(region if region.segmenter is None else replace(region, mask=None, segmenter=None) for region in given)


def _language_of(claims: Sequence[Claim | str]) -> Language | None:
    """The language of the first sentence; None without one."""
    sentences = [claim for claim in claims if isinstance(claim, str)]
    return detect_language(sentences[0]) if sentences else None
