from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.drawing import draw_text, line_height, printable, shorten, shorten_middle, text_width

TEXTS = st.text(alphabet=st.characters(), max_size=80)


@given(TEXTS, st.integers(8, 30), st.integers(10, 600))
def test_shortened_text_fits_and_keeps_its_beginning(text: str, size_px: int, width_px: int) -> None:
    text = printable(text)
    short = shorten(text, size_px, width_px)
    assert text_width(short, size_px) <= width_px
    assert text.startswith(short.removesuffix("..."))


@given(TEXTS)
def test_any_text_can_be_drawn(text: str) -> None:
    image = np.full((40, 200, 3), 255, dtype=np.uint8)
    draw_text(image, printable(text), 4, 4, 18)


@pytest.mark.parametrize(
    "text, expected",
    [("a\n b\t c", "a b c"), ("\ud83d", ""), ("a\0b", "ab"), ("  ", ""), ("桌子", "桌子"), ("x" * 3000, "x" * 2000)],
)
def test_printable_removes_characters_that_cannot_be_drawn(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_short_text_is_not_shortened() -> None:
    assert shorten("cup", 18, 500) == "cup"
    assert shorten("a cup and a book", 18, 60).endswith("...")


@pytest.mark.parametrize(
    "text, shortened",
    [("cup", "cup"), ("x" * 24, "x" * 24), ("the red cup on the left shelf", "the red cup...left shelf")],
)
def test_long_names_keep_their_beginning_and_end(text: str, shortened: str) -> None:
    assert shorten_middle(text, 24) == shortened


@pytest.mark.parametrize("text", ["chair gjpqy", "桌子出口", "ÀÉ|"])
def test_text_stays_inside_its_line(text: str) -> None:
    size_px = 20
    image = np.full((line_height(size_px) + 40, text_width(text, size_px) + 40, 3), 255, dtype=np.uint8)
    draw_text(image, text, 20, 20, size_px)
    rows, columns = np.nonzero((image < 200).any(axis=2))
    assert rows.min() >= 20 and rows.max() < 20 + line_height(size_px)
    assert columns.min() >= 19 and columns.max() <= 20 + text_width(text, size_px)


def test_chinese_characters_are_drawn() -> None:
    def drawn(text: str) -> np.ndarray:
        image = np.full((40, 60, 3), 255, dtype=np.uint8)
        draw_text(image, text, 4, 4, 20)
        return image

    assert not np.array_equal(drawn("左"), drawn("右"))
    assert not np.array_equal(drawn("左"), drawn("?"))
