"""The body of a request, as JSON or as a form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.serve.intake.json_text import parse_object
from pipeline.serve.intake.multipart import Form, read_form
from pipeline.serve.problems import ServeError, TooLargeError, TooSlowError, UnsupportedError
from pipeline.serve.settings import MB, Limits

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.serve.store.store import Store

JSON, FORM = "application/json", "multipart/form-data"
Found = TypeVar("Found")

# Python parses in one thread at a time; more would only take it from the event loop.
_parsers = ThreadPoolExecutor(2, "parsing")


async def apart(function: Callable[..., Found], *values: Any) -> Found:
    """What a function gives that parses or checks what a client sent; it runs beside the event loop.

    Args:
        function: The function.
        *values: Its arguments.
    """
    return await asyncio.get_running_loop().run_in_executor(_parsers, function, *values)


async def read_body(request: Request, store: Store, limits: Limits, client: str = "") -> Form | dict[str, Any]:
    """Read a request that may be a form with files or JSON.

    Args:
        request: The request, of which nothing was read.
        store: Where files go.
        limits: See ``Limits``.
        client: Whose files they are.

    Returns:
        The form, whose files are in the store, or the JSON object; sources of files in it, see
        ``intake.sources``, are not read yet.

    Raises:
        ServeError: If it is something else, malformed, or breaks a limit.
    """
    given = request.headers.getlist("content-type")
    kind = given[0].partition(";")[0].strip().lower() if len(given) == 1 else ""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedError("Send the body without a content encoding.")
    if kind == FORM:
        return await _left(read_form(request.stream(), given[0], store, limits, client))
    if kind == JSON:
        return await _left(read_json(request.stream(), limits))
    raise UnsupportedError(f"Send {FORM} or {JSON}.")


async def read_json(stream: AsyncIterator[bytes], limits: Limits) -> dict[str, Any]:
    """Read a JSON object; see ``json_text.parse_json`` for what is refused.

    Args:
        stream: The body.
        limits: ``request_mb``, ``json_depth`` and ``send_s`` count.

    Raises:
        ServeError: If it is none, or breaks a limit.
    """
    data, most_bytes = bytearray(), int(limits.request_mb * MB)
    try:
        async with asyncio.timeout(limits.send_s):
            async for chunk in stream:
                data += chunk
                if len(data) > most_bytes:
                    raise TooLargeError(f"The request is larger than {limits.request_mb:g} MB; send less at once.")
    except TimeoutError:
        raise TooSlowError(f"The request took longer than {limits.send_s:g} s to arrive; send it again.") from None
    return await apart(parse_object, bytes(data), limits.json_depth)


async def _left(reading: Any) -> Any:
    """What was read; a client that left meanwhile gets an answer that nobody sees."""
    from starlette.requests import ClientDisconnect

    try:
        return await reading
    except ClientDisconnect:
        raise ServeError("The client left before its request was whole.") from None
