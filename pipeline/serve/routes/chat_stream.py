"""A chat's answer as it is written, in OpenAI's chunks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from pipeline.records.errors import TheodoliteError
from pipeline.serve.problems import problem_of
from pipeline.serve.records import Event, Job
from pipeline.serve.routes.chat_form import MODEL, judged, openai_error, said, usage_of
from pipeline.serve.routes.chat_text import Spoken
from pipeline.serve.routes.common import one_result
from pipeline.serve.schema.results import StoredResult
from pipeline.serve.service import Service

# Time after which a comment keeps an idle connection open [s].
_PING_S = 15.0
_DONE = b"data: [DONE]\n\n"


class _Chunks:
    """Makes the chunks of a streamed answer.

    Args:
        job: Its job.
        has_usage: Whether the last chunk states the tokens.
    """

    def __init__(self, job: Job, has_usage: bool) -> None:
        self.job, self.has_usage = job, has_usage
        self.spoken = Spoken()

    def first(self) -> bytes:
        """The chunk that opens the answer."""
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, text: str, attempt: int) -> bytes | None:
        """The chunk of a text that grew, or of an attempt that began; None if there is nothing to say."""
        more = self.spoken.more(text, attempt)
        return self._chunk({"content": more}) if more else None

    def last(self, result: StoredResult) -> list[bytes]:
        """The chunks that end the answer."""
        rest = self.spoken.rest(said(result)[0])
        chunks = [self._chunk({"content": rest})] if rest else []
        chunks.append(self._chunk({}, "stop", theodolite=judged(result).model_dump(mode="json")))
        if self.has_usage:
            chunks.append(self._of(choices=[], usage=usage_of(result).model_dump()))
        return chunks

    def _chunk(self, delta: dict[str, str], finish: str | None = None, **more: object) -> bytes:
        return self._of(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], **more)

    def _of(self, **parts: object) -> bytes:
        return _event(
            {
                "id": f"chatcmpl-{self.job.id}",
                "object": "chat.completion.chunk",
                "created": int(self.job.created_s),
                "model": MODEL,
                **parts,
            }
        )


def _event(plain: dict[str, object]) -> bytes:
    return format_sse_event(data_str=json.dumps(plain, ensure_ascii=False))


async def streamed(job: Job, service: Service, *, has_usage: bool) -> AsyncIterator[bytes]:
    """The stream of a question's answer; a client that leaves cancels it.

    Args:
        job: The job of the question.
        service: The service.
        has_usage: Whether the last chunk states the tokens.
    """
    chunks, is_done = _Chunks(job, has_usage), False
    try:
        yield chunks.first()
        async for event in _with_pings(service.events(job.id)):
            if event is None:
                yield KEEPALIVE_COMMENT
            elif event.kind == "text" and (chunk := chunks.text(str(event.data["text"]), int(event.data["attempt"]))):
                yield chunk
        is_done = True
        try:
            for chunk in chunks.last(await one_result(service, service.job(job.id))):
                yield chunk
        except TheodoliteError as error:
            yield _event(openai_error(problem_of(error)[1]))
        yield _DONE
    finally:
        if not is_done:
            service.leave(job.id)


async def _with_pings(events: AsyncIterator[Event]) -> AsyncIterator[Event | None]:
    """The events, and None whenever none comes for a while."""
    waiting: asyncio.Task[Event] = asyncio.ensure_future(_next(events))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=_PING_S)
            if not done:
                yield None
                continue
            try:
                yield waiting.result()
            except StopAsyncIteration:
                return
            waiting = asyncio.ensure_future(_next(events))
    finally:
        waiting.cancel()


def _next(events: AsyncIterator[Event]) -> Coroutine[Any, Any, Event]:
    async def following() -> Event:
        return await anext(events)

    return following()
