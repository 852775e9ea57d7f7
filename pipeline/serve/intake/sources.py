"""Files that JSON requests hold or name: base64, data URLs, paths and addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pipeline.serve.intake.base64_data import is_data_url, write_base64
from pipeline.serve.intake.fetch import fetch
from pipeline.serve.intake.local_files import copy_local
from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import TooLargeError, UnfitError
from pipeline.serve.records import Upload
from pipeline.serve.settings import ServeSettings

if TYPE_CHECKING:
    from pipeline.serve.store.store import Store

_WAYS = ("data", "url", "path")


def read_sources(
    sources: Sequence[Any], store: Store, settings: ServeSettings, what: str = "image", client: str = ""
) -> list[Upload]:
    """Make uploads of the files that a JSON request holds or names; all of them, or none.

    Args:
        sources: Each a text (base64, or a data URL) or an object with one of ``data`` (such a text), ``url`` (a data
            URL too) and ``path``, and with a ``name`` or none.
        store: Where they go.
        settings: ``read_paths``, ``fetch_hosts`` and the limits ``parts`` and ``part_mb`` count.
        what: What to call a file without a name.
        client: Whose files they are.

    Raises:
        ForbiddenError: If a path or an address is not allowed; nothing of it is opened or resolved.
        ServeError: If a source is malformed or breaks a limit.
    """
    if len(sources) > settings.limits.parts:
        raise TooLargeError(f"The request has more than {settings.limits.parts} files; send fewer at once.")
    with ExitStack() as opened:
        sinks = []
        for number, source in enumerate(sources, 1):
            way, given, name = _parts(source, f"{what} {number}")
            sink = Sink(opened.enter_context(store.new_upload(client=client)), name, settings.limits)
            if way == "path":
                copy_local(given, settings.read_paths, sink)
            elif way == "url" and not is_data_url(given):
                fetch(given, settings.fetch_hosts, sink)
            else:
                write_base64(given, sink)
            sink.check()
            sinks.append(sink)
        return [sink.finish() for sink in sinks]


def _parts(source: Any, default: str) -> tuple[str, str, str]:
    """How a file is given, the text that gives it, and its name."""
    if isinstance(source, str):
        return "data", source, default
    if not isinstance(source, Mapping):
        raise UnfitError(f"{default.capitalize()} must be base64, a data URL, or an object with data, url or path.")
    ways = [way for way in _WAYS if source.get(way) is not None]
    if len(ways) != 1 or not isinstance(source[ways[0]], str):
        raise UnfitError(f"{default.capitalize()} must have exactly one of data, url and path, as a text.")
    name = source.get("name") or (source[ways[0]] if ways[0] == "path" else default)
    if not isinstance(name, str):
        raise UnfitError(f"{default.capitalize()} must have a text as its name.")
    return ways[0], source[ways[0]], name
