"""Depth of a scene's objects for the prompt, measured as the verifier does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.claims.resolve import unique_names
from pipeline.geometry.objects import depth_of_coordinate, order_coordinate
from pipeline.models.vlm.hints import DepthHint
from pipeline.records import DepthKind, DepthMap, Region, Scene
from pipeline.records.error_budget import ErrorBudget
from pipeline.verify.rules.base import CannotMeasure, Settings
from pipeline.verify.rules.object_view import object_views
from pipeline.verify.rules.view import FrameView


def read_depth(
    scene: Scene, regions: Sequence[Region], budget: ErrorBudget | None = None, settings: Settings | None = None
) -> tuple[DepthHint, ...]:
    """Depth of each region's object; regions that cannot be measured are left out.

    Args:
        scene: A scene with depth.
        regions: Regions of its frames.
        budget: The verifier's error budget, so both see the same objects.
        settings: The verifier's settings for cutting out objects.

    Returns:
        One hint per measurable region, in the order of the regions.
    """
    if not scene.depth:
        return ()
    regions = tuple(regions)
    views = [FrameView(*pair, budget, settings) for pair in zip(scene.frames, scene.depth, strict=True)]
    ranges = [_coordinate_range(depth) for depth in scene.depth]
    hints = []
    for item, name in zip(object_views(views, regions), unique_names(regions), strict=True):
        try:
            quantiles = item.pixels.quantiles
        except CannotMeasure:
            continue
        region = item.region
        near, median, far = (float(quantiles[int(share * (len(quantiles) - 1))]) for share in (0.1, 0.5, 0.9))
        low, high = ranges[region.frame]
        kind = scene.depth[region.frame].kind
        distance_m = None
        if kind is DepthKind.METRIC:
            distance_m = float(np.median(np.linalg.norm(item.points, axis=1)))
        hints.append(
            DepthHint(
                region=region,
                kind=kind,
                near=depth_of_coordinate(near, kind),
                median=depth_of_coordinate(median, kind),
                far=depth_of_coordinate(far, kind),
                nearness=min(max(1 - (median - low) / (high - low), 0.0), 1.0) if high > low else 0.5,
                reference=name,
                distance_m=distance_m,
            )
        )
    return tuple(hints)


def _coordinate_range(depth: DepthMap) -> tuple[float, float]:
    values = order_coordinate(depth.values[depth.valid][::7], depth.kind)
    if values.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(values, (2, 98))
    return float(low), float(high)
