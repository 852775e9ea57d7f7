"""Where the words of an answer contradict its JSON, which alone is judged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pipeline.records import Result
from pipeline.records.message import Language, message


@dataclass(frozen=True)
class Conflict:
    """A statement of the words that contradicts one of the JSON.

    Args:
        said: What the words say.
        listed: What the JSON says: the claim that is judged.
    """

    said: str
    listed: str


def conflicts_of(result: Result) -> tuple[Conflict, ...]:
    """The contradictions that a result's notes state."""
    if result.answer is None:
        return ()
    start, between, end = _parts(result.language)
    found = []
    for note in result.errors:
        if note.startswith(start) and note.endswith(end) and between in note:
            said, _, listed = note[len(start) : len(note) - len(end)].partition(between)
            found.append(Conflict(said, listed))
    return tuple(found)


@cache
def _parts(language: Language) -> tuple[str, str, str]:
    """What stands before, between and after the two statements of such a note."""
    start, rest = message("conflict", said="\0", listed="\1").text(language).split("\0")
    between, end = rest.split("\1")
    return start, between, end
