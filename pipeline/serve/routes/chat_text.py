"""What of a model's text a chat shows: its prose, without thoughts before it and JSON after it."""

from __future__ import annotations

_THINKS, _THOUGHT = "<think>", "</think>"
_FENCE = "```"
# Marks that may begin at the end of a text that is still being written.
_MARKS = (_THINKS, _FENCE)


def spoken(text: str, *, is_whole: bool) -> str:
    r"""The prose of a model's text.

    Args:
        text: The text; of one that is still being written, its beginning.
        is_whole: Whether nothing follows.

    >>> spoken("<think>Hm.</think>\nYes.\n\n```json\n{}\n```", is_whole=True), spoken("Yes.\n``", is_whole=False)
    ('Yes.', 'Yes.')
    """
    if text.lstrip().startswith(_THINKS):
        text = text.partition(_THOUGHT)[2]
    text = text.partition(_FENCE)[0]
    if not is_whole:
        for mark in _MARKS:
            held = next((size for size in range(len(mark) - 1, 0, -1) if text.endswith(mark[:size])), 0)
            text = text[: len(text) - held]
    return text.strip()


class Spoken:
    """Says what is new in a text that grows, and in the text of a further attempt."""

    def __init__(self) -> None:
        self._attempt = 0
        self._said = ""
        self._before = False

    def more(self, text: str, attempt: int) -> str:
        """What to say next.

        Args:
            text: The whole text of the attempt so far.
            attempt: Its number.
        """
        if attempt != self._attempt:
            self._attempt, self._before, self._said = attempt, self._before or bool(self._said), ""
        return self._next(spoken(text, is_whole=False))

    def rest(self, final: str) -> str:
        """What is still to be said of the answer that counts; all of it if something else was said."""
        if not final.startswith(self._said):
            self._before, self._said = True, ""
        return self._next(final)

    def _next(self, prose: str) -> str:
        if not prose.startswith(self._said) or prose == self._said:
            # A step of its own, such as one that locates objects, begins anew.
            return ""
        new = prose[len(self._said) :]
        gap = "\n\n" if self._before and not self._said else ""
        self._said = prose
        return gap + new
