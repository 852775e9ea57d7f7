"""All frames and regions of a scene as the rules see them."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.records import DepthMap, Frame, Region, Scene
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.weights import Weights
from pipeline.verify.measured_points import with_measured_errors
from pipeline.verify.own_samples import on_own_grid, regions_on_grids
from pipeline.verify.rules.base import Settings
from pipeline.verify.rules.object_view import object_views
from pipeline.verify.rules.view import FrameView


class Views:
    """All frames and regions on one grid.

    Args:
        frames: The frames.
        depths: Their depth, or None.
        regions: All regions, on the grids of the frames.
        fits: Error budget, settings and weights.
        images: The frames in full size, where these are smaller.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        depths: Sequence[DepthMap | None],
        regions: tuple[Region, ...],
        fits: tuple[ErrorBudget, Settings, Weights],
        images: Sequence[Frame] = (),
    ) -> None:
        budget, settings, weights = fits
        self.views = [
            FrameView(frame, depth, budget, settings, image.width / frame.width, weights)
            for frame, depth, image in zip(frames, depths, images or frames, strict=True)
        ]
        self.objects = object_views(self.views, regions)


def views_of(
    scene: Scene, regions: tuple[Region, ...], budget: ErrorBudget, settings: Settings, weights: Weights
) -> tuple[Views, Views]:
    """Frames and regions in the pixels of the images, and on the grids of the depth's own samples.

    Args:
        scene: The scene.
        regions: Regions of its frames.
        budget: Error of every measurement.
        settings: How objects are cut out.
        weights: Weights of the fitted models.
    """
    fits = budget, settings, weights
    depths: Sequence[DepthMap | None] = [
        with_measured_errors(frame, depth, budget) for frame, depth in zip(scene.frames, scene.depth, strict=False)
    ] or [None] * len(scene.frames)
    images = Views(scene.frames, depths, regions, fits)
    grids = [
        (depth is not None and on_own_grid(frame, depth)) or (frame, depth)
        for frame, depth in zip(scene.frames, depths, strict=True)
    ]
    own = [frame for frame, _ in grids]
    if all(frame is other for frame, other in zip(own, scene.frames, strict=True)):
        return images, images
    small = regions_on_grids(regions, scene.frames, own)
    return images, Views(own, [depth for _, depth in grids], small, fits, scene.frames)
