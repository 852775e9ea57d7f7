"""What went wrong between here and a server, in words, and whether it may pass by itself."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pipeline.models.vlm.endpoint_answers import NotTextError, ReportedError
from pipeline.models.vlm.limits import MAX_ANSWER_BYTES, BrokenAnswerError, OversizedAnswerError
from pipeline.models.vlm.received import received_text

if TYPE_CHECKING:
    import openai

MAX_RETRY_AFTER_S = 60.0
"""Longest pause that a server can ask for [s]."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
# Its own, so that a pause does not change what the program draws from a seed.
_jitter = random.Random()


def retry_pause_s(error: Exception, attempt: int) -> float | None:
    """How long to wait before a request is tried again [s]; None if that would not help.

    The pause is drawn from 0 to a bound that doubles each time, so that requests that failed together do not come
    back together. What the server asks for comes on top. A time-out is not tried again: the next would be one too.

    Args:
        error: Why the attempt failed.
        attempt: Number of attempts so far.
    """
    import openai

    asked_s = 0.0
    if isinstance(error, openai.APIStatusError):
        if error.status_code != 429 and error.status_code < 500:
            return None
        asked_s = _retry_after_s(error.response.headers.get("retry-after", ""))
    elif isinstance(error, openai.APITimeoutError) or not isinstance(
        error, openai.APIConnectionError | BrokenAnswerError
    ):
        return None
    return asked_s + _jitter.uniform(0, min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S))


def _retry_after_s(header: str) -> float:
    """The pause that a Retry-After header asks for, in seconds or as a date [s]."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
            # A date without a zone is one in UTC.
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            return 0.0
    return 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


@dataclass(frozen=True)
class ErrorExplainer:
    """Says what went wrong and how to mend it.

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

    def explain(self, error: Exception, attempts: int, key: str) -> str:
        """One sentence about an error, without the key.

        Args:
            error: What the last attempt raised.
            attempts: Number of attempts.
            key: The API key; empty where none is set.
        """
        import openai

        after = "at the first attempt" if attempts == 1 else f"after {attempts} attempts"
        if isinstance(error, openai.APIStatusError):
            return self._explain_status(error, after, key)
        if isinstance(error, openai.APITimeoutError):
            return (
                f"{self.address} did not answer within {self.timeout_s:g} s {after}: raise vlm.timeout_s, lower "
                "vlm.max_new_tokens, or send fewer or smaller images."
            )
        if isinstance(error, openai.APIConnectionError):
            return (
                f"No connection to {self.address} {after}: start a server there, for example 'vllm serve "
                f"{self.model}', or set vlm.base_url."
            )
        match error:
            case BrokenAnswerError():
                return f"{self.address} broke its answer off {after}: look for the reason in the server's log."
            case OversizedAnswerError():
                return (
                    f"The answer of {self.address} is compressed or larger than {MAX_ANSWER_BYTES >> 20} MiB: check "
                    "vlm.base_url, or lower vlm.max_new_tokens."
                )
            case ReportedError():
                says = _one_line(str(error), key)
                return f"{self.address} reports an error in place of an answer; look into the server's log: {says}"
            case NotTextError():
                return (
                    f"The model {self.model} at {self.address} answered with a {error} in place of a text: choose "
                    "another server or model."
                )
        return f"{self.address} did not answer in the OpenAI protocol: check that vlm.base_url ends in /v1."

    def _explain_status(self, error: openai.APIStatusError, after: str, key: str) -> str:
        status, says = error.status_code, _one_line(error.message, key)
        if status in (401, 403):
            state = "which is set" if key else "which is not set"
            return (
                f"{self.address} refused the API key (status {status}): put a valid key into the environment variable "
                f"{self.api_key_env}, {state}."
            )
        if status == 404:
            return (
                f"{self.address} knows no model {self.model!r}, or is not the address of an OpenAI API (status 404): "
                "set vlm.model and vlm.base_url."
            )
        if status == 429 or status >= 500:
            return f"{self.address} failed {after} (status {status}): {says}"
        return f"{self.address} refused the request (status {status}): {says}"


def _one_line(text: str, key: str) -> str:
    # The key is taken out before the cut, which could leave a part of it.
    return " ".join((received_text(text, key) or "").split())[:300]
