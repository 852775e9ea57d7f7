"""Server-sent events of a job, as the client reads them.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.serve.client_http import Http, UnreachableError

# Attempts to continue a stream whose connection was lost, and the wait before each [s].
_ATTEMPTS, _WAIT_S = 3, 1.0
_FINAL = ("done", "failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class ServerEvent:
    """An event of a job.

    Args:
        number: Its number.
        kind: position, stage, text, result or state.
        data: What happened, see ``pipeline.serve.records.Event``.
    """

    number: int
    kind: str
    data: dict[str, Any]


def events_of(http: Http, job_id: str) -> Iterator[ServerEvent]:
    """The events of a job until it ends; a lost connection is made anew, and continued where it broke.

    Raises:
        TheodoliteError: If the job is unknown, or the server cannot be reached any more.
    """
    last, failed = 0, 0
    while True:
        try:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
            with http.stream(f"/v1/jobs/{job_id}/events", headers) as answer:
                for event in parsed(answer.iter_lines()):
                    last, failed = event.number, 0
                    yield event
                    if event.data.get("state") in _FINAL:
                        return
            error = UnreachableError("The server ended the events of the job before the job ended.")
        except UnreachableError as lost:
            error = lost
        failed += 1
        if failed > _ATTEMPTS:
            raise error
        time.sleep(_WAIT_S)


def parsed(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """The events of a stream's lines; comments and events of other kinds are left out.

    >>> [event.data for event in parsed([": ping", "event: stage", "id: 2", 'data: {"stage": "depth"}', ""])]
    [{'stage': 'depth'}]
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
            continue
        if "data" in fields and fields.get("id", "").isdigit():
            data = json.loads(fields["data"])
            yield ServerEvent(int(fields["id"]), fields.get("event", "message"), data)
        fields = {}
