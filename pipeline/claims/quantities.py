"""Numbers with units, as written by people and models in English and Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.claims.markup import alternatives, listed
from pipeline.records import Comparison, Unit
from pipeline.records.anchor import LENGTH_UNITS

_UNITS: dict[str, tuple[Unit, float]] = {
    "kilometres|kilometers|kilometre|kilometer|km|公里|千米": (Unit.METRE, 1000.0),
    "decimetres|decimeters|decimetre|decimeter|dm|分米": (Unit.METRE, 0.1),
    "centimetres|centimeters|centimetre|centimeter|cms|cm|厘米|公分": (Unit.CENTIMETRE, 1.0),
    "millimetres|millimeters|millimetre|millimeter|mm|毫米": (Unit.MILLIMETRE, 1.0),
    "metres|meters|metre|meter|m|米|公尺": (Unit.METRE, 1.0),
    "feet|foot|ft|英尺": (Unit.FOOT, 1.0),
    "inches|inch|in|英寸": (Unit.INCH, 1.0),
    "percent|per cent|percentage|%|％": (Unit.FRACTION, 0.01),
    "fraction|ratio": (Unit.FRACTION, 1.0),
    "count|pieces|items": (Unit.COUNT, 1.0),
    "″|''|\"": (Unit.INCH, 1.0),
    "′|'": (Unit.FOOT, 1.0),
}
_UNIT_OF = {word: unit for words, unit in _UNITS.items() for word in words.split("|")}

NUMBER_WORDS = {
    word: float(value)
    for value, word in enumerate(listed("zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"))
} | {"half a": 0.5, "half": 0.5, "a": 1.0, "an": 1.0}
_CHINESE_DIGITS = "半一二两三四五六七八九十"
_NUMBERS = NUMBER_WORDS | dict(zip(_CHINESE_DIGITS, (0.5, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10), strict=True))
_BOUNDS = {
    Comparison.AT_LEAST: r"at least|more than|greater than|over|no less than|>=|>|≥|至少|不少于|超过|大于|不低于",
    Comparison.AT_MOST: r"at most|less than|no more than|under|within|up to|<=|<|≤|至多|最多|不超过|不到|小于",
    Comparison.ABOUT: r"about|around|approximately|approx\.?|roughly|exactly|only|just|~|≈|±|=|大约|大概|约为|约|仅",
}
_LENGTH_UNITS = alternatives(word for word, (unit, _) in _UNIT_OF.items() if unit in LENGTH_UNITS and word.isalpha())
_PREFIX = "|".join(_BOUNDS.values())
_DIGITS = r"\d{1,9}(?:,\d{3}){0,2}(?:\.\d{1,9})?"
_WORDS = alternatives(NUMBER_WORDS)
_AMOUNT = rf"(?:{_DIGITS}|(?:{_WORDS})(?=[ -])|[{_CHINESE_DIGITS}])"

MEASURE = (
    rf"(?:(?:{_PREFIX})\s*)?{_AMOUNT}(?:\s*(?:-|–|~|to|到|至)\s*{_AMOUNT})?[ -]?"
    rf"(?:(?:{_LENGTH_UNITS})(?![A-Za-z])(?!\s+(?:front|back|between|the)\b)|%)(?:左右|多)?"
)
"""Pattern of a length or a percentage with its words of comparison; it has no groups."""

_READ = re.compile(
    rf"\s*(?P<prefix>(?:(?:{_PREFIX})\s*)*)(?P<low>-?{_DIGITS}(?:[eE][+-]?\d{{1,2}})?|{_WORDS}|[{_CHINESE_DIGITS}])"
    rf"(?:\s*(?:-|–|~|to|到|至)\s*(?P<high>{_DIGITS}))?"
    r"[ -]*(?P<unit>[^\d\s]{0,12}?)\s*(?P<suffix>左右|以上|以下|以内|多|or more|or less)?[\s.]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quantity:
    """A number as it was written.

    Args:
        value: The number, in ``unit``; the middle of a range.
        unit: Its unit, or None if it has none.
        comparison: Whether it is an approximate value or a bound.
        tolerance: Half the width of a range, in ``unit``; None for a single number.
    """

    value: float
    unit: Unit | None
    comparison: Comparison = Comparison.ABOUT
    tolerance: float | None = None


def unit_named(words: str) -> tuple[Unit, float] | None:
    """The unit of a name or symbol, and the factor that converts a number to it; None if it is unknown.

    >>> unit_named("centimetres")
    (<Unit.CENTIMETRE: 'cm'>, 1.0)
    """
    return _UNIT_OF.get(words) or _UNIT_OF.get(words.strip().rstrip(".").casefold())


def parse_quantity(words: str) -> Quantity | None:
    """The number and optional unit that the words state; None if they state something else.

    >>> parse_quantity("at least 2 m")
    Quantity(value=2.0, unit=<Unit.METRE: 'm'>, comparison=<Comparison.AT_LEAST: 'at_least'>, tolerance=None)
    """
    match = _READ.fullmatch(words) if len(words) <= 80 else None
    named = unit_named(match["unit"]) if match and match["unit"] else (None, 1.0)
    if match is None or named is None:
        return None
    unit, factor = named
    low = _number(match["low"])
    high = _number(match["high"]) if match["high"] else low
    return Quantity(
        round((low + high) / 2 * factor, 9),
        unit,
        _comparison(match["prefix"], match["suffix"] or ""),
        round(abs(high - low) / 2 * factor, 9) if match["high"] else None,
    )


def parse_count(words: str) -> int | None:
    """A whole number in digits, English or Chinese words; None if the words are something else."""
    words = words.strip().casefold()
    if words.isdecimal() and len(words) < 7:
        return int(words)
    number = _NUMBERS.get(words, 0.5)
    return int(number) if number == int(number) and words not in ("a", "an") else None


def _number(word: str) -> float:
    word = word.casefold()
    return _NUMBERS[word] if word in _NUMBERS else float(word.replace(",", ""))


def _comparison(prefix: str, suffix: str) -> Comparison:
    if suffix in ("以上", "多", "or more"):
        return Comparison.AT_LEAST
    if suffix in ("以下", "以内", "or less"):
        return Comparison.AT_MOST
    for comparison, words in _BOUNDS.items():
        if re.match(rf"(?:{words})(?![a-z])", prefix, re.IGNORECASE):
            return comparison
    return Comparison.ABOUT
