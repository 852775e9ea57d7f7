"""What a scene holds in space besides its points: boxes of regions, measured lines, and cameras.

Convention: as ``pipeline.export.points``: OpenCV axes, world frame where frames share one, else the camera frame of
the one frame that is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.export.points import FARTHEST, is_posed, placed
from pipeline.export.regions import RegionDepth
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.records import Box3D, DepthKind, Evidence, Result, Scene

# Pairs of points that a distance was measured between, and where its numbers are.
_PAIRS = {
    "nearest": ("nearest_subject", "nearest_object", "nearest_sigma_relative"),
    "centres": ("centre_subject", "centre_object", "centre_sigma_relative"),
}
# How far before the camera a frustum ends, as a share of the nearer depth of the frame.
_FRUSTUM = 0.3
BOX_EDGES = tuple(
    (first, second) for second in range(8) for first in range(second) if bin(first ^ second).count("1") == 1
)
"""Pairs of the corners of ``Box3D.corners_m`` that are edges."""


@dataclass(frozen=True, eq=False)
class MeasuredLine:
    """A distance that a verdict rests on.

    Args:
        name: What it is: the claim, and between what it was measured.
        ends: float64 (2, 3), its ends.
        length: Its length, in the unit of the depth.
        sigma: Standard deviation of the length, in that unit; None if it is not known.
        unit: ``m``, or None where the depth is known up to a factor only.
        verdict: Index of the verdict.
        frame: Index of the frame.
    """

    name: str
    ends: np.ndarray
    length: float
    sigma: float | None
    unit: str | None
    verdict: int
    frame: int

    @property
    def label(self) -> str:
        """The length with its error, for people."""
        if self.unit is None:
            return "not in metres"
        error = "" if self.sigma is None else f" ± {self.sigma:.2g}"
        return f"{self.length:.3g}{error} {self.unit}"


def measured_lines(scene: Scene, result: Result, frames: Sequence[int]) -> list[MeasuredLine]:
    """Distances between objects, and from cameras to objects, that the evidence of some frames holds; each one once."""
    lines: list[MeasuredLine] = []
    seen: set[tuple[object, ...]] = set()
    for index, verdict in enumerate(result.verdicts):
        for evidence in verdict.evidence:
            if evidence.frame not in frames:
                continue
            for kind, ends, relative in _pairs(evidence, str(verdict.claim.relation)):
                content = (evidence.frame, *np.round(ends, 6).ravel().tolist())
                # Of what is not a number, nothing is smaller.
                if content in seen or not (np.abs(ends) < FARTHEST).all() or (ends[0] == ends[1]).all():
                    continue
                length = float(np.linalg.norm(ends[1] - ends[0]))
                seen.add(content)
                is_metric = bool(scene.depth) and scene.depth[evidence.frame].kind is DepthKind.METRIC
                lines.append(
                    MeasuredLine(
                        f"{verdict.claim_text} ({kind})",
                        placed(scene, evidence.frame, ends),
                        length,
                        evidence.numbers.get("sigma_m") if relative is None else relative * length,
                        "m" if is_metric else None,
                        index,
                        evidence.frame,
                    )
                )
    return lines


def _pairs(evidence: Evidence, relation: str) -> list[tuple[str, np.ndarray, float | None]]:
    """What is measured, both ends in the camera frame, and the relative error, for each distance of an evidence."""
    points, numbers = evidence.points, evidence.numbers
    found: list[tuple[str, np.ndarray, float | None]] = [
        (kind, np.array((points[first], points[second]), dtype=np.float64), numbers.get(sigma))
        for kind, (first, second, sigma) in _PAIRS.items()
        if first in points and second in points
    ]
    if relation == "distance_to_camera" and "subject" in points:
        found.append(("camera", np.array(((0.0, 0.0, 0.0), points["subject"])), numbers.get("sigma_relative")))
    return found


def up_axis(scene: Scene, frames: Sequence[int]) -> tuple[int, int]:
    """The axis that points up where the frames are, and its sign: (1, -1) for the axes of OpenCV.

    A world may have any axis up: y in ARKit, z in ROS, -y where the first camera is the world. Images are upright, so
    the axis nearest to the mean of their upward sides is taken.
    """
    ups = [-scene.frames[index].pose[:3, 1] for index in frames if is_posed(scene, index)]  # type: ignore[index]
    if not ups:
        return 1, -1
    mean = np.mean(ups, axis=0)
    # Of equal axes the later one, which is z.
    axis = 2 - int(np.argmax(np.abs(mean[::-1]).round(6)))
    return axis, 1 if mean[axis] > 0 else -1


def to_y_up(axis: int, sign: int) -> np.ndarray:
    """Rotation from axes of which one points up to x, y up and z, float64 (3, 3); it only exchanges axes.

    Example:
        >>> to_y_up(1, -1).diagonal().tolist()
        [1.0, -1.0, -1.0]
    """
    up, side = np.zeros(3), np.zeros(3)
    up[axis] = sign
    # x stays where it is not the one that points up.
    side[0 if axis else 1] = 1.0
    return np.stack((side, up, np.cross(side, up)))


def placed_corners(scene: Scene, frame: int, box: Box3D) -> np.ndarray:
    """The eight corners of a box of a frame, float64 (8, 3), in the order of ``Box3D.corners_m``."""
    return placed(scene, frame, box.corners_m)


def boxes_of(result: Result, depths: Sequence[RegionDepth], frames: Sequence[int]) -> list[tuple[int, str, Box3D]]:
    """Boxes around what is seen of regions, and boxes that a model gave.

    Args:
        result: The regions.
        depths: One per region.
        frames: Frames whose boxes are wanted.

    Returns:
        Index of the region, ``measured`` or ``model``, and the box in the camera frame.
    """
    boxes = []
    for index, (region, depth) in enumerate(zip(result.regions, depths, strict=True)):
        if region.frame not in frames:
            continue
        if depth.box is not None and _fits(depth.box):
            boxes.append((index, "measured", depth.box))
        if region.box_3d is not None and depth.kind is DepthKind.METRIC and _fits(region.box_3d):
            boxes.append((index, "model", region.box_3d))
    return boxes


def _fits(box: Box3D) -> bool:
    return max(*map(abs, box.center_m), *box.size_m) < FARTHEST


def frustum(scene: Scene, frame: int) -> np.ndarray:
    """A frame's camera and the corners of its image at some depth, float64 (5, 3): centre, then clockwise."""
    depth, camera = scene.depth[frame], scene.frames[frame].camera
    near = float(np.percentile(depth.values[depth.valid], 5)) if depth.valid.any() else 1.0
    left, top, right, bottom = -0.5, -0.5, camera.width - 0.5, camera.height - 0.5
    columns, rows = np.array((left, right, right, left)), np.array((top, top, bottom, bottom))
    corners = back_project_pixels(columns, rows, np.full(4, _FRUSTUM * near), camera)
    return placed(scene, frame, np.concatenate((np.zeros((1, 3)), corners)))


FRUSTUM_EDGES = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1))
"""Pairs of the points of ``frustum`` that are edges."""
