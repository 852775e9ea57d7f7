"""One object as several posed frames see it together.

Frames with camera poses and metric depth share one space, in which their points of an object show more of its sides
than one frame does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pipeline.geometry.boxes_3d import TRIM_PERCENT, oriented_box
from pipeline.geometry.merge import agreement, contradicts, merged, moved, relative_pose, seen_through
from pipeline.geometry.planes import HELD_UP
from pipeline.records import DepthKind
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.extents import CENTRE_SHARE, TOP_CENTRE
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.view import FrameView

# How wrong camera poses may be against each other: place [m] and direction [rad].
_POSE_SHIFT_M, _POSE_TURN_RAD = 0.005, 0.003
AROUND_RAD = math.radians(80.0)
"""Views whose directions differ by this much show an object from all around."""


@dataclass(frozen=True, eq=False)
class MergedObject:
    """One object as several frames see it together.

    Args:
        label: What it is called.
        points: float64 (N, 3) in the camera frame of the reference frame [m].
        frames: The frames that gave points.
        error_m: Standard deviation of a point's place, without what is common to all frames [m].
        edge_m: Width of the object's edge, which its points leave out [m].
        is_whole: Whether a frame shows it neither cut off nor hidden in part.
        turn_rad: Largest angle between the directions from which two frames see it [rad].
    """

    label: str
    points: np.ndarray
    frames: tuple[int, ...]
    error_m: float
    edge_m: float
    is_whole: bool
    turn_rad: float

    @property
    def around(self) -> float:
        """How far around it the frames see: 0 from one direction, 1 from ``AROUND_RAD`` or more."""
        return min(1.0, self.turn_rad / AROUND_RAD)

    @property
    def centre_share(self) -> float:
        """Doubt about its centre as a share of its size: its back may be unseen."""
        return (1 - self.around) * CENTRE_SHARE + self.around * TOP_CENTRE

    @property
    def missing_m(self) -> np.ndarray:
        """Lengths that the points lack on its sides (level, level, upright) [m], float64 (3,).

        Another frame sees from the side the edge that one frame leaves out; the foot is left out by all.
        """
        return self.edge_m * (2 - self.around * np.array((2.0, 2.0, 1.0)))


def posed_frames(views: Sequence[FrameView]) -> tuple[int, ...]:
    """Frames whose points can be moved into one space: those with a pose and metric depth."""
    kept = []
    for index, view in enumerate(views):
        try:
            if view.frame.pose is not None and view.depth.kind is DepthKind.METRIC:
                kept.append(index)
        except CannotMeasure:
            continue
    return tuple(kept)


def merge_object(views: Sequence[FrameView], by_frame: Mapping[int, ObjectView], reference: int) -> MergedObject:
    """Points of one object from all posed frames that show it.

    Args:
        views: All frames.
        by_frame: The object by frame.
        reference: The frame in whose camera frame the points are; it must have a pose.

    Raises:
        CannotMeasure: If no posed frame can measure it, or two frames contradict each other about where it is.
    """
    base = _pose(views[reference])
    refusals: list[CannotMeasure] = []
    parts: dict[int, np.ndarray] = {}
    for frame in posed_frames(views):
        if frame in by_frame:
            try:
                parts[frame] = by_frame[frame].points
            except CannotMeasure as refusal:
                refusals.append(refusal)
    label = next(iter(by_frame.values())).label
    if not parts:
        raise refusals[0] if refusals else CannotMeasure("unposed", "needs_posed_depth", label=label)
    errors = {frame: _error_m(by_frame[frame]) for frame in parts}
    _require_accord(views, parts, errors, label)
    poses = [_pose(views[frame]) for frame in parts]
    points = merged(list(parts.values()), poses, base)
    centre = np.median(points, axis=0)
    rays = [centre - relative_pose(pose, base)[:3, 3] for pose in poses]
    cosines = [float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) for a, b in combinations(rays, 2)]
    edges = [by_frame[frame].z / views[frame].camera.fx for frame in parts]
    return MergedObject(
        label,
        points,
        tuple(parts),
        math.sqrt(float(np.mean(np.square(list(errors.values()))))),
        (views[reference].settings.edge_px + 0.5) * min(edges),
        any(by_frame[frame].is_whole for frame in parts),
        max((math.acos(max(-1.0, min(1.0, cosine))) for cosine in cosines), default=0.0),
    )


def centre_and_size(item: MergedObject, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and sides of the upright box around an object's points, float64 (3,) each [m]; the last side is upright.

    The object's edge, which its points leave out, is added to the sides.

    Raises:
        CannotMeasure: If it has too few points.
    """
    box = oriented_box(item.points, up)
    if box is None:
        raise CannotMeasure("few_points", "needs_larger_view", label=item.label)
    return np.array(box.center_m), np.array(box.size_m) + item.missing_m


