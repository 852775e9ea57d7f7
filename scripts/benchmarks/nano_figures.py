"""Figures with their 95 % intervals, in which whole scenes are drawn again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from benchmarks.figures import Figure

from pipeline.evaluate.bootstrap import mean_interval, median_interval, share_interval

_DRAWS = 1000


@dataclass(frozen=True)
class Measured(Figure):
    """A figure of a sample.

    Args:
        key: Its name for programs.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
        count: How many it is a mean or median of.
        larger_is_better: Whether it should be at least, or at most, its reach.
    """

    key: str = ""
    low: float | None = None
    high: float | None = None
    count: int = 0
    larger_is_better: bool = True

    @property
    def may_reach(self) -> bool:
        """Whether the interval holds a value that reaches it: what a small sample can tell."""
        end = self.high if self.larger_is_better else self.low
        return self.reach is None or end is None or (end >= self.reach if self.larger_is_better else end <= self.reach)


def sample_figure(
    key: str,
    name: str,
    values: Sequence[float],
    groups: Sequence[str],
    reach: float | None = None,
    *,
    statistic: Literal["mean", "median", "share"] = "mean",
    **rest: Any,
) -> Measured:
    """The mean, median, or share of ones among zeros, of one value per item; the rest are arguments of ``measured``."""
    value = float(np.median(values) if statistic == "median" else np.mean(values)) if len(values) else math.nan
    intervals = {"mean": mean_interval, "median": median_interval, "share": share_interval}
    interval = intervals[statistic](values, groups, draws=_DRAWS)
    return measured(key, name, value, interval, len(values), reach, **rest)


def measured(
    key: str,
    name: str,
    value: float,
    interval: tuple[float, float],
    count: int,
    reach: float | None = None,
    *,
    unit: str = "share",
    larger_is_better: bool = True,
) -> Measured:
    """A figure, and whether it reaches what it should; without a value it does not."""
    low, high = (None if math.isnan(end) else end for end in interval)
    ok = reach is None or (value >= reach if larger_is_better else value <= reach)
    return Measured(
        name, value, unit, reach=reach, ok=ok, key=key, low=low, high=high, count=count,
        larger_is_better=larger_is_better,
    )  # fmt: skip
