"""Errors of all measurements: every probability follows from these numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.records import DepthKind, DepthMap, Origin, Region, ScaleSource
from pipeline.records.camera import CameraSource
from pipeline.records.errors import ConfigError
from pipeline.records.noise import NoiseModels
from pipeline.records.settings import NonNegative, SettingError, checked

HALF_INTERVAL = 1.96
"""Half of a 95 % interval of a normal error, in standard deviations: what stands after every "±"."""


@dataclass(frozen=True)
class DepthErrors:
    """Errors of the points of one depth map, as standard deviations.

    Args:
        relative: Smooth error of depth, as a fraction of z; see ``NoiseModel``, as the fields below.
        relative_per_m: Growth of the smooth error with z [1/m].
        place_share: Reach of the smooth error, as a share of the image's longer side.
        pixel: Error from pixel to pixel, as a fraction of z.
        pixel_per_m: Growth of it with z [1/m].
        blur_px: Pixels over which a step in depth is smeared out, to either side [px].
        scale: Error of the metric scale, as a fraction.
        focal: Error of the focal length, as a fraction.
    """

    relative: float = 0.0
    relative_per_m: float = 0.0
    place_share: float = 0.0
    pixel: float = 0.0
    pixel_per_m: float = 0.0
    blur_px: float = 0.0
    scale: float = 0.0
    focal: float = 0.0


@checked
@dataclass(frozen=True)
class ErrorBudget:
    """Standard deviations of everything that a verdict depends on.

    Args:
        noise: Errors of depth, by backend.
        scale: Error of the metric scale by its source, as a fraction; that of ``model`` holds for backends whose noise
            model states none.
        focal: Error of the focal length by the camera's source, as a fraction.
        mask_px: Error of the edge of a mask [px].
        given_px: Error of the edge of a box that a person or a data set gave [px].
        box_px: Error of the edge of a model's box that does not depend on its size [px].
        box_share: Error of the edge of a model's box as a share of the box's side.
        stray_mask: Share of the pixels of a mask that may belong to something else.
        stray_box: The same of what is found in a box.

    Raises:
        ConfigError: If a number is negative, a source is not listed, or there are no noise models.
    """

    noise: NoiseModels = field(default_factory=NoiseModels)
    scale: Mapping[str, NonNegative] = field(default_factory=lambda: {"sensor": 0.005, "model": 0.15, "anchor": 0.05})
    focal: Mapping[str, NonNegative] = field(
        default_factory=lambda: {"given": 0.005, "exif": 0.03, "model": 0.06, "assumed": 0.25, "doubtful": 2.0}
    )
    mask_px: NonNegative = 0.5
    given_px: NonNegative = 1.0
    box_px: NonNegative = 1.5
    box_share: NonNegative = 0.02
    stray_mask: NonNegative = 0.01
    stray_box: NonNegative = 0.1

    def __post_init__(self) -> None:
        """Check that the noise models and the tables are complete."""
        if not isinstance(self.noise, NoiseModels):
            raise ConfigError(
                "The noise models are incomplete: a file of the group noise begins with 'defaults: [default]' and adds "
                "models to those."
            )
        for name, needed in (("scale", set(ScaleSource) - {ScaleSource.NONE}), ("focal", set(CameraSource))):
            missing = sorted(set(needed) - set(getattr(self, name)))
            if missing:
                raise SettingError(name, f"lacks {', '.join(missing)}.")

    def scale_error(self, depth: DepthMap) -> float:
        """Error of the metric scale of a map, as a fraction; 0 without metres.

        It is the map's own where anchors gave it, and that of the backend's noise model where the scale is a model's.
        """
        if depth.kind is not DepthKind.METRIC:
            return 0.0
        if depth.scale_error is not None:
            return depth.scale_error
        measured = self.noise.of(depth).scale if depth.scale_source is ScaleSource.MODEL else None
        return self.scale[depth.scale_source] if measured is None else measured

    def length(self, depth: DepthMap, source: CameraSource) -> float:
        """Error of the scale of a length across the image, as a fraction."""
        return math.hypot(self.scale_error(depth), self.focal[source])

    def depth_errors(self, depth: DepthMap, source: CameraSource) -> DepthErrors:
        """Errors of the points of a map that a camera of that source back-projects."""
        noise = self.noise.of(depth).of_image(depth)
        return DepthErrors(
            noise.relative,
            noise.relative_per_m,
            noise.place_share,
            noise.pixel,
            noise.pixel_per_m,
            noise.blur_px,
            self.scale_error(depth),
            self.focal[source],
        )

    def edge_px(self, region: Region, side_px: float) -> float:
        """Error of one edge of a region whose side along that axis is ``side_px`` long [px]."""
        if region.mask is not None:
            return self.mask_px
        if region.origin is Origin.GIVEN:
            return self.given_px
        return self.box_px + self.box_share * side_px

    def stray_share(self, region: Region) -> float:
        """Share of a region's pixels that may belong to something else."""
        return self.stray_box if region.mask is None else self.stray_mask
