"""Where regions are in space: their depth, and the boxes around what is seen of them.

What belongs to a region is cut out as for verdicts, so background in its box does not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.export.palette import region_names
from pipeline.export.stored_scene import StoredScene
from pipeline.geometry.boxes_3d import oriented_box
from pipeline.geometry.objects import coordinate_spread
from pipeline.records import Box, Box3D, DepthKind, DepthMap, Origin, Region
from pipeline.records.error_budget import DepthErrors, ErrorBudget
from pipeline.records.weights import Weights
from pipeline.verify.rules.base import CannotMeasure, Settings
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.views import views_of

TEXT_LABEL = "text"
"""Label of all regions that OCR read; what they say would be one label each."""


@dataclass(frozen=True)
class RegionDepth:
    """Depth of one region.

    Args:
        kind: Kind of the frame's depth; None without depth.
        value: Median over the object's pixels: z in metres of metric depth, otherwise in the depth's own unit; None
            where it cannot be measured.
        sigma: Standard deviation of the value, in its unit.
        box: Upright box around the visible points, in the camera frame and the depth's unit; None where the depth has
            no shape.
        count: Number of the box's points; 0 without one.
    """

    kind: DepthKind | None = None
    value: float | None = None
    sigma: float | None = None
    box: Box3D | None = None
    count: int = 0

    @property
    def unit(self) -> str | None:
        """Unit of the value: ``m`` if metric, None where it means an order only."""
        return "m" if self.kind is DepthKind.METRIC and self.value is not None else None


def region_depths(stored: StoredScene, regions: Sequence[Region]) -> tuple[RegionDepth, ...]:
    """Depth and box of every region.

    Args:
        stored: The scene with the errors of its depth.
        regions: Regions of its frames.
    """
    scene = stored.scene
    if not scene.depth or not regions:
        return tuple(RegionDepth() for _ in regions)
    # A mask of another size does not say which pixels it means.
    fitting = tuple(
        region
        if region.mask is None or region.mask.shape == scene.depth[region.frame].shape
        else replace(region, mask=None)
        for region in regions
    )
    _, own = views_of(scene, fitting, ErrorBudget(), Settings(), Weights.shipped())
    depths = []
    for index, item in enumerate(own.objects):
        frame = regions[index].frame
        errors = stored.errors[frame] if frame < len(stored.errors) else DepthErrors()
        depths.append(_measured(item, scene.depth[frame], errors))
    return tuple(depths)


def _measured(item: ObjectView, depth: DepthMap, errors: DepthErrors) -> RegionDepth:
    try:
        value = item.z
    except CannotMeasure:
        return RegionDepth(depth.kind)
    if depth.kind.has_shape:
        level = value if depth.kind is DepthKind.METRIC else 0.0
        sigma = value * math.hypot(errors.relative + errors.relative_per_m * level, errors.scale)
    else:
        sigma = errors.relative * coordinate_spread(depth.values, depth.valid, depth.kind)
    try:
        axes, _ = item.view.axes
        box = oriented_box(item.points, axes[:, 1]) if depth.kind.has_shape else None
    except CannotMeasure:
        box = None
    return RegionDepth(depth.kind, value, sigma, box, 0 if box is None else len(item.points))


def unique_names(regions: Sequence[Region], frames: int = 1) -> list[str]:
    """A name for each region that no other has: that of claims, with the frame where there are several.

    Args:
        regions: All regions of a result.
        frames: Number of frames; with more than one, names end in the number of their frame, from 1.
    """
    names = region_names(regions)
    if frames > 1:
        names = [f"{name} (frame {region.frame + 1})" for name, region in zip(names, regions, strict=True)]
    taken: set[str] = set()
    for index, name in enumerate(names):
        number = 2
        while names[index] in taken:
            names[index] = f"{name} [{number}]"
            number += 1
        taken.add(names[index])
    return names


def category_of(region: Region) -> str:
    """Label of a region among the categories of a data set."""
    return TEXT_LABEL if region.origin is Origin.OCR else region.label


def box_in_frame(region: Region, size: tuple[int, int]) -> Box | None:
    """The part of a region's box within a frame of that (width, height); None where it has no area there."""
    x1, y1, x2, y2 = region.box_px
    left, top, right, bottom = max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1]))
    return (left, top, right, bottom) if left < right and top < bottom else None
