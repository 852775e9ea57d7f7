"""The JSON form of jobs, for the index of the store."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, TypeVar

from pipeline.records import Result, from_json, to_json, to_plain
from pipeline.records.errors import ExportError, RecordError
from pipeline.records.json_form import from_plain
from pipeline.serve.records import Ask, Job, JobState, Judge, MeasureDepth, Rejudge, Work

_WORKS: dict[str, type[Work]] = {"ask": Ask, "judge": Judge, "rejudge": Rejudge, "depth": MeasureDepth}
# Numbers by name, in which one that is not finite can be left out.
_NUMBERS = ("numbers", "points", "timings", "seconds")

Record = TypeVar("Record")


def record_text(record: Any) -> str:
    """A record on one line of JSON, from which ``from_json`` reads the same record.

    Raises:
        RecordError: If it holds what JSON cannot, such as numbers that are not finite.
    """
    try:
        text = to_json(record)
    except ValueError as error:
        raise RecordError(f"A {type(record).__name__} has no JSON form: {error}.") from None
    from_json(type(record), text)
    return text


def job_text(job: Job) -> str:
    """A job on one line of JSON; ``kind`` says what its work is.

    Raises:
        RecordError: If it holds what JSON cannot, such as numbers that are not finite.
    """
    kind = next(name for name, work in _WORKS.items() if type(job.work) is work)
    plain = {field.name: getattr(job, field.name) for field in fields(Job) if field.name != "work"}
    try:
        text = json.dumps({**plain, "kind": kind, "work": to_plain(job.work)}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecordError(f"A job has no JSON form: {error}.") from None
    return text


def job_of(text: str) -> Job:
    """Read a job from its JSON form.

    Raises:
        RecordError: If the text is not that of a job.
    """
    try:
        plain = json.loads(text)
        work = from_plain(_WORKS[plain["kind"]], plain["work"])
        others = {name: part for name, part in plain.items() if name not in ("kind", "work")}
        others |= {"state": JobState(plain["state"]), "results": tuple(plain["results"])}
        return Job(work=work, **others)
    except (ValueError, LookupError, TypeError) as error:
        raise RecordError(f"Not a valid job: {error}.") from None


def result_text(result: Result) -> str:
    """A result on one line of JSON that can be read again; named numbers that are not finite are left out.

    Raises:
        ExportError: If it has no such form.
    """
    try:
        text = to_json(result)
    except ValueError as error:
        raise ExportError(f"The result of item {result.item_id} has no JSON form: {error}.") from error
    try:
        from_json(Result, text)
    except RecordError:
        text = json.dumps(_without_nulls(json.loads(text)), ensure_ascii=False)
        try:
            from_json(Result, text)
        except RecordError as error:
            raise ExportError(f"The result of item {result.item_id} has no JSON form: {error}") from error
    return text


def _without_nulls(value: Any) -> Any:
    """A value of JSON without the numbers and points by name that are null or hold null."""
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {name: number for name, number in part.items() if number is not None and None not in _parts(number)}
        if key in _NUMBERS and isinstance(part, dict)
        else _without_nulls(part)
        for key, part in value.items()
    }


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
