"""Whether two results say the same: everything but how long it took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# What differs from run to run of one configuration: times, and what the answers before left in the model's cache.
_OF_THE_RUN = frozenset({"seconds", "timings", "cached_tokens"})
_LONGEST = 80


def without_timings(value: Any) -> Any:
    """A result in JSON form without times.

    >>> without_timings({"item_id": "a", "seconds": {"depth": 0.2}, "answer": {"text": "Yes.", "seconds": 1.5}})
    {'item_id': 'a', 'answer': {'text': 'Yes.'}}
    """
    if isinstance(value, dict):
        return {key: without_timings(part) for key, part in value.items() if key not in _OF_THE_RUN}
    return [without_timings(part) for part in value] if isinstance(value, list) else value


def same_result(one: bytes, other: bytes) -> bool:
    """Whether two lines of ``results.jsonl`` hold the same but for times."""
    return one == other or without_timings(json.loads(one)) == without_timings(json.loads(other))


def differing(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Every field in which two values in JSON form differ, as ``place: one, other``.

    >>> list(differing({"a": [1, 2], "b": 3}, {"a": [1, 4], "b": 3}))
    ['a[1]: 2, 4']
    """
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            where = f"{place}.{key}" if place else str(key)
            if key not in one or key not in other:
                yield f"{where}: {_short(one.get(key, '(none)'))}, {_short(other.get(key, '(none)'))}"
            else:
                yield from differing(one[key], other[key], where)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differing(*pair, f"{place}[{index}]")
    elif type(one) is not type(other) or one != other:
        yield f"{place}: {_short(one)}, {_short(other)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
