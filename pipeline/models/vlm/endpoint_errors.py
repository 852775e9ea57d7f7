"""Errors of servers and connections in one sentence each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.models.vlm.endpoint_answers import BrokenAnswerError, NotTextError, ReportedError, is_prose, reported
from pipeline.models.vlm.received import received_text

if TYPE_CHECKING:
    import openai


@dataclass(frozen=True)
class ErrorExplainer:
    """Explains what went wrong and how to fix it.

    Args:
        address: Address of the API.
        model: Name of the model.
        timeout_s: Time that one attempt may take [s].
        api_key_env: Environment variable that holds the API key.
    """

    address: str
    model: str
    timeout_s: float
    api_key_env: str

    def explain(self, error: Exception, key: str, before: int = 0) -> str:
        """One sentence that explains an error, without the key.

        Args:
            error: What the last attempt raised.
            key: The API key; empty where none is set.
            before: How many attempts there were before those that the client made by itself.
        """
        import openai

        retries = before
        if isinstance(error, openai.APIError):
            retries += client_retries(error.request)
        elif isinstance(error, BrokenAnswerError):
            retries += error.retries
        after = f"after {retries + 1} attempts" if retries else "at the first attempt"
        match error:
            case openai.APIStatusError():
                return self._explain_status(error, after, key)
            case openai.APITimeoutError():
                return (
                    f"{self.address} did not answer within {self.timeout_s:g} s {after}: raise vlm.timeout_s, lower "
                    "vlm.max_new_tokens, or send fewer or smaller images."
                )
            case openai.APIConnectionError():
                return (
                    f"No connection to {self.address} {after}, or it was lost: start a server there, for example "
                    f"'vllm serve {self.model}', or set vlm.base_url."
                )
            case BrokenAnswerError():
                return f"{self.address} broke its answer off {after}: look for the reason in the server's log."
            case NotTextError():
                return (
                    f"The model {self.model} at {self.address} answered with a {error} in place of a text: choose "
                    "another server or model."
                )
            case ReportedError():
                says = str(error)
            case json.JSONDecodeError() if is_prose(error.doc):
                says = error.doc
            case openai.APIError() if not isinstance(error, openai.APIResponseValidationError):
                says = reported(error.body)
            case _:
                return f"{self.address} did not answer in the OpenAI protocol: check that vlm.base_url ends in /v1."
        return f"{self.address} reports an error instead of an answer; see the server's log: {_one_line(says, key)}"

    def _explain_status(self, error: openai.APIStatusError, after: str, key: str) -> str:
        status, says = error.status_code, _one_line(_said(error), key)
        if status in (401, 403):
            state = "which is set" if key else "which is not set"
            return (
                f"{self.address} refused the API key (status {status}): put a valid key into the environment variable "
                f"{self.api_key_env}, {state}."
            )
        if status == 404:
            return (
                f"{self.address} has no model {self.model!r}, or is not the address of an OpenAI API (status 404): "
                "set vlm.model and vlm.base_url."
            )
        if status in (408, 409, 429) or status >= 500:
            return f"{self.address} failed {after} (status {status}): {says}"
        return f"{self.address} refused the request (status {status}): {says}"


def _said(error: openai.APIStatusError) -> str:
    """What the server says in the body of an error: as OpenAI's protocol has it, as FastAPI does, or as bare text."""
    body = error.body
    if isinstance(body, str):
        return body if is_prose(body) else error.message
    if not isinstance(body, Mapping):
        return error.message
    says = (body.get(name) for name in ("message", "detail", "msg", "error"))
    return next((str(one) for one in says if one), error.message)


def client_retries(request: Any) -> int:
    """How often the client had tried again when it made a request."""
    return int(request.headers.get("x-stainless-retry-count", 0))


def _one_line(text: str, key: str) -> str:
    # The key is removed before the cut, which could leave a part of it.
    return " ".join((received_text(text, key) or "").split())[:300]
