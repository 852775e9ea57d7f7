"""Intervals of figures by the bootstrap (Efron 1979): groups are drawn as a whole, because their items share errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

FEWEST_GROUPS = 3
"""With fewer groups to draw from there is no interval."""
Interval = tuple[float, float]


def drawn_weights(
    groups: Sequence[str], draws: int, seed: int = 0, names: Iterable[str] | None = None
) -> Iterator[np.ndarray]:
    """How often each item counts when as many groups as there are get drawn with replacement.

    Args:
        groups: Group of each item (N).
        draws: How often to draw.
        seed: Seed of the draws.
        names: The groups in the order that the draws follow; by default that of their first items.

    Yields:
        int (N,) per draw; nothing where there are fewer than ``FEWEST_GROUPS`` groups.
    """
    places = {name: index for index, name in enumerate(dict.fromkeys(groups if names is None else names))}
    count = len(places)
    if count < FEWEST_GROUPS:
        return
    where = np.array([places[name] for name in groups])
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(rng.integers(count, size=count), minlength=count)[where]


def interval_of(drawn: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """Percentile interval of a figure from its drawn values; NaN where no draw has the figure.

    >>> interval_of([0.0, 1.0, 2.0, 3.0, 4.0], level=0.5)
    (1.0, 3.0)
    """
    values = np.asarray(drawn, dtype=float)
    if np.isnan(values).all():
        return math.nan, math.nan
    low, high = np.nanquantile(values, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def mean_interval(values: Sequence[float], groups: Sequence[str], *, draws: int = 300, seed: int = 0) -> Interval:
    """95 % interval of the mean of one value per item; values that are NaN do not count."""
    array = np.asarray(values, dtype=float)
    known = ~np.isnan(array)
    filled = np.where(known, array, 0.0)
    drawn = drawn_weights(groups, draws, seed)
    return interval_of([ratio(float(weights @ filled), float(weights @ known)) for weights in drawn])


def median_interval(values: Sequence[float], groups: Sequence[str], *, draws: int = 300, seed: int = 0) -> Interval:
    """95 % interval of the median of one value per item."""
    array = np.asarray(values, dtype=float)
    return interval_of([np.median(np.repeat(array, weights)) for weights in drawn_weights(groups, draws, seed)])


def with_interval(value: float, interval: Interval = (math.nan, math.nan)) -> dict[str, float | None]:
    """A figure for a report: ``value``, ``low`` and ``high``; null where it is no number."""
    numbers = {"value": value, "low": interval[0], "high": interval[1]}
    return {name: plain(float(number)) for name, number in numbers.items()}


def plain(value: Any) -> Any:
    """A value for a report, with nulls in place of numbers that are not finite.

    >>> plain({"figures": [1.5, math.inf]})
    {'figures': [1.5, None]}
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def ratio(part: float, whole: float) -> float:
    """The part as a share of the whole; NaN of nothing."""
    return part / whole if whole else math.nan
