"""What goes to a vision-language model and what comes back, and the protocol of its backends."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import numpy as np
from annotated_types import Interval

from pipeline.models.base import Backend
from pipeline.models.vlm.listening import Listener
from pipeline.records.errors import FATAL, TheodoliteError

if TYPE_CHECKING:
    from pipeline.claims.coordinates.conventions import Convention, Size

TopP = Annotated[float, Interval(gt=0, le=1)]
"""Probability mass that tokens are drawn from."""


class Step(StrEnum):
    """What a request asks.

    Where the objects are, the user's question, the question again after a check, the claims of an answer in JSON,
    whether a part of an image shows what its name says, or which of several parts does so best.
    """

    GROUND = "ground"
    ANSWER = "answer"
    RECHECK = "recheck"
    FORMALISE = "formalise"
    CONFIRM = "confirm"
    COMPARE = "compare"


@dataclass(frozen=True, eq=False)
class ImagePart:
    """An image within a prompt.

    Args:
        rgb: uint8 (H, W, 3), upright.
        max_pixels: Most pixels of it that the model may see [px]; None leaves the limit to the backend.
        known_digest: Its ``digest`` where it is known already, as a frame's is.
    """

    rgb: np.ndarray
    max_pixels: int | None = None
    known_digest: str | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over size and pixels."""
        if self.known_digest is not None:
            return self.known_digest
        digest = hashlib.sha256(repr(self.rgb.shape).encode())
        digest.update(np.ascontiguousarray(self.rgb).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class TextPart:
    """A text within a prompt."""

    text: str


@dataclass(frozen=True, eq=False)
class Request:
    """A prompt: images and texts in the order in which the model reads them.

    Args:
        parts: The user's turn.
        item_id: Id of the item, for backends that look answers up.
        question: The question as the user asked it.
        step: What it asks.
        frame_digests: SHA-256 of each frame, for backends that look answers up.
        listener: What follows the answer while the model writes it; backends that cannot tell ignore it.
    """

    parts: tuple[ImagePart | TextPart, ...]
    item_id: str
    question: str
    step: Step = Step.ANSWER
    frame_digests: tuple[str, ...] = ()
    listener: Listener | None = None

    @property
    def images(self) -> list[ImagePart]:
        """The images, in order."""
        return [part for part in self.parts if isinstance(part, ImagePart)]

    @property
    def pixels(self) -> list[np.ndarray]:
        """The pixels of the images, in order."""
        return [image.rgb for image in self.images]

    @property
    def prompt_text(self) -> str:
        """The texts, with ``<image>`` where an image stands."""
        return "".join(part.text if isinstance(part, TextPart) else "<image>" for part in self.parts)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the model reads."""
        digest = hashlib.sha256(self.prompt_text.encode())
        for image in self.images:
            digest.update(f"{image.digest}:{image.max_pixels}".encode())
        return digest.hexdigest()

    @property
    def content_hash(self) -> str:
        """SHA-256 over the frames and the question: the same content gives the same hash on every machine."""
        digest = hashlib.sha256("|".join(self.frame_digests).encode())
        digest.update(self.question.strip().encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Generation:
    """A model's output for one request.

    Args:
        text: The output, verbatim.
        model: Name or path of the model.
        revision: Its revision or content hash, where known.
        settings: Settings of the generation.
        seed: Seed of the generation, where it has one.
        prompt_tokens: Tokens of the prompt, where known.
        completion_tokens: Tokens of the output, where known.
        seconds: Time from request to answer [s]; for requests that were answered together, a share of their time.
        truncated: Whether the output ended because of the token limit, or because it repeated itself.
        cached_tokens: Tokens of the prompt whose computation was reused, where known.
        timings: Where the time and the memory went, by name; a name ends in its unit.
        yes_probability: Probability of yes against no as the first word of the answer to a request of the step
            ``confirm``, where known.
    """

    text: str
    model: str
    revision: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0
    truncated: bool = False
    cached_tokens: int | None = None
    timings: dict[str, float] = field(default_factory=dict)
    yes_probability: float | None = None


Outcome = Generation | TheodoliteError
"""An answer, or the reason why there is none."""


class VisionLanguageModel(Backend, Protocol):
    """A model that answers requests."""

    @property
    def can_ground(self) -> bool:
        """Whether it can be asked first where the objects are."""
        return True

    @property
    def max_pixels(self) -> int | None:
        """Most pixels that it sees of one image [px]; None where it has no limit of its own, or does not state it."""
        return None

    @property
    def takes_crops(self) -> bool:
        """Whether it understands prompts with crops of their images."""
        return True

    @property
    def takes_followups(self) -> bool:
        """Whether it understands the short questions of ``query.formalise`` and ``query.confirm``."""
        return True

    @property
    def takes_metres(self) -> bool:
        """Whether it understands prompts with depth in metres."""
        return True

    def convention(self, generation: Generation | None = None) -> Convention:
        """Convention of the coordinates in its answers; in one answer, where several models gave them.

        Args:
            generation: The answer; None for the convention that a prompt should ask for.
        """
        from pipeline.claims.coordinates.conventions import Convention

        return Convention()

    def sent_px(self, size_px: Size, max_pixels: int | None) -> Size:
        """Size at which it is given an image of some size, before it resizes the image itself [px]."""
        return size_px

    def generate(self, request: Request) -> Generation:
        """Answer one request.

        Raises:
            GenerationError: If the model could not answer.
            StoppedError: If the request's listener waits no more.
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        ...

    def generate_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Answer several requests, in order; an error stands in for an answer that failed.

        By default one after the other. A missing model is raised, because it affects all requests.

        Raises:
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        outcomes: list[Outcome] = []
        for request in requests:
            try:
                outcomes.append(self.generate(request))
            except FATAL:
                raise
            except TheodoliteError as error:
                outcomes.append(error)
        return outcomes
