"""Reading answers of the OpenAI protocol, and their possible faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.models.vlm.repetition import RepetitionWatch
from pipeline.records.errors import StoppedError


class BrokenAnswerError(Exception):
    """The connection was lost within an answer.

    Attributes:
        retries: How often the client had tried again before the answer began.
    """

    retries = 0


class ReportedError(Exception):
    """The server reports an error instead of an answer, or within one; the text is the server's."""


class NotTextError(Exception):
    """The answer is not a text; the message names its type."""


@dataclass(frozen=True)
class Answer:
    """An answer as the server gave it; only the types of its texts have been checked.

    Args:
        text: The text.
        reasoning: Reasoning that the server gives separately.
        finish_reason: Why it ended.
        usage: Numbers of tokens.
        fingerprint: Fingerprint of model and server.
        is_cut: Whether it was cut because it repeated itself.
        first_words: Log-probabilities of the first word that the server weighed, by word.
    """

    text: str
    reasoning: str = ""
    finish_reason: Any = None
    usage: Any = None
    fingerprint: Any = None
    is_cut: bool = False
    first_words: Mapping[str, float] = field(default_factory=dict)

    def count(self, *names: str) -> Any:
        """The number below these names in ``usage``; None where there is none."""
        value = self.usage
        for name in names:
            value = getattr(value, name, None)
        return value


def read_whole(completion: Any) -> Answer:
    """Read an answer that was not streamed.

    Args:
        completion: A ``ChatCompletion`` of the openai package, whose values may be of any type; or the text that a
            server sent in its place.

    Raises:
        ReportedError: If it is an error.
        NotTextError: If its content is not a text.
        LookupError, TypeError, AttributeError: If it does not follow the protocol.
    """
    if isinstance(completion, str) and is_prose(completion):
        raise ReportedError(completion)
    _check_reported(completion)
    choice = completion.choices[0]
    text, reasoning = _said(choice.message)
    return Answer(
        text,
        reasoning,
        choice.finish_reason,
        completion.usage,
        completion.system_fingerprint,
        first_words=_first_words(choice),
    )


def read_stream(
    chunks: Iterable[Any],
    on_text: Callable[[], None],
    goes_on: Callable[[Sequence[tuple[str, str]]], bool] = lambda parts: True,
) -> Answer:
    """Read an answer as it comes, to its end or until it repeats itself.

    Args:
        chunks: Each a ``ChatCompletionChunk`` of the openai package, whose values may be of any type.
        on_text: Called once, at the first text or reasoning.
        goes_on: Called with all parts so far, each a text and a reasoning, after each of them; whether more are wanted.

    Raises:
        StoppedError: If no more are wanted.
        BrokenAnswerError: If the stream ends before the answer does.
        ReportedError: If the server reports an error in it.
        NotTextError: If its content is not a text.
        openai.OpenAIError: If the server reports an error in it, or is too slow.
        ValueError, LookupError, TypeError, AttributeError, RecursionError: If it does not follow the protocol.
    """
    import openai

    parts: list[tuple[str, str]] = []
    watch = RepetitionWatch()
    finish_reason = usage = fingerprint = None
    first_words: dict[str, float] = {}
    is_cut = has_chunk = has_choice = False
    try:
        for chunk in chunks:
            _check_reported(chunk)
            has_chunk = True
            choices = getattr(chunk, "choices", None)
            usage = getattr(chunk, "usage", None) or usage
            fingerprint = getattr(chunk, "system_fingerprint", None) or fingerprint
            for choice in choices or ():
                has_choice = True
                first_words = first_words or _first_words(choice)
                finish_reason = choice.finish_reason or finish_reason
                text, reasoning = _said(choice.delta) if choice.delta is not None else ("", "")
                if text or reasoning:
                    if not parts:
                        on_text()
                    parts.append((text, reasoning))
                    is_cut = watch.sees(reasoning + text)
                    if not goes_on(parts):
                        raise StoppedError("The answer was stopped.")
            # The numbers of tokens come last; some servers keep the connection open after them.
            if is_cut or (finish_reason is not None and usage and not choices):
                break
    except openai.APIConnectionError as error:
        # After the answer's end, only the numbers of tokens are missing.
        if finish_reason is None:
            raise error if isinstance(error, openai.APITimeoutError) else BrokenAnswerError from None
    if has_chunk and not has_choice:
        raise LookupError("no event held a choice")
    if finish_reason is None and not is_cut:
        raise BrokenAnswerError
    text, reasoning = joined(parts)
    return Answer(text, reasoning, finish_reason, usage, fingerprint, is_cut, first_words)


