"""Values that came from a server or a file, made fit for a Generation."""

from __future__ import annotations

import re
from typing import Any

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_TOKENS = 2**31


def clean_text(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates, which JSON may hold and UTF-8 may not."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def is_token_count(value: Any) -> bool:
    """Whether the value is a number of tokens: a whole number, not negative and below 2**31."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS
