"""Servers that speak the OpenAI protocol: vLLM, SGLang, ``transformers serve``, Ollama, or a paid service."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import StringConstraints

from pipeline.claims.coordinates.conventions import Convention, Size
from pipeline.claims.coordinates.families import CoordinateChoice, convention_of
from pipeline.models.vlm.base import Generation, Outcome, Request, Step, TextPart, TopP, VisionLanguageModel
from pipeline.models.vlm.concurrency import answer_concurrently
from pipeline.models.vlm.endpoint_answers import (
    Answer,
    BrokenAnswerError,
    NotTextError,
    ReportedError,
    joined,
    read_stream,
    read_whole,
    with_reasoning,
    yes_probability,
)
from pipeline.models.vlm.endpoint_errors import ErrorExplainer, client_retries
from pipeline.models.vlm.endpoint_images import ImageEncoder, ImageFormat, sent_size_px
from pipeline.models.vlm.listening import Feed
from pipeline.models.vlm.received import received_text, token_count
from pipeline.records.errors import ConfigError, GenerationError, ModelUnavailableError
from pipeline.records.settings import Count, Natural, NonNegative, Positive, Text, Words, checked

if TYPE_CHECKING:
    import openai

logger = logging.getLogger(__name__)

# A running server lists its models at once.
_CHECK_S = 10.0
_GoesOn = Callable[[Sequence[tuple[str, str]]], bool]
_NO_KEY = "none"  # Local servers need no key, but the client does not start without one.
_VariableName = Annotated[
    str,
    StringConstraints(pattern="^[A-Za-z_][A-Za-z0-9_]*$"),
    Words(
        "the name of an environment variable (letters, digits and underscores), not the API key itself",
        repeats_value=False,
    ),
]
_UNREADABLE = (ValueError, AttributeError, LookupError, TypeError, RecursionError)


@checked
@dataclass(eq=False)
class OpenAIEndpoint(VisionLanguageModel):
    """A model behind an OpenAI-compatible address; safe to use from several threads.

    The API key is read from the environment for each client. It never appears in the identity, the settings, the log,
    an error, or an answer that repeats it.

    Args:
        model: Name under which the server knows the model.
        base_url: Address of the API, up to and including ``/v1``; no login or query, because it is written to disk.
        api_key_env: Environment variable that holds the API key; it may be unset for local servers.
        timeout_s: Time that one attempt may take [s]: a stream to its end, a whole answer to its next byte.
        max_retries: Further attempts, with growing pauses or those that the server asks for, after 408, 409, 429, a
            server error, a time-out or a lost connection.
        max_concurrency: Most requests at a time, where several are asked together.
        stream: Whether to read the answer as it is generated, which measures the time to the first token and cuts an
            answer that repeats itself.
        max_new_tokens: Limit of the answer's length [tokens]; None leaves it to the server.
        temperature: Sampling temperature, 0 is greedy; None leaves it to the server.
        top_p: Probability mass that tokens are drawn from; None leaves it to the server.
        presence_penalty: Subtracted from the score of every token that occurred; None leaves it to the server.
        seed: Seed of the generation; None leaves it to the server.
        image_format: ``png`` sends the exact pixels, ``jpeg`` fewer bytes.
        max_side_px: Larger images are reduced to this longer side [px]; None reduces only images with a limit of
            their own.
        extra_body: Further fields of the request, as the server documents them.
        logprobs: Whether to ask the server for the probability of yes, where the answer is to be yes or no.
        coordinates: Unit of the coordinates in its answers; ``auto`` takes that of the model's family.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    model: Text
    base_url: str
    api_key_env: _VariableName = "OPENAI_API_KEY"
    timeout_s: Positive = 120.0
    max_retries: Natural = 3
    max_concurrency: Count = 4
    stream: bool = True
    max_new_tokens: Count | None = 1024
    temperature: NonNegative | None = 0.0
    top_p: TopP | None = None
    presence_penalty: float | None = None
    seed: int | None = 0
    image_format: ImageFormat = "png"
    max_side_px: Count | None = 2048
    extra_body: dict[str, Any] | None = None
    logprobs: bool = True
    coordinates: CoordinateChoice = "auto"

    def __post_init__(self) -> None:
        """Check the address."""
        check_address(self.base_url)
        self._images = ImageEncoder(self.image_format, self.max_side_px)
        self._explainer = ErrorExplainer(self.base_url, self.model, self.timeout_s, self.api_key_env)

    @property
    def identity(self) -> str | None:
        """Model, address and settings; None where answers are drawn without a seed."""
        if self.seed is None and self.temperature != 0:
            return None
        return f"openai:{self.model}@{self.base_url}:{json.dumps(self._answer_settings, sort_keys=True)}"

    def convention(self, generation: Generation | None = None) -> Convention:
        """See ``VisionLanguageModel``."""
        return convention_of(self.model, self.coordinates)

    def sent_px(self, size_px: Size, max_pixels: int | None) -> Size:
        """See ``VisionLanguageModel``."""
        return sent_size_px(size_px, self.max_side_px, max_pixels)

    def check(self) -> None:
        """Ask the server for its models; any answer shows that it is there, unless it refuses the key.

        Raises:
            ModelUnavailableError: If there is no server at the address, or it refuses the key.
        """
        import openai

        try:
            self._client.with_options(timeout=min(self.timeout_s, _CHECK_S), max_retries=0).models.list()
            return
        except (openai.APIConnectionError, openai.AuthenticationError, openai.PermissionDeniedError) as error:
            # A busy server may still answer a question in time.
            if isinstance(error, openai.APITimeoutError) and type(error.__cause__).__name__ != "ConnectTimeout":
                return
            message = self._explainer.explain(error, self._key)
        except Exception as error:
            logger.debug("The list of models cannot be read: %s", type(error).__name__)
            return
        # Outside of the handlers, so that the client's error with its request headers is not attached.
        raise ModelUnavailableError(message)

    def generate(self, request: Request) -> Generation:
        """Answer one request.

        Returns:
            The output verbatim, after reasoning that the server gives separately, within ``<think>``. ``truncated`` is
            also set where a streamed output was cut because it repeated itself.

        Raises:
            GenerationError: If the server cannot be reached, refuses, or answers with no text.
        """
        return self._generate(request, lambda: None, threading.Event())

    def generate_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Answer several requests concurrently; see ``answer_concurrently``."""
        return answer_concurrently(requests, self._generate, self.max_concurrency)

    def _generate(self, request: Request, on_read: Callable[[], None], stopped: threading.Event) -> Generation:
        """Answer one request; ``on_read`` is called when the server has read it, ``stopped`` ends it."""
        import openai

        started = perf_counter()
        body = self._body(request)
        timings = {"prepare_s": perf_counter() - started}

        def on_text() -> None:
            timings["first_token_s"] = perf_counter() - started
            on_read()

        goes_on = self._goes_on(request)
        # The client itself tries again, except after an answer that breaks off.
        asked = 0
        while asked <= self.max_retries:
            try:
                answer = self._ask(body, self.max_retries - asked, on_text, stopped, goes_on)
            except BrokenAnswerError as error:
                message = self._explainer.explain(error, self._key, asked)
                asked += 1 + error.retries
            except (openai.OpenAIError, ReportedError, NotTextError, *_UNREADABLE) as error:
                logger.debug("No answer: %s", type(error).__name__)
                message = self._explainer.explain(error, self._key, asked)
                break
            else:
                if answer.is_cut:
                    logger.warning("The answer for %s repeated itself and was cut.", request.item_id)
                return self._generation(answer, perf_counter() - started, timings)
        # Outside of the handlers, so that the client's error with its request headers is not attached.
        raise GenerationError(message)

    def _body(self, request: Request) -> dict[str, Any]:
        content: list[dict[str, Any]] = [
            {"type": "text", "text": part.text}
            if isinstance(part, TextPart)
            else {"type": "image_url", "image_url": {"url": self._images.data_url(part)}}
            for part in request.parts
        ]
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "extra_body": self.extra_body,
            **self._sampling,
        }
        if self.logprobs and request.step is Step.CONFIRM:
            body |= {"logprobs": True, "top_logprobs": 10}
        return {**body, "stream": True, "stream_options": {"include_usage": True}} if self.stream else body

    def _ask(
        self,
        body: dict[str, Any],
        max_retries: int,
        on_text: Callable[[], None],
        stopped: threading.Event,
        goes_on: _GoesOn,
    ) -> Answer:
        _check(stopped)
        completions = self._client.with_options(max_retries=max_retries).chat.completions
        if not self.stream:
            return read_whole(completions.create(**body))
        with completions.create(**body) as stream:
            try:
                return self._read(stream, on_text, stopped, goes_on)
            except BrokenAnswerError as error:
                error.retries = client_retries(stream.response.request)
                raise

    def _read(
        self, stream: openai.Stream[Any], on_text: Callable[[], None], stopped: threading.Event, goes_on: _GoesOn
    ) -> Answer:
        """Read an answer within the time limit; the client only limits the time from one byte to the next."""
        import openai
        from openai.types.chat import ChatCompletion

        response, end = stream.response, perf_counter() + self.timeout_s
        # Servers that know no streams answer at once.
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            try:
                content = response.read()
            except Exception:  # Their package depends on the client's version.
                raise BrokenAnswerError from None
            return read_whole(ChatCompletion.construct(**json.loads(content)))
        received = response.iter_bytes()

        def limited() -> Iterator[bytes]:
            for part in received:
                _check(stopped)
                yield part
                if perf_counter() > end:
                    raise openai.APITimeoutError(request=response.request)

        # The bytes are limited, because the stream gives no sign of a server's comments, which keep it open.
        response.iter_bytes = limited  # type: ignore[method-assign, assignment]
        return read_stream(stream, on_text, goes_on)

    @cached_property
    def _sampling(self) -> dict[str, Any]:
        names = ("temperature", "top_p", "presence_penalty", "seed")
        settings = {"max_tokens": self.max_new_tokens, **{name: getattr(self, name) for name in names}}
        return {name: value for name, value in settings.items() if value is not None}

    @property
    def _answer_settings(self) -> dict[str, Any]:
        """What an answer depends on.

        Streaming is not part of it: it only cuts answers that repeat themselves, which are useless either way.
        """
        return {
            **self._sampling,
            "image_format": self.image_format,
            "max_side_px": self.max_side_px,
            "extra_body": self.extra_body or {},
        }

    @cached_property
    def _client(self) -> openai.OpenAI:
        from openai import DefaultHttpxClient, OpenAI

        return OpenAI(
            api_key=self._key or _NO_KEY,
            base_url=self.base_url,
            timeout=self.timeout_s,
            max_retries=self.max_retries,
            # The key goes nowhere else.
            http_client=DefaultHttpxClient(follow_redirects=False),
        )

    @property
    def _key(self) -> str:
        return os.environ.get(self.api_key_env, "").strip()

    def _generation(self, answer: Answer, seconds: float, timings: dict[str, float]) -> Generation:
        text, reasoning = self._received(answer.text) or "", self._received(answer.reasoning)
        text = with_reasoning(text, reasoning)
        if not text:
            reason = " ".join((self._received(answer.finish_reason) or "unknown").split())[:50]
            raise GenerationError(
                f"The model {self.model} at {self.base_url} answered with no text (finish reason: {reason}); raise "
                "vlm.max_new_tokens, or choose another model."
            )
        return Generation(
            text=text,
            model=self.model,
            revision=self._received(answer.fingerprint),
            settings={
                **self._answer_settings,
                **{name: getattr(self, name) for name in ("stream", "timeout_s", "max_retries", "max_concurrency")},
            },
            seed=self.seed,
            prompt_tokens=token_count(answer.count("prompt_tokens")),
            completion_tokens=token_count(answer.count("completion_tokens")),
            seconds=seconds,
            truncated=answer.is_cut or answer.finish_reason == "length",
            cached_tokens=token_count(answer.count("prompt_tokens_details", "cached_tokens")),
            timings=timings,
            yes_probability=yes_probability(answer.first_words),
        )

    def _goes_on(self, request: Request) -> _GoesOn:
        """Passes the parts of an answer on to the request's listener, and says whether it waits for more."""
        if request.listener is None:
            return lambda parts: True

        def text_of(parts: Sequence[tuple[str, str]]) -> str:
            text, reasoning = joined(parts)
            return with_reasoning(self._received(text) or "", self._received(reasoning))

        return Feed(request.listener, text_of).goes_on

    def _received(self, text: Any) -> str | None:
        return received_text(text, self._key) or None


def _check(stopped: threading.Event) -> None:
    if stopped.is_set():
        raise GenerationError("The program was interrupted before the answer was complete.")


def check_address(url: str) -> None:
    """Refuse an address that is malformed or holds a secret; no error repeats it."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # Raises if it is malformed.
    except ValueError:
        raise ConfigError("vlm.base_url must be an address such as http://127.0.0.1:8000/v1.") from None
    if "@" in parts.netloc:
        raise ConfigError(
            "vlm.base_url must hold no login, because it is written to disk: put the key into the environment variable "
            "that vlm.api_key_env names."
        )
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "vlm.base_url must start with http:// or https:// and hold no query; a key belongs into the environment "
            "variable that vlm.api_key_env names."
        )
