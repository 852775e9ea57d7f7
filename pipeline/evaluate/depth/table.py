"""The figures of many images together, and their intervals."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from pipeline.evaluate.bootstrap import FEWEST_GROUPS, drawn_weights
from pipeline.evaluate.depth.image_lines import ImageLine
from pipeline.evaluate.depth.metrics import METRICS, metrics_of
from pipeline.evaluate.depth.protocol import Aggregate

# Draws at a time, so that their weights take little memory however many images there are.
_BLOCK = 50


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """What the scored images of one run say, image by image.

    Args:
        names: Names of the images (N).
        groups: Group of each image (N).
        truths: Digest of each image's true depth (N).
        values: Each image's own figures by name, float64 (N,); NaN where an image has none.
        moments: Sums by name, float64 (N, K); K is 1 where there is no threshold. Empty where nothing is pooled.
        widths: How many thresholds each sum has; 0 where it is a single number.
        aggregate: How the images' figures become one.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    truths: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    moments: Mapping[str, np.ndarray]
    widths: Mapping[str, int]
    aggregate: Aggregate

    @classmethod
    def of(cls, lines: Iterable[ImageLine], aggregate: Aggregate) -> ScoreTable:
        """The table of the lines that were scored; they are read once, one by one."""
        names: list[str] = []
        groups: list[str] = []
        truths: list[str] = []
        values, moments = _Columns(math.nan), _Columns(0.0)
        for line in lines:
            if line.score is not None:
                names.append(line.name)
                groups.append(line.group)
                truths.append(line.truth)
                values.append(line.score.metrics)
                # Only pooled figures are made of the sums.
                moments.append(line.score.moments if aggregate is Aggregate.POOLED else {})
        measured = {name: values.arrays[name] for name in METRICS if name in values.arrays}
        return cls(
            tuple(names),
            tuple(groups),
            tuple(truths),
            {name: np.array(found) for name, found in measured.items()},
            {name: np.array(found).reshape(len(names), -1) for name, found in moments.arrays.items()},
            moments.widths,
            aggregate,
        )

    def figures(self) -> dict[str, float]:
        """Every figure of all images together, in the order of ``METRICS``; NaN where it cannot be told."""
        return {name: float(found[0]) for name, found in self._drawn(np.ones((1, len(self.names)))).items()}

    def counts(self) -> dict[str, int]:
        """How many images have each figure."""
        return {name: int(np.count_nonzero(~np.isnan(found))) for name, found in self.values.items()}

    def drawn(self, draws: int, seed: int) -> dict[str, np.ndarray]:
        """Figures when whole groups are drawn again, float64 (draws,); without those that too few groups have."""
        names = sorted(set(self.groups))
        weights = drawn_weights(self.groups, draws, seed, names)
        blocks = []
        while block := list(islice(weights, _BLOCK)):
            blocks.append(self._drawn(np.array(block, dtype=float)))
        where = np.searchsorted(names, self.groups)
        return {
            name: np.concatenate([block[name] for block in blocks])
            for name, found in self.values.items()
            if blocks and len(np.unique(where[~np.isnan(found)])) >= FEWEST_GROUPS
        }

    def selected(self, names: Sequence[str]) -> ScoreTable:
        """The table of these images, in their order."""
        places = {name: index for index, name in enumerate(self.names)}
        rows = [places[name] for name in names]
        return ScoreTable(
            tuple(names),
            tuple(self.groups[row] for row in rows),
            tuple(self.truths[row] for row in rows),
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


def _means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    total = weights @ known
    sums = weights @ np.where(known, values, 0.0)
    return np.divide(sums, total, out=np.full(len(weights), math.nan), where=total > 0)


class _Columns:
    """Numbers by name, row by row, with eight bytes for each; what a row lacks is filled up."""

    def __init__(self, missing: float) -> None:
        self.arrays: dict[str, array[float]] = {}
        self.widths: dict[str, int] = {}
        self._missing = missing
        self._rows = 0

    def append(self, row: Mapping[str, float | tuple[float, ...]]) -> None:
        for name, value in row.items():
            if name not in self.arrays:
                self.widths[name] = len(value) if isinstance(value, tuple) else 0
                self.arrays[name] = array("d", [self._missing]) * (self._rows * max(self.widths[name], 1))
        for name, numbers in self.arrays.items():
            value = row.get(name, (self._missing,) * max(self.widths[name], 1))
            numbers.extend(value if isinstance(value, tuple) else (value,))
        self._rows += 1
