"""The eight orientations of an image: quarter turns, with or without a mirror.

Convention: an orientation is the number of EXIF's tag Orientation (EXIF 2.32, CIPA DC-008): what has to be done to the
stored rows and columns to show the picture upright. 1 nothing, 2 mirrored left-right, 3 turned by 180 degrees, 4
mirrored top-bottom, 5 transposed, 6 turned by 90 degrees clockwise, 7 transposed along the other diagonal, 8 turned by
90 degrees counter-clockwise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.records.camera import Camera
from pipeline.records.depth import DepthMap, Sampling

ORIENTATIONS = tuple(range(1, 9))
QUARTER_TURNS = frozenset((5, 6, 7, 8))
"""Orientations that exchange width and height."""

INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""The orientation that undoes another one."""

# Counter-clockwise quarter turns, after a mirror from left to right.
_MIRRORED_AND_TURNS = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}


def oriented(array: np.ndarray, orientation: int) -> np.ndarray:
    """The upright form of a stored array (H, W, ...).

    Args:
        array: As stored.
        orientation: From 1 to 8.

    Returns:
        A view of the array.

    Example:
        >>> oriented(np.array([[1, 2], [3, 4]]), 6).tolist()
        [[3, 1], [4, 2]]
    """
    mirrored, turns = _MIRRORED_AND_TURNS[orientation]
    return np.rot90(array[:, ::-1] if mirrored else array, turns)


def oriented_depth(depth: DepthMap, orientation: int) -> DepthMap:
    """A depth map with its mask and confidence in another orientation; the focal length stays."""
    if orientation == 1:
        return depth
    sampling = depth.sampling
    if orientation in QUARTER_TURNS:
        sampling = Sampling(sampling.height_px, sampling.width_px, sampling.is_scattered)
    confidence = None if depth.confidence is None else np.ascontiguousarray(oriented(depth.confidence, orientation))
    return replace(
        depth,
        values=oriented(depth.values, orientation),
        valid=oriented(depth.valid, orientation),
        confidence=confidence,
        sampling=sampling,
    )


def oriented_camera(camera: Camera, orientation: int) -> Camera:
    """The camera of the image in another orientation; behind a mirror it is that of the mirrored world."""
    mirrored, turns = _MIRRORED_AND_TURNS[orientation]
    return (replace(camera, cx=camera.width - 1 - camera.cx) if mirrored else camera).rotated(turns)


def quarter_turns_upright(down: np.ndarray) -> int:
    """Counter-clockwise quarter turns, as ``np.rot90`` counts them, after which down is down in the image.

    Args:
        down: float (3,), direction of gravity in the camera frame (x right, y down, z forward).

    Returns:
        From 0 to 3; 0 where the camera looks so steeply up or down that no side of the image is its lower one.
    """
    x, y, z = (float(part) for part in down)
    if max(abs(x), abs(y)) < _LEAST_TILT * np.linalg.norm((x, y, z)):
        return 0
    # A turn takes the direction (x, y) of the image to (y, -x).
    lower = (y, -x, -y, x)
    return int(np.argmax(lower))


def turned_pose(pose: np.ndarray, quarter_turns: int) -> np.ndarray:
    """Camera-to-world pose (4, 4) of the image turned counter-clockwise by quarter turns."""
    turn = np.array([[0.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    turned: np.ndarray = pose @ np.linalg.matrix_power(turn, quarter_turns % 4)
    return turned


# Sine of the angle between the optical axis and gravity below which "upright" has no meaning.
_LEAST_TILT = 0.35
