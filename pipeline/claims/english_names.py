"""Reads the names of an English clause: lists, pronouns, "one" and "the other"."""

from __future__ import annotations

import re

from pipeline.claims import english_patterns as patterns
from pipeline.claims.english_memory import Memory, NotUnderstood
from pipeline.claims.english_nouns import is_determined, noun_phrase
from pipeline.claims.sentences import Sentence


class NameReader:
    """Reads the names of one sentence.

    Args:
        sentence: A masked sentence.
        memory: What pronouns may mean.
    """

    def __init__(self, sentence: Sentence, memory: Memory) -> None:
        self.sentence = sentence
        self.mask = sentence.mask
        self.memory = memory

    def names(self, start: int, end: int, *, subjects: list[str] | None = None) -> list[str]:
        """The names of a list such as "the cat, the dog and it".

        Args:
            start: Start of the list.
            end: Its end.
            subjects: The subjects, which a pronoun in a list of objects does not mean; None for a list of subjects.

        Raises:
            NotUnderstood: If a part is no name.
        """
        start, end = self.sentence.trimmed(start, end)
        if both := patterns.BOTH.match(self.mask, start, end):
            start = both.end()
        if subjects is None and (only := patterns.ONLY.match(self.mask, start, end)):
            start = only.end()
        if subjects is None and (also := patterns.SUBJECT_TAIL.search(self.mask, start, end)):
            end = also.start()
        whole = noun_phrase(self.sentence, start, end)
        if whole is not None and not re.search(r"\band\b|,", self.mask[start:end]):
            return [whole]
        # "Indeed, the mug" is no list, and "the lamp, tall and slim" is none of things.
        if subjects is None and "," in self.mask[start:end] and not patterns.JOINS.search(self.mask, start, end):
            raise NotUnderstood
        names: list[str] = []
        at = start
        for separator in (*patterns.LIST.finditer(self.mask, start, end), None):
            part_end = separator.start() if separator else end
            if self.mask[at:part_end].strip():
                is_bare = not self._may_follow(at, part_end)
                if names and is_bare and (subjects is not None or "," in self.mask[start:end]):
                    raise NotUnderstood
                names += self.name(at, part_end, subjects)
            at = separator.end() if separator else end
        if not names:
            raise NotUnderstood
        return names

    def _may_follow(self, start: int, end: int) -> bool:
        return is_determined(self.sentence, start, end) or bool(
            patterns.PRONOUN.fullmatch(self.mask[start:end].strip())
        )

    def name(self, start: int, end: int, subjects: list[str] | None) -> list[str]:
        """The name in a span, or those that a pronoun means.

        Args:
            start: Start of the span.
            end: Its end.
            subjects: As for ``names``.

        Raises:
            NotUnderstood: If the span is no name.
        """
        start, end = self.sentence.trimmed(start, end)
        words = self.mask[start:end]
        if patterns.PRONOUN.fullmatch(words):
            return self.memory.subject() if subjects is None else [self.memory.object(subjects)]
        if (name := noun_phrase(self.sentence, start, end)) is not None:
            return [name]
        if (name := self._one_of(words, subjects or [])) is not None:
            return [name]
        raise NotUnderstood

    def _one_of(self, words: str, subjects: list[str]) -> str | None:
        """The name of "one", "the other", "one cat", "the other cat" and "the blue one"."""
        match = patterns.ONE.fullmatch(words)
        if match is None:
            return None
        if match["ones"]:
            kinds = {name.split()[-1] for name in (subjects or self.memory.mentioned)}
            return f"{match['ones']} {kinds.pop()}" if len(kinds) == 1 else None
        kind = match["kind"] or self.memory.counted
        if kind is None or kind.casefold() in ("of", "side"):
            return None
        self.memory.counted = kind
        return f"{'one' if match['one'] else 'other'} {kind}"
