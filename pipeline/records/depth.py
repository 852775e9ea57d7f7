"""Depth maps: what their numbers mean, and what one measurement covers."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from pipeline.records.checks import member, require
from pipeline.records.depth_values import unlikely_metres


class DepthKind(StrEnum):
    """What the numbers of a depth map mean; it fixes what may be concluded from them.

    ``metric``: z in metres. ``scale_invariant``: z up to one positive factor. ``depth_affine``: z up to
    a positive factor and a shift. ``disparity_affine``: 1/z up to a positive factor and a shift, larger
    is nearer (MiDaS).
    """

    METRIC = "metric"
    SCALE_INVARIANT = "scale_invariant"
    DEPTH_AFFINE = "depth_affine"
    DISPARITY_AFFINE = "disparity_affine"

    @property
    def larger_is_nearer(self) -> bool:
        """Whether a larger value lies nearer to the camera."""
        return self is DepthKind.DISPARITY_AFFINE

    @property
    def has_shape(self) -> bool:
        """Whether points can be back-projected, at least up to one common scale factor."""
        return self in (DepthKind.METRIC, DepthKind.SCALE_INVARIANT)


class ScaleSource(StrEnum):
    """Where the metric scale came from."""

    SENSOR = "sensor"
    MODEL = "model"
    ANCHOR = "anchor"
    NONE = "none"


@dataclass(frozen=True)
class Sampling:
    """What one independent measurement of a depth map covers.

    Args:
        width_px: Its width, 1 where every pixel was measured; of scattered depth, the spacing of returns along x.
        height_px: Its height; of scattered depth, the spacing along y.
        is_scattered: Whether every valid pixel is a single return of a scanner, with nothing known between them.

    Raises:
        RecordError: If a side is below one pixel or not finite.
    """

    width_px: float = 1.0
    height_px: float = 1.0
    is_scattered: bool = False

    def __post_init__(self) -> None:
        """Check the sides."""
        for side_px in (self.width_px, self.height_px):
            is_number = isinstance(side_px, int | float) and not isinstance(side_px, bool)
            require(is_number and 1 <= side_px < math.inf, f"A measurement covers at least one pixel, not {side_px!r}.")

    @classmethod
    def of_resized(cls, stored: tuple[float, float], shape: tuple[int, int]) -> Sampling:
        """Sampling of dense depth of one (height, width) that was enlarged, or shrunk, to another."""
        return cls(max(shape[1] / stored[1], 1.0), max(shape[0] / stored[0], 1.0))


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth of one frame, pixel by pixel.

    Convention: z-depth along the optical axis (not ray length), one value per pixel of the upright frame.

    Args:
        values: float32 (H, W); the unit follows from ``kind``.
        valid: bool (H, W); where the values mean something. Pixels with values that are not finite, or
            not positive where the kind demands it, are removed from it.
        kind: What the numbers mean.
        scale_source: Where the scale came from; ``none`` unless the kind is metric.
        backend: Name of the backend, which chooses the noise model.
        confidence: Optional float32 (H, W) in [0, 1].
        focal_px: Focal length that the network estimated along with the depth [px of the frame], if any.
        scale_error: Relative standard deviation of the metric scale where anchors gave it; None leaves it to
            the error budget.
        sampling: What one independent measurement covers. A value that was copied, drawn as a square or interpolated
            is not one more measurement.
        disagreement: How far the predictions that the map averages are apart: a share of z, or of the map's range
            where the kind has no shape; None where there is only one.
        misfit: How far known lengths or measured points are from the map, as a multiple of its backend's errors; 1
            where they agree, or where there are none.

    Raises:
        RecordError: If shapes differ, a metric map names no scale source, the scale's error is not a share, or the
            misfit is below 1.
    """

    values: np.ndarray
    valid: np.ndarray
    kind: DepthKind
    scale_source: ScaleSource = ScaleSource.NONE
    backend: str = "unknown"
    confidence: np.ndarray | None = None
    focal_px: float | None = None
    scale_error: float | None = None
    sampling: Sampling = Sampling()
    disagreement: float | None = None
    misfit: float = 1.0

    def __post_init__(self) -> None:
        """Check shapes and remove meaningless pixels from the mask."""
        kind = member(DepthKind, self.kind, "Depth kind")
        scale_source = member(ScaleSource, self.scale_source, "Scale source")
        values = np.asarray(self.values)
        require(
            values.ndim == 2 and values.size > 0 and values.dtype.kind in "fiu",
            f"Depth values must be a two-dimensional array of numbers, not {values.dtype} of shape {values.shape}.",
        )
        with np.errstate(over="ignore", invalid="ignore"):
            # Values too large for float32 become infinite and thereby invalid.
            values = np.ascontiguousarray(values, dtype=np.float32)
        valid = np.asarray(self.valid, dtype=bool)
        for name, array in (("valid mask", valid), ("confidence", self.confidence)):
            require(
                array is None or array.shape == values.shape,
                f"The {name} must have the depth's shape {values.shape}, not {getattr(array, 'shape', None)}.",
            )
        require(
            (scale_source is ScaleSource.NONE) == (kind is not DepthKind.METRIC),
            f"Depth of kind {kind} cannot have scale source {scale_source}; "
            "metric depth names sensor, model or anchor, every other kind names none.",
        )
        if self.scale_error is not None:
            require(
                kind is DepthKind.METRIC and math.isfinite(self.scale_error) and self.scale_error >= 0,
                f"The scale's error of {kind} depth must be a share >= 0 of metric depth, not {self.scale_error!r}.",
            )
        require(1 <= self.misfit < math.inf, f"The misfit of depth must be at least 1, not {self.misfit!r}.")
        require(isinstance(self.sampling, Sampling), f"The sampling must be a Sampling, not {self.sampling!r}.")
        valid = valid & np.isfinite(values)
        if kind.has_shape:
            valid &= values > 0
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "valid", valid)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "scale_source", scale_source)

    @classmethod
    def from_values(
        cls,
        values: np.ndarray,
        kind: DepthKind | str,
        scale_source: ScaleSource | str = ScaleSource.NONE,
        backend: str = "unknown",
    ) -> DepthMap:
        """Depth map that is valid wherever its values mean something.

        Raises:
            RecordError: As the class, or if metric values cannot be metres: whole numbers of hundreds, kilometres,
                negative numbers. The constructor takes them as they are.
        """
        values = np.asarray(values)
        if kind == DepthKind.METRIC and values.ndim == 2 and values.dtype.kind in "fiu":
            is_sensor = scale_source == ScaleSource.SENSOR
            problem = unlikely_metres(values, np.ones(values.shape, dtype=bool), is_sensor=is_sensor)
            require(not problem, f"This is no depth in metres: {problem}")
        return cls(values, np.ones(values.shape, dtype=bool), kind, scale_source, backend)  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) [px]."""
        return self.values.shape[0], self.values.shape[1]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over values, mask and kind."""
        digest = hashlib.sha256(f"{self.shape}|{self.kind}|{self.scale_source}|{self.backend}|{self.sampling}".encode())
        digest.update(self.values.tobytes())
        digest.update(np.packbits(self.valid).tobytes())
        return digest.hexdigest()
