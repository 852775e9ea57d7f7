"""Answers of the OpenAI protocol: what is read of them, and what can be wrong with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ReportedError(Exception):
    """The server reports an error in place of an answer, or within one; the text is the server's."""


class NotTextError(Exception):
    """The answer is a value of another type, which the text names."""


@dataclass(frozen=True)
class Answer:
    """An answer as the server gave it: a text may hold anything, the other values may be of any type.

    Args:
        text: What it says.
        reasoning: Reasoning that is given apart.
        finish_reason: Why it ends.
        usage: Numbers of tokens.
        fingerprint: Of model and server.
        is_cut: Whether it was broken off because it repeated itself.
    """

    text: str
    reasoning: str = ""
    finish_reason: Any = None
    usage: Any = None
    fingerprint: Any = None
    is_cut: bool = False

    def count(self, *names: str) -> Any:
        """The number below these names in ``usage``; None where there is none."""
        value = self.usage
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def read_whole(body: bytes) -> Answer:
    """Read an answer that came at once.

    Raises:
        ReportedError: If it is an error.
        NotTextError: If it holds no text but another value.
        ValueError, LookupError, TypeError, AttributeError, RecursionError: If it is no answer of the protocol.
    """
    answer = json.loads(body)
    check_reported(answer)
    choice = answer["choices"][0]
    text, reasoning = said(choice["message"])
    return Answer(text, reasoning, choice.get("finish_reason"), answer.get("usage"), answer.get("system_fingerprint"))


def said(message: Mapping[str, Any]) -> tuple[str, str]:
    """Text and reasoning of a message, or of a part of one; a refusal is a text too.

    Raises:
        NotTextError: If the text is another value.
    """
    content = message.get("content")
    if not isinstance(content, str | None):
        raise NotTextError(type(content).__name__)
    return content or _text(message, "refusal"), _text(message, "reasoning_content") or _text(message, "reasoning")


def check_reported(answer: Mapping[str, Any]) -> None:
    """Raise the error that an answer, or a part of one, reports.

    Raises:
        ReportedError: If it does.
    """
    error = answer.get("error") or (answer if answer.get("object") == "error" else None)
    if error:
        message = error.get("message") if isinstance(error, Mapping) else None
        raise ReportedError(message if isinstance(message, str) else str(error))


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""
