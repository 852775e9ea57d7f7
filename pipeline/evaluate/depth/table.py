"""The figures of many images together, and their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluate.depth.image_lines import ImageLine
from pipeline.evaluate.depth.metrics import METRICS, metrics_of
from pipeline.evaluate.depth.protocol import Aggregate

Interval = tuple[float, float]
FEWEST_GROUPS = 3
"""With fewer groups to draw from there is no interval."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """What the scored images of one run say, image by image.

    Args:
        names: Names of the images (N).
        groups: Group of each image (N).
        values: Each image's own figures by name, float64 (N,); NaN where an image has none.
        moments: Sums by name, float64 (N, K); K is 1 where there is no threshold.
        widths: How many thresholds each sum has; 0 where it is a single number.
        aggregate: How the images' figures become one.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    moments: Mapping[str, np.ndarray]
    widths: Mapping[str, int]
    aggregate: Aggregate

    @classmethod
    def of(cls, lines: Iterable[ImageLine], aggregate: Aggregate) -> ScoreTable:
        """The table of the lines that were scored."""
        scored = [(line.name, line.group, line.score) for line in lines if line.score is not None]
        values = {
            name: np.array([found.metrics.get(name, math.nan) for _, _, found in scored], dtype=float)
            for name in METRICS
        }
        moments, widths = _stacked([found.moments for _, _, found in scored])
        names, groups = tuple(item[0] for item in scored), tuple(item[1] for item in scored)
        measured = {name: found for name, found in values.items() if not np.isnan(found).all()}
        return cls(names, groups, measured, moments, widths, aggregate)

    def figures(self) -> dict[str, float]:
        """Every figure of all images together, in the order of ``METRICS``; NaN where it cannot be told."""
        return {name: float(found[0]) for name, found in self._drawn(np.ones((1, len(self.names)))).items()}

    def counts(self) -> dict[str, int]:
        """How many images have each figure."""
        return {name: int(np.count_nonzero(~np.isnan(found))) for name, found in self.values.items()}

    def drawn(self, draws: int, seed: int) -> dict[str, np.ndarray]:
        """Figures when whole groups are drawn again, float64 (draws,); without those that too few groups have."""
        places = {name: index for index, name in enumerate(dict.fromkeys(self.groups))}
        if len(places) < FEWEST_GROUPS or not draws:
            return {}
        rng = np.random.default_rng(seed)
        counts = np.array(
            [np.bincount(rng.integers(len(places), size=len(places)), minlength=len(places)) for _ in range(draws)]
        )
        where = np.array([places[name] for name in self.groups])
        found = self._drawn(counts[:, where].astype(float))
        return {
            name: drawn
            for name, drawn in found.items()
            if len(np.unique(where[~np.isnan(self.values[name])])) >= FEWEST_GROUPS
        }

    def selected(self, names: Sequence[str]) -> ScoreTable:
        """The table of these images, in their order."""
        places = {name: index for index, name in enumerate(self.names)}
        rows = [places[name] for name in names]
        return ScoreTable(
            tuple(names),
            tuple(self.groups[row] for row in rows),
            {name: found[rows] for name, found in self.values.items()},
            {name: found[rows] for name, found in self.moments.items()},
            self.widths,
            self.aggregate,
        )

    def _drawn(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Every figure for each row of weights of the images, (draws, N)."""
        if self.aggregate is Aggregate.PER_IMAGE:
            return {name: _means(found, weights) for name, found in self.values.items()}
        sums = {name: weights @ found for name, found in self.moments.items()}
        rows = [metrics_of(self._row(sums, draw)) for draw in range(len(weights))]
        return {name: np.array([row.get(name, math.nan) for row in rows], dtype=float) for name in self.values}

    def _row(self, sums: Mapping[str, np.ndarray], draw: int) -> dict[str, float | tuple[float, ...]]:
        return {
            name: tuple(found[draw].tolist()) if self.widths[name] else float(found[draw, 0])
            for name, found in sums.items()
        }


def interval(drawn: np.ndarray, level: float = 0.95) -> Interval:
    """Percentile interval of a drawn figure; NaN where it could never be told."""
    if len(drawn) == 0 or np.isnan(drawn).all():
        return math.nan, math.nan
    low, high = np.nanquantile(drawn, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def _means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    total = weights @ known
    sums = weights @ np.where(known, values, 0.0)
    return np.divide(sums, total, out=np.full(len(weights), math.nan), where=total > 0)


def _stacked(
    moments: Sequence[Mapping[str, float | tuple[float, ...]]],
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Sums of all images as arrays (N, K); what an image lacks is zero."""
    widths = {name: len(value) if isinstance(value, tuple) else 0 for found in moments for name, value in found.items()}
    zero = {name: (0.0,) * max(width, 1) for name, width in widths.items()}

    def row(found: Mapping[str, float | tuple[float, ...]], name: str) -> tuple[float, ...]:
        value = found.get(name, zero[name])
        return value if isinstance(value, tuple) else (value,)

    return {name: np.array([row(found, name) for found in moments], dtype=float) for name in widths}, widths
