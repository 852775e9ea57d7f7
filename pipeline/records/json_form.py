"""The JSON form of records, and its schema."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pipeline.records.errors import RecordError
from pipeline.records.result import SCHEMA_VERSION, Result

RecordType = TypeVar("RecordType")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(record_type: type[Any]) -> TypeAdapter[Any]:
    """The adapter of a type; building one takes milliseconds, so each is kept."""
    if record_type not in _adapters:
        _adapters[record_type] = TypeAdapter(record_type)
    return _adapters[record_type]


def to_json(record: Any, leave_out: Any = None) -> str:
    """One line of JSON; numbers that are not finite become null, text stays readable.

    Args:
        record: The record.
        leave_out: Fields that are left out, as ``exclude`` of pydantic; None leaves none out.
    """
    return _adapter(type(record)).dump_json(record, exclude=leave_out).decode()


def to_plain(record: Any) -> Any:
    """The record as dicts, lists, texts and numbers."""
    return _adapter(type(record)).dump_python(record, mode="json")


def from_json(record_type: type[RecordType], source: str | bytes) -> RecordType:
    """Read a record from its JSON form.

    Raises:
        RecordError: If the text is not JSON, or breaks a rule of the record; the message names the field.
    """
    return _read(record_type, source)


def from_plain(record_type: type[RecordType], value: Any) -> RecordType:
    """Read a record from dicts, lists, texts and numbers.

    Raises:
        RecordError: If a rule of the record is broken; the message names the field.
    """
    try:
        return _read(record_type, json.dumps(value))
    except (TypeError, ValueError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(f"A {record_type.__name__} cannot be read from {value!r}: {error}.") from None


def _read(record_type: type[RecordType], source: str | bytes) -> RecordType:
    try:
        record: RecordType = _adapter(record_type).validate_json(source)
        return record
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        place = f" at {where}" if where else ""
        raise RecordError(f"Not a valid {record_type.__name__}{place}: {message}.") from None


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one line of ``results.jsonl``, with or without its times."""
    schema = _adapter(Result).json_schema(mode="serialization")
    for part, optional in ((schema, {"seconds"}), (schema["$defs"]["Answer"], {"seconds", "timings", "cached_tokens"})):
        part["required"] = [name for name in part["required"] if name not in optional]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Theodolite result",
        "version": SCHEMA_VERSION,
        **{key: value for key, value in schema.items() if key != "title"},
    }
