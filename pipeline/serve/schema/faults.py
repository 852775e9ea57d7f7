"""Faults that Pydantic finds in a request, in sentences for clients."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.serve.problems import UnfitError

# Most faults of one request that its problem lists, and the lengths of each place and of what is said there.
_MOST_FAULTS, _LONGEST_PLACE, _LONGEST_FAULT = 8, 100, 200
_EMPTY = frozenset(("string_pattern_mismatch", "string_too_short", "too_short"))
_CHOICES = frozenset(("enum", "literal_error"))
# What a value of the wrong kind must be.
_KINDS = {
    "string_type": "a text",
    "model_type": "a JSON object",
    "model_attributes_type": "a JSON object",
    "dict_type": "a JSON object",
    "list_type": "a list",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
# Pydantic names what a place may hold, such as str or list[Part], among the fields; those have names of this form.
_FIELD = re.compile(r"(?!str$)[a-z][a-z0-9_]*")
_KEY = "[key]"
# Lists that are too long to be told, by the field that takes one of their entries.
_LISTED_AT = {"relation": "/v1/relations"}

Fault = Mapping[str, Any]


def unfit(faults: Sequence[Fault]) -> UnfitError:
    """The error of a request that does not fit its model.

    Args:
        faults: Pydantic's list.
    """
    listed: dict[str, str] = {}
    meant = [fault for fault in faults if not _is_of_another_kind(fault, faults)]
    for fault in meant:
        place = place_of(fault)
        if place not in listed:
            kinds = [_KINDS.get(each["type"], "") for each in meant if place_of(each) == place]
            listed[place] = sentence(fault, place, list(dict.fromkeys(kinds)))
    told = [{"at": place, "detail": detail} for place, detail in listed.items()][:_MOST_FAULTS]
    more = " There are more faults; see errors." if len(listed) > 1 else ""
    return UnfitError(told[0]["detail"] + more, errors=told)


def place_of(fault: Fault) -> str:
    """Where a fault is, in the words of the request.

    >>> place_of({"loc": ("claims", 0, "ClaimGiven", "relation"), "type": "enum"})
    'claims.0.relation'
    """
    *parts, last = fault["loc"] or ("",)
    if last == _KEY:
        *parts, last = parts
    parts = [part for part in parts if _is_field(part)]
    if fault["type"] == "extra_forbidden" or fault["loc"][-1:] == (_KEY,) or _is_field(last):
        parts.append(last)
    place = " ".join(".".join(map(str, parts)).split())
    return place if len(place) <= _LONGEST_PLACE else place[:_LONGEST_PLACE] + "…"


def sentence(fault: Fault, place: str, kinds: Sequence[str]) -> str:
    """What is wrong, in one sentence.

    Args:
        fault: The fault.
        place: Its place.
        kinds: What a value of the wrong kind must be.
    """
    kind, text = fault["type"], " ".join(fault["msg"].split())
    what = f"The field {place}" if place else "The request"
    if kind == "extra_forbidden":
        return f"There is no field {place}."
    if kind == "missing":
        return f"{what} is missing."
    if kind in _EMPTY:
        return f"{what} is empty."
    if kind in _KINDS:
        return f"{what} must be {' or '.join(filter(None, kinds))}."
    if kind == "value_error":
        text = _shortened(text.removeprefix("Value error, ").rstrip("."))
        return f"{text} (at {place})." if place else f"{text}."
    if kind in _CHOICES:
        text = _shortened(text.removeprefix("Input should be "), ", ")
        if text.endswith("…"):
            listed_at = _LISTED_AT.get(place.rpartition(".")[2])
            text = f"one of {text}" + (f"; see {listed_at}" if listed_at else "")
        return f"There is no field {place}; choose {text}." if fault["loc"][-1] == _KEY else f"{what} must be {text}."
    text = re.sub(r"^\w+ should ", "must ", text).replace(" after validation", "").replace(" a valid ", " a ")
    return f"{what} {_shortened(text)}."


def _is_field(part: object) -> bool:
    return not isinstance(part, str) or _FIELD.fullmatch(part) is not None


def _is_of_another_kind(fault: Fault, faults: Sequence[Fault]) -> bool:
    """Whether a fault only says that a value is not of one kind, while another fault takes it as of another kind."""
    loc = tuple(fault["loc"])
    if fault["type"] not in _KINDS or not loc or _is_field(loc[-1]):
        return False
    around = loc[:-1]
    return any(
        tuple(other["loc"])[: len(around)] == around and (len(other["loc"]) > len(loc) or other["type"] not in _KINDS)
        for other in faults
        if other is not fault
    )


def _shortened(text: str, separator: str = " ") -> str:
    """A text that ends, where it is too long, after a whole word or choice."""
    if len(text) <= _LONGEST_FAULT:
        return text
    return text[:_LONGEST_FAULT].rpartition(separator)[0] + (", …" if separator == ", " else " …")
