"""Bootstrap intervals of figures (Efron 1979), which draw whole groups because their items share errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

FEWEST_GROUPS = 3
"""With fewer groups, there is no interval."""
Interval = tuple[float, float]


def drawn_weights(
    groups: Sequence[str], draws: int, seed: int = 0, names: Iterable[str] | None = None
) -> Iterator[np.ndarray]:
    """How often each item counts in a draw of all groups with replacement.

    Args:
        groups: Group of each item (N).
        draws: Number of draws.
        seed: Seed of the draws.
        names: The groups in the order that the draws follow; by default that of their first items.

    Yields:
        int (N,) per draw; nothing if there are fewer than ``FEWEST_GROUPS`` groups.
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
    """Percentile interval of a figure from its drawn values; NaN if no draw has the figure.

    >>> interval_of([0.0, 1.0, 2.0, 3.0, 4.0], level=0.5)
    (1.0, 3.0)
    """
    values = np.asarray(drawn, dtype=float)
    if np.isnan(values).all():
        return math.nan, math.nan
    low, high = np.nanquantile(values, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def mean_of(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def mean_interval(
    values: Sequence[float] | np.ndarray, groups: Sequence[str], *, draws: int = 300, seed: int = 0
) -> Interval:
    """95 % interval of the mean of one value per item, without the values that are NaN."""
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
    """A figure for a report: ``value``, ``low`` and ``high``; null where it is not finite."""
    return {name: as_json(float(end)) for name, end in zip(("value", "low", "high"), (value, *interval), strict=True)}


def as_json(value: Any) -> Any:
    """A value for a report, with null in place of every number that is not finite.

    >>> as_json({"figures": [1.5, math.inf]})
    {'figures': [1.5, None]}
    """
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def ratio(part: float, whole: float) -> float:
    """The part as a share of the whole; NaN if the whole is 0."""
    return part / whole if whole else math.nan
