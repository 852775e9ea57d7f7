"""Reads the claims of the JSON form that the prompts ask for: ``{"objects": [...], "claims": [...]}``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pipeline.claims.claim_making import make_claims
from pipeline.claims.coordinates.images import frame_index
from pipeline.claims.coordinates.keys import CLAIM_KEYS, is_number
from pipeline.claims.json_blocks import JsonBlock
from pipeline.claims.markup import listed, shorten
from pipeline.claims.phrases import relation_named
from pipeline.claims.quantities import Quantity, parse_quantity, unit_named
from pipeline.records import Claim, Comparison, Unit
from pipeline.records.errors import RecordError, UnreadableError
from pipeline.records.message import Message, message
from pipeline.records.relations import RELATIONS

_FRAME_KEYS = {"pictures": 1, "picture": 1, "images": 1, "image": 1, "frames": 0, "frame": 0}
_RELATION_KEYS = ("relation", "predicate", "relationship", "type")
_SUBJECT_KEYS = ("subject", "subj", "object_1", "from")
_OBJECT_KEYS = ("object", "obj", "target", "object_2", "to", "reference")
_OTHER_OBJECT_KEYS = ("other_object", "object2", "second_object", "object_3")
_TRUE_WORDS = frozenset(listed("true|yes|1"))


def claims_from_json(
    blocks: Iterable[JsonBlock], frames: int = 1
) -> tuple[tuple[Claim, ...], tuple[Message, ...]] | None:
    """Read the claims of JSON values.

    ``images`` count from 1, as in the prompts' "Image 1"; ``frames`` count from 0. Relations, units and numbers may
    be words in English or Chinese.

    Args:
        blocks: JSON values from ``find_json``.
        frames: Number of frames in the scene.

    Returns:
        The claims, and a message for each unreadable entry; None if no value has a list of claims and the prose
        may be read instead.
    """
    lists = [entries for block in blocks for entries in _claim_lists(block.value)]
    if not lists:
        return None
    claims: list[Claim] = []
    problems: list[Message] = []
    for entry in (entry for entries in lists for entry in entries):
        try:
            claims += _claims(entry, frames)
        except RecordError as error:
            reason = error.reason if isinstance(error, UnreadableError) else str(error)
            problems.append(message("unread_claim", entry=shorten(str(entry), 80), reason=reason))
    return tuple(dict.fromkeys(claims)), tuple(problems)


def _claim_lists(value: Any) -> list[list[Any]]:
    if isinstance(value, dict):
        lists = [value[key] for key in CLAIM_KEYS if isinstance(value.get(key), list)]
        return lists or [[value]] * _is_claim(value)
    return [value] if isinstance(value, list) and any(map(_is_claim, value)) else []


def _is_claim(value: Any) -> bool:
    return isinstance(value, dict) and "subject" in value and any(key in value for key in _RELATION_KEYS[:3])


def _claims(entry: Any, frames: int) -> list[Claim]:
    if not isinstance(entry, dict):
        raise UnreadableError("no_claim_object")
    words = _first(entry, _RELATION_KEYS)
    relation = relation_named(words) if isinstance(words, str) else None
    if relation is None:
        raise UnreadableError("no_relation", words=shorten(str(words), 40), relations=tuple(RELATIONS))
    name, denied = relation
    objects = _objects(entry)
    if name == "distance_between" and not objects:
        raise UnreadableError("distance_without_object")
    rest: dict[str, Any] = {"frames": _frames(entry, frames), "negated": _flag(entry) != denied}
    for key in ("measure", "perspective"):
        if isinstance(entry.get(key), str) and entry[key].strip():
            rest[key] = entry[key].strip()
    return make_claims(name, _name(_first(entry, _SUBJECT_KEYS)) or "", objects, _quantity(entry, name), **rest)


def _first(entry: dict[str, Any], keys: Iterable[str]) -> Any:
    return next((entry[key] for key in keys if entry.get(key) not in (None, "", [])), None)


def _name(value: Any) -> str | None:
    """The label given as a text, a number or a JSON object with a label."""
    if isinstance(value, dict):
        value = _first(value, ("label", "name"))
    return str(value).strip() or None if isinstance(value, str | int | float) else None


def _objects(entry: dict[str, Any]) -> tuple[str, ...]:
    found = []
    for keys in (_OBJECT_KEYS, _OTHER_OBJECT_KEYS):
        value = _first(entry, keys)
        found += [_name(part) for part in value] if isinstance(value, list) else [_name(value)]
    if not any(found) and isinstance(entry.get("objects"), list):
        found = [_name(part) for part in entry["objects"]]
    return tuple(name for name in found if name)[:2]


def _flag(entry: dict[str, Any]) -> bool:
    value = _first(entry, ("negated", "negative", "negation"))
    return value is True or value == 1 or (isinstance(value, str) and value.casefold() in _TRUE_WORDS)


def _frames(entry: dict[str, Any], count: int) -> tuple[int, ...]:
    for key, first in _FRAME_KEYS.items():
        if (given := _first(entry, [key])) is not None:
            values = given if isinstance(given, list) else [given]
            indices = dict.fromkeys(frame_index(value, first) for value in values)
            if not all(0 <= index < count for index in indices):
                raise UnreadableError("frames_not_given", key=key, values=str(values), count=count)
            return tuple(indices)
    return ()


def _quantity(entry: dict[str, Any], name: str) -> Quantity | None:
    value = _first(entry, ("value", "distance", "number"))
    if value is None or isinstance(value, bool):
        return None
    quantity = Quantity(float(value), None) if is_number(value) else parse_quantity(str(value))
    if quantity is None:
        raise UnreadableError("no_number", words=shorten(str(value), 30))
    words, factor = entry.get("unit"), 1.0
    if is_number(entry.get("tolerance")):
        quantity = replace(quantity, tolerance=float(entry["tolerance"]))
    if entry.get("comparison") in tuple(Comparison):
        quantity = replace(quantity, comparison=Comparison(entry["comparison"]))
    if quantity.unit is None and isinstance(words, str) and words.strip() and name != "count":
        if (named := unit_named(words)) is None:
            raise UnreadableError("no_unit", words=words[:20], units=tuple(Unit))
        quantity, factor = replace(quantity, unit=named[0]), named[1]
    tolerance = None if quantity.tolerance is None else quantity.tolerance * factor
    return replace(quantity, value=quantity.value * factor, tolerance=tolerance)