def joined(parts: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Text and reasoning of an answer's parts."""
    texts, thoughts = [], []
    for text, thought in parts:
        texts.append(text)
        thoughts.append(thought)
    return "".join(texts), "".join(thoughts)


def with_reasoning(text: str, reasoning: str | None) -> str:
    """A text with reasoning that the server gives separately, as models write it themselves."""
    if not reasoning:
        return text
    return f"<think>\n{reasoning}\n</think>\n\n{text}" if text else f"<think>\n{reasoning}"


def yes_probability(first_words: Mapping[str, float]) -> float | None:
    """Probability of yes against no, from the log-probabilities of an answer's first word; None without either."""
    shares = {True: 0.0, False: 0.0}
    for word, log_probability in first_words.items():
        plain = word.strip(" .,!*\"'").casefold()
        if plain in ("yes", "是", "no", "否", "不"):
            shares[plain in ("yes", "是")] += math.exp(min(log_probability, 0.0))
    total = sum(shares.values())
    return shares[True] / total if total > 0 else None


def _first_words(choice: Any) -> dict[str, float]:
    """Log-probabilities of the first word of a choice, by word; empty where the server gives none."""
    content = getattr(getattr(choice, "logprobs", None), "content", None)
    try:
        top = content[0].top_logprobs if content else ()
        return {str(one.token): float(one.logprob) for one in top}
    except (AttributeError, LookupError, TypeError, ValueError):
        return {}


def reported(error: Any) -> str:
    """The message of a server's error."""
    message = error.get("message") if isinstance(error, Mapping) else None
    return message if isinstance(message, str) else str(error)


def _check_reported(answer: Any) -> None:
    """Raise the error that an answer, or a part of one, reports."""
    further = getattr(answer, "model_extra", None) or {}
    error = further.get("error") or (further if getattr(answer, "object", None) == "error" else None)
    if error:
        raise ReportedError(reported(error))


def is_prose(text: str) -> bool:
    """Whether a text that was to be JSON is one for people: no page, no broken JSON."""
    return text.strip()[:1] not in ("", "<", "{", "[") and any(map(str.isalpha, text))


def _said(message: Any) -> tuple[str, str]:
    """Text and reasoning of a message, or of a part of one; a refusal is a text too."""
    further = message.model_extra or {}
    content, thoughts = message.content, ""
    if isinstance(content, list):
        content, thoughts = _joined(content)
    if not isinstance(content, str | None):
        raise NotTextError(type(content).__name__)
    texts = (message.refusal, further.get("reasoning_content"), further.get("reasoning"))
    refusal, *reasoning = (text if isinstance(text, str) else "" for text in texts)
    return content or refusal, reasoning[0] or reasoning[1] or thoughts


def _joined(parts: list[Any]) -> tuple[str, str]:
    """Text and reasoning of a content that is a list of parts.

    The parts are those of https://platform.openai.com/docs/api-reference/chat/object (``text``, ``refusal``), of the
    Responses API (``output_text``) and of https://docs.mistral.ai/capabilities/reasoning (``thinking``).

    Raises:
        NotTextError: If none of them has a text.
    """
    texts, thoughts, known = "", "", not parts
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in ("thinking", "reasoning"):
            inner = part.get("thinking") or part.get("text") or part.get("content") or ""
            thoughts += inner if isinstance(inner, str) else _joined(inner if isinstance(inner, list) else [])[0]
            known = True
        elif kind in ("text", "output_text", "refusal"):
            text = part.get("text", part.get("refusal"))
            text = text.get("value") if isinstance(text, Mapping) else text
            if isinstance(text, str):
                texts, known = texts + text, True
    if not known:
        raise NotTextError("list")
    return texts, thoughts
