from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.spatial_words import spatial_tags


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The mug is to the left of the box.", [("to the left of", "left_of")]),
        ("the left one, the right one", [("left", "left_of"), ("right", "right_of")]),
        ("leftover upright brightly", []),
        ("That's right. You are right? All right!", []),
        ("He left the room.", []),
        ("next to the box, near it, behind it", [("next to", None), ("near", None), ("behind", "behind")]),
        ("In front of  me, ABOVE you", [("In front of", "in_front_of"), ("ABOVE", "above")]),
        ("the closest chair", [("closest", None)]),
        ("closer to the camera than", [("closer to the camera than", "closer")]),
        ("it depends on you", []),
        ("it is **behind** it", [("behind", "behind")]),
        ("杯子在盒子的左边", [("左边", "left_of")]),
        ("上方和旁边，靠近门", [("上方", "above"), ("旁边", None), ("靠近", None)]),
        ("后面，最后，然后", [("后面", "behind")]),
        ("部分遮挡", [("部分遮挡", "occludes")]),
        ("three chairs", []),
    ],
)
def test_spatial_words_are_tagged(text: str, words: list[tuple[str, str | None]]) -> None:
    tags = spatial_tags(text)
    assert [(tag.word, tag.relation) for tag in tags] == words
    assert all(text[tag.start : tag.end] == tag.word for tag in tags)


@given(st.text(alphabet="left of behind 左边后面的。[]{}\"'\n`", max_size=200))
def test_spans_are_ordered_and_true(text: str) -> None:
    tags = spatial_tags(text)
    assert all(text[tag.start : tag.end] == tag.word for tag in tags)
    assert all(first.end <= second.start for first, second in pairwise(tags))
