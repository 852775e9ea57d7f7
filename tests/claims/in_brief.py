"""The parts of a claim as one short text, so that tables of tests stay readable."""

from __future__ import annotations

from pipeline.records import Claim, Comparison, Unit


def in_brief(claim: Claim) -> str:
    relation = claim.relation.replace("_", " ")
    objects = " and ".join(name for name in (claim.object, claim.other_object) if name)
    bound = "" if claim.comparison is Comparison.ABOUT else f"{claim.comparison} "
    number = "" if claim.value is None else f"{bound}{claim.value:g}"
    unit = "" if claim.unit in (None, Unit.COUNT) else str(claim.unit)
    return " ".join(part for part in (claim.subject, "not" * claim.negated, relation, objects, number, unit) if part)
