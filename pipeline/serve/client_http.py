"""Requests of the client, and the server's problems as errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.records.errors import DependencyError, GenerationError, ModelUnavailableError, TheodoliteError
from pipeline.serve.problems import (
    BusyError,
    ForbiddenError,
    GoneError,
    ServeError,
    TooLargeError,
    TooSlowError,
    UnauthorizedError,
    UnfitError,
    UnknownError,
    UnsupportedError,
)

if TYPE_CHECKING:
    import httpx

_ERRORS: dict[int, type[ServeError]] = {
    int(kind.status): kind
    for kind in (
        UnauthorizedError,
        ForbiddenError,
        UnknownError,
        GoneError,
        TooLargeError,
        UnsupportedError,
        UnfitError,
        TooSlowError,
    )
}
_FAILURES: dict[int, type[TheodoliteError]] = {502: GenerationError, 503: ModelUnavailableError}
_CONNECT_S = 10.0


class UnreachableError(TheodoliteError):
    """No server answers, or the connection to it was lost."""


class Http:
    """Connections to one server.

    Args:
        base_url: Its address.
        token: Its bearer token.
        timeout_s: Longest time without a word from it [s].

    Raises:
        DependencyError: If httpx is not installed.
        UnreachableError: If the address is none.
    """

    def __init__(self, base_url: str, token: str | None, timeout_s: float) -> None:
        try:
            import httpx
        except ImportError:
            raise DependencyError("The package httpx is not installed: pip install 'theodolite[serve]'.") from None
        self._httpx = httpx
        self.base_url = base_url.rstrip("/")
        headers = {"User-Agent": "theodolite", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._client = httpx.Client(
            headers=headers, timeout=httpx.Timeout(timeout_s, connect=_CONNECT_S), follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str) -> Any:
        """The JSON of an answer to GET."""
        return self._json("GET", path)

    def delete(self, path: str) -> Any:
        """The JSON of an answer to DELETE."""
        return self._json("DELETE", path)

    def post(self, path: str, fields: Mapping[str, Any], files: Sequence[tuple[str, Any]]) -> Any:
        """The JSON of an answer to POST, of JSON or of a multipart form."""
        if not files:
            return self._json("POST", path, json=dict(fields))
        return self._json("POST", path, data=_form(fields), files=list(files))

    def is_ready(self) -> bool:
        """Whether the server's models are loaded."""
        with self._reached():
            answer = self._client.get(f"{self.base_url}/readyz")
        if answer.status_code in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE):
            return answer.status_code == HTTPStatus.OK
        raise error_of(answer.status_code, answer.content, answer.headers)

    def save(self, path: str, file: BinaryIO) -> None:
        """Write the content of an answer to GET into a file."""
        with self.stream(path) as answer:
            for chunk in answer.iter_bytes():
                file.write(chunk)

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """An answer to GET, to be read piece by piece."""
        with self._reached(), self._client.stream("GET", self.base_url + path, headers=dict(headers or {})) as answer:
            if answer.is_error:
                raise error_of(answer.status_code, answer.read(), answer.headers)
            yield answer

    def raise_for(self, job: Mapping[str, Any]) -> None:
        """Raise the error of a job without results."""
        problem = job.get("problem") or {"detail": f"The job is {job.get('state')} and has no results."}
        raise error_of(int(problem.get("status", 500)), json.dumps(problem).encode(), {})

    def _json(self, method: str, path: str, **request: Any) -> Any:
        with self._reached():
            answer = self._client.request(method, self.base_url + path, **request)
        if answer.is_error:
            raise error_of(answer.status_code, answer.content, answer.headers)
        try:
            return answer.json()
        except ValueError:
            raise UnreachableError(f"What answers at {self.base_url} is no Theodolite server.") from None

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Says in one sentence why the server cannot be reached."""
        try:
            yield
        except self._httpx.TimeoutException:
            raise UnreachableError(f"The server at {self.base_url} did not answer in time.") from None
        except (self._httpx.TransportError, self._httpx.InvalidURL) as error:
            raise UnreachableError(
                f"No server answers at {self.base_url} ({error}); start one with python -m pipeline serve."
            ) from None


def error_of(status: int, content: bytes, headers: Mapping[str, str]) -> TheodoliteError:
    """The error of an answer, with the server's own sentence where it gives one."""
    try:
        problem = json.loads(content)
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        problem, detail = {}, f"The server answered with the status {status}."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = headers.get("Retry-After", "")
        return BusyError(detail, int(wait)) if wait.isdigit() else BusyError(detail)
    if kind := _FAILURES.get(status):
        return kind(detail)
    members = {key: value for key, value in problem.items() if key not in ("type", "title", "status", "detail")}
    error = _ERRORS.get(status, ServeError)(detail, None, **members)
    try:
        error.status = HTTPStatus(status)
    except ValueError:
        error.status = HTTPStatus.INTERNAL_SERVER_ERROR
    return error


def _form(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a multipart form: texts as they are, everything else in JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
