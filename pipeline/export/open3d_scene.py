"""A scene as geometries of Open3D: points, boxes, frustums and measured lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.export.ply import ColouredPoints
from pipeline.records.errors import DependencyError

if TYPE_CHECKING:
    import open3d


def point_cloud(points: ColouredPoints) -> open3d.geometry.PointCloud:
    """The points as a cloud of Open3D, in the same axes and unit.

    Raises:
        DependencyError: If Open3D is missing.
    """
    o3d = _open3d()
    cloud = o3d.geometry.PointCloud()
    cloud.points = o3d.utility.Vector3dVector(np.ascontiguousarray(points.positions, dtype=np.float64))
    cloud.colors = o3d.utility.Vector3dVector(np.asarray(points.colours, dtype=np.float64) / 255)
    return cloud


def _open3d() -> Any:
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise DependencyError(
            f"Open3D cannot be loaded ({error}); install open3d-cpu, and on Linux its system libraries with "
            "apt-get install libusb-1.0-0 libegl1 libgl1 libx11-6 libgomp1."
        ) from error
    return open3d
