"""Probabilities, margins and measurements in words, in the language of a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.export.html import words
from pipeline.records.message import catalog, length_text

Say = Callable[..., str]

# Words for the units of margins that are shares, and of those that are numbers.
_SHARES = {
    "of the frame's depth range": "margin_of_range",
    "of the distance between the two": "margin_of_distance",
    "of its pixels": "margin_of_pixels",
    "of the image": "margin_of_image",
    "of its 2D box": "margin_of_box_2d",
    "of both boxes": "margin_of_boxes",
    "of a side": "margin_of_side",
    "of the hidden object": "margin_of_hidden",
}
_NUMBERS = {"px": "margin_px", "of the depth's unit": "margin_of_unit"}
# A margin of certainty repeats the probability before its calibration, one of a count repeats the reason.
_UNSAID = ("of certainty", "count")
# Measurements without a suffix that are shares, whole numbers, or true and false.
_SHARE_NAMES = frozenset(
    [
        "owned",
        "opposed",
        "hidden_least",
        "hidden_most",
        "gap_of_depth_range",
        "share_of_way",
        "share_beside",
        "contour_without_step",
        "foot_on_object",
        "covered_share",
        "held_share",
        "projected_iou",
        "depth_gap_share",
        "inside_share",
        "iou_3d",
    ]
)
_WHOLE, _FLAGS = ("count", "frames"), ("is_lower_bound",)
_DEPTHS_UP_TO_SCALE = ("z_subject_relative", "z_object_relative")


def share_text(probability: float | None) -> str:
    """A probability in per cent that never rounds to certainty.

    >>> share_text(0.9731), share_text(0.9995), share_text(0.00001), share_text(None)
    ('97.3%', '>99.9%', '<0.1%', '–')
    """
    if probability is None:
        return "–"
    return {"100.0%": ">99.9%", "0.0%": "<0.1%"}.get(text := f"{probability:.1%}", text)


def margin_text(margin: float | None, unit: str | None, say: Say) -> str:
    """A margin with its sign and unit; empty where it says nothing that the probability does not say.

    Args:
        margin: The margin.
        unit: Its unit, as the verdict names it.
        say: Words of a code, in the language of the page.
    """
    if margin is None or unit is None or unit in _UNSAID:
        return ""
    sign, size = "−" if margin < 0 else "+", abs(margin)
    if unit == "m":
        return sign + length_text(size)
    if unit in _NUMBERS:
        return say(_NUMBERS[unit], size=sign + number_text(size))
    if unit == "relative" or unit in _SHARES:
        share = f"{sign}{size:.0%}"
        return share if unit == "relative" else say(_SHARES[unit], size=share)
    return f"{sign}{number_text(size)} {unit}"


def number_text(value: Any) -> str:
    """A number with three significant digits or all before the point.

    >>> number_text(12345.6), number_text(0.012345)
    ('12346', '0.0123')
    """
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def measurement(name: str, value: float, say: Say) -> tuple[str, str]:
    """Name and value of a measurement of the evidence in words; its name ends in its unit.

    Args:
        name: Its name in the evidence, such as ``nearest_visible_m``.
        value: Its value.
        say: Words of a code, in the language of the page.
    """
    stem, unit = name, ""
    for suffix in ("_m", "_px", "_relative"):
        if name.endswith(suffix):
            stem, unit = name.removesuffix(suffix), suffix
    code = f"measured_{stem}"
    shown = say(code) if code in catalog("en") else words(stem)
    if name in _FLAGS:
        return shown, say("answer_yes" if value else "answer_no")
    if unit == "_m":
        return shown, length_text(value)
    if unit == "_px":
        return shown, say("margin_px", size=number_text(value))
    if name in _SHARE_NAMES or (unit == "_relative" and name not in _DEPTHS_UP_TO_SCALE):
        return shown, f"{number_text(100 * value)}%"
    return shown, f"{value:.0f}" if name in _WHOLE else number_text(value)
