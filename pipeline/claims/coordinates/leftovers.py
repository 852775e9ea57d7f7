"""Looks for coordinates that no reader has understood, so that none is lost in silence."""

from __future__ import annotations

import re

_NUMBER = r"(?:[-+]?(?:\d{1,400}(?:\.\d{1,12})?(?:e\d{1,2})?|\.\d{1,12})|[Nn]a[Nn])"
# Numbers with nothing but separators between them, in brackets or not.
# A single dot, colon or hyphen belongs to a version, a time or a date.
_RUN = re.compile(rf"(?<![\w.:-])(?:{_NUMBER}(?:[^\d\n]{{2,16}}|[,，;；|/\s])){{3}}{_NUMBER}(?![\w])")
_GROUP = re.compile(
    rf"[\[(（<]\s{{0,3}}{_NUMBER}(?:\s{{0,3}}[,，;；]\s{{0,3}}|\s{{1,3}}){_NUMBER}[^\[\]()（）<>\n]{{0,60}}[\])）>]"
)
_CUT_OFF = re.compile(rf"[\[(]\s{{0,3}}{_NUMBER}(?:\s{{0,3}}[,，]\s{{0,3}}{_NUMBER}){{1,3}}\s{{0,3}}[,，]?\s*\Z")
_PERCENT = re.compile(rf"(?<!\d){_NUMBER}\s?[%％]")
_LEAST_PERCENT = 3
_SIDES = re.compile(r"\b(?:horizontal|vertical|left|right|top|bottom|width|height)|宽度|高度|水平|垂直", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:x1|y1|x_?min|y_?min|bbox|box_2d|loc_?\d|patch_index)\b", re.IGNORECASE)
# Smaller numbers count and name things.
_LEAST = 10
_WORDS = re.compile(r"[A-Za-z]{3,}")


def has_coordinates(text: str) -> bool:
    """Whether a text holds numbers that look like coordinates.

    Args:
        text: An answer, without the parts that were read.

    >>> has_coordinates("mug @ 150;300;400;700"), has_coordinates("There are 2 mugs and 3 cups.")
    (True, False)
    """
    if len(_PERCENT.findall(text)) >= _LEAST_PERCENT and _SIDES.search(text):
        return True
    if _NAMED.search(text) and re.search(_NUMBER, text):
        return True
    found = [match.group() for pattern in (_RUN, _GROUP, _CUT_OFF) for match in pattern.finditer(text)]
    return any(len(_WORDS.findall(words)) < 2 and _may_be_coordinates(words) for words in found)


def _may_be_coordinates(words: str) -> bool:
    numbers = [number for number in re.findall(_NUMBER, words) if number.casefold() != "nan"]
    return max(map(float, numbers), default=0.0) >= _LEAST or all("." in number for number in numbers)
