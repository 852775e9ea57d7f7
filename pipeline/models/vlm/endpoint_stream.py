"""Answers that come as server-sent events, token by token."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.models.vlm.endpoint_answers import Answer, check_reported, said
from pipeline.models.vlm.limits import BrokenAnswerError
from pipeline.models.vlm.repetition import WINDOW, is_looping

_END = "[DONE]"
# About what a token is. Servers put several tokens into one event when they are busy, so that events do not repeat
# themselves as tokens do.
_LONGEST_PIECE = 16
_PIECE = re.compile(rf"\d|[^\W\d]{{1,4}}|[^\w\s]{{1,{_LONGEST_PIECE}}}|\s{{1,{_LONGEST_PIECE}}}")
_CHECK_AFTER = 64


def read_stream(chunks: Iterable[bytes], on_text: Callable[[], None]) -> Answer:
    """Read an answer as it comes, to its end or until it repeats itself.

    Args:
        chunks: The bytes of the stream.
        on_text: Called once, at the first text or reasoning.

    Raises:
        BrokenAnswerError: If it ends before the answer does.
        ReportedError: If the server reports an error in it.
        NotTextError: If it holds another value in place of a text.
        ValueError, LookupError, TypeError, AttributeError, RecursionError: If it is no answer of the protocol.
    """
    import openai

    answer, ended = _GrowingAnswer(on_text), False
    try:
        for data in server_sent_events(chunks):
            ended = data.strip() == _END
            if ended or answer.grow(json.loads(data)):
                break
    except (BrokenAnswerError, openai.APITimeoutError):
        # What is missing after the answer's end is only the number of its tokens.
        if answer.finish_reason is None:
            raise
    if not (ended or answer.is_cut or answer.finish_reason is not None):
        raise BrokenAnswerError
    return answer.finished()


class _GrowingAnswer:
    def __init__(self, on_text: Callable[[], None]) -> None:
        self._on_text = on_text
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._repetition = RepetitionWatch()
        self._usage: Any = None
        self._fingerprint: Any = None
        self._has_choice = False
        self.finish_reason: Any = None
        self.is_cut = False

    def grow(self, event: Any) -> bool:
        """Add what an event says, and tell whether the answer repeats itself."""
        check_reported(event)
        self._usage = event.get("usage") or self._usage
        self._fingerprint = event.get("system_fingerprint") or self._fingerprint
        for choice in event.get("choices") or ():
            self._has_choice = True
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            self._add(*said(choice.get("delta") or {}))
        return self.is_cut

    def finished(self) -> Answer:
        """The answer.

        Raises:
            LookupError: If no event was one of the protocol.
        """
        if not self._has_choice:
            raise LookupError("no event held a choice")
        text, reasoning = "".join(self._texts), "".join(self._reasoning)
        return Answer(text, reasoning, self.finish_reason, self._usage, self._fingerprint, self.is_cut)

    def _add(self, text: str, reasoning: str) -> None:
        if not text and not reasoning:
            return
        if not self._texts and not self._reasoning:
            self._on_text()
        if reasoning:
            self._reasoning.append(reasoning)
        if text:
            self._texts.append(text)
        self.is_cut = self._repetition.sees(reasoning + text)


class RepetitionWatch:
    """Looks for endless repetition in a text that grows."""

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def sees(self, text: str) -> bool:
        """Whether everything so far, with this text at its end, ends in a repetition; now and then it is not asked."""
        self._tail = (self._tail + text)[-WINDOW * _LONGEST_PIECE :]
        self._unseen += len(text)
        if self._unseen < _CHECK_AFTER:
            return False
        self._unseen = 0
        return is_looping([hash(piece) for piece in _PIECE.findall(self._tail)[-WINDOW:]])


def server_sent_events(chunks: Iterable[bytes]) -> Iterator[str]:
    r"""The data of server-sent events, without comments and keep-alives.

    >>> list(server_sent_events([b": ping", b"\n\ndata: on", b"e\r\n\r\ndata:two\ndata: lines"]))
    ['one', 'two\nlines']
    """
    data: list[str] = []
    for line in _lines(chunks):
        name, _, value = line.decode().partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    # Bytes, because the lines of a text also end at characters that an answer may hold, such as U+2028.
    rest = bytearray()
    for chunk in chunks:
        *ends, last = chunk.split(b"\n")
        for end in ends:
            yield bytes(rest + end).removesuffix(b"\r")
            rest.clear()
        rest += last
    yield bytes(rest).removesuffix(b"\r")
