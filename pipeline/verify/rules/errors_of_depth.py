"""Errors of one frame's depth, in the unit of its order coordinate."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from pipeline.geometry.objects import coordinate_spread, order_coordinate
from pipeline.records import DepthKind, DepthMap
from pipeline.records.noise import NoiseModel


class DepthErrors:
    """One depth map with its noise model.

    Args:
        depth: The map.
        noise: Errors of its backend; the map itself may show larger ones, see ``image_factor``.
    """

    def __init__(self, depth: DepthMap, noise: NoiseModel) -> None:
        self.depth = depth
        self.noise = noise.of_image(depth)

    @cached_property
    def spread(self) -> float:
        """Unit of differences of the order coordinate, see ``coordinate_spread``."""
        return coordinate_spread(self.depth.values, self.depth.valid, self.depth.kind)

    @cached_property
    def _sample(self) -> np.ndarray:
        """Order coordinates all over the map, float32 (N,)."""
        return order_coordinate(self.depth.values[::6, ::6][self.depth.valid[::6, ::6]], self.depth.kind)

    @cached_property
    def _origin(self) -> float:
        """Order coordinate of the place from which errors of affine kinds grow: the far end of disparity."""
        if self._sample.size == 0:
            return 0.0
        return float(np.percentile(self._sample, 98 if self.depth.kind.larger_is_nearer else 2))

    @cached_property
    def middle(self) -> float:
        """Median order coordinate of the map; 0 for an empty one."""
        return float(np.median(self._sample)) if self._sample.size else 0.0

    def smooth(self, coordinate: float) -> float:
        """Smooth error, which neighbours share, at an order coordinate."""
        return self.noise.smooth(self._level(coordinate)) * self._unit(coordinate)

    def rough(self, coordinate: float) -> float:
        """Error from pixel to pixel at an order coordinate."""
        return self.noise.rough(self._level(coordinate)) * self._unit(coordinate)

    def _unit(self, coordinate: float) -> float:
        """A relative error of 1 in the unit of the order coordinate."""
        if self.depth.kind.has_shape:
            return 1.0
        return abs(coordinate - self._origin) + self.noise.far_share * self.spread

    def _level(self, coordinate: float) -> float:
        return math.exp(coordinate) if self.depth.kind is DepthKind.METRIC else 0.0
