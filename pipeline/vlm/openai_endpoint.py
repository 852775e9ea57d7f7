"""Any server that speaks the OpenAI protocol: vLLM, SGLang, ``transformers serve``, Ollama, or a paid service."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import cv2
import numpy as np

from pipeline.errors import ConfigError, GenerationError
from pipeline.vlm.base import Generation, ImagePart, Request
from pipeline.vlm.limits import MAX_ANSWER_BYTES, OversizedAnswerError, limited_client
from pipeline.vlm.received import clean_text, is_token_count

if TYPE_CHECKING:
    import openai

logger = logging.getLogger(__name__)

_NO_KEY = "none"  # Local servers ask for no key, but the client refuses to start without one.
_JPEG_QUALITY = 95
_SHORTEST_SECRET = 8  # Shorter keys, such as EMPTY, are placeholders, and may be words of an answer.


class OpenAIEndpoint:
    """A model behind an OpenAI-compatible address; safe to use from several threads.

    The API key is read from the environment for each client and kept nowhere else: not in the identity, the
    settings, the log, an error, or an answer that repeats it.

    Args:
        model: Name under which the server knows the model.
        base_url: Address of the API, up to and with ``/v1``, without login and query, because it is written to disk.
        api_key_env: Environment variable that holds the API key; it may be unset for local servers.
        timeout_s: Time that one attempt may take, to the last byte of the answer [s].
        max_retries: Further attempts, with growing pauses, after 408, 409, 429, a server error, a lost connection
            or a time-out.
        max_new_tokens: Limit of the answer's length [tokens]; None leaves it to the server.
        temperature: Sampling temperature, 0 is greedy; None leaves it to the server.
        seed: Seed of the generation; None leaves it to the server.
        image_format: ``png`` sends the exact pixels, ``jpeg`` fewer bytes.
        max_side_px: Larger pictures are reduced to this longer side [px]; None sends every picture as it is.
        extra_body: Further fields of the request, as the server documents them.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key_env: str = "OPENAI_API_KEY",
        timeout_s: float = 120.0,
        max_retries: int = 3,
        max_new_tokens: int | None = 1024,
        temperature: float | None = 0.0,
        seed: int | None = 0,
        image_format: Literal["png", "jpeg"] = "png",
        max_side_px: int | None = 2048,
        extra_body: dict[str, Any] | None = None,
    ) -> None:
        check_address(base_url)
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", str(api_key_env)):
            raise ConfigError(
                "vlm.api_key_env must be the name of an environment variable (letters, digits and underscores), not "
                "the API key itself."
            )
        if image_format not in ("png", "jpeg"):
            raise ConfigError(f"vlm.image_format must be png or jpeg, not {image_format!r}.")
        if timeout_s <= 0 or max_retries < 0:
            raise ConfigError("vlm.timeout_s must be positive and vlm.max_retries must not be negative.")
        self._address = base_url
        self._model = model
        self._api_key_env = api_key_env
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._sampling: dict[str, Any] = {
            name: value
            for name, value in (("max_tokens", max_new_tokens), ("temperature", temperature), ("seed", seed))
            if value is not None
        }
        self._image_format = image_format
        self._max_side_px = max_side_px
        self._extra_body = dict(extra_body or {})

    @property
    def identity(self) -> str | None:
        """Model, address and settings; None where every answer is drawn anew."""
        if "seed" not in self._sampling and self._sampling.get("temperature") != 0:
            return None
        return f"openai:{self._model}@{self._address}:{json.dumps(self._settings, sort_keys=True)}"

    @property
    def can_ground(self) -> bool:
        """It can."""
        return True

    def generate(self, request: Request) -> Generation:
        """Answer one request.

        Returns:
            The output verbatim; reasoning that the server gives apart is put in front, within ``<think>``.

        Raises:
            GenerationError: If the server cannot be reached, refuses, or answers with no text.
        """
        import openai

        started = time.perf_counter()
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": [self._content(part) for part in request.parts]}],
            "extra_body": self._extra_body or None,
            **self._sampling,
        }
        try:
            answer = self._client.chat.completions.with_raw_response.create(**body)
            # Not parsed by the client, which takes any type for any field.
            return self._read(json.loads(answer.content), time.perf_counter() - started)
        except (openai.OpenAIError, OversizedAnswerError) as error:
            message = self._explain(error)
        except (ValueError, AttributeError, LookupError, TypeError, RecursionError) as error:
            logger.debug("Unreadable answer: %s", type(error).__name__)
            message = f"{self._address} did not answer in the OpenAI protocol: check that vlm.base_url ends in /v1."
        # Outside of the handler, so that the client's error with its request headers is not attached.
        raise GenerationError(self._received(message))

    @cached_property
    def _client(self) -> openai.OpenAI:
        from openai import OpenAI

        return OpenAI(
            api_key=self._key or _NO_KEY,
            base_url=self._address,
            timeout=self._timeout_s,
            max_retries=self._max_retries,
            http_client=limited_client(self._timeout_s),
        )

    @property
    def _key(self) -> str:
        return os.environ.get(self._api_key_env, "").strip()

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            **self._sampling,
            "image_format": self._image_format,
            "max_side_px": self._max_side_px,
            "extra_body": self._extra_body,
        }

    def _content(self, part: Any) -> dict[str, Any]:
        if not isinstance(part, ImagePart):
            return {"type": "text", "text": part.text}
        url = data_url(part.rgb, self._image_format, self._max_side_px)
        return {"type": "image_url", "image_url": {"url": url}}

    def _read(self, answer: Any, seconds: float) -> Generation:
        choice, usage = answer["choices"][0], answer.get("usage")
        message, finish = choice["message"], choice.get("finish_reason")
        if not isinstance(message.get("content"), str | None):
            raise GenerationError(
                f"The model {self._model} at {self._address} answered with a {type(message['content']).__name__} in "
                "place of a text: choose another server or model."
            )
        reasoning = self._received(message.get("reasoning_content")) or self._received(message.get("reasoning"))
        text = self._received(message.get("content")) or self._received(message.get("refusal")) or ""
        if reasoning:
            text = f"<think>\n{reasoning}\n</think>\n\n{text}" if text else f"<think>\n{reasoning}"
        if not text:
            reason = " ".join((self._received(finish) or "unknown").split())[:50]
            raise GenerationError(
                f"The model {self._model} at {self._address} answered with no text (finish reason: {reason}); raise "
                "vlm.max_new_tokens, or choose another model."
            )
        counts = usage if isinstance(usage, dict) else {}
        prompt_tokens, completion_tokens = counts.get("prompt_tokens"), counts.get("completion_tokens")
        return Generation(
            text=text,
            model=self._model,
            revision=self._received(answer.get("system_fingerprint")),
            settings=self._settings,
            seed=self._sampling.get("seed"),
            prompt_tokens=prompt_tokens if is_token_count(prompt_tokens) else None,
            completion_tokens=completion_tokens if is_token_count(completion_tokens) else None,
            seconds=seconds,
            truncated=finish == "length",
        )

    def _received(self, text: Any) -> str | None:
        """The text without the API key, which a server may repeat; None for anything but a text."""
        if not isinstance(text, str):
            return None
        if len(self._key) >= _SHORTEST_SECRET:
            for secret in (self._key, _base64(self._key.encode()).rstrip("=")):
                text = text.replace(secret, "***")
        return clean_text(text)

    def _explain(self, error: Exception) -> str:
        """One sentence on what went wrong and how to mend it."""
        import openai

        attempts = f"after {self._max_retries + 1} attempts" if self._max_retries else "at the first attempt"
        if isinstance(error, openai.APITimeoutError):
            return (
                f"{self._address} did not answer within {self._timeout_s:g} s {attempts}: raise vlm.timeout_s, or send "
                "fewer or smaller pictures."
            )
        # Some versions of the client take it for a lost connection.
        if isinstance(error, OversizedAnswerError) or isinstance(error.__cause__, OversizedAnswerError):
            return (
                f"The answer of {self._address} is compressed or larger than {MAX_ANSWER_BYTES >> 20} MiB: check "
                "vlm.base_url, or lower vlm.max_new_tokens."
            )
        if isinstance(error, openai.APIConnectionError):
            return (
                f"No connection to {self._address} {attempts}: start a server there, for example 'vllm serve "
                f"{self._model}', or set vlm.base_url."
            )
        if not isinstance(error, openai.APIStatusError):
            return f"{self._address} did not answer in the OpenAI protocol: check that vlm.base_url ends in /v1."
        if error.status_code in (401, 403):
            state = "which is set" if self._key else "which is not set"
            return (
                f"{self._address} refused the API key (status {error.status_code}): put a valid key into the "
                f"environment variable {self._api_key_env}, {state}."
            )
        if error.status_code == 404:
            return (
                f"{self._address} knows no model {self._model!r}, or is not the address of an OpenAI API (status 404): "
                "set vlm.model and vlm.base_url."
            )
        if error.status_code == 429 or error.status_code >= 500:
            return f"{self._address} failed {attempts} (status {error.status_code}): {self._server_says(error)}"
        return f"{self._address} refused the request (status {error.status_code}): {self._server_says(error)}"

    def _server_says(self, error: openai.APIStatusError) -> str:
        # The key is taken out before the cut, which could leave a part of it.
        return " ".join((self._received(error.message) or "").split())[:300]


def data_url(rgb: np.ndarray, image_format: Literal["png", "jpeg"], max_side_px: int | None = None) -> str:
    """The picture as a ``data:`` address.

    Args:
        rgb: uint8 (H, W, 3).
        image_format: ``png`` keeps every pixel.
        max_side_px: Reduce larger pictures to this longer side [px].
    """
    height, width = rgb.shape[:2]
    scale = max_side_px / max(height, width) if max_side_px else 1.0
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if image_format == "jpeg" else []
    _, encoded = cv2.imencode(f".{image_format}", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return f"data:image/{image_format};base64,{_base64(encoded.tobytes())}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def check_address(url: str) -> None:
    """Refuse what is no address, or holds a secret, without repeating it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError("vlm.base_url is not an address such as http://127.0.0.1:8000/v1.") from None
    if "@" in parts.netloc:
        raise ConfigError(
            "vlm.base_url must hold no login, because it is written to disk: put the key into the environment variable "
            "that vlm.api_key_env names."
        )
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "vlm.base_url must start with http:// or https:// and hold no query; a key belongs into the environment "
            "variable that vlm.api_key_env names."
        )
