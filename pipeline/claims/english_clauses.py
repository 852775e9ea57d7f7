"""Reads one English clause: a subject, what is said of it, and its objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.claims import english_patterns as patterns
from pipeline.claims.claim_making import make_claims
from pipeline.claims.english_nouns import is_determined, may_be_counted, may_be_object, noun_phrase
from pipeline.claims.english_templates import FOLLOWED, HAVING, OF_IT, TEMPLATES, Template
from pipeline.claims.phrases import AFTER_BE, BASE_VERBS, CAMERA_NAMES, VERBS, pattern_relation
from pipeline.claims.quantities import Quantity, parse_count, parse_quantity
from pipeline.claims.sentences import NAME, Sentence
from pipeline.records import Claim, Unit
from pipeline.records.errors import RecordError
from pipeline.records.relations import RELATIONS

_MOST_VERBS = 4


class NotUnderstood(Exception):
    """A part of a sentence does not fit."""


@dataclass
class Memory:
    """What pronouns may mean.

    Args:
        subjects: Subjects of the last clause that had one.
        mentioned: Names of this and the last sentence, the latest last.
        counted: The noun that was counted last, for "one" and "the other".
    """

    subjects: list[str] = field(default_factory=list)
    mentioned: list[str] = field(default_factory=list)
    counted: str | None = None

    def note(self, *names: str) -> None:
        """Remember names as the latest."""
        for name in names:
            if name in self.mentioned:
                self.mentioned.remove(name)
            self.mentioned.append(name)

    def subject(self) -> list[str]:
        """What a pronoun means as a subject: the last subject.

        Raises:
            NotUnderstood: If there is none.
        """
        if not self.subjects:
            raise NotUnderstood
        return self.subjects

    def object(self, subjects: list[str]) -> str:
        """What a pronoun means as an object: the only other thing that was mentioned.

        Raises:
            NotUnderstood: If nothing was, or several things were.
        """
        others = [name for name in self.mentioned if name not in subjects]
        if len(others) != 1:
            raise NotUnderstood
        return others[0]


@dataclass(frozen=True)
class Predicate:
    """What a clause says of its subject.

    Args:
        relations: Names of relations; several for "above and to the left of".
        phrase: The words of the first one.
        end: Where its object begins.
        negated: Whether it is denied.
        quantity: Its number.
    """

    relations: tuple[str, ...]
    phrase: str
    end: int
    negated: bool = False
    quantity: Quantity | None = None

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
        for read in (self._template, self._existence, self._inverted, self._plain):
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
            return self._having(subjects[0], has.end(), end)
        padded = f" {self.mask[start:end]}"
        if verb := patterns.IS_OR_ARE.match(padded):
            return self._said(subjects, start - 1 + verb.end(), end, negated=bool(verb["not"]))
        if verb := patterns.FINITE_VERB.match(padded):
            return self._done(subjects, VERBS.match(self.mask, start, end), end, negated=False)
        return self._said(subjects, start, end, negated=False)

    def _having(self, owner: str, start: int, end: int) -> list[Claim]:
        """The claims of "has OBJECT behind it", said of something that was named before."""
        match = HAVING.fullmatch(self.mask[start:end])
        name = self._name_at(start, match.span("a")) if match else None
        if match is None or name is None:
            raise NotUnderstood
        return make_claims(OF_IT[_key(match["w"])], name, (owner,), None, **self.rest)

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
        if subjects is None and (also := patterns.SUBJECT_TAIL.search(self.mask, start, end)):
            end = also.start()
        whole = noun_phrase(self.sentence, start, end)
        if whole is not None and not re.search(r"\band\b|,", self.mask[start:end]):
            return [whole]
        names: list[str] = []
        at = start
        for separator in (*patterns.LIST.finditer(self.mask, start, end), None):
            part_end = separator.start() if separator else end
            if self.mask[at:part_end].strip():
                if names and subjects is not None and not self._may_follow(at, part_end):
                    raise NotUnderstood
                names += self._name(at, part_end, subjects)
            at = separator.end() if separator else end
        if not names:
            raise NotUnderstood
        return names

    def _may_follow(self, start: int, end: int) -> bool:
        return is_determined(self.sentence, start, end) or bool(
            patterns.PRONOUN.fullmatch(self.mask[start:end].strip())
        )

    def _name(self, start: int, end: int, subjects: list[str] | None) -> list[str]:
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
            subjects = [name for group in ("a", "b") for name in self._name(*neither.span(group), None)]
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
            return self.names(start, end), []
        except NotUnderstood:
            pass
        start, end = self.sentence.trimmed(start, end)
        if relative := patterns.RELATIVE.search(self.mask, start, end):
            heads = self.names(start, relative.start())
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
            elif match := patterns.PAIR.match(self.mask, at, end):
                relations = [*self._relations(match["first"]), *self._relations(match["second"])]
                if relations:
                    return Predicate(tuple(relations), match["second"], match.end(), negated, quantity)
                return None
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
        groups = [tuple(objects)] if predicate.objects == 2 else [(name,) for name in objects] or [()]
        claims = [
            claim
            for subject in subjects
            for relation in predicate.relations
            for group in groups
            for claim in make_claims(relation, subject, group, quantity, **rest)
        ]
        self.memory.subjects = subjects
        self.memory.note(*objects, *subjects)
        return [*claims, *more]

    def _objects(self, subjects: list[str], predicate: Predicate, end: int) -> tuple[list[str], list[Claim]]:
        """The objects, and what follows them about the subject: "on the floor to the left of the baby"."""
        at = predicate.end
        try:
            self._check_object(predicate, at, end)
            return self.names(at, end, subjects=subjects), []
        except NotUnderstood:
            pass
        for stated in _few(patterns.MODIFIER, self.mask, at, end):
            try:
                self._check_object(predicate, at, stated.start())
                objects = self.names(at, stated.start(), subjects=subjects)
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
        while adverb := patterns.ADVERB.match(self.mask, at, end):
            at = adverb.end()
        stated = AFTER_BE.match(self.mask, at, end)
        middle = patterns.THERE_IS.search(self.mask, stated.end(), end) if stated else None
        if not stated or not middle or RELATIONS[pattern_relation(stated)].objects != 1:
            return None
        predicate = Predicate((pattern_relation(stated),), stated.group(), stated.end())
        object_end = len(self.mask[: middle.start()].rstrip(" ,"))
        try:
            subjects = self.names(middle.end(), end)
            self._check_object(predicate, stated.end(), object_end)
            objects = self.names(stated.end(), object_end, subjects=subjects)
        except NotUnderstood:
            return None
        self.memory.subjects = subjects
        self.memory.note(*objects, *subjects)
        return [
            claim
            for subject in subjects
            for name in objects
            for claim in make_claims(predicate.relations[0], subject, (name,), None, **self.rest)
        ]

    def _existence(self, start: int, end: int) -> list[Claim] | None:
        """Read "There is a SUBJECT behind OBJECT", "You'll find the SUBJECT behind OBJECT"."""
        exists = patterns.EXISTS.match(self.mask, start, end)
        return self._after_there_is(exists.end(), end) if exists else None

    def _after_there_is(self, start: int, end: int) -> list[Claim] | None:
        for stated in _few(patterns.MODIFIER, self.mask, start, end):
            try:
                subjects = self.names(start, stated.start())
                return self._said(subjects, stated.start("rest"), end, negated=False)
            except (NotUnderstood, RecordError):
                continue
        return None

    def _template(self, start: int, end: int) -> list[Claim] | None:
        """Read other shapes, such as "The distance between A and B is 2 m"."""
        words = self.mask[start:end]
        if match := FOLLOWED.fullmatch(words):
            relation = "closer" if match["w"].casefold() in ("closest", "nearest") else "farther"
            names = [self._name_at(start, match.span(group)) for group in "abc" if match[group]]
            if None not in names:
                return [
                    claim
                    for first, second in zip(names, names[1:], strict=False)
                    for claim in make_claims(relation, str(first), (str(second),), None, **self.rest)
                ]
        for template in TEMPLATES:
            if (match := template.pattern.fullmatch(words)) and (claims := self._of_template(template, match, start)):
                return claims
        return None

    def _of_template(self, template: Template, match: re.Match[str], start: int) -> list[Claim] | None:
        groups = {key: words for key, words in match.groupdict().items() if words}
        relation = template.relation or (template.by_word or {}).get(_key(groups.get("w", "")), "")
        names: list[str] = []
        for key in ("a", "b", "c"):
            if key in groups:
                if relation == "distance_between" and _key(groups[key]) in CAMERA_NAMES:
                    names.append(groups[key])
                elif (name := self._name_at(start, match.span(key), names)) is not None:
                    names.append(name)
                else:
                    return None
        if relation.startswith("-"):
            relation, names = relation[1:], names[::-1]
        rest = dict(self.rest, negated="not" in groups)
        quantity = parse_quantity(groups["m"]) if "m" in groups else None
        if relation == "count":
            quantity = self._count(groups, names[0], match)
            if quantity is None:
                return None
        if template.measure:
            rest["measure"] = template.measure
        if not relation:
            return None
        try:
            claims = make_claims(relation, names[0], tuple(names[1:]), quantity, **rest)
        except RecordError:
            return None
        self.memory.subjects = names[:1] if relation != "count" else self.memory.subjects
        self.memory.note(*reversed([name for name in names if name.casefold() not in CAMERA_NAMES]))
        return claims

    def _count(self, groups: dict[str, str], name: str, match: re.Match[str]) -> Quantity | None:
        number = parse_count(groups["count"])
        counted = name.split(" of ")[0] if " of " in name else name
        if (
            number is None
            or patterns.RESTRICTED.search(f" {groups['a']} ")
            or not may_be_counted(name, NAME in groups["a"])
        ):
            return None
        self.memory.counted = re.sub(r"s$", "", counted.split()[-1])
        self.memory.subjects = [name]
        return Quantity(float(number), Unit.COUNT)

    def _name_at(self, start: int, span: tuple[int, int], subjects: list[str] | None = None) -> str | None:
        try:
            names = self._name(start + span[0], start + span[1], subjects or None)
        except NotUnderstood:
            return None
        return names[0] if len(names) == 1 else None


def _few(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    for number, match in enumerate(pattern.finditer(text, start, end)):
        if number >= _MOST_VERBS:
            return
        yield match


def _key(words: str) -> str:
    words = " ".join(words.casefold().split())
    return re.sub(r"\b(?:the (?:viewer|observer|photographer|lens|camera lens)|us|you|me)\b", "the camera", words)
