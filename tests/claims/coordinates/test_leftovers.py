from __future__ import annotations

import pytest
from claims.coordinates.located import known, parse

from pipeline.claims.coordinates.leftovers import has_coordinates

ONLY_REMARK = "The answer holds coordinates in a notation that was not understood."


@pytest.mark.parametrize(
    "text",
    [
        "mug @ 150;300;400;700",
        "mug 150/300/400/700",
        "mug |150|300|400|700|",
        "150 - 300 - 400 - 700",
        "x1 150, and further down y1 300",
        "bbox -> 150",
        "patch_index 0292",
        "the tip (120, 45)",
        "tip <120, 45>",
        "杯子（120，45）",
        "[10, 9]",
        "xmin = 3",
        "a 0.15 b 0.3 c 0.4 d 0.7",
    ],
)
def test_numbers_that_look_like_coordinates_are_noticed(text: str) -> None:
    assert has_coordinates(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The mug is left of the cup.",
        "There are 2 mugs and 3 cups.",
        "(2, 3)",
        "see references [4, 7]",
        "1. mug\n2. cup\n3. pen\n4. box",
        "between 1 and 2 mugs, and between 3 and 4 cups",
        "The mug is 0.5 m from the cup, 1.2 m from the pen, 3.1 m from the door and 4.2 m from me.",
        "no bbox is needed",
        "The image is 640 x 480.",
        "3 + 4 = 7",
        *("version 1.2.3.4", "on 2024-01-02 at 03:04", "192.168.0.1", "Option 1, 2, 3 or 4"),
    ],
)
def test_other_numbers_are_no_coordinates(text: str) -> None:
    assert not has_coordinates(text)


@pytest.mark.parametrize(
    "text",
    [
        "mug @ 150;300;400;700",
        "mug|150|300|400|700",
        "mug at 150/300/400/700",
        "mug from 150 by 300 up to 400 by 700",
        '{"label": "mug", "place": {"a": 150, "b": 300, "c": 400, "d": 700}}',
        "mug: 150 - 300 - 400 - 700",
        "mug: [150, 300, 400]",
        pytest.param(
            '[{"label": "mug", "place_a": 150, "place_b": 300, "place_c": 400, "place_d": 700}]',
            marks=known("fields of an object that are read by nothing are lost without a remark"),
        ),
    ],
)
def test_coordinates_in_an_unknown_notation_are_not_lost_in_silence(text: str) -> None:
    answer = parse(text)
    assert not answer.regions
    assert ONLY_REMARK in answer.problems


@pytest.mark.parametrize(
    "text",
    [
        "There are 2 mugs and 3 cups.",
        "The mug (2, 3) is left of the cup.",
        "mug: [150, 300, 400, 700]",
        '{"claims": [{"relation": "left_of", "subject": "mug", "object": "cup"}]}',
        '[{"bbox_2d": [1, 2, 3], "label": "mug"}]',
        '[{"bbox_2d": [150, 300, 400, 700], "label": "mug"}] It is 3 m away.',
    ],
)
def test_the_remark_of_an_unknown_notation_stands_only_where_something_was_lost(text: str) -> None:
    assert ONLY_REMARK not in parse(text).problems
