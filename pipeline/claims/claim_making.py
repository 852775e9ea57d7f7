"""Makes claims from parts that were read, with the same rules for JSON and for prose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.claims.phrases import CAMERA_NAMES
from pipeline.claims.quantities import Quantity
from pipeline.records import Claim, Unit
from pipeline.records.relations import RelationName

_PLACED = ("left_of", "right_of", "above", "below")
_COMPARED_TO_CAMERA = ("distance_between", "distance_to_camera")


def make_claims(
    relation: str, subject: str, objects: tuple[str, ...] = (), quantity: Quantity | None = None, **rest: Any
) -> list[Claim]:
    """Make the claims that one statement amounts to.

    A number on left, right, above or below, as in "A is 30 cm to the left of B", is a second claim: the distance
    between the two. A denied one would leave open which part is denied, so its number is an error. A
    distance between an object and the camera is a distance to the camera.

    Args:
        relation: Name of a relation.
        subject: What the claim is about.
        objects: None, one or two objects.
        quantity: The claim's number.
        rest: Further fields of a claim.

    Returns:
        One claim, or two.

    Raises:
        RecordError: If the parts do not fit the relation.
    """
    if relation in _COMPARED_TO_CAMERA and len(objects) == 1:
        if objects[0].casefold() in CAMERA_NAMES:
            relation, objects = "distance_to_camera", ()
        elif relation == "distance_between" and subject.casefold() in CAMERA_NAMES:
            relation, subject, objects = "distance_to_camera", objects[0], ()
    if relation == "distance_to_camera":
        rest.pop("measure", None)
    first, second = (*objects, None, None)[:2]
    numbers: dict[str, Any] = {}
    if quantity is not None:
        unit = quantity.unit or (Unit.COUNT if relation == "count" else None)
        numbers = {
            "value": quantity.value,
            "unit": unit,
            "comparison": quantity.comparison,
            "tolerance": quantity.tolerance,
        }
    if relation in _PLACED and quantity is not None and quantity.unit is not None and not rest.get("negated"):
        placed = Claim(relation, subject, first, second, **rest)  # type: ignore[arg-type]
        apart = replace(placed, relation=RelationName("distance_between"), perspective="camera", **numbers)
        return [placed, apart]
    return [Claim(relation, subject, first, second, **numbers, **rest)]  # type: ignore[arg-type]
