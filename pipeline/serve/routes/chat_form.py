"""Answers and errors in OpenAI's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.records import to_plain
from pipeline.serve.records import Job
from pipeline.serve.routes.chat_text import spoken
from pipeline.serve.schema.chat import ChatCompletion, ChatMessage, Choice, Judged, Usage
from pipeline.serve.schema.results import StoredResult

MODEL = "theodolite"
"""Name of the one model, for clients that must name one."""
# OpenAI's names, see https://platform.openai.com/docs/guides/error-codes.
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_SERVER_ERROR = 500


def completion(job: Job, result: StoredResult) -> ChatCompletion:
    """A finished question in OpenAI's form."""
    text, reasoning = said(result)
    message = ChatMessage(content=text, reasoning_content=reasoning)
    return ChatCompletion(
        id=f"chatcmpl-{job.id}",
        created=int(job.created_s),
        model=MODEL,
        choices=[Choice(message=message)],
        usage=usage_of(result),
        theodolite=judged(result),
    )


def said(result: StoredResult) -> tuple[str, str | None]:
    """What the model said, without its JSON where there is prose, and what it thought before."""
    if result.answer is None:
        return "", None
    return spoken(result.answer.text, is_whole=True) or result.answer.text, result.answer.reasoning


def usage_of(result: StoredResult) -> Usage:
    """Tokens of a result."""
    answer = result.answer
    prompt, written = (answer.prompt_tokens or 0, answer.completion_tokens or 0) if answer else (0, 0)
    cached = (answer.cached_tokens or 0) if answer else 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=written,
        total_tokens=prompt + written,
        prompt_tokens_details={"cached_tokens": cached},
    )


def judged(result: StoredResult) -> Judged:
    """What is known beyond the answer."""
    return Judged(
        id=result.id,
        scene=result.scene,
        model=None if result.answer is None else result.answer.model,
        links=result.links,
        verdicts=[to_plain(verdict) for verdict in result.verdicts],
        regions=[to_plain(region) for region in result.regions],
        language=result.language,
        errors=list(result.errors),
    )


def openai_error(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Problem details with a member ``error`` in OpenAI's form, which its clients read."""
    status = int(problem.get("status", _SERVER_ERROR))
    kind = _TYPES.get(status, "server_error" if status >= _SERVER_ERROR else "invalid_request_error")
    listed = problem.get("errors") or [{}]
    parameter = listed[0].get("at") or None
    error = {"message": problem.get("detail", ""), "type": kind, "param": parameter, "code": _CODES.get(status)}
    return {**problem, "error": error}
