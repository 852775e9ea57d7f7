"""What the models of requests share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from pipeline.serve.problems import TooLargeError, UnfitError
from pipeline.serve.schema.faults import unfit
from pipeline.serve.settings import Limits

Model = TypeVar("Model", bound=BaseModel)
Entry = TypeVar("Entry")

Listed = Annotated[list[Entry], FailFast()]
"""A list, of which the first entry that does not fit is the only one that is told."""

# Lists whose lengths the settings limit, by their names there.
_COUNTED = frozenset(("questions", "claims", "regions"))

ID = Field(min_length=1, max_length=100, description="An id that this server gave.")


class Strict(BaseModel):
    """A part of a request: unknown keys are refused, so that none is ignored in silence."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(protected_namespaces=())


class Problem(Answer):
    """What went wrong, as problem details (RFC 9457)."""

    type: str = Field("about:blank", description="A URI of the kind of problem; about:blank where the status says all.")
    title: str = Field(description="The status in words.", examples=["Unprocessable Entity"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(
        description="One sentence that says what is wrong and how to fix it.",
        examples=["The question is empty; say what to ask about the images."],
    )
    errors: list[Fault] | None = Field(None, description="The faults of a request, by the place of each.")


class Fault(Answer):
    """One fault of a request."""

    at: str = Field(description="Its place in the request.", examples=["regions.0.box_px"])
    detail: str = Field(description="What is wrong there.", examples=["The field regions.0.box_px is missing."])


def read(model: type[Model], plain: Any, limits: Limits) -> Model:
    """A request from plain values.

    Args:
        model: Its model.
        plain: Dicts, lists, texts and numbers.
        limits: ``questions``, ``claims`` and ``regions`` count, before any of these is looked at.

    Raises:
        TooLargeError: If there are too many of these.
        UnfitError: If the values do not fit; names the places.
    """
    if not isinstance(plain, Mapping):
        raise UnfitError(f"The request must be a JSON object, not {_kind(plain)}.")
    for name in _COUNTED & model.model_fields.keys():
        if isinstance(given := plain.get(name), list):
            check_count(name, len(given), getattr(limits, name))
    try:
        return model.model_validate(dict(plain))
    except ValidationError as error:
        raise unfit(error.errors(include_url=False, include_input=False, include_context=False)) from None


def check_count(what: str, count: int, most: int) -> None:
    """Check a number against a limit.

    Raises:
        TooLargeError: If it is larger.
    """
    if count > most:
        raise TooLargeError(f"The request has {count} {what}, but at most {most} are allowed; send several requests.")


def _kind(value: Any) -> str:
    names = {
        type(None): "null",
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
    }
    return names.get(type(value), "something else")
