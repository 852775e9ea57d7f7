"""Reads English clauses of the shapes in ``english_templates``."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from pipeline.claims import english_patterns as patterns
from pipeline.claims.claim_making import make_claims
from pipeline.claims.english_memory import NotUnderstood
from pipeline.claims.english_names import NameReader
from pipeline.claims.english_nouns import may_be_counted
from pipeline.claims.english_templates import FOLLOWED, HAVING, OF_IT, TEMPLATES, Template
from pipeline.claims.phrases import CAMERA_NAMES
from pipeline.claims.quantities import Quantity, parse_count, parse_quantity
from pipeline.claims.sentences import NAME
from pipeline.records import Claim, Unit
from pipeline.records.errors import RecordError

# No shape has fewer than three words.
_LEAST_BLANKS = 2


class ShapeReader:
    """Reads clauses as a whole.

    Args:
        names: Reads their names.
        rest: Further fields of all claims, such as their frames.
    """

    def __init__(self, names: NameReader, rest: dict[str, Any]) -> None:
        self.names = names
        self.mask = names.mask
        self.memory = names.memory
        self.rest = rest

    def read(self, start: int, end: int) -> list[Claim] | None:
        """Read other shapes, such as "The distance between A and B is 2 m"."""
        words = self.mask[start:end]
        if words.count(" ") < _LEAST_BLANKS:
            return None
        if match := FOLLOWED.fullmatch(words):
            relation = "closer" if match["w"].casefold() in ("closest", "nearest") else "farther"
            names = [self._one(start, match.span(group)) for group in "abc" if match[group]]
            if None not in names:
                return [
                    claim
                    for first, second in pairwise(names)
                    for claim in make_claims(relation, str(first), (str(second),), None, **self.rest)
                ]
        if (order := patterns.ORDER_OF_NAMES.fullmatch(words)) and order["from"].casefold() != order["to"].casefold():
            return self._in_order(order, start)
        for template in TEMPLATES:
            if (match := template.pattern.fullmatch(words)) and (claims := self._of_template(template, match, start)):
                return claims
        return None

    def _in_order(self, order: re.Match[str], start: int) -> list[Claim] | None:
        """The claims of things that are listed from left to right, or from right to left."""
        try:
            names = self.names.names(start + order.start("list"), start + order.end("list"))
        except NotUnderstood:
            return None
        relation = "left_of" if order["from"].casefold() == "left" else "right_of"
        return [
            claim
            for first, second in pairwise(names)
            for claim in make_claims(relation, first, (second,), None, **self.rest)
        ] or None

    def _of_template(self, template: Template, match: re.Match[str], start: int) -> list[Claim] | None:
        groups = {key: words for key, words in match.groupdict().items() if words}
        relation = template.relation or (template.by_word or {}).get(_key(groups.get("w", "")), "")
        names: list[str] = []
        for key in ("a", "b", "c"):
            if key in groups:
                if relation == "distance_between" and _key(groups[key]) in CAMERA_NAMES:
                    names.append(groups[key])
                elif (name := self._one(start, match.span(key), names)) is not None:
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

    def _one(self, start: int, span: tuple[int, int], subjects: list[str] | None = None) -> str | None:
        try:
            names = self.names.name(start + span[0], start + span[1], subjects or None)
        except NotUnderstood:
            return None
        return names[0] if len(names) == 1 else None

    def having(self, owner: str, start: int, end: int) -> list[Claim]:
        """The claims of "has OBJECT behind it", said of something that was named before."""
        match = HAVING.fullmatch(self.mask[start:end])
        name = self._one(start, match.span("a")) if match else None
        if match is None or name is None:
            raise NotUnderstood
        return make_claims(OF_IT[_key(match["w"])], name, (owner,), None, **self.rest)


def _key(words: str) -> str:
    words = " ".join(words.casefold().split())
    return re.sub(r"\b(?:the (?:viewer|observer|photographer|lens|camera lens)|us|you|me)\b", "the camera", words)
