from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serve.intake.json_text import parse_json, parse_object
from pipeline.serve.problems import ServeError, TooLargeError, UnfitError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_plain_json_is_read_as_it_is(value: Any, escaped: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=escaped).encode(), 32) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[1,]", "{'a': 1}", "nul", '"\x01"', "{}{}", "NaN", "[Infinity]", "-Infinity", "1e999", "[-1e999]",
        '{"a": 1, "a": 2}', '[{"b": [{"a": 1, "a": 1}]}]', "1" * 19, "-" + "1" * 18, "1" * 5000,
        '"\\ud800"', '{"\\udfff": 1}', '"unfinished', '"\\"', "\ufeff{}",
    ],
)  # fmt: skip
def test_what_is_no_plain_json_is_refused(text: str) -> None:
    with pytest.raises(ServeError) as caught:
        parse_json(text.encode(), 32)
    assert caught.value.status == 400 and caught.value.detail.endswith(".")


@pytest.mark.parametrize("data", [b"\xff", b'"\xc3"', '{"a": 1}'.encode("utf-16"), b'"\xed\xa0\x80"'])
def test_what_is_no_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(ServeError):
        parse_json(data, 32)


def test_whole_pairs_of_half_characters_are_read() -> None:
    assert parse_json(b'"\\ud83d\\ude00"', 32) == "\N{GRINNING FACE}"


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded_before_anything_is_parsed(opened: str, closed: str) -> None:
    assert parse_json((opened * 31 + "[]" + closed * 31).encode(), 32) is not None
    for text in (opened * 32 + "[]" + closed * 32, opened * 1_000_000):
        with pytest.raises(TooLargeError, match="nested"):
            parse_json(text.encode(), 32)


def test_brackets_in_texts_do_not_nest() -> None:
    text = json.dumps({"a": "[" * 100, '{"': '\\"[[[[' * 20})
    assert parse_json(text.encode(), 2)["a"] == "[" * 100


def test_the_number_of_values_is_bounded() -> None:
    with pytest.raises(TooLargeError, match="values"):
        parse_json(b"[" + b"0," * 1_000_001 + b"0]", 32)


@pytest.mark.parametrize("data", [b'"' + b'\\"' * 2_000_000, b'"' * 2_000_001, b"\\" * 2_000_000, b'"\\' * 1_000_000])
def test_no_text_takes_more_than_one_look_at_every_character(data: bytes) -> None:
    began_s = time.monotonic()
    with pytest.raises(ServeError):
        parse_json(data, 32)
    assert time.monotonic() - began_s < 10


def test_a_body_is_an_object() -> None:
    assert parse_object(b'{"a": 1}', 4) == {"a": 1}
    with pytest.raises(UnfitError):
        parse_object(b"[1]", 4)