def extents_of(item: MergedObject, up: np.ndarray) -> dict[str, float]:
    """Width and depth level, height along up, as the reference camera sees them [m]."""
    across = np.cross(up, (0.0, 0.0, 1.0))
    across /= np.linalg.norm(across)
    coordinates = item.points @ np.stack((across, up, np.cross(up, across)), axis=1)
    low, high = np.percentile(coordinates, (TRIM_PERCENT, 100 - TRIM_PERCENT), axis=0)
    width, height, depth = high - low + item.missing_m[[0, 2, 1]]
    return {"width": float(width), "height": float(height), "depth": float(depth)}


def shared_up(views: Sequence[FrameView], reference: int) -> np.ndarray:
    """Up in the reference camera's frame, from the frame with the least error; up in its image where none knows it."""
    best = min(
        (frame for frame in posed_frames(views) if views[frame].up is not None),
        key=lambda frame: views[frame].up.error_rad,  # type: ignore[union-attr]
        default=None,
    )
    if best is None:
        return HELD_UP
    found = views[best].up
    assert found is not None
    direction: np.ndarray = relative_pose(_pose(views[best]), _pose(views[reference]))[:3, :3] @ found.direction
    return direction


def _require_accord(
    views: Sequence[FrameView], parts: Mapping[int, np.ndarray], errors: Mapping[int, float], label: str
) -> None:
    """Require that no two frames contradict each other about where an object is."""
    for first, second in combinations(parts, 2):
        error = math.hypot(
            errors[first], errors[second], *(_scale_error_m(views[k], parts[k]) for k in (first, second))
        )
        there = moved(parts[second], relative_pose(_pose(views[second]), _pose(views[first])))
        back = moved(parts[first], relative_pose(_pose(views[first]), _pose(views[second])))
        fit = agreement(parts[first], there, error, spread=_spacing(parts[first]))
        through = [
            seen_through(points, views[frame].depth.values, views[frame].depth.valid, views[frame].camera, error)
            for points, frame in ((there, first), (back, second))
        ]
        if contradicts(fit, through):
            raise CannotMeasure(
                "poses_contradict", "needs_agreeing_poses", frames=(first, second), label=label, gap=fit.offset
            )


def _spacing(points: np.ndarray) -> float:
    """Rough distance between neighbouring points of a surface [m]."""
    sides = np.sort(np.ptp(points, axis=0))
    return math.sqrt(float(sides[1] * sides[2]) / len(points))


def _scale_error_m(view: FrameView, points: np.ndarray) -> float:
    return view.budget.scale_error(view.depth) * float(np.median(points[:, 2]))


def _error_m(item: ObjectView) -> float:
    return math.hypot(item.depth_noise * item.z, _POSE_SHIFT_M, _POSE_TURN_RAD * item.z)


def _pose(view: FrameView) -> np.ndarray:
    if view.frame.pose is None:
        raise CannotMeasure("no_pose", "needs_poses", frame=view.frame.name)
    return view.frame.pose
