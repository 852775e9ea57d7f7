"""Boxes on a floor before a wall, ray-cast in closed form: the same numbers on every machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.regions import mask_box
from pipeline.records import Box3D, DepthKind, DepthMap, Frame, Region, Scene
from pipeline.records.camera import Camera
from pipeline.synthetic.scenes import look_at

WALL_Y_M = 4.0
WALL, FLOOR = -1, -2
# Label: smallest and largest corner [m]; x to the right, y away from the camera, z up.
BOXES: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "crate": ((-0.35, 1.6, 0.0), (0.1, 1.9, 0.3)),  # hides a part of the cupboard
    "cupboard": ((-0.15, 2.3, 0.0), (0.5, 2.7, 0.7)),
    "radio": ((0.1, 2.35, 0.7), (0.4, 2.6, 0.88)),  # on the cupboard
    "pillar": ((1.15, 2.6, 0.0), (1.5, 2.95, 2.4)),  # the image cuts it off
    "stool": ((-0.95, 2.0, 0.0), (-0.65, 2.3, 0.45)),
    "cup": ((0.55, 1.5, 0.0), (0.64, 1.59, 0.1)),
}


@dataclass(frozen=True, eq=False)
class Room:
    """One view of the room.

    Attributes:
        camera: The camera.
        pose: Camera to world, float64 (4, 4); the world's axes are those of ``BOXES``.
        z_m: z of every pixel, float64 (H, W) [m].
        ids: Index of the box that a pixel shows, ``WALL`` or ``FLOOR``, int (H, W).
    """

    camera: Camera
    pose: np.ndarray
    z_m: np.ndarray
    ids: np.ndarray

    def depth(self, kind: DepthKind, noise: float = 0.0, holes: float = 0.0, **rest: str) -> DepthMap:
        """The depth as a kind shows it.

        Args:
            kind: The kind.
            noise: Error from pixel to pixel, as a fraction of z.
            holes: Share of the pixels without depth.
            rest: ``scale_source`` and ``backend``.
        """
        generator = np.random.default_rng(5)
        z = self.z_m * (1 + noise * generator.standard_normal(self.z_m.shape))
        values = {"disparity_affine": 2 / z + 0.3, "depth_affine": 0.4 * z + 0.1, "scale_invariant": 0.7 * z}.get(
            kind, z
        )
        valid = generator.random(z.shape) >= holes
        made = DepthMap.from_values(values, kind, rest.get("scale_source", "none"))
        return replace(made, valid=valid, backend=rest.get("backend", ""))

    def regions(
        self, *, masks: bool = True, frame: int = 0, shift_px: int = 0, origin: str = "model"
    ) -> tuple[Region, ...]:
        """A region with its 3D box for every box that shows at least ten pixels.

        Args:
            masks: Whether the regions have masks.
            frame: Index of the frame.
            shift_px: Shift of the masks to the right [px].
            origin: Who gave the regions.
        """
        to_camera = np.linalg.inv(self.pose)
        found = []
        for index, (label, corners) in enumerate(BOXES.items()):
            mask = np.roll(self.ids == index, shift_px, axis=1)
            box = mask_box(mask)
            if box is None or np.count_nonzero(mask) < 10:
                continue
            low, high = map(np.array, corners)
            centre = to_camera[:3, :3] @ ((low + high) / 2) + to_camera[:3, 3]
            # The box's own axes are those of a level camera: right, down, forward.
            axes = to_camera[:3, :3] @ np.array(((1, 0, 0), (0, 0, 1), (0, -1, 0)))
            angles = Rotation.from_matrix(axes).as_euler("xyz")
            box_3d = Box3D(tuple(centre), tuple((high - low)[[0, 2, 1]]), tuple(angles))
            found.append(Region(label, box, frame, mask if masks else None, box_3d=box_3d, origin=origin))
        return tuple(found)

    def frame(self, *, posed: bool = False, name: str = "room") -> Frame:
        """A frame without colour."""
        return Frame(
            np.zeros((*self.z_m.shape, 3), np.uint8), self.camera, pose=self.pose if posed else None, name=name
        )


def room(
    height_m: float = 1.1, pitch_deg: float = 15.0, x_m: float = 0.0, yaw_deg: float = 0.0, focal_px: float = 150.0,
    size_px: tuple[int, int] = (160, 120), source: str = "given",
) -> Room:  # fmt: skip
    """A view of the room.

    Args:
        height_m: Height of the camera above the floor [m].
        pitch_deg: Angle by which it looks down.
        x_m: Distance by which it stands to the right [m].
        yaw_deg: Angle by which it looks to the right.
        focal_px: Focal length [px].
        size_px: Width and height of the image [px].
        source: Where the focal length comes from.
    """
    width, height = size_px
    camera = Camera(focal_px, focal_px, width / 2 - 0.5, height / 2 - 0.5, width, height, source)
    pitch, yaw = math.radians(pitch_deg), math.radians(yaw_deg)
    forward = np.array((math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), -math.sin(pitch)))
    eye = np.array((x_m, 0.0, height_m))
    pose = look_at(eye, eye + forward)
    rays = back_project(np.ones((height, width)), camera).reshape(height, width, 3) @ pose[:3, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(rays[..., 2] < 0, -height_m / rays[..., 2], np.inf)
        wall = np.where(rays[..., 1] > 0, WALL_Y_M / rays[..., 1], np.inf)
        z, ids = np.minimum(floor, wall), np.where(floor < wall, FLOOR, WALL)
        for index, (low, high) in enumerate(BOXES.values()):
            first, second = ((np.array(corner) - pose[:3, 3]) / rays for corner in (low, high))
            enter, leave = np.minimum(first, second).max(-1), np.maximum(first, second).min(-1)
            hit = (enter > 0) & (enter < leave) & (enter < z)
            z, ids = np.where(hit, enter, z), np.where(hit, index, ids)
    return Room(camera, pose, z, ids)


def scene(rooms: Sequence[Room], depths: Sequence[DepthMap], *, posed: bool = False) -> Scene:
    """Views and their depth as a scene."""
    frames = tuple(one.frame(posed=posed, name=f"room {number}") for number, one in enumerate(rooms, 1))
    return Scene("room", frames, depth=tuple(depths))
