"""Makes claims from their parts, by the same rules for JSON and prose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.claims.phrases import CAMERA_NAMES
from pipeline.claims.quantities import Quantity
from pipeline.records import Claim, Unit
from pipeline.records.relations import RelationName

_PLACED = ("left_of", "right_of", "above", "below")
_DISTANCES = ("distance_between", "distance_to_camera")


def make_claims(
    relation: str, subject: str, objects: tuple[str, ...] = (), quantity: Quantity | None = None, **rest: Any
) -> list[Claim]:
    """Make the claims of one statement.

    A number with left, right, above or below, as in "A is 30 cm to the left of B", makes a second claim: the
    distance between the two. If such a statement is denied, it is unclear which part is, so the number is an error.
    A distance between an object and the camera is a distance to the camera.

    Args:
        relation: Name of a relation.
        subject: Subject of the claim.
        objects: At most two objects.
        quantity: The claim's number.
        rest: Further fields of a claim.

    Returns:
        One or two claims.

    Raises:
        RecordError: If the parts do not fit the relation.
    """
    if relation in _DISTANCES and len(objects) == 1:
        if objects[0].casefold() in CAMERA_NAMES:
            relation, objects = "distance_to_camera", ()
        elif relation == "distance_between" and subject.casefold() in CAMERA_NAMES:
            relation, subject, objects = "distance_to_camera", objects[0], ()
    if relation == "distance_to_camera":
        rest.pop("measure", None)
    rest |= zip(("object", "other_object"), objects, strict=False)
    numbers = vars(quantity) if quantity else {}
    if quantity and relation == "count":
        numbers = {**numbers, "unit": quantity.unit or Unit.COUNT}
    if relation in _PLACED and quantity and quantity.unit and not rest.get("negated"):
        placed = Claim(RelationName(relation), subject, **rest)
        apart = replace(placed, relation=RelationName("distance_between"), perspective="camera", **numbers)
        return [placed, apart]
    return [Claim(RelationName(relation), subject, **numbers, **rest)]
