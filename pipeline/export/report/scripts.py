"""Values as classic scripts, which pages opened from disk can load; they cannot load JSON."""

from __future__ import annotations

import json
from typing import Any


def script_value(value: Any) -> str:
    r"""A value as a JavaScript expression of ASCII characters, safe in scripts and within HTML.

    Line separators, lone surrogates and ``<`` are escaped.

    >>> script_value({"a": "</script>\u2028"})
    '{"a":"\\u003c/script>\\u2028"}'
    """
    # NaN and Infinity are JavaScript, though not JSON.
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
