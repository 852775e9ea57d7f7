from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.report.scripts import script_value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()), lambda inner: st.lists(inner), max_leaves=10
)


@given(VALUES)
def test_values_come_back_and_close_no_script(value: object) -> None:
    text = script_value(value)
    assert json.loads(text) == value
    assert text.isascii() and "<" not in text


def test_ends_of_scripts_and_lone_surrogates_are_escaped() -> None:
    assert script_value("</script>\u2028\ud800") == '"\\u003c/script>\\u2028\\ud800"'
