"""Scenes and questions in, answers out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Interval

from pipeline.claims.regions import Images
from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.models.vlm.budget import DEFAULT_BUDGET, ImageBudget
from pipeline.models.vlm.crops import Crop, SecondLook, choose_crops
from pipeline.models.vlm.followups import formalise_request
from pipeline.models.vlm.hints import HintMode
from pipeline.models.vlm.listening import Listener, quiet
from pipeline.models.vlm.prompt import (
    build_answer_request,
    build_grounding_request,
    crop_parts,
    shown_frames,
)
from pipeline.models.vlm.recheck import build_recheck_request
from pipeline.records import Answer, DepthKind, Scene, Status
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.errors import ConfigError, TheodoliteError
from pipeline.records.message import Language, detect_language
from pipeline.records.settings import Count, Words, checked
from pipeline.stages.cache import StageCache
from pipeline.stages.confirm import Questions, doubted, questions_about
from pipeline.stages.formalise import with_restated
from pipeline.stages.generations import generate_all
from pipeline.stages.hints import read_depth
from pipeline.stages.outcomes import for_each
from pipeline.stages.reading import Prompt, grounded_regions, read_answer
from pipeline.stages.recheck import Judged, Reason, refuted_claims, small_regions
from pipeline.verify.rules.base import Settings


class Formalise(StrEnum):
    """Whether the model restates as claims what was not read of its prose."""

    OFF = "off"
    AUTO = "auto"


class Confirm(StrEnum):
    """Which regions the model is shown again, and asked whether they show what their names say."""

    OFF = "off"
    AUTO = "auto"
    ALWAYS = "always"


class Steps(StrEnum):
    """Whether a separate step grounds the objects before the question is asked."""

    AUTO = "auto"
    ONE = "one"
    TWO = "two"


class QueryStage:
    """Asks a model.

    Args:
        model: The vision-language model.
        hints: Depth hints in the prompt: none, table, image or both.
        steps: ``two`` grounds the objects first and reads their depth for the table; ``auto`` does so if the hints
            include a table, the scene has depth, and the model can ground.
        language: Language of the prompt: auto (that of the question), en or zh.
        batch_size: Maximum number of questions asked together.
        recheck: How often a question is asked again if a claim of the answer is refuted: 0 or 1.
        second_look: Objects the model also sees enlarged: ``off`` none; ``auto``, if the model takes crops, objects
            that it sees too small, and, by asking again, objects too small to judge a claim; ``always`` every object
            located before the question is asked.
        formalise: ``auto`` asks once, without images, for the claims of sentences that state something about space and
            were not read, if the model takes such questions.
        confirm: ``always`` asks about every region on which a claim of the answer hangs; ``auto``, where ``recheck`` is
            1, about those of refuted claims; both only if the model takes such questions.
        budget: Number and size of the frames and crops that the model is shown.
        cache: Cache of generations.
        error_budget: The verifier's error budget.
        settings: The verifier's settings for cutting out objects.

    Attributes:
        lock: Held by callers that share the stage between threads, as its model works for one at a time.

    Raises:
        ConfigError: If an option does not exist, or a number is out of range.
    """

    @checked
    def __init__(
        self,
        model: VisionLanguageModel,
        hints: HintMode = HintMode.TABLE,
        steps: Steps = Steps.AUTO,
        language: Literal["auto"] | Language = "auto",
        batch_size: Count = 8,
        recheck: Annotated[int, Interval(ge=0, le=1)] = 0,
        second_look: Annotated[SecondLook | Literal[False], Words("off, auto or always")] = SecondLook.AUTO,
        formalise: Annotated[Formalise | Literal[False], Words("off or auto")] = Formalise.AUTO,
        confirm: Annotated[Confirm | Literal[False], Words("off, auto or always")] = Confirm.AUTO,
        budget: ImageBudget = DEFAULT_BUDGET,
        cache: StageCache | None = None,
        error_budget: ErrorBudget | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.hints = hints
        self.steps = steps
        # YAML reads a bare off as false.
        self.second_look = SecondLook.OFF if second_look is False else second_look
        if not isinstance(budget, ImageBudget):
            raise ConfigError(f"query.budget must hold the keys of conf/query/default.yaml, and not be {budget!r}.")
        if self.second_look is SecondLook.AUTO and not model.takes_crops:
            self.second_look = SecondLook.OFF
        self.formalise = Formalise.OFF if formalise is False else formalise
        self.confirm = Confirm.OFF if confirm is False else confirm
        self.model = model
        self.language = language
        self.batch_size = batch_size
        self.recheck = recheck
        self.budget = budget
        self.cache = cache or StageCache()
        self.error_budget = error_budget
        self.settings = settings
        self.lock = threading.Lock()

    def check(self) -> None:
        """Check the model, unless some of its answers are cached, which may suffice.

        Raises:
            TheodoliteError: If the model cannot answer any question.
        """
        identity = self.model.identity
        if identity is None or not self.cache.holds("vlm", identity):
            self.model.check()

    def ask_all(self, asked: Sequence[tuple[Scene, str]]) -> list[Answer | TheodoliteError]:
        """Ask several questions together and read the answers; see ``prompts`` and ``answers``."""
        return self.answers(self.prompts(asked))

    def prompts(
        self, asked: Sequence[tuple[Scene, str]], listeners: Sequence[Listener | None] = ()
    ) -> list[Prompt | TheodoliteError]:
        """The prompts of several questions; the model grounds their objects where the prompt needs that.

        Args:
            asked: Scene and question of each.
            listeners: What follows the answer to each; empty for nothing.

        Returns:
            A prompt or an error for each question, in order.

        Raises:
            TheodoliteError: An error that concerns all questions, such as a missing model.
        """
        groundings: list[Generation | TheodoliteError | None] = [None] * len(asked)
        first = [index for index, (scene, _) in enumerate(asked) if self.grounds_first(scene)]
        listeners = listeners or [None] * len(asked)
        requests = for_each(self.grounding_request, *zip(*(asked[index] for index in first), strict=True))
        located = self._generate(requests, [quiet(listeners[index]) for index in first])
        for index, grounding in zip(first, located, strict=True):
            groundings[index] = grounding
        scenes, questions = [scene for scene, _ in asked], [question for _, question in asked]
        prompts = for_each(self.prompt, scenes, questions, groundings)
        return [
            replace(prompt, listener=listener) if isinstance(prompt, Prompt) else prompt
            for prompt, listener in zip(prompts, listeners, strict=True)
        ]

    def prompt(self, scene: Scene, question: str, grounding: Generation | None = None) -> Prompt:
        """The prompt of a question after grounding."""
        located = () if grounding is None else grounded_regions(grounding.text, self._images(scene, grounding))
        regions = (*scene.regions, *located)
        hints = read_depth(scene, regions, self.error_budget, self.settings) if self.hints_for(scene).has_table else ()
        crops = choose_crops(regions, scene.frames, self._shown(scene), self.second_look, self.budget)
        return Prompt(scene, question, grounding, located, hints, crops)

    def answers(self, prompts: Sequence[Prompt | TheodoliteError]) -> list[Answer | TheodoliteError]:
        """Ask several questions together and read the answers.

        Returns:
            An answer or an error for each question, in order.

        Raises:
            TheodoliteError: An error that concerns all questions, such as a missing model.
        """
        requests = for_each(self.answer_request, prompts)
        answers = for_each(self._read, prompts, self._generate(requests, _listeners(prompts)))
        return self._restated(prompts, answers)

    def _restated(
        self, prompts: Sequence[Prompt | TheodoliteError], answers: list[Answer | TheodoliteError]
    ) -> list[Answer | TheodoliteError]:
        """The answers with the claims by which the model restates what was not read of them."""
        if self.formalise is Formalise.OFF:
            return answers
        asked = [
            (index, prompt, answer)
            for index, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
            if isinstance(prompt, Prompt) and isinstance(answer, Answer) and answer.unread
        ]
        if not asked or not self.model.takes_followups:
            return answers
        requests = [
            formalise_request(
                prompt.scene,
                prompt.question,
                answer.unread,
                list(dict.fromkeys(region.label for region in answer.regions)),
                self.language_of(prompt.question),
            )
            for _, prompt, answer in asked
        ]
        restated = self._generate(requests, [quiet(prompt.listener) for _, prompt, _ in asked])
        for (index, prompt, answer), said in zip(asked, restated, strict=True):
            if isinstance(said, Generation):
                language = self.language_of(prompt.question)
                answers[index] = with_restated(answer, said, len(prompt.scene.frames), language)
        return answers

    def questions_about(self, judged: Judged) -> Questions | None:
        """The questions about the regions of an answer; None if none is to be asked."""
        is_on = self.confirm is Confirm.ALWAYS or (self.confirm is Confirm.AUTO and self.recheck > 0)
        if not is_on or not self.model.takes_followups:
            return None
        statuses = (Status.REFUTED,) if self.confirm is Confirm.AUTO else tuple(Status)
        claims = [verdict.claim for verdict in judged.verdicts if verdict.status in statuses]
        language = self.language_of(judged.prompt.question)
        questions = questions_about(judged.answer, claims, judged.prompt.scene, language, self.budget)
        return questions if questions.confirm else None

    def look_again(self, asked: Sequence[tuple[Judged, Questions]]) -> list[Answer]:
        """The answers with the probabilities that their regions show what their names say.

        Raises:
            TheodoliteError: An error that concerns all questions, such as a missing model.
        """
        requests = [request for _, questions in asked for request in questions.requests]
        listeners = [quiet(judged.prompt.listener) for judged, questions in asked for _ in questions.requests]
        outcomes = iter(self._generate(requests, listeners))
        return [
            doubted(judged.answer, questions, [next(outcomes) for _ in questions.requests])
            for judged, questions in asked
        ]

    def reasons_to_ask_again(self, judged: Judged) -> tuple[Reason, ...]:
        """Reasons to ask a question again; empty if the answer may stand."""
        language = self.language_of(judged.prompt.question)
        refuted = refuted_claims(judged, language) if self.recheck else None
        looks_again = self.second_look is not SecondLook.OFF
        small = small_regions(judged, self.budget, language) if looks_again else None
        return tuple(reason for reason in (refuted, small) if reason is not None)

    def ask_again(self, asked: Sequence[tuple[Judged, tuple[Reason, ...]]]) -> list[Answer | TheodoliteError]:
        """Ask questions again, with the verdicts about their first answers.

        Returns:
            As ``answers``. Tokens and seconds cover the second answer only.

        Raises:
            TheodoliteError: As ``answers``.
        """
        crops = [[crop for reason in reasons for crop in reason.crops] for _, reasons in asked]
        prompts = [judged.prompt for judged, _ in asked]
        generations = self._generate(for_each(self._recheck_request, asked, crops), _listeners(prompts))
        return self._restated(prompts, for_each(self._read, prompts, generations, crops))

    def language_of(self, question: str) -> Language:
        """Language of a question's prompt and of the messages about its answer."""
        return detect_language(question) if self.language == "auto" else self.language

    def hints_for(self, scene: Scene) -> HintMode:
        """The depth hints in the prompts about a scene: none in metres for a model that does not understand them."""
        is_metric = any(depth.kind is DepthKind.METRIC for depth in scene.depth)
        return HintMode.NONE if is_metric and not self.model.takes_metres else self.hints

    def grounds_first(self, scene: Scene) -> bool:
        """Whether questions about a scene are asked in two steps."""
        if self.steps is Steps.AUTO:
            return self.hints_for(scene).has_table and self.model.can_ground and bool(scene.depth)
        return self.steps is Steps.TWO

    def grounding_request(self, scene: Scene, question: str) -> Request:
        """The prompt that asks where the objects are."""
        return build_grounding_request(
            scene,
            question,
            language=self.language,
            budget=self.budget,
            hints=self.hints_for(scene),
            unit=self.model.convention().unit,
        )

    def answer_request(self, prompt: Prompt) -> Request:
        """The prompt that asks the question."""
        return build_answer_request(
            prompt.scene,
            prompt.question,
            hints=self.hints_for(prompt.scene),
            depth_hints=prompt.hints,
            language=self.language,
            budget=self.budget,
            crops=prompt.crops,
            unit=self.model.convention().unit,
        )

    def _recheck_request(self, asked: tuple[Judged, tuple[Reason, ...]], crops: Sequence[Crop]) -> Request:
        judged, reasons = asked
        prompt = judged.prompt
        language = self.language_of(prompt.question)
        small = [name for reason in reasons if reason.crops for name in reason.names]
        more = crop_parts(
            prompt.scene,
            crops,
            language,
            self.budget,
            already_shown=len(prompt.crops),
            unit=self.model.convention().unit,
        )
        first = self.answer_request(prompt)
        return build_recheck_request(first, judged.answer.text, judged.verdicts, language, small, more)

    def _read(self, prompt: Prompt, generation: Generation, again: Sequence[Crop] | None = None) -> Answer:
        prompting = {
            "hints": str(self.hints_for(prompt.scene)),
            "steps": 1 if prompt.grounding is None else 2,
            "frames": {str(index): most for index, most in self._shown(prompt.scene).items()},
            "crops": [{"frame": crop.frame, "box_px": list(crop.box_px)} for crop in (*prompt.crops, *(again or ()))],
        }
        images = self._images(prompt.scene, generation, (*prompt.crops, *(again or ())))
        answer = read_answer(prompt, generation, images, again, self.language_of(prompt.question))
        return replace(answer, prompting=prompting)

    def _images(self, scene: Scene, generation: Generation, crops: Sequence[Crop] = ()) -> Images:
        """The images of a prompt: the scene's frames, and crops of them."""
        cameras = [frame.camera for frame in scene.frames]
        shown = self._shown(scene)
        limits = [*(shown.get(index) for index in range(len(cameras))), *(None for _ in crops)]
        every = [*cameras, *(crop.camera(cameras[crop.frame]) for crop in crops)]
        sent = [
            self.model.sent_px((camera.width, camera.height), limit)
            for camera, limit in zip(every, limits, strict=True)
        ]
        return Images(every, len(cameras), sent, self.model.convention(generation))

    def _shown(self, scene: Scene) -> dict[int, int | None]:
        """The frames that the model sees, by index, with the maximum size of each [px]; None for full size."""
        limit = self.model.max_pixels
        return {
            index: limit if most is None else most if limit is None else min(most, limit)
            for index, most in shown_frames(scene, self.budget, self.hints_for(scene)).items()
        }

    def _generate(
        self, requests: Sequence[Request | TheodoliteError], listeners: Sequence[Listener | None]
    ) -> list[Generation | TheodoliteError]:
        followed = [
            replace(request, listener=listener) if isinstance(request, Request) and listener is not None else request
            for request, listener in zip(requests, listeners, strict=True)
        ]
        return generate_all(self.model, self.cache, followed)


def _listeners(prompts: Sequence[Prompt | TheodoliteError]) -> list[Listener | None]:
    return [prompt.listener if isinstance(prompt, Prompt) else None for prompt in prompts]
