"""Scenes and questions in, answers out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from pipeline.error_budget import ErrorBudget
from pipeline.errors import ConfigError, TheodoliteError
from pipeline.records import Answer, Scene
from pipeline.rules.base import Settings
from pipeline.stages.cache import StageCache
from pipeline.stages.generations import generate_all
from pipeline.stages.hints import read_depth
from pipeline.stages.outcomes import for_each
from pipeline.stages.reading import grounded_regions, read_answer
from pipeline.stages.recheck import FindReason, Judged, Reason, refuted_claims
from pipeline.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.vlm.hints import DepthHint, HintMode
from pipeline.vlm.prompt import build_answer_request, build_grounding_request, detect_language
from pipeline.vlm.recheck import build_recheck_request
from pipeline.vlm.templates import Language


class Steps(StrEnum):
    """Whether the objects are grounded in a step of their own before the question is asked."""

    AUTO = "auto"
    ONE = "one"
    TWO = "two"


class QueryStage:
    """Asks a model.

    Args:
        model: The vision-language model.
        hints: Which depth hints the prompt holds: none, table, image or both.
        steps: ``two`` grounds the objects first and reads their depth for the table; ``auto`` does so
            where the hints hold a table and the model can be asked twice.
        language: Language of the prompt: auto (that of the question), en or zh.
        batch_size: Most questions that are asked together.
        recheck: How often a question is asked again where a claim of the answer is refuted: 0 or 1.
        cache: Where generations are kept.
        budget: Error of every measurement; the verifier's.
        settings: How objects are cut out; the verifier's.

    Raises:
        ConfigError: If an option does not exist, or a number is out of range.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        hints: str = "table",
        steps: str = "auto",
        language: str = "auto",
        batch_size: int = 8,
        recheck: int = 0,
        cache: StageCache | None = None,
        budget: ErrorBudget | None = None,
        settings: Settings | None = None,
    ) -> None:
        try:
            self.hints, self.steps = HintMode(hints), Steps(steps)
        except ValueError:
            raise ConfigError(
                f"query.hints must be one of {', '.join(HintMode)} and query.steps one of {', '.join(Steps)}, "
                f"not {hints!r} and {steps!r}."
            ) from None
        if language not in ("auto", "en", "zh"):
            raise ConfigError(f"query.language must be auto, en or zh, not {language!r}.")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"query.batch_size must be a whole number of at least 1, not {batch_size!r}.")
        if recheck not in (0, 1):
            raise ConfigError(f"query.recheck must be 0 or 1, not {recheck!r}.")
        self.model = model
        self.language: Literal["auto"] | Language = language  # type: ignore[assignment]
        self.batch_size = batch_size
        self.cache = cache or StageCache()
        self.budget = budget
        self.settings = settings
        self._find_reasons: tuple[FindReason, ...] = (refuted_claims,) if recheck else ()

    def __call__(self, scene: Scene, question: str) -> Answer:
        """Ask one question and read the answer.

        Raises:
            GenerationError: If the model could not answer.
            ModelUnavailableError: If the model is neither on disk nor reachable.
            InputError: If the question is empty.
        """
        (outcome,) = self.ask_all([(scene, question)])
        if isinstance(outcome, TheodoliteError):
            raise outcome
        return outcome

    def ask_all(self, asked: Sequence[tuple[Scene, str]]) -> list[Answer | TheodoliteError]:
        """Ask several questions together and read the answers.

        Returns:
            In the order asked, the answer; or the error, where a question could not be answered.

        Raises:
            TheodoliteError: An error that concerns all questions alike, such as a missing model.
        """
        scenes, questions = [scene for scene, _ in asked], [question for _, question in asked]
        groundings: list[Generation | TheodoliteError | None] = [None] * len(asked)
        if self.grounds_first:
            groundings = [*self._generate(for_each(self.grounding_request, scenes, questions))]
        generations = self._generate(for_each(self._answer_request, scenes, questions, for_each(_text, groundings)))
        return for_each(_read, scenes, questions, groundings, generations)

    def reasons_to_ask_again(self, judged: Judged) -> tuple[Reason, ...]:
        """Why a question should be asked once more; none where the answer may stand."""
        found = (find(judged) for find in self._find_reasons)
        return tuple(reason for reason in found if reason is not None)

    def ask_again(self, asked: Sequence[tuple[Judged, tuple[Reason, ...]]]) -> list[Answer | TheodoliteError]:
        """Ask questions once more, with what was measured about their first answers.

        Returns:
            As ``ask_all``. Tokens and seconds are those of the second answer alone.

        Raises:
            TheodoliteError: As ``ask_all``.
        """
        first = [judged for judged, _ in asked]
        generations = self._generate(for_each(self._recheck_request, first, [reasons for _, reasons in asked]))
        return for_each(_read_again, first, generations)

    @property
    def grounds_first(self) -> bool:
        """Whether a question is asked in two steps."""
        if self.steps is Steps.AUTO:
            return self.hints.has_table and self.model.can_ground
        return self.steps is Steps.TWO

    def grounding_request(self, scene: Scene, question: str) -> Request:
        """The prompt that asks where the objects are."""
        return build_grounding_request(scene, question, language=self.language)

    def answer_request(self, scene: Scene, question: str, depth_hints: Sequence[DepthHint]) -> Request:
        """The prompt that asks the question."""
        return build_answer_request(scene, question, hints=self.hints, depth_hints=depth_hints, language=self.language)

    def read_depth(self, scene: Scene, grounding: str | None = None) -> tuple[DepthHint, ...]:
        """Depth for the table: of the scene's own regions and of those that the first step located."""
        if not self.hints.has_table:
            return ()
        regions = (*scene.regions, *grounded_regions(scene, grounding))
        return read_depth(scene, regions, self.budget, self.settings)

    def _answer_request(self, scene: Scene, question: str, grounding: str | None) -> Request:
        return self.answer_request(scene, question, self.read_depth(scene, grounding))

    def _recheck_request(self, judged: Judged, reasons: tuple[Reason, ...]) -> Request:
        first = self._answer_request(judged.scene, judged.question, judged.answer.grounding)
        language = detect_language(judged.question) if self.language == "auto" else self.language
        more = [part for reason in reasons for part in reason.parts]
        return build_recheck_request(first, judged.answer.text, judged.verdicts, language, more)

    def _generate(self, requests: Sequence[Request | TheodoliteError]) -> list[Generation | TheodoliteError]:
        return generate_all(self.model, self.cache, requests)


def _text(generation: Generation | None) -> str | None:
    return None if generation is None else generation.text


def _read(scene: Scene, question: str, grounding: Generation | None, generation: Generation) -> Answer:
    generations = [generation] if grounding is None else [grounding, generation]
    return read_answer(scene, question, generations, _text(grounding))


def _read_again(judged: Judged, generation: Generation) -> Answer:
    return read_answer(judged.scene, judged.question, [generation], judged.answer.grounding)
