"""Reads one English clause: a subject, what is said of it, and its objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.claims import english_patterns as patterns
from pipeline.claims.claim_making import make_claims
from pipeline.claims.english_memory import Memory, NotUnderstood
from pipeline.claims.english_names import NameReader
from pipeline.claims.english_nouns import is_determined, may_be_object, noun_phrase
from pipeline.claims.english_shapes import ShapeReader
from pipeline.claims.phrases import AFTER_BE, BASE_VERBS, VERBS, pattern_relation
from pipeline.claims.quantities import Quantity, parse_quantity
from pipeline.claims.sentences import Sentence
from pipeline.records import Claim
from pipeline.records.errors import RecordError
from pipeline.records.relations import RELATIONS

_MOST_VERBS = 4


@dataclass(frozen=True)
class Predicate:
    """What a clause says of its subject.

    Args:
        relations: Names of relations; several for "above and to the left of".
        phrase: The words of the first one.
        end: Where its object begins.
        negated: Whether it is denied.
        quantity: Its number.
        swapped: Whether the relation is that of its object to its subject.
    """

    relations: tuple[str, ...]
    phrase: str
    end: int
    negated: bool = False
    quantity: Quantity | None = None
    swapped: bool = False

    @property
    def objects(self) -> int:
        """Number of its objects."""
        return RELATIONS[self.relations[0]].objects


class ClauseReader:
    """Reads the clauses of one sentence.

    Args:
        sentence: A masked sentence.
        rest: Further fields of all claims, such as their frames.
        memory: What pronouns may mean; reading a clause changes it.
    """

    def __init__(self, sentence: Sentence, rest: dict[str, Any], memory: Memory) -> None:
        self.sentence = sentence
        self.mask = sentence.mask
        self.rest = rest
        self.memory = memory
        self.names = NameReader(sentence, memory)
        self.shapes = ShapeReader(self.names, rest)

    def clause(self, start: int, end: int) -> list[Claim]:
        """The claims of "SUBJECT is PREDICATE", "SUBJECT occludes OBJECT" and other shapes.

        Raises:
            NotUnderstood: If the span is no such clause as a whole.
            RecordError: If its parts do not fit the relation.
        """
        start, end = self.sentence.trimmed(start, end)
        while tail := patterns.TAIL.search(self.mask, start, end):
            end = tail.start()
        if start >= end:
            raise NotUnderstood
        for read in (self.shapes.read, self._existence, self._inverted, self._plain):
            if (claims := read(start, end)) is not None:
                return claims
        raise NotUnderstood

    def predicate_clause(self, subjects: list[str], start: int, end: int) -> list[Claim]:
        """The claims of a clause whose subject was named before: "is left of OBJECT", "behind OBJECT".

        Raises:
            NotUnderstood: If the span is no predicate.
            RecordError: If its parts do not fit the relation.
        """
        start, end = self.sentence.trimmed(start, end)
        while tail := patterns.TAIL.search(self.mask, start, end):
            end = tail.start()
        if (has := patterns.HAS.match(self.mask, start, end)) and len(subjects) == 1:
            return self.shapes.having(subjects[0], has.end(), end)
        padded = f" {self.mask[start:end]}"
        if verb := patterns.IS_OR_ARE.match(padded):
            return self._said(subjects, start - 1 + verb.end(), end, negated=bool(verb["not"]))
        if verb := patterns.FINITE_VERB.match(padded):
            return self._done(subjects, VERBS.match(self.mask, start, end), end, negated=False)
        return self._said(subjects, start, end, negated=False)

    def with_clause(self, start: int, end: int) -> list[Claim]:
        """The claims of "with OBJECT positioned behind OTHER".

        Raises:
            NotUnderstood: If the span is no such clause.
        """
        start, end = self.sentence.trimmed(start, end)
        if only := patterns.ONLY.match(self.mask, start, end):
            start = only.end()
        claims = self._after_there_is(start, end)
        if claims is None:
            raise NotUnderstood
        return claims

    def _plain(self, start: int, end: int) -> list[Claim] | None:
        """A subject with its predicate; every verb may be the one."""
        found = sorted(
            (
                match
                for pattern in (patterns.IS_OR_ARE, patterns.FINITE_VERB, patterns.DOES_NOT, patterns.BASE_POSTURE)
                for match in _few(pattern, self.mask, start, end)
            ),
            key=lambda match: match.start(),
        )
        for verb in found[:_MOST_VERBS]:
            try:
                return self._with_verb(verb, start, end)
            except (NotUnderstood, RecordError):
                continue
        return None

    def _with_verb(self, verb: re.Match[str], start: int, end: int) -> list[Claim]:
        more: list[Claim] = []
        neither = patterns.NEITHER.match(self.mask, start, verb.start())
        if neither:
            subjects = [name for group in ("a", "b") for name in self.names.name(*neither.span(group), None)]
        else:
            subjects, more = self._subjects(start, verb.start())
        plural = len(subjects) > 1 or (subjects[0].endswith("s") and not subjects[0].endswith("ss"))
        if verb.re is patterns.BASE_POSTURE and not (plural or subjects == self.memory.subjects):
            raise NotUnderstood
        if verb.re in (patterns.IS_OR_ARE, patterns.BASE_POSTURE):
            negated = bool(verb.groupdict().get("not")) or bool(neither)
            claims = self._said(subjects, verb.end(), end, negated=negated, each=bool(neither))
        elif verb.re is patterns.FINITE_VERB:
            claims = self._done(subjects, VERBS.match(self.mask, verb.start("verb"), end), end, negated=False)
        else:
            claims = self._done(subjects, BASE_VERBS.match(self.mask, verb.end(), end), end, negated=True)
        return [*more, *claims]

    def _subjects(self, start: int, end: int) -> tuple[list[str], list[Claim]]:
        """The subjects, and what their own phrase states: "the white box on the left of the desk"."""
        try:
            return self.names.names(start, end), []
        except NotUnderstood:
            pass
        start, end = self.sentence.trimmed(start, end)
        if relative := patterns.RELATIVE.search(self.mask, start, end):
            heads = self.names.names(start, relative.start())
            return heads, self.predicate_clause(heads, relative.end(), end)
        for stated in _few(patterns.MODIFIER, self.mask, start, end):
            head = noun_phrase(self.sentence, start, stated.start())
            if head is not None and is_determined(self.sentence, start, stated.start()):
                return [head], self._said([head], stated.start("rest"), end, negated=False)
        raise NotUnderstood

    def _said(self, subjects: list[str], at: int, end: int, *, negated: bool, each: bool = False) -> list[Claim]:
        """The claims of a predicate after "is", or after a verb of posture."""
        predicate = self._predicate(at, end, negated)
        if predicate is None:
            raise NotUnderstood
        return self._finish(subjects, predicate, end, each=each)

    def _done(self, subjects: list[str], stated: re.Match[str] | None, end: int, *, negated: bool) -> list[Claim]:
        """The claims of a verb such as "occludes"."""
        if stated is None:
            raise NotUnderstood
        share = patterns.SHARE.match(self.mask, stated.end(), end)
        quantity = parse_quantity(share["measure"]) if share else None
        at = share.end() if share else stated.end()
        predicate = Predicate((pattern_relation(stated),), stated.group(), at, negated, quantity)
        return self._finish(subjects, predicate, end)

    def _predicate(self, at: int, end: int, negated: bool) -> Predicate | None:
        """The relation that follows "is", with the number and the adverbs before it."""
        quantity = None
        while at < end:
            if quantity is None and (match := patterns.MEASURED.match(f"{self.mask[:end]} ", at)):
                quantity = parse_quantity(match["measure"])
            elif match := patterns.IDIOM.match(self.mask, at, end):
                pass
            elif match := patterns.PAIR.match(self.mask, at, end):
                relations = [*self._relations(match["first"]), *self._relations(match["second"])]
                if relations:
                    return Predicate(tuple(relations), match["second"], match.end(), negated, quantity)
                return None
            elif match := patterns.SWAPPED.match(self.mask, at, end):
                relation = patterns.SWAPPED_RELATIONS[match["w"].casefold()]
                return Predicate((relation,), match.group(), match.end(), negated, quantity, swapped=True)
            elif match := patterns.DIAGONAL.match(self.mask, at, end):
                relations = [patterns.SIDES[match["first"].casefold()], patterns.SIDES[match["second"].casefold()]]
                return Predicate(tuple(relations), match.group(), match.end(), negated, quantity)
            elif match := AFTER_BE.match(self.mask, at, end):
                return Predicate((pattern_relation(match),), match.group(), match.end(), negated, quantity)
            elif not (match := patterns.POSITION.match(self.mask, at, end)):
                if match := patterns.NOT.match(self.mask, at, end):
                    negated = not negated
                elif negated or not (match := patterns.ADVERB.match(self.mask, at, end)):
                    return None
            at = match.end()
        return None

    def _relations(self, words: str) -> list[str]:
        """The relation of one half of "above and to the left of"."""
        stripped = re.sub(rf"^(?:{patterns.ADVERB.pattern})+", "", words.strip(), flags=re.IGNORECASE)
        for candidate in (stripped, f"{stripped} of", f"{stripped} than", f"{stripped} the camera than"):
            if match := AFTER_BE.fullmatch(candidate):
                return [pattern_relation(match)]
        return []

    def _finish(self, subjects: list[str], predicate: Predicate, end: int, *, each: bool = False) -> list[Claim]:
        """Read the objects of a predicate, and make the claims."""
        object_end, quantity = end, predicate.quantity
        by = patterns.BY_TAIL.search(self.mask, predicate.end, end)
        if by and quantity is None:
            quantity, object_end = parse_quantity(by["measure"]), by.start()
        says_nothing = not self.mask[predicate.end : object_end].strip()
        if says_nothing != (predicate.objects == 0):
            raise NotUnderstood
        if predicate.negated and (quantity or len(predicate.relations) > 1 or (len(subjects) > 1 and not each)):
            raise NotUnderstood
        if predicate.negated and predicate.phrase.casefold().startswith("as "):
            raise NotUnderstood
        more: list[Claim] = []
        objects: list[str] = []
        if not says_nothing:
            objects, more = self._objects(subjects, predicate, object_end)
        if predicate.objects == 2 and len(objects) != 2:
            raise NotUnderstood
        if len(objects) > 1 and predicate.objects == 1 and (quantity or predicate.negated):
            raise NotUnderstood
        rest: dict[str, Any] = dict(self.rest, negated=predicate.negated)
        if predicate.relations[0] == "size":
            rest["measure"] = patterns.MEASURE_OF_WORD.get(predicate.phrase.casefold())
        groups: list[tuple[str, ...]] = [tuple(objects)] if predicate.objects != 1 else [(name,) for name in objects]
        claims = [
            claim
            for subject in subjects
            for relation in predicate.relations
            for group in groups
            for claim in (
                make_claims(relation, group[0], (subject,), quantity, **rest)
                if predicate.swapped
                else make_claims(relation, subject, group, quantity, **rest)
            )
        ]
        self.memory.subjects = subjects
        self.memory.note(*objects, *subjects)
        return [*claims, *more]

    def _objects(self, subjects: list[str], predicate: Predicate, end: int) -> tuple[list[str], list[Claim]]:
        """The objects, and what follows them about the subject: "on the floor to the left of the baby"."""
        at = predicate.end
        try:
            self._check_object(predicate, at, end)
            return self.names.names(at, end, subjects=subjects), []
        except NotUnderstood:
            pass
        for stated in _few(patterns.MODIFIER, self.mask, at, end):
            try:
                self._check_object(predicate, at, stated.start())
                objects = self.names.names(at, stated.start(), subjects=subjects)
                if predicate.objects == len(objects):
                    return objects, self._said(subjects, stated.start("rest"), end, negated=False)
            except NotUnderstood:
                continue
        raise NotUnderstood

    def _check_object(self, predicate: Predicate, start: int, end: int) -> None:
        start, end = self.sentence.trimmed(start, end)
        if both := patterns.BOTH.match(self.mask, start, end):
            start = both.end()
        first = patterns.LIST.search(self.mask, start, end)
        first_end = first.start() if first else end
        if patterns.PRONOUN.fullmatch(self.mask[start:end].strip()):
            return
        if not may_be_object(self.sentence, start, first_end, predicate.relations[0], predicate.phrase):
            raise NotUnderstood

    def _inverted(self, start: int, end: int) -> list[Claim] | None:
        """Read "To the left of OBJECT is SUBJECT"."""
        at = start
        while skipped := patterns.ADVERB.match(self.mask, at, end) or patterns.POSITION.match(self.mask, at, end):
            at = skipped.end()
        stated = AFTER_BE.match(self.mask, at, end)
        if not stated or not (arity := RELATIONS[pattern_relation(stated)].objects):
            return None
        middle = patterns.THERE_IS.search(self.mask, stated.end(), end)
        last = patterns.SEEN_LAST.search(self.mask, stated.end(), end) if middle is None else None
        if middle is None and last is None:
            return None
        between = middle if middle is not None else patterns.COMMA.search(self.mask, stated.end(), end)
        if between is None:
            return None
        end = last.start() if last is not None else end
        predicate = Predicate((pattern_relation(stated),), stated.group(), stated.end())
        object_end = len(self.mask[: between.start()].rstrip(" ,"))
        try:
            subjects = self.names.names(between.end(), end)
            self._check_object(predicate, stated.end(), object_end)
            objects = self.names.names(stated.end(), object_end, subjects=subjects)
        except NotUnderstood:
            return None
        if arity == 2 and len(objects) != 2:
            return None
        self.memory.subjects = subjects
        self.memory.note(*objects, *subjects)
        groups = [tuple(objects)] if arity == 2 else [(name,) for name in objects]
        return [
            claim
            for subject in subjects
            for group in groups
            for claim in make_claims(predicate.relations[0], subject, group, None, **self.rest)
        ]

    def _existence(self, start: int, end: int) -> list[Claim] | None:
        """Read "There is a SUBJECT behind OBJECT", "You'll find the SUBJECT behind OBJECT"."""
        exists = patterns.EXISTS.match(self.mask, start, end)
        return self._after_there_is(exists.end(), end) if exists else None

    def _after_there_is(self, start: int, end: int) -> list[Claim] | None:
        for stated in _few(patterns.MODIFIER, self.mask, start, end):
            try:
                subjects = self.names.names(start, stated.start())
                return self._said(subjects, stated.start("rest"), end, negated=False)
            except (NotUnderstood, RecordError):
                continue
        return None


def _few(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    for number, match in enumerate(pattern.finditer(text, start, end)):
        if number >= _MOST_VERBS:
            return
        yield match
