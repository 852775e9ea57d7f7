"""One frame as the rules see it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pipeline.geometry.planes import HELD_UP, MOST_TILT_DEG, Up, estimate_up
from pipeline.records import DepthKind, DepthMap, Frame
from pipeline.records.calibration import features_of
from pipeline.records.camera import Camera
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.noise import NoiseModel
from pipeline.records.relations import Need
from pipeline.records.weights import Weights
from pipeline.verify.own_samples import cells_of_returns
from pipeline.verify.rules.base import CannotMeasure, Settings
from pipeline.verify.rules.errors_of_depth import DepthErrors

LEAST_NOISE = 0.005
"""Planes are told apart no finer than this share of z."""
# Scanners see streets, which fall to their sides by 2 to 4 %.
_UNEVEN_RAD = 0.035
# Wider edges than this leave nothing of most objects [px].
_WIDEST_EDGE_PX = 8


class FrameView:
    """One frame with its depth, the errors of that depth, and the direction of gravity.

    Args:
        frame: The frame.
        depth: Its depth, or None where there is none.
        budget: Error of every measurement.
        settings: See ``Settings``.
        sample_px: Width of a pixel of the frame in pixels of the image, where the frame was made smaller.
        weights: Weights of the fitted models; None takes those that ship.
    """

    def __init__(
        self,
        frame: Frame,
        depth: DepthMap | None,
        budget: ErrorBudget | None = None,
        settings: Settings | None = None,
        sample_px: float = 1.0,
        weights: Weights | None = None,
    ) -> None:
        self.frame = frame
        self.budget = budget or ErrorBudget()
        self.settings = settings or Settings()
        self.sample_px = sample_px
        self.weights = weights or Weights.shipped()
        self._depth = depth

    @property
    def camera(self) -> Camera:
        """Intrinsics of the frame."""
        return self.frame.camera

    @property
    def depth(self) -> DepthMap:
        """Depth of the frame.

        Raises:
            CannotMeasure: If there is none.
        """
        if self._depth is None:
            raise CannotMeasure("no_depth", "needs_depth", frame=self.frame.name)
        return self._depth

    def require(self, need: Need) -> None:
        """Require that the depth carries what a relation needs.

        Raises:
            CannotMeasure: If it does not.
        """
        if need is Need.NOTHING:
            return
        kind = self.depth.kind
        if need is Need.METRIC and kind is not DepthKind.METRIC:
            raise CannotMeasure("no_metres", "needs_metric_depth", kind=str(kind))
        if need is Need.SHAPE and not kind.has_shape:
            raise CannotMeasure("no_shape", "needs_shape", kind=str(kind))

    @cached_property
    def errors(self) -> DepthErrors:
        """The depth with its errors.

        Raises:
            CannotMeasure: If there is no depth.
        """
        return DepthErrors(self.depth, self.budget.noise.of(self.depth))

    @property
    def noise(self) -> NoiseModel:
        """Noise model of the depth's backend."""
        return self.errors.noise

    @cached_property
    def is_familiar(self) -> bool:
        """Whether the network of the depth knows such images, see ``NoiseModel.knows``."""
        return self.budget.noise.of(self.depth).knows(self.depth)

    @property
    def spread(self) -> float:
        """Unit of differences of the order coordinate, see ``coordinate_spread``."""
        return self.errors.spread

    @property
    def edge_px(self) -> int:
        """Width of the edge of an object that the depth map mixes with what lies beside it [px]."""
        return max(self.settings.edge_px, min(round(self.noise.blur_px), _WIDEST_EDGE_PX))

    @cached_property
    def features(self) -> dict[str, float]:
        """See ``features_of``."""
        return features_of(self.depth)

    @cached_property
    def up(self) -> Up | None:
        """Which way is up, where the depth has a shape and its surfaces tell."""
        if self._depth is None or not self.depth.kind.has_shape:
            return None
        noise = max(self.errors.smooth(self.errors.middle), LEAST_NOISE)
        seen, uneven_rad = (self.depth.values, self.depth.valid, self.camera), 0.0
        if self.depth.sampling.is_scattered:
            seen, uneven_rad = cells_of_returns(self.camera, self.depth), _UNEVEN_RAD
        return estimate_up(*seen, max_tilt_deg=MOST_TILT_DEG, relative_noise=noise, uneven_rad=uneven_rad)

    @cached_property
    def axes(self) -> tuple[np.ndarray, bool]:
        """Unit vectors across, up and along the view as columns, float64 (3, 3), and whether up is gravity's."""
        up = HELD_UP if self.up is None else self.up.direction
        across = np.cross((0.0, 0.0, 1.0), up)
        across = across / np.linalg.norm(across)
        return np.stack((across, up, np.cross(up, across)), axis=1), self.up is not None
