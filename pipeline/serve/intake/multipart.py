"""Forms with files (multipart/form-data, RFC 7578), read as a stream straight into the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import ServeError, TooLargeError, TooSlowError, UnsupportedError
from pipeline.serve.records import Upload
from pipeline.serve.settings import MB, Limits

if TYPE_CHECKING:
    from pipeline.serve.store.store import Store

# Headers of one part, and all texts of a form together. Boundaries have at most 70 characters (RFC 2046, 5.1.1).
_MOST_HEADER_BYTES = 2048
_MOST_HEADERS = 6
_MOST_TEXT_BYTES = MB
_LONGEST_BOUNDARY = 70
_LONGEST_NAME = 100
_PLAIN_ENCODINGS = (b"", b"7bit", b"8bit", b"binary")
# Writing to the disk leaves the event loop in pieces of this size.
_PIECE_BYTES = MB


@dataclass(frozen=True)
class Form:
    """What a form held.

    Args:
        fields: Its texts by name, in their order.
        files: Its files by name, in their order.
    """

    fields: Mapping[str, tuple[str, ...]]
    files: Mapping[str, tuple[Upload, ...]]


async def read_form(
    stream: AsyncIterator[bytes], content_type: str, store: Store, limits: Limits, client: str = ""
) -> Form:
    """Read a form; its files go to the store as they come, and none stays there if the form is refused.

    Args:
        stream: The body.
        content_type: Header of the request.
        store: Where files go.
        limits: ``request_mb``, ``part_mb``, ``parts`` and ``send_s`` count.
        client: Whose files they are.

    Raises:
        ServeError: If the form is malformed or cut off, or breaks a limit.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    with ExitStack() as opened:
        parts = _Parts(store, limits, opened, client)
        try:
            parser = MultipartParser(_boundary(content_type), parts.callbacks())
            await parts.feed(stream, parser)
        except FormParserError:
            raise ServeError("The form is malformed; send multipart/form-data as RFC 7578 says.") from None
        return await asyncio.to_thread(parts.finished)


def _boundary(content_type: str) -> bytes:
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data":
        raise UnsupportedError("Send multipart/form-data.")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise ServeError("The form has no usable boundary; send multipart/form-data as RFC 7578 says.")
    return boundary


@dataclass
class _Part:
    """One part that is being read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    header_bytes: int = 0
    name: str = ""
    text: bytearray | None = None
    sink: Sink | None = None


class _Parts:
    """Collects what the parser finds; its callbacks only note, and ``feed`` writes."""

    def __init__(self, store: Store, limits: Limits, opened: ExitStack, client: str) -> None:
        self._store, self._limits, self._opened, self._client = store, limits, opened, client
        self._part = _Part()
        self._header, self._value = b"", b""
        self._count, self._text_bytes = 0, 0
        self._has_ended = False
        self._writes: list[tuple[Sink, bytes]] = []
        self._fields: dict[str, list[str]] = {}
        self._sinks: list[tuple[str, Sink]] = []

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all,
        }

    async def feed(self, stream: AsyncIterator[bytes], parser: Any) -> None:
        most_bytes, most_s, taken, waiting = int(self._limits.request_mb * MB), self._limits.send_s, 0, 0
        try:
            async with asyncio.timeout(most_s):
                async for chunk in stream:
                    taken += len(chunk)
                    if taken > most_bytes:
                        raise TooLargeError(f"The request is larger than {most_bytes / MB:g} MB; send less at once.")
                    parser.write(chunk)
                    waiting += len(chunk)
                    if waiting >= _PIECE_BYTES:
                        await asyncio.to_thread(self._write)
                        waiting = 0
        except TimeoutError:
            raise TooSlowError(f"The request took longer than {most_s:g} s to arrive; send it again.") from None
        if not self._has_ended:
            raise ServeError("The form is cut off: its last boundary is missing; send it again.")
        await asyncio.to_thread(self._write)

    def finished(self) -> Form:
        """Keep the files, all at once: a form that is refused leaves none."""
        for _, sink in self._sinks:
            sink.check()
        files: dict[str, list[Upload]] = {}
        for name, sink in self._sinks:
            files.setdefault(name, []).append(sink.finish())
        return Form(
            {name: tuple(texts) for name, texts in self._fields.items()},
            {name: tuple(uploads) for name, uploads in files.items()},
        )

    def _write(self) -> None:
        for sink, data in self._writes:
            sink.write(data)
        self._writes.clear()

    def _begin(self) -> None:
        self._part = _Part()
        self._count += 1
        if self._count > self._limits.parts:
            raise TooLargeError(f"The form has more than {self._limits.parts} parts; send fewer files at once.")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._grow_header(end - start)
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow_header(end - start)
        self._value += data[start:end]

    def _grow_header(self, count: int) -> None:
        self._part.header_bytes += count
        if self._part.header_bytes > _MOST_HEADER_BYTES or len(self._part.headers) >= _MOST_HEADERS:
            raise TooLargeError("A part of the form has too long headers.")

    def _header_end(self) -> None:
        name = self._header.lower().strip()
        if name in self._part.headers:
            raise ServeError("A part of the form has a header twice.")
        self._part.headers[name] = self._value.strip()
        self._header, self._value = b"", b""

    def _headers_end(self) -> None:
        from python_multipart.multipart import parse_options_header

        headers = self._part.headers
        kind, options = parse_options_header(headers.get(b"content-disposition"))
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not 0 < len(self._part.name) <= _LONGEST_NAME:
            raise ServeError("A part of the form has no name.")
        if headers.get(b"content-transfer-encoding", b"").lower() not in _PLAIN_ENCODINGS:
            raise UnsupportedError("Parts of forms are sent as they are, without a transfer encoding.")
        if headers.get(b"content-type", b"").lower().startswith(b"multipart/"):
            raise UnsupportedError("Parts of forms hold one file each.")
        if b"filename" in options:
            incoming = self._opened.enter_context(self._store.new_upload(client=self._client))
            self._part.sink = Sink(incoming, options[b"filename"].decode("utf-8", "replace"), self._limits)
        else:
            self._part.text = bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.sink is not None:
            self._writes.append((self._part.sink, data[start:end]))
        elif self._part.text is not None:
            self._part.text += data[start:end]
            self._text_bytes += end - start
            if self._text_bytes > _MOST_TEXT_BYTES:
                raise TooLargeError(f"The texts of the form have more than {_MOST_TEXT_BYTES // MB} MB; shorten them.")

    def _end(self) -> None:
        if self._part.sink is not None:
            self._sinks.append((self._part.name, self._part.sink))
        elif self._part.text is not None:
            try:
                text = self._part.text.decode("utf-8")
            except UnicodeDecodeError:
                raise ServeError("A field of the form is not text in UTF-8.") from None
            self._fields.setdefault(self._part.name, []).append(text)

    def _all(self) -> None:
        self._has_ended = True
