"""How wrong each measurement may be: the numbers from which every probability follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.camera import CameraSource
from pipeline.errors import ConfigError
from pipeline.records import DepthKind, DepthMap, ScaleSource


@dataclass(frozen=True)
class ErrorBudget:
    """Standard deviations of everything that a verdict rests on.

    Args:
        sensor_relative: Error of sensor depth, as a fraction of z.
        sensor_quadratic_per_m: Error of sensor depth that grows with z squared [1/m].
        relative: Error of a network's depth of one object against another, as a fraction of z, for depth
            known at least up to scale.
        affine: The same for affine kinds, as a fraction of the frame's depth range.
        backends: Overrides of ``relative`` or ``affine`` by name of the depth backend.
        local_share: Share of that error between neighbouring pixels; the rest is common to both.
        scale: Error of the metric scale by its source, as a fraction.
        focal: Error of the focal length by the camera's source, as a fraction.
        box_px: Error of a box's edge that does not depend on its size [px].
        box_share: Error of a box's edge as a share of the box's side.

    Raises:
        ConfigError: If a number is negative or a source is not listed.
    """

    sensor_relative: float = 0.003
    sensor_quadratic_per_m: float = 0.002
    relative: float = 0.12
    affine: float = 0.04
    backends: Mapping[str, float] = field(default_factory=dict)
    local_share: float = 0.4
    scale: Mapping[str, float] = field(default_factory=lambda: {"sensor": 0.005, "model": 0.15, "anchor": 0.05})
    focal: Mapping[str, float] = field(
        default_factory=lambda: {"given": 0.005, "exif": 0.03, "model": 0.06, "assumed": 0.25}
    )
    box_px: float = 1.5
    box_share: float = 0.02

    def __post_init__(self) -> None:
        """Check that all numbers can be standard deviations."""
        singles = {name: getattr(self, name) for name in _SINGLE}
        tables = {f"{name}.{key}": value for name in _TABLES for key, value in getattr(self, name).items()}
        for name, value in {**singles, **tables}.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                raise ConfigError(f"verify.verifier.budget.{name} must be a number >= 0, not {value!r}.")
        for name, needed in (("scale", set(ScaleSource) - {ScaleSource.NONE}), ("focal", set(CameraSource))):
            missing = sorted(set(needed) - set(getattr(self, name)))
            if missing:
                raise ConfigError(f"verify.verifier.budget.{name} lacks {', '.join(missing)}.")

    def depth(self, depth: DepthMap, z: float) -> float:
        """Error of one object's depth against another's, in the unit of the order coordinate.

        Args:
            depth: The map, for its kind and backend.
            z: Depth of the object [m]; only read for sensor depth.

        Returns:
            A fraction of z where depth is known at least up to scale; otherwise a fraction of the
            frame's range.
        """
        if depth.backend in self.backends:
            return self.backends[depth.backend]
        if depth.scale_source is ScaleSource.SENSOR:
            return self.sensor_relative + self.sensor_quadratic_per_m * z
        return self.relative if depth.kind.has_shape else self.affine

    def local_depth(self, depth: DepthMap, z: float) -> float:
        """Error of a step in depth between neighbouring pixels; units as in ``depth``."""
        return self.depth(depth, z) * self.local_share

    def length(self, depth: DepthMap, source: CameraSource) -> float:
        """Error of the scale of a length across the image, as a fraction."""
        scale = self.scale[depth.scale_source] if depth.kind is DepthKind.METRIC else 0.0
        return math.hypot(scale, self.focal[source])

    def box_edge_px(self, side_px: float) -> float:
        """Error of one edge of a box whose side is so long [px]."""
        return self.box_px + self.box_share * side_px


_SINGLE = (
    "sensor_relative",
    "sensor_quadratic_per_m",
    "relative",
    "affine",
    "local_share",
    "box_px",
    "box_share",
)
_TABLES = ("backends", "scale", "focal")
