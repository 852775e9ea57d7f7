"""Reads claims from an English sentence.

A sentence is split at its commas and conjunctions, and each part must be understood as a whole: a subject with a
predicate, a further predicate, or a further object. A part that does not fit yields nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from pipeline.claims import english_patterns as patterns
from pipeline.claims.claim_making import make_claims
from pipeline.claims.english_nouns import is_determined, may_be_object, noun_phrase
from pipeline.claims.markup import Span
from pipeline.claims.phrases import AFTER_BE, BASE_VERBS, CAMERA_NAMES, VERBS, pattern_relation
from pipeline.claims.quantities import Quantity, parse_count, parse_quantity
from pipeline.claims.sentences import NAME, Sentence
from pipeline.records import Claim, Origin, Unit
from pipeline.records.errors import RecordError
from pipeline.records.relations import RELATIONS


@dataclass
class Reading:
    """Claims of one sentence with their spans, and whether all of it was understood."""

    claims: list[tuple[Claim, Span]] = field(default_factory=list)
    complete: bool = True


@dataclass(frozen=True)
class _Predicate:
    relation: str
    phrase: str
    end: int
    negated: bool
    quantity: Quantity | None = None


class NotUnderstood(Exception):
    """A part of a sentence does not fit."""


def read_english(sentence: Sentence) -> Reading:
    """Read the claims of a sentence that is not a question and has no word of ``english_patterns.HEDGE``.

    Args:
        sentence: A masked sentence; the spans of the result are characters of it.

    Returns:
        The claims; if a part is not understood, those of the parts before it.
    """
    reader = _Reader(sentence)
    try:
        reader.read()
    except (NotUnderstood, RecordError):
        return Reading(reader.claims, complete=False)
    return Reading(reader.claims)


class _Reader:
    """Reads one sentence part by part, and collects its ``claims``."""

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence
        self.claims: list[tuple[Claim, Span]] = []
        self.rest: dict[str, Any] = {"origin": Origin.PROSE}
        self.subjects: list[str] = []
        self.objects: list[str] = []
        self.predicate: _Predicate | None = None
        self.begin = 0

    def read(self) -> None:
        """Read all parts; raise NotUnderstood at the first that does not fit."""
        start, end = self._without_context()
        if self._whole(start, end):
            return
        if exists := patterns.EXISTS.match(self.sentence.mask, start, end):
            self._existence(exists.end(), end)
            return
        joint = ""
        for separator in (*patterns.SPLIT.finditer(self.sentence.mask, start, end), None):
            part_end = separator.start() if separator else end
            if self.sentence.mask[start:part_end].strip():
                self._part(start, self._without_tail(start, part_end), joint)
            if separator:
                joint, start = (separator["joint"] or ",").casefold(), separator.end()
        if self.predicate is None or len(self.objects) < RELATIONS[self.predicate.relation].objects:
            raise NotUnderstood

    def _part(self, start: int, end: int, joint: str) -> None:
        if self.predicate and len(self.objects) < RELATIONS[self.predicate.relation].objects:
            self.objects.append(self._object(start, end, self.predicate))
            self._emit(self.begin, end)
        elif self.predicate and (carried := self._predicate(start, end, negated=False)):
            self.begin = start
            self._finish(carried, end)
        elif not (self._clause(start, end) or self._inverted(start, end)):
            self._further_name(start, end, joint)

    def _clause(self, start: int, end: int) -> bool:
        """Read "SUBJECT is PREDICATE", "SUBJECT occludes OBJECT" or "SUBJECT does not occlude OBJECT"."""
        mask = self.sentence.mask
        found = [
            match
            for pattern in (patterns.IS_OR_ARE, patterns.FINITE_VERB, patterns.DOES_NOT)
            if (match := pattern.search(mask, start, end))
        ]
        if not found:
            return False
        verb = min(found, key=lambda match: match.start())
        subject = noun_phrase(self.sentence, start, verb.start())
        if verb.re is patterns.IS_OR_ARE:
            predicate = self._predicate(verb.end(), end, negated=bool(verb["not"]))
        elif verb.re is patterns.FINITE_VERB:
            predicate = self._verb_predicate(VERBS.match(mask, verb.start("verb"), end), end, negated=False)
        else:
            predicate = self._verb_predicate(BASE_VERBS.match(mask, verb.end(), end), end, negated=True)
        if subject is None or predicate is None:
            return False
        listing = bool(self.subjects) and self.predicate is None
        if listing and not re.match(r"\s(?:are|do)\b", verb.group(), re.IGNORECASE):
            raise NotUnderstood
        self.subjects = [*self.subjects, subject] if listing else [subject]
        if not listing:
            self.begin = self.sentence.trimmed(start, end)[0]
        self._finish(predicate, end)
        return True

    def _inverted(self, start: int, end: int) -> bool:
        """Read "To the left of OBJECT is SUBJECT"."""
        stated = AFTER_BE.match(self.sentence.mask, start, end)
        middle = patterns.THERE_IS.search(self.sentence.mask, stated.end(), end) if stated else None
        if not stated or not middle or RELATIONS[pattern_relation(stated)].objects != 1 or self.predicate:
            return False
        predicate = _Predicate(pattern_relation(stated), stated.group(), stated.end(), negated=False)
        self.subjects = [self._name(middle.end(), end)]
        self.objects = [self._object(stated.end(), middle.start(), predicate)]
        self.predicate, self.begin = predicate, start
        self._emit(start, end)
        return True

    def _existence(self, start: int, end: int) -> None:
        """Read "SUBJECT behind OBJECT" after "There is a"."""
        end = self._without_tail(start, end)
        stated = patterns.STATED.search(self.sentence.mask, start, end)
        if not stated or patterns.SPLIT.search(self.sentence.mask, start, end):
            raise NotUnderstood
        self.subjects = [self._name(start, stated.start())]
        self.begin = start
        predicate = self._predicate(stated.start() + 1, end, negated=False)
        if predicate is None:
            raise NotUnderstood
        self._finish(predicate, end)

    def _further_name(self, start: int, end: int, joint: str) -> None:
        """Read one more subject before the predicate, or one more object after it."""
        name = self._name(start, end)
        if self.predicate is None:
            self.begin = self.begin if self.subjects else self.sentence.trimmed(start, end)[0]
            self.subjects.append(name)
            return
        one_object = RELATIONS[self.predicate.relation].objects == 1
        determined = is_determined(self.sentence, start, end)
        if joint != "and" or self.predicate.negated or self.predicate.quantity or not (one_object and determined):
            raise NotUnderstood
        self.objects = [self._object(start, end, self.predicate)]
        self._emit(start, end)

    def _predicate(self, at: int, end: int, negated: bool) -> _Predicate | None:
        """The words from "is" to the object: "not", adverbs, a measure and the relation."""
        mask, quantity = self.sentence.mask, None
        while at < end:
            if quantity is None and (match := patterns.MEASURED.match(f"{mask[:end]} ", at)):
                quantity = parse_quantity(match["measure"])
            elif match := AFTER_BE.match(mask, at, end):
                return _Predicate(pattern_relation(match), match.group(), match.end(), negated, quantity)
            elif not (match := patterns.POSITION.match(mask, at, end)):
                if match := patterns.NOT.match(mask, at, end):
                    negated = not negated
                elif negated or not (match := patterns.ADVERB.match(mask, at, end)):
                    return None
            at = match.end()
        return None

    def _verb_predicate(self, stated: re.Match[str] | None, end: int, negated: bool) -> _Predicate | None:
        if stated is None:
            return None
        share = patterns.SHARE.match(self.sentence.mask, stated.end(), end)
        quantity = parse_quantity(share["measure"]) if share else None
        at = share.end() if share else stated.end()
        return _Predicate(pattern_relation(stated), stated.group(), at, negated, quantity)

    def _finish(self, predicate: _Predicate, end: int) -> None:
        """Read what follows a predicate, and make the claims if nothing is missing."""
        object_end = end
        by = patterns.BY_TAIL.search(self.sentence.mask, predicate.end, end)
        if by and predicate.quantity is None:
            predicate, object_end = replace(predicate, quantity=parse_quantity(by["measure"])), by.start()
        wanted = RELATIONS[predicate.relation].objects
        says_nothing = not self.sentence.mask[predicate.end : object_end].strip()
        if says_nothing != (wanted == 0) or (predicate.negated and (predicate.quantity or len(self.subjects) > 1)):
            raise NotUnderstood
        self.predicate = predicate
        self.objects = [] if says_nothing else [self._object(predicate.end, object_end, predicate)]
        if len(self.objects) == wanted:
            self._emit(self.begin, end)

    def _emit(self, start: int, end: int) -> None:
        assert self.predicate is not None
        predicate, rest = self.predicate, dict(self.rest, negated=self.predicate.negated)
        if predicate.negated and predicate.phrase.casefold().startswith(("as ", "at the same")):
            raise NotUnderstood
        if predicate.relation == "size":
            rest["measure"] = patterns.MEASURE_OF_WORD.get(predicate.phrase.casefold())
        span = self.sentence.trimmed(start, end)
        for subject in self.subjects:
            made = make_claims(predicate.relation, subject, tuple(self.objects), predicate.quantity, **rest)
            self.claims += [(claim, span) for claim in made]

    def _name(self, start: int, end: int) -> str:
        name = noun_phrase(self.sentence, start, end)
        if name is None:
            raise NotUnderstood
        return name

    def _object(self, start: int, end: int, predicate: _Predicate) -> str:
        if not may_be_object(self.sentence, start, end, predicate.relation, predicate.phrase):
            raise NotUnderstood
        return self._name(start, end)

    def _without_context(self) -> Span:
        """Cut off "In image 2," and "from the driver's perspective", and keep the frame and the perspective."""
        mask, start, end = self.sentence.mask, 0, len(self.sentence.mask)
        while match := patterns.LEAD.match(mask, start) or patterns.FRAME_LEAD.match(mask, start):
            if match.re is patterns.FRAME_LEAD:
                number = match["number"]
                self.rest["frames"] = (int(number) - 1 if number else patterns.ORDINALS[match["word"].casefold()],)
            start = match.end()
        if view := patterns.VIEW_LEAD.match(mask, start) or patterns.VIEW_TAIL.search(mask, start):
            if view["view"].casefold() not in patterns.VIEWS_OF_CAMERA:
                self.rest["perspective"] = self._name(*view.span("view"))
            start, end = (view.end(), end) if view.re is patterns.VIEW_LEAD else (start, view.start())
        while match := patterns.LEAD.match(mask, start):
            start = match.end()
        return start, end

    def _without_tail(self, start: int, end: int) -> int:
        while match := patterns.TAIL.search(self.sentence.mask, start, end):
            end = match.start()
        return end

    def _whole(self, start: int, end: int) -> bool:
        """Read shapes other than a subject with a predicate, such as "The distance between A and B is 2 m"."""
        spans = [self.sentence.trimmed(start, last) for last in (end, self._without_tail(start, end))]
        for pattern, span in product(patterns.WHOLE_SENTENCES, spans):
            if (match := pattern.fullmatch(self.sentence.mask, *span)) and (made := self._whole_claims(match)):
                self.claims += [(claim, span) for claim in made]
                return True
        return False

    def _whole_claims(self, match: re.Match[str]) -> list[Claim]:
        groups = {key: words for key, words in match.groupdict().items() if words}
        relation = next(name for name in patterns.RELATION_GROUPS if name in groups)
        names = [
            words
            if relation == "distance_of" and (words := self.sentence.words(*match.span(key))).casefold() in CAMERA_NAMES
            else noun_phrase(self.sentence, *match.span(key))
            for key in ("a", "b")
            if key in groups
        ]
        if None in names:
            return []
        rest = dict(self.rest, negated="not" in groups)
        quantity = parse_quantity(groups["measure"]) if "measure" in groups else None
        if relation == "count":
            number = parse_count(groups["count"])
            in_image = patterns.HERE.search(self.sentence.mask) or NAME in groups["a"]
            if number is None or not in_image or patterns.RESTRICTED.search(groups["a"]):
                return []
            quantity = Quantity(float(number), Unit.COUNT)
        elif relation == "size":
            rest["measure"] = patterns.MEASURE_OF_WORD[groups["size"].casefold()]
        subject, *others = [name for name in names if name]
        relation = "distance_between" if relation == "distance_of" else relation
        return make_claims(relation, subject, tuple(others), quantity, **rest)
