from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.markup import clean_text
from pipeline.models.vlm.received import is_token_count


@given(st.text(st.characters(codec=None)))
def test_clean_text_can_be_written_and_whole_characters_stay(text: str) -> None:
    clean = clean_text(text)
    clean.encode("utf-8")
    for before, after in zip(text, clean, strict=True):
        assert after == ("\ufffd" if "\ud800" <= before <= "\udfff" else before)


@pytest.mark.parametrize("value", [None, True, -1, 1.0, "3", [], 2**31])
def test_only_small_natural_numbers_are_token_counts(value: Any) -> None:
    assert not is_token_count(value)
    assert is_token_count(0)
