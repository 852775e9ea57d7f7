"""Checks of errors that the tests of ingest share."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.records.errors import InputError


def refused(words: str, function: Any, *args: Any, **kwargs: Any) -> str:
    """Return the message of the InputError that the call raises: one line that matches the words."""
    with pytest.raises(InputError, match=words) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)
