"""Reads claims from an English sentence.

A sentence is split into clauses, and each is understood as a whole or not at all. A hedge or a condition costs its own
clause, and those that continue it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pipeline.claims import english_patterns as patterns
from pipeline.claims.claim_making import make_claims
from pipeline.claims.english_clauses import ClauseReader
from pipeline.claims.english_memory import Memory, NotUnderstood
from pipeline.claims.english_nouns import noun_phrase
from pipeline.claims.english_templates import PHRASE_WHICH
from pipeline.claims.markup import Span
from pipeline.claims.phrases import AFTER_BE, pattern_relation
from pipeline.claims.sentences import Sentence
from pipeline.claims.spatial_words import states_space
from pipeline.records import Claim, Origin
from pipeline.records.errors import RecordError

_MOST_PARTS = 16
_MOST_JOINED = 6
_COUNTS = re.compile(r"\s*(?:\d+|two|three|four|five|six|seven|eight|nine|ten)\s+\w+", re.IGNORECASE)


@dataclass
class Reading:
    """Claims of one sentence with their spans, and whether all of it was understood.

    Args:
        claims: The claims, each with the span of its clause.
        complete: Whether nothing that states something about space was left unread.
        hedged: Whether something was left unread because it is hedged or a condition.
    """

    claims: list[tuple[Claim, Span]] = field(default_factory=list)
    complete: bool = True
    hedged: bool = False


@dataclass(frozen=True)
class _Part:
    start: int
    end: int
    joint: str


def read_english(sentence: Sentence, memory: Memory | None = None) -> Reading:
    """Read the claims of a sentence that is not a question.

    Args:
        sentence: A masked sentence; the spans of the result are characters of it.
        memory: What pronouns may mean, from the sentence before.

    Returns:
        The claims of the clauses that are understood.
    """
    return _Reader(sentence, memory or Memory()).read()


class _Reader:
    """Reads one sentence clause by clause."""

    def __init__(self, sentence: Sentence, memory: Memory) -> None:
        self.sentence = sentence
        self.mask = sentence.mask
        self.memory = memory
        self.reading = Reading()
        self.rest: dict[str, Any] = {"origin": Origin.PROSE}
        self.is_open = False  # Whether the clause before is hedged, so that what continues it is.

    def read(self) -> Reading:
        """Read all clauses."""
        before = list(self.memory.mentioned)
        try:
            start, end = self._without_context()
        except NotUnderstood:
            self.reading.complete = False
            return self.reading
        clauses = ClauseReader(self.sentence, self.rest, self.memory)
        parts = self._parts(start, end)
        at = 0
        while at < len(parts):
            read = self._read_from(clauses, parts, at)
            if read is None:
                self._leave(clauses, parts, at)
                at += 1
            else:
                at = read
        # A pronoun of the next sentence may mean what this one speaks of.
        self.memory.mentioned = [name for name in self.memory.mentioned if name not in before] or before
        return self.reading

    def _parts(self, start: int, end: int) -> list[_Part]:
        parts: list[_Part] = []
        joint, at = "", start
        if conjunction := patterns.SUBORDINATE.match(self.mask, start, end):
            joint, at = conjunction.group().strip().casefold(), conjunction.end()
        for boundary in (*patterns.BOUNDARY.finditer(self.mask, start, end), None):
            part_end = boundary.start() if boundary else end
            if self.mask[at:part_end].strip(" \t,.:;-–—"):
                parts.append(_Part(at, part_end, joint))
                joint = ""
            if boundary:
                word = boundary["joint"] or boundary["word"] or ","
                joint, at = " ".join(f"{joint} {word}".split()).casefold().removeprefix(", "), boundary.end()
        return parts[:_MOST_PARTS]

    def _read_from(self, clauses: ClauseReader, parts: list[_Part], at: int) -> int | None:
        """Read the longest clause that begins at a part; the index of the part after it."""
        if self._is_hedged(parts, at):
            return None
        for last in range(min(len(parts), at + _MOST_JOINED) - 1, at - 1, -1):
            start, end = parts[at].start, parts[last].end
            if patterns.HEDGE.search(self.mask, start, end):
                continue
            if last + 1 < len(parts) and parts[last + 1].joint.startswith("or"):
                continue
            state = (list(self.memory.subjects), list(self.memory.mentioned), self.memory.counted)
            try:
                claims = self._clause(clauses, parts, at, start, end)
            except (NotUnderstood, RecordError):
                claims = []
            if claims:
                span = self.sentence.trimmed(start, end)
                self.reading.claims += [(claim, span) for claim in claims]
                self.is_open = False
                return last + 1
            self.memory.subjects, self.memory.mentioned, self.memory.counted = state
        return None

    def _clause(self, clauses: ClauseReader, parts: list[_Part], at: int, start: int, end: int) -> list[Claim]:
        joint = parts[at].joint
        previous = parts[at - 1] if at else None
        if joint.endswith(("which", "who", "that")) and previous is not None:
            if joint.endswith("that") and patterns.SHOWS_THAT.search(self.mask[previous.start : previous.end]):
                return clauses.clause(start, end)
            subject = self._antecedent(previous)
            return clauses.predicate_clause([subject], start, end)
        if joint.endswith("with"):
            return clauses.with_clause(start, end)
        if previous is not None and (which := PHRASE_WHICH.fullmatch(self.mask, *self.sentence.trimmed(start, end))):
            return self._on_which(which, previous)
        try:
            return clauses.clause(start, end)
        except (NotUnderstood, RecordError):
            if self.is_open or not self.memory.subjects or previous is None:
                raise
            return clauses.predicate_clause(self.memory.subjects, start, end)

    def _on_which(self, which: re.Match[str], previous: _Part) -> list[Claim]:
        """Read "the tray, on which the teapot stands"."""
        stated = AFTER_BE.match(which["p"])
        name = noun_phrase(self.sentence, *which.span("a"))
        if stated is None or name is None:
            raise NotUnderstood
        relation = pattern_relation(stated)
        return make_claims(relation, name, (self._antecedent(previous),), None, **self.rest)

    def _antecedent(self, part: _Part) -> str:
        """The thing at the end of a part, which a relative clause after it speaks of."""
        start, end = self.sentence.trimmed(part.start, part.end)
        determiners = [match.start() for match in patterns.DETERMINER.finditer(self.mask, start, end)]
        for at in (*determiners[::-1], start):
            name = noun_phrase(self.sentence, at, end)
            if name is not None:
                return name
        raise NotUnderstood

    def _is_hedged(self, parts: list[_Part], at: int) -> bool:
        """Whether a part is hedged, is a condition, or continues one."""
        part = parts[at]
        if patterns.SCOPE.match(self._begin(parts[0])) and not self._turned(parts, at):
            return True
        if patterns.HEDGE.search(self.mask, part.start, part.end):
            return True
        words = self.mask[part.start : part.end].strip()
        if patterns.CONDITION.match(words) or patterns.CONDITION.match(part.joint):
            return True
        if at + 1 < len(parts) and patterns.TRAILING_HEDGE.fullmatch(self._begin(parts[at + 1])):
            return True
        if part.joint.endswith(("that", "as", "whether")) and at and self._was_hedged(parts[at - 1]):
            return True
        if (
            at
            and patterns.CONDITION.match(self._begin(parts[at - 1]))
            and not part.joint.startswith(("but", "yet", "and"))
        ):
            return True
        return bool(patterns.ATTRIBUTION.search(self.mask[part.start : part.end]))

    def _turned(self, parts: list[_Part], at: int) -> bool:
        """Whether a part, or one before it, begins with "but"."""
        return any(part.joint.startswith(("but", "yet")) for part in parts[: at + 1])

    def _was_hedged(self, part: _Part) -> bool:
        return bool(patterns.HEDGE.search(self.mask, part.start, part.end))

    def _begin(self, part: _Part) -> str:
        return f"{part.joint} {self.mask[part.start : part.end].strip()}".strip(" ,")

    def _leave(self, clauses: ClauseReader, parts: list[_Part], at: int) -> None:
        """Note a part that gives no claim, and what it speaks of."""
        part = parts[at]
        hedged = self._is_hedged(parts, at)
        aside = part.joint.endswith(("which", "who", "that")) or (at > 0 and self._is_name(parts[at - 1]))
        if not aside:
            past = patterns.PAST.search(self.mask, part.start, part.end)
            self.is_open = (hedged and not past) or (self.is_open and part.joint in ("and", ",", ""))
            self._topic(clauses, part)
        words = self.mask[part.start : part.end]
        is_count = bool(self.reading.claims) and self.reading.claims[-1][0].relation == "count" and _COUNTS.match(words)
        if (states_space(words) or is_count) and not patterns.PLACE_IN_IMAGE.fullmatch(words.strip(" ,")):
            self.reading.complete = False
            self.reading.hedged |= hedged

    def _is_name(self, part: _Part) -> bool:
        """Whether a part is nothing but the name of its subject: "The man, ..."."""
        return noun_phrase(self.sentence, part.start, part.end) is not None

    def _topic(self, clauses: ClauseReader, part: _Part) -> None:
        """Remember what a clause without claim speaks of: "I see a kettle", "A fountain fills the square"."""
        start, end = self.sentence.trimmed(part.start, part.end)
        shown = patterns.SHOWN.match(self.mask, start, end)
        at = shown.end() if shown else start
        for boundary in patterns.WORD_END.finditer(self.mask, at, min(end, at + 60)):
            following = self.mask[boundary.start() : end].strip()
            ends = patterns.AFTER_NAME if shown or not following else patterns.VERB_LIKE
            if not ends.match(following) or not self._is_determined(at):
                continue
            try:
                names = clauses.names.names(at, boundary.start())
            except NotUnderstood:
                continue
            self.memory.subjects = names
            self.memory.note(*names)
            has = patterns.HAS.match(self.mask, boundary.start(), end)
            if has and (owned := noun_phrase(self.sentence, has.end(), end)) is not None:
                self.memory.note(owned)
            return

    def _is_determined(self, at: int) -> bool:
        return bool(
            patterns.DETERMINER.match(self.mask, at)
            or self.mask[at : at + 1].isupper()
            or self.mask[at : at + 1] == "\ue000"
        )

    def _without_context(self) -> Span:
        """Cut off "In image 2," and "from the driver's perspective", and keep the frame and the perspective."""
        mask, start, end = self.mask, 0, len(self.mask)
        while match := patterns.LEAD.match(mask, start) or patterns.FRAME_LEAD.match(mask, start):
            if match.re is patterns.FRAME_LEAD:
                number = match["number"]
                self.rest["frames"] = (int(number) - 1 if number else patterns.ORDINALS[match["word"].casefold()],)
            start = match.end()
        if view := patterns.VIEW_LEAD.match(mask, start) or patterns.VIEW_TAIL.search(mask, start):
            if view["view"].casefold() not in patterns.VIEWS_OF_CAMERA:
                name = noun_phrase(self.sentence, *view.span("view"))
                if name is None:
                    raise NotUnderstood
                self.rest["perspective"] = name
            start, end = (view.end(), end) if view.re is patterns.VIEW_LEAD else (start, view.start())
        while match := patterns.LEAD.match(mask, start):
            start = match.end()
        return start, end
