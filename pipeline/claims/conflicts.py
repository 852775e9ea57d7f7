"""Finds where an answer's words contradict its JSON, because only the JSON is verified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.records import Claim
from pipeline.records.message import Message, message
from pipeline.records.relations import RELATIONS

# Two objects cannot each precede the other in these relations, whereas each may hide a part of the other.
_ORDERS = ("image_order", "depth_order", "size_order")


class _Statement(NamedTuple):
    """The statement of a claim; equal for a relation and its converse."""

    what: tuple[object, ...]
    subject: str
    other: str
    negated: bool
    has_number: bool


def conflicts(said: Sequence[Claim], listed: Sequence[Claim]) -> tuple[Message, ...]:
    """Where claims of an answer's prose contradict those of its JSON.

    Two claims contradict each other if one denies what the other states about the same objects, frames and view, or
    if they state opposite orders. Numbers are not compared.

    Args:
        said: The claims of the prose.
        listed: The claims of the JSON.

    Returns:
        A message for each claim of the prose that contradicts one of the JSON, in their order.
    """
    others = [(other, _statement(other)) for other in listed]
    found = (
        (claim, next((o for o, stated in others if _contradict(_statement(claim), stated)), None)) for claim in said
    )
    return tuple(message("conflict", said=claim.wording, listed=other.wording) for claim, other in found if other)


def _statement(claim: Claim) -> _Statement:
    relation = RELATIONS[claim.relation]
    options = {key: value for key, value in relation.options.items() if key != "sign"}
    subject, other = claim.subject.casefold(), (claim.object or "").casefold()
    if relation.options.get("sign") == -1 or (relation.symmetric and other < subject):
        subject, other = other, subject
    view = (claim.frames, claim.perspective, claim.measure, (claim.other_object or "").casefold())
    what = (relation.rule, *sorted(options.items()), *view)
    return _Statement(what, subject, other, claim.negated, claim.value is not None)


def _contradict(first: _Statement, second: _Statement) -> bool:
    if first.what != second.what:
        return False
    if (first.subject, first.other) == (second.subject, second.other):
        return first.negated != second.negated and not (first.has_number or second.has_number)
    is_opposite = (first.subject, first.other) == (second.other, second.subject)
    return is_opposite and first.what[0] in _ORDERS and not (first.negated or second.negated)
