"""Figures with the digits that their intervals support."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pipeline.export.html import number


def decimals(low: float | None, high: float | None) -> int | None:
    """Digits after the point that an interval supports; None where there is no interval, or it is empty.

    Half its width keeps one digit, or two where these lie between 10 and 35: the rule of the Particle Data Group for
    errors (Review of Particle Physics, introduction, section 5.3, https://pdg.lbl.gov).

    >>> decimals(0.08413, 0.09204), decimals(7.2, 31.0), decimals(0.0, 80.0)
    (3, 0, -1)
    """
    if low is None or high is None or not high > low:
        return None
    half = (high - low) / 2
    place = math.floor(math.log10(half))
    return 1 - place if half < 3.55 * 10.0**place else -place


def figure_texts(figure: Mapping[str, float | None]) -> tuple[str, str]:
    """A figure and its interval, with the digits that the interval supports; the latter is empty without one.

    Args:
        figure: ``value``, ``low`` and ``high``, as in a report.

    >>> figure_texts({"value": 0.08808, "low": 0.08413, "high": 0.09204})
    ('0.088', '0.084 – 0.092')
    """
    value, low, high = figure["value"], figure["low"], figure["high"]
    digits = decimals(low, high)
    if value is None or low is None or high is None or digits is None:
        return number(value), "" if low is None or high is None else f"{number(low)} – {number(high)}"
    shown = [f"{round(one, digits):.{max(digits, 0)}f}" for one in (value, low, high)]
    return shown[0], f"{shown[1]} – {shown[2]}"
