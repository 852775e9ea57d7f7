"""Figures of many images together, and draws for their intervals."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from pipeline.evaluate.bootstrap import FEWEST_GROUPS, drawn_weights
from pipeline.evaluate.depth.image_lines import ImageLine
from pipeline.evaluate.depth.metrics import METRICS, metrics_of
from pipeline.evaluate.depth.protocol import Aggregate

# Draws at a time, to limit the memory of their weights.
_BLOCK = 50


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The scored images of one run, row by row.

    Args:
        names: Names of the images (N).
        groups: Group of each image (N).
        truths: Digest of each image's true depth (N).
        values: Each image's figures by name, float64 (N,); NaN where an image lacks one.
        moments: Sums by name, float64 (N, K) for K thresholds; K is 1 without thresholds. Empty unless pooled.
        widths: Number of thresholds of each sum; 0 for a single number.
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
        """The table of the scored lines, which are read once, one by one."""
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
                # Only pooled figures need the sums.
                moments.append(line.score.moments if aggregate is Aggregate.POOLED else {})
        return cls(
            tuple(names),
            tuple(groups),
            tuple(truths),
            {name: np.array(values.arrays[name]) for name in METRICS if name in values.arrays},
            {name: np.array(found).reshape(len(names), -1) for name, found in moments.arrays.items()},
            moments.widths,
            aggregate,
        )

    def figures(self) -> dict[str, float]:
        """Every figure of all images together, in the order of ``METRICS``; NaN where it is undefined."""
        return {name: float(found[0]) for name, found in self._drawn(np.ones((1, len(self.names)))).items()}

    def counts(self) -> dict[str, int]:
        """Number of images that have each figure."""
        return {name: int(np.count_nonzero(~np.isnan(found))) for name, found in self.values.items()}

    def drawn(self, draws: int, seed: int) -> dict[str, np.ndarray]:
        """Figures of draws of whole groups, float64 (draws,), without those that too few groups have."""
        weights = drawn_weights(self.groups, draws, seed, sorted(set(self.groups)))
        blocks = []
        while block := list(islice(weights, _BLOCK)):
            blocks.append(self._drawn(np.array(block, dtype=float)))
        groups = np.array(self.groups)
        return {
            name: np.concatenate([block[name] for block in blocks])
            for name, found in self.values.items()
            if blocks and len(np.unique(groups[~np.isnan(found)])) >= FEWEST_GROUPS
        }

    def selected(self, names: Sequence[str]) -> ScoreTable:
        """The table of these images, in this order."""
        places = {name: index for index, name in enumerate(self.names)}
        rows = [places[name] for name in names]
        return replace(
            self,
            names=tuple(names),
            groups=tuple(self.groups[row] for row in rows),
            truths=tuple(self.truths[row] for row in rows),
            values={name: found[rows] for name, found in self.values.items()},
            moments={name: found[rows] for name, found in self.moments.items()},
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
    """Columns of numbers by name, appended row by row at eight bytes each; gaps are filled."""

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
