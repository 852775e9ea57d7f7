"""Labels of KITTI's object data set.

Format: the readme of the development kit, https://www.cvlibs.net/datasets/kitti (Geiger et al. 2012). A label file has
one object a line: type, truncated, occluded, alpha, box (left, top, right, bottom), height, width, length, location of
the bottom's centre in the rectified frame of camera 0, rotation about its y axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.ingest.kitti_calibration import finite_numbers
from pipeline.ingest.text_files import text_lines
from pipeline.records import Box
from pipeline.records.errors import InputError

_FIELDS = 15


@dataclass(frozen=True)
class KittiObject:
    """One line of a label file.

    Args:
        kind: Type, as ``Car``.
        truncated: Share outside of the image, in [0, 1].
        occluded: 0 visible, 1 partly hidden, 2 largely hidden, 3 unknown.
        box_px: (left, top, right, bottom) [px].
        size_m: (height, width, length) [m].
        location_m: Centre of its bottom in the rectified frame of camera 0 [m].
        rotation_y_rad: Rotation about that frame's y axis [rad].
    """

    kind: str
    truncated: float
    occluded: int
    box_px: Box
    size_m: tuple[float, float, float]
    location_m: tuple[float, float, float]
    rotation_y_rad: float


def read_labels(file: Path) -> list[KittiObject]:
    """Objects of a label file.

    Raises:
        InputError: If a line has too few or wrong fields.
    """
    objects = []
    for line in text_lines(file, "label file"):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < _FIELDS:
            raise InputError(f"The label file {file} has a line with {len(fields)} fields; {_FIELDS} are needed.")
        numbers = finite_numbers(fields[1:_FIELDS])
        if numbers is None:
            raise InputError(f"The label file {file} has a line whose fields after the type are not all numbers.")
        truncated, occluded, _, left, top, right, bottom, tall, wide, long, x, y, z, rotation_y_rad = numbers
        box_px, size_m, location_m = (left, top, right, bottom), (tall, wide, long), (x, y, z)
        objects.append(KittiObject(fields[0], truncated, int(occluded), box_px, size_m, location_m, rotation_y_rad))
    return objects
