"""Errors of requests, as problem details (RFC 9457)."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pipeline.records.errors import (
    ConfigError,
    DependencyError,
    DepthError,
    GenerationError,
    InputError,
    ModelUnavailableError,
    RecordError,
    TheodoliteError,
    UnaskableError,
)

MEDIA_TYPE = "application/problem+json"
# What else may go wrong is the server's fault, and its words may name paths or addresses.
_BY_ERROR: tuple[tuple[type[TheodoliteError], HTTPStatus, str | None], ...] = (
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY, None),
    (RecordError, HTTPStatus.UNPROCESSABLE_ENTITY, None),
    (DepthError, HTTPStatus.UNPROCESSABLE_ENTITY, None),
    (UnaskableError, HTTPStatus.UNPROCESSABLE_ENTITY, None),
    (GenerationError, HTTPStatus.BAD_GATEWAY, "The model could not answer; the server's log says why."),
    (ModelUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "A model is not available; the server's log says why."),
    (DependencyError, HTTPStatus.SERVICE_UNAVAILABLE, "The server lacks a package; its log says which."),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY, "The server's configuration does not allow this; its log says why."),
)


class ServeError(TheodoliteError):
    """A request that cannot be answered.

    Args:
        detail: One sentence that says what is wrong and how to fix it; clients see it.
        headers: Further headers of the answer.
        **members: Further members of the problem details.
    """

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail, self.headers, self.members = detail, dict(headers or {}), members


class UnauthorizedError(ServeError):
    """The bearer token is missing or wrong."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(ServeError):
    """A path or address that the configuration does not allow."""

    status = HTTPStatus.FORBIDDEN


class UnknownError(ServeError):
    """There is nothing with this id."""

    status = HTTPStatus.NOT_FOUND


class GoneError(ServeError):
    """It existed, and was deleted because of its age."""

    status = HTTPStatus.GONE


class TooLargeError(ServeError):
    """More than a limit allows."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedError(ServeError):
    """A kind of file or body that is not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnfitError(ServeError):
    """A request that is well-formed but cannot be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooSlowError(ServeError):
    """A client that took too long to send its request."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BusyError(ServeError):
    """The queue is full, or the client asks for too much at once.

    Args:
        detail: As in ``ServeError``.
        retry_after_s: When to try again [s].
    """

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after_s)})


def problem_of(error: BaseException) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, problem details and headers of an error; words of errors that were not raised on purpose stay here.

    Args:
        error: The error. One of a stage counts as its cause.

    Returns:
        The status; ``type``, ``title``, ``status`` and ``detail``; and headers.
    """
    error = getattr(error, "cause", error)
    if isinstance(error, ServeError):
        return error.status, {**problem(error.status, error.detail), **error.members}, error.headers
    for kind, status, detail in _BY_ERROR:
        if isinstance(error, kind):
            return status, problem(status, detail or str(error)), {}
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return status, problem(status, "The server failed; its log says why."), {}


def place_of(error: BaseException) -> str:
    """The type of an error and the lines that raised it, for the log; its words may be those of a client."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__)[-3:]).rstrip()}"


def problem(status: HTTPStatus, detail: str) -> dict[str, Any]:
    """Problem details of a status."""
    return {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
