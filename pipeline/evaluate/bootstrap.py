"""Bootstrap intervals of figures (Efron 1979), which draw whole groups because their items share errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit

FEWEST_GROUPS = 6
"""With fewer groups, no draws are made.

No interval of draws is wider than the range of the groups' own figures. The range of n groups misses the median group
with probability 2^(1 - n): 25 % for three groups, below 5 % from six on.
"""
# Draws that differ by less than this differ by rounding alone.
_ROUNDING = 1e-9
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


def interval_of(drawn: Sequence[float] | np.ndarray, groups: int, level: float = 0.95) -> Interval:
    """Interval of a figure from its drawn values.

    Percentiles of draws of few groups cover too little: those of 95 % cover about 85 % with six groups. They are
    expanded as the t-distribution expands the interval of a mean (Hesterberg 2015, "What teachers should know about
    the bootstrap").

    Args:
        drawn: The figure in each draw; NaN where a draw does not have it.
        groups: Number of groups that have the figure.
        level: Share of cases in which the interval should hold the figure.

    Returns:
        (low, high); NaN if there are fewer than ``FEWEST_GROUPS`` groups, or no draw has the figure, or all draws
        have the same value, which says nothing about how far it may deviate.

    >>> [round(end, 2) for end in interval_of([0.0, 1.0, 2.0, 3.0, 4.0], groups=1000, level=0.5)]
    [1.0, 3.0]
    """
    values = np.asarray(drawn, dtype=float)
    if groups < FEWEST_GROUPS or np.isnan(values).all():
        return math.nan, math.nan
    tail = float(ndtr(math.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, (1 - level) / 2)))
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return (float(low), float(high)) if high - low > _ROUNDING else (math.nan, math.nan)


def bound_of(share: float, groups: int, level: float = 0.95) -> Interval:
    """One-sided interval of a share of which every group has all or none, where draws of groups say nothing.

    If a share p of all groups differs, n groups without one have probability (1 - p)^n, so p is at most
    1 - 0.05^(1/n), about 3/n (Clopper & Pearson 1934; "rule of three"). A group that differs contributes at most its
    whole share.

    Args:
        share: The share in all groups: 0 or 1.
        groups: Number of groups that have the share.
        level: Share of cases in which the interval should hold the share.

    Returns:
        (low, high); NaN for any other share, or without groups.

    >>> [round(bound_of(1.0, groups)[0], 3) for groups in (3, 59)]
    [0.368, 0.95]
    """
    if not groups or share not in (0, 1):
        return math.nan, math.nan
    most = 1 - (1 - level) ** (1 / groups)
    return (0.0, most) if share == 0 else (1 - most, 1.0)


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
    means = [ratio(float(weights @ filled), float(weights @ known)) for weights in drawn]
    return interval_of(means, count_groups(groups, known))


def share_interval(
    values: Sequence[float] | np.ndarray, groups: Sequence[str], *, draws: int = 300, seed: int = 0
) -> Interval:
    """The same of values in [0, 1]; where all are 0 or all are 1, the bound of ``bound_of``. No draws, no bound."""
    array = np.asarray(values, dtype=float)
    known = ~np.isnan(array)
    if draws and len(np.unique(array[known])) == 1 and array[known][0] in (0, 1):
        return bound_of(float(array[known][0]), count_groups(groups, known))
    return mean_interval(array, groups, draws=draws, seed=seed)


def median_interval(values: Sequence[float], groups: Sequence[str], *, draws: int = 300, seed: int = 0) -> Interval:
    """95 % interval of the median of one value per item."""
    array = np.asarray(values, dtype=float)
    medians = [np.median(np.repeat(array, weights)) for weights in drawn_weights(groups, draws, seed)]
    return interval_of(medians, len(set(groups)))


def count_groups(groups: Sequence[str], known: Sequence[bool] | np.ndarray) -> int:
    """Number of groups with an item that is known."""
    return len({name for name, is_known in zip(groups, known, strict=True) if is_known})


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
