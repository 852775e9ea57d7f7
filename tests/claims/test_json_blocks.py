from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.claims.json_blocks import find_json

ENTRY = {"bbox_2d": [1, 2, 3, 4], "label": "mug"}
TEXT = json.dumps(ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        f"[{TEXT}]",
        f"```json\n[{TEXT}]\n```",
        f"```\n[{TEXT}]\n```",
        f"```json\n[{TEXT}]",
        f"Here [1] it is: [{TEXT}] Done.",
        f"[{TEXT},]",
        f"[{TEXT}, // the mug\n]",
        f"[/* the mug */ {TEXT}]",
        f"[{TEXT} # the mug\n]",
        repr([ENTRY]),
        "[{'bbox_2d': (1, 2, 3, 4), 'label': 'mug'}]",
        "[{“bbox_2d”: [1, 2, 3, 4], “label”: “mug”}]",
        "[{bbox_2d: [1, 2, 3, 4], label: 'mug'}]",
        '[{"bbox_2d"：[1，2，3，4]，"label"："mug"}]',
        '[{"bbox_2d": [+1, 2, 3, 4,], "label": "m\\u0075g",}]',
    ],
)
def test_every_way_of_writing_a_list_is_read(text: str) -> None:
    blocks, problems = find_json(text)
    assert [block.value for block in blocks] == [[ENTRY]]
    assert not problems
    assert blocks[0].complete
    assert text[blocks[0].start] == "[" and text[blocks[0].end - 1] == "]"


@pytest.mark.parametrize(
    ("text", "values", "problem"),
    [
        (f"[{TEXT}, {TEXT[:20]}", [[ENTRY]], "was cut off"),
        (f"```json\n[{TEXT},\n{TEXT[:20]}\n```", [[ENTRY]], "complete elements kept: 1"),
        (f'{{"objects": [{TEXT}, {{"bbox', [{"objects": [ENTRY]}], "was cut off"),
        (f"[{TEXT}", [[ENTRY]], "was cut off"),
        (f"[{TEXT}, ...]", [[ENTRY]], "no value"),
        (f'[{TEXT}, {{"a": NaN}}]', [[ENTRY]], "'NaN'"),
        ('[{"a": Infinity}]', [], "'Infinity'"),
        ('[{"a": 1e999}]', [], "not finite"),
        ('{"a": -Infinity}', [], "nothing of it could be used"),
        ('[{"a": 1}, {"b" 2}, {"c": 3}]', [[{"a": 1}], {"c": 3}], "no colon"),
        ('[{"a": 1} {"b": 2}]', [[{"a": 1}], {"b": 2}], "no comma"),
        ('{"a": 1, "b": [1, 2', [{"a": 1}], "was cut off"),
    ],
)
def test_broken_json_keeps_its_complete_elements_and_says_so(text: str, values: list[object], problem: str) -> None:
    blocks, problems = find_json(text)
    assert [block.value for block in blocks] == values
    assert len(problems) == 1 and problem in problems[0].text()


@pytest.mark.parametrize("text", ["", "no json [1] (see [2, 3]) {x}", "a < b [left] {", "set {1, 2}", "[]", "{}"])
def test_brackets_in_prose_are_not_json(text: str) -> None:
    assert find_json(text)[0] == ()


def test_several_values_keep_their_order_and_spans() -> None:
    text = f'First {TEXT} then [{{"k": True}}] and {{"n": None}}'
    blocks, problems = find_json(text)
    assert [block.value for block in blocks] == [ENTRY, [{"k": True}], {"n": None}]
    assert [text[block.start : block.end] for block in blocks] == [TEXT, '[{"k": True}]', '{"n": None}']
    assert not problems


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_strict_json_and_python_repr_are_read_as_they_are(value: dict[str, object]) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1)):
        blocks, problems = find_json(text)
        assert [block.value for block in blocks] == [value]
        assert not problems


@given(st.lists(st.fixed_dictionaries({"a": st.integers(0, 99)}), min_size=1, max_size=6), st.data())
@settings(max_examples=100, deadline=None)
def test_a_cut_list_yields_a_prefix(elements: list[dict[str, int]], data: st.DataObject) -> None:
    text = json.dumps(elements)
    cut = data.draw(st.integers(1, len(text) - 1))
    blocks, problems = find_json(text[:cut])
    kept = blocks[0].value if blocks else []
    assert kept == elements[: len(kept)]
    assert len(kept) == text[:cut].count("}")
    assert problems or not kept
