"""Outputs that grow token by token, and what ends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.models.vlm.qwen3vl.encoding import EncodedPrompt
from pipeline.models.vlm.repetition import WINDOW, is_looping

_LOOP_INTERVAL = 16  # Tokens between two checks for a repetition.


@dataclass(frozen=True)
class Endings:
    """What ends an output, and the reasoning within it.

    Args:
        max_new_tokens: Limit of the output's length, reasoning included [tokens].
        max_thinking_tokens: Limit of the reasoning's length [tokens]; None for none.
        end_tokens: Tokens that end an output.
        close_thought: Tokens that end the reasoning, the last of which closes it; empty for models that do not reason.
    """

    max_new_tokens: int
    max_thinking_tokens: int | None
    end_tokens: frozenset[int]
    close_thought: tuple[int, ...]


class Row:
    """The output to one prompt.

    Args:
        prompt: The prompt.
        endings: What ends the output.
        goes_on: Called with the tokens after each of them; whether more are wanted.

    Attributes:
        tokens: Token ids so far, the end token included.
        finished: Whether it ended by itself.
        looping: Whether it was cut because it repeated itself.
        stopped: Whether nobody wanted more.
    """

    def __init__(
        self, prompt: EncodedPrompt, endings: Endings, goes_on: Callable[[Sequence[int]], bool] | None = None
    ) -> None:
        self.prompt = prompt
        self.tokens: list[int] = []
        self.finished = False
        self.looping = False
        self.stopped = False
        self._goes_on = goes_on
        self._endings = endings
        self._thinking = prompt.opens_thought
        self._forced: list[int] = []

    @property
    def is_done(self) -> bool:
        """Whether no token follows."""
        return self.finished or self.looping or self.stopped or len(self.tokens) >= self._endings.max_new_tokens

    def append(self, token: int) -> None:
        """Add the token that the model chose, or the one that closes a reasoning beyond its limit."""
        token = self._allowed(token)
        self.tokens.append(token)
        self.finished = token in self._endings.end_tokens
        if len(self.tokens) % _LOOP_INTERVAL == 0:
            self.looping = not self.finished and is_looping(self.tokens[-WINDOW:])
        if self._goes_on is not None:
            self.stopped = not self._goes_on(self.tokens) and not self.finished

    def _allowed(self, token: int) -> int:
        most, close = self._endings.max_thinking_tokens, self._endings.close_thought
        if most is None or not close:
            return token
        if not self._forced and self._thinking and len(self.tokens) >= most and token != close[-1]:
            self._forced = list(close)
        if self._forced:
            token = self._forced.pop(0)
        self._thinking = self._thinking and token != close[-1]
        return token
