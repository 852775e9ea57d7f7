"""The scene as a coloured point cloud in a PLY file.

Convention: OpenCV axes (x right, y down, z forward), in metres if the depth is metric, else in the unit of the depth.
The integer property ``region`` is the index in the result's ``regions``, -1 for none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.export.files import replacing
from pipeline.export.formats import FormatSettings
from pipeline.export.points import coloured_points
from pipeline.export.stored_scene import StoredScene
from pipeline.records import Result, Scene

_PLACES = dict.fromkeys(("x", "y", "z"), ("float", "<f4"))
# Far from the origin, as in map coordinates, float32 numbers would lose millimetres.
_FAR_PLACES = dict.fromkeys(("x", "y", "z"), ("double", "<f8"))
_PROPERTIES = {
    **dict.fromkeys(("red", "green", "blue"), ("uchar", "u1")),
    "region": ("int", "<i4"),
}
"""Type of each further property, in PLY and in NumPy."""


def write(path: Path, stored: StoredScene, result: Result, settings: FormatSettings) -> Path | None:
    """Write the cloud of a result, see ``write_ply``."""
    return write_ply(path, stored.scene, result, settings.max_points)


def write_ply(path: Path, scene: Scene, result: Result, max_points: int = 200_000) -> Path | None:
    """Write the scene as a binary little-endian PLY.

    Args:
        path: Where to write.
        scene: Frames and depth.
        result: The regions, which colour their points.
        max_points: Most points of the file; beyond that, every n-th point is kept.

    Returns:
        The path, or None if the depth has no shape or no valid pixel; the reason is logged.

    Raises:
        ExportError: If the file cannot be written.
    """
    cloud = coloured_points(scene, result, max_points)
    if cloud is None:
        return None
    properties_of = (_FAR_PLACES if cloud.origin.any() else _PLACES) | _PROPERTIES
    vertex = np.dtype([(name, dtype) for name, (_, dtype) in properties_of.items()])
    vertices = np.rec.fromarrays([*cloud.positions.T, *cloud.colours.T, cloud.regions], dtype=vertex)
    properties = "".join(f"property {kind} {name}\n" for name, (kind, _) in properties_of.items())
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n{properties}end_header\n"
    with replacing(path) as temporary:
        temporary.write_bytes(head.encode("ascii") + vertices.tobytes())
    return path
