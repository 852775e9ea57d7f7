"""The scene of a result in Python: photos, depth and points as arrays, and as a cloud of Open3D."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.export.palette import region_names
from pipeline.export.points import ColouredPoints, coloured_points
from pipeline.export.stored_scene import StoredScene
from pipeline.records import DepthMap, Frame, Result
from pipeline.records.error_budget import DepthErrors
from pipeline.records.errors import DepthError, InputError

if TYPE_CHECKING:
    import open3d

_ALL_POINTS = 2**31


@dataclass(frozen=True, eq=False)
class ResultScene:
    """Frames, depth and points of a result.

    Convention: OpenCV axes (x right, y down, z forward), pixel (0, 0) is the centre of the top-left pixel. Points are
    in metres where the depth is metric, in a unit of its own where only its shape is known. They lie in the camera
    frame of the first frame whose depth has shape; where frames have metric depth and poses, in the world frame of the
    poses.

    Args:
        stored: The scene with the errors of its depth.
        result: The result, whose regions own the points.

    Example:
        >>> from pipeline.records import Camera, Region, Scene
        >>> camera = Camera(10, 10, 1, 0, width=2, height=1)
        >>> frame = Frame(np.array([[[250, 0, 0], [0, 0, 250]]], np.uint8), camera)
        >>> depth = DepthMap.from_values(np.full((1, 2), 5.0), "metric", "sensor")
        >>> result = Result("item", None, (), None, regions=(Region("cup", (1, 0, 2, 1)),))
        >>> scene = ResultScene(StoredScene(Scene("item", (frame,), depth=(depth,))), result)
        >>> scene.region_points("cup").tolist()
        [[0.0, 0.0, 5.0]]
        >>> scene.points().colours.tolist()
        [[250, 0, 0], [0, 0, 250]]
    """

    stored: StoredScene
    result: Result

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames: ``rgb`` uint8 (H, W, 3), ``camera``, ``pose``."""
        return self.stored.scene.frames

    @property
    def depth(self) -> tuple[DepthMap, ...]:
        """One depth map per frame: ``values`` float32 (H, W), ``valid`` bool (H, W), ``kind``; empty without depth."""
        return self.stored.scene.depth

    @property
    def errors(self) -> tuple[DepthErrors, ...]:
        """Errors of each depth map, as standard deviations."""
        return self.stored.errors

    def points(self, max_points: int | None = None) -> ColouredPoints:
        """The points of the scene without sky and outliers far behind it, in the order of frames and pixels.

        Args:
            max_points: Most points; beyond that, every n-th one is kept. None keeps all.

        Returns:
            ``positions`` float64 (N, 3), ``colours`` uint8 (N, 3) of the photo, ``regions`` int32 (N,): index in the
            result's regions, the smallest of several, -1 for none; ``frames`` and ``pixels`` that show them.

        Raises:
            DepthError: If the depth has no shape or no valid pixel.
        """
        return self._points(max_points, of_regions=False)

    def region_points(self, name: str) -> np.ndarray:
        """The points that belong to a region.

        Args:
            name: Label of the region; ``label#2`` is the second region of that label in a frame.

        Returns:
            float64 (N, 3). Regions of that name in all frames count; a pixel belongs to the smallest of its regions.

        Raises:
            InputError: If no region has that name.
            DepthError: If the depth has no shape or no valid pixel.
        """
        names = region_names(self.result.regions)
        if name not in names:
            near = get_close_matches(name, names) or list(dict.fromkeys(names))[:5]
            raise InputError(f"There is no region {name!r}; there are {', '.join(near) or 'none'}.")
        points = self.points()
        indices = [index for index, each in enumerate(names) if each == name]
        found: np.ndarray = points.positions[np.isin(points.regions, indices)]
        return found

    def to_open3d(
        self, max_points: int | None = None, colour: Literal["photo", "region"] = "photo"
    ) -> open3d.geometry.PointCloud:
        """The points as a cloud of Open3D, in the same axes and unit.

        Args:
            max_points: Most points; None keeps all.
            colour: Colour of the photo, or of the regions where there are some.

        Raises:
            DepthError: If the depth has no shape or no valid pixel.
            DependencyError: If Open3D is missing.
        """
        from pipeline.export.open3d_scene import point_cloud

        return point_cloud(self._points(max_points, of_regions=colour == "region"))

    def _points(self, max_points: int | None, *, of_regions: bool) -> ColouredPoints:
        most = _ALL_POINTS if max_points is None else max_points
        found = coloured_points(self.stored.scene, self.result, most, of_regions=of_regions)
        if found is None:
            raise DepthError(self._why_no_points())
        return found

    def _why_no_points(self) -> str:
        scene = self.stored.scene
        if not scene.depth:
            return f"Item {scene.id} has no depth, so it has no points; choose a depth backend with depth=NAME."
        if not any(depth.kind.has_shape for depth in scene.depth):
            return (
                f"The depth of item {scene.id} is {scene.depth[0].kind}, which has no shape, so its points have no "
                "position; use measured depth or a network of metric depth."
            )
        return f"The depth of item {scene.id} has no valid pixel, so it has no points."
