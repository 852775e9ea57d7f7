"""A scene as geometries of Open3D, and in its window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.export.points import ColouredPoints
from pipeline.export.scene_shapes import SceneShapes
from pipeline.records.errors import DependencyError

if TYPE_CHECKING:
    import open3d

_POINT_PX = 2.0
_SIZE_PX = (1280, 960)


def point_cloud(points: ColouredPoints | SceneShapes) -> open3d.geometry.PointCloud:
    """The points as a cloud of Open3D, in the same axes and unit.

    Raises:
        DependencyError: If Open3D is missing.
    """
    o3d = _open3d()
    positions = points.points if isinstance(points, SceneShapes) else points.positions
    cloud = o3d.geometry.PointCloud()
    cloud.points = o3d.utility.Vector3dVector(np.ascontiguousarray(positions, dtype=np.float64))
    cloud.colors = o3d.utility.Vector3dVector(np.asarray(points.colours, dtype=np.float64) / 255)
    return cloud


def geometries(shapes: SceneShapes) -> list[Any]:
    """The points as a cloud, and boxes, cameras and measured lines as one set of lines.

    Raises:
        DependencyError: If Open3D is missing.
    """
    o3d = _open3d()
    lines = [*shapes.cameras, *shapes.lines]
    drawn = o3d.geometry.LineSet()
    if lines:
        ends = np.array([(line.start, line.end) for line in lines], dtype=np.float64).reshape(-1, 3)
        drawn.points = o3d.utility.Vector3dVector(ends)
        drawn.lines = o3d.utility.Vector2iVector(np.arange(len(ends), dtype=np.int32).reshape(-1, 2))
        drawn.colors = o3d.utility.Vector3dVector(np.array([line.colour for line in lines], dtype=np.float64) / 255)
    return [point_cloud(shapes), drawn]


def show(shapes: SceneShapes, title: str) -> bool:
    """Show the shapes in a window, from the camera, until it is closed.

    Returns:
        Whether a window could be opened.

    Raises:
        DependencyError: If Open3D is missing.
    """
    o3d = _open3d()
    window = o3d.visualization.Visualizer()
    if not window.create_window(title, *_SIZE_PX):
        return False
    try:
        for geometry in geometries(shapes):
            window.add_geometry(geometry)
        window.get_render_option().point_size = _POINT_PX
        control = window.get_view_control()
        control.set_lookat(np.median(shapes.points, axis=0))
        control.set_front((0.0, 0.0, -1.0))
        control.set_up((0.0, -1.0, 0.0))
        control.set_zoom(0.5)
        window.run()
    finally:
        window.destroy_window()
    return True


def _open3d() -> Any:
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise DependencyError(
            f"Open3D cannot be loaded ({error}); install open3d-cpu, and on Linux its system libraries with "
            "apt-get install libusb-1.0-0 libegl1 libgl1 libx11-6 libgomp1."
        ) from error
    return open3d
