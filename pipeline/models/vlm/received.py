"""Values from a server or a file, cleaned for a Generation."""

from __future__ import annotations

import base64
from typing import Any

from pipeline.claims.markup import clean_text

_MOST_TOKENS = 2**31
_SHORTEST_SECRET = 8  # Shorter keys, such as EMPTY, are placeholders, which an answer may contain as words.


def received_text(text: Any, secret: str) -> str | None:
    """The text, clean and without the secret, which a server may repeat; None for anything but a text."""
    if not isinstance(text, str):
        return None
    if len(secret) >= _SHORTEST_SECRET:
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        for form in (secret, encoded):
            text = text.replace(form, "***")
    return clean_text(text)


def is_token_count(value: Any) -> bool:
    """Whether the value is a number of tokens: a whole number, not negative and below 2**31."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS


def token_count(value: Any) -> int | None:
    """The value where it is a number of tokens."""
    return value if is_token_count(value) else None
