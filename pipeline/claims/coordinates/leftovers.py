"""Looks for coordinates that no reader has understood, so that none is lost in silence."""

from __future__ import annotations

import re

_NUMBER = r"[-+]?(?:\d{1,5}(?:\.\d{1,12})?|\.\d{1,12})"
# Four numbers, or two in brackets, with little but separators, brackets and short names between them.
_FOUR = re.compile(rf"(?<![\w.])(?:{_NUMBER}[^\d\n]{{1,16}}){{3}}{_NUMBER}(?![\w.])")
_PAIR = re.compile(rf"[\[(（<]\s{{0,3}}{_NUMBER}\s{{0,3}}[,，;]\s{{0,3}}{_NUMBER}\s{{0,3}}[\])）>]")
_NAMED = re.compile(r"\b(?:x1|y1|x_?min|y_?min|bbox|box_2d|loc_?\d|patch_index)\b", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]{3,}")


def has_coordinates(text: str) -> bool:
    """Whether a text holds numbers that look like coordinates.

    Args:
        text: An answer, without the parts that were read.

    >>> has_coordinates("mug @ 150;300;400;700"), has_coordinates("There are 2 mugs and 3 cups.")
    (True, False)
    """
    if any(len(_WORDS.findall(match.group())) < 2 for match in _FOUR.finditer(text)):
        return True
    if _NAMED.search(text) and re.search(_NUMBER, text):
        return True
    return any(max(map(float, re.findall(_NUMBER, match.group()))) >= 10 for match in _PAIR.finditer(text))
