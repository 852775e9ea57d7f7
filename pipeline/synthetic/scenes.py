"""Random scenes: a world seen by one or several cameras, as records."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pipeline.geometry.backprojection import project
from pipeline.records import Camera, CameraSource, Scene
from pipeline.synthetic.camera_noise import sensor_noise
from pipeline.synthetic.decoration import decorated
from pipeline.synthetic.layout import random_world
from pipeline.synthetic.view import RenderedView, render
from pipeline.synthetic.world import Piece, World

_SIDES_PX = ((320, 240), (400, 300), (480, 360), (640, 480), (240, 320))
_TRIES = 20
# Free space around the camera [m].
_CLEAR_M = 0.15
_PITCH_DEG, _TIDY_PITCH_DEG = (5, 45), (12, 50)
# A camera that does not see everything steps back by this factor.
_STEP_BACK = 1.08


@dataclass(frozen=True, eq=False)
class RenderedScene:
    """Images of one world.

    Args:
        scene: One frame per view, with exact given depth, and the visible objects as regions with masks.
        views: The rendered view of each frame.
    """

    scene: Scene
    views: tuple[RenderedView, ...]

    @property
    def view(self) -> RenderedView:
        """The first view."""
        return self.views[0]


TIDY_SIZE_PX = (256, 256)
"""Size of the images that the models that ship were trained on, (width, height)."""


def look_at(eye_m: np.ndarray, target_m: np.ndarray, roll_rad: float = 0.0) -> np.ndarray:
    """Camera-to-world pose of a camera that looks at a point.

    Args:
        eye_m: float (3,), position of the camera.
        target_m: float (3,), a point on its optical axis, not straight above or below it.
        roll_rad: Rotation about the optical axis, clockwise as seen by the camera.

    Returns:
        float64 (4, 4), OpenCV axes; without roll the x axis is level.
    """
    forward = np.asarray(target_m, dtype=float) - eye_m
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = math.cos(roll_rad), math.sin(roll_rad)
    pose = np.eye(4)
    pose[:3, :3] = np.stack((cos * right + sin * down, cos * down - sin * right, forward), axis=1)
    pose[:3, 3] = eye_m
    return pose


def rendered_scene(seed: int, *, size_px: tuple[int, int] | None = None, tidy: bool = False) -> RenderedScene:
    """A random scene of one image; equal seeds give equal scenes.

    Args:
        seed: Seed of everything that is drawn.
        size_px: (width, height) of the image, or None to draw one from 320 x 240 to 640 x 480.
        tidy: As in ``rendered_sequence``.
    """
    return rendered_sequence(seed, 1, size_px=size_px, tidy=tidy)


def rendered_sequence(
    seed: int, count: int, *, size_px: tuple[int, int] | None = None, turn_deg: float = 12.0, tidy: bool = False
) -> RenderedScene:
    """A random world seen from several places on an arc around it; the first image is that of ``rendered_scene``.

    A tidy scene has solids of similar size, none of them cut off by the image's edge, with textures, printed words and
    camera noise. Other scenes have uniform colours and all difficulties: solids that are tiny, huge, cut off or far
    away.

    Args:
        seed: Seed of everything that is drawn.
        count: Number of images.
        size_px: (width, height) of every image, or None to draw one.
        turn_deg: Angle on the arc between two images [deg].
        tidy: Whether the scene is tidy.
    """
    rng, decoration_rng = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    views: list[RenderedView] = []
    for _ in range(_TRIES):
        world, middle_m, radius_m = random_world(rng, tidy=tidy)
        if tidy:
            world = decorated(world, decoration_rng)
        camera = _random_camera(rng, size_px)
        poses = _random_poses(rng, world, camera, middle_m, radius_m, count, math.radians(turn_deg), tidy=tidy)
        name = f"rendered {seed}"
        names = [name] if count == 1 else [f"{name}.{k}" for k in range(count)]
        views = [render(world, camera, pose, index=k, name=names[k]) for k, pose in enumerate(poses)]
        if min(len(view.objects) for view in views) >= 2:
            break
    if tidy:
        views = [_photographed(view, decoration_rng) for view in views]
    regions = tuple(region for view in views for region in view.regions())
    scene = Scene(f"rendered-{seed}", tuple(view.frame for view in views), regions=regions)
    return RenderedScene(scene, tuple(views))


def _photographed(view: RenderedView, rng: np.random.Generator) -> RenderedView:
    """The view with the noise of a camera in its image, but not in its layers."""
    return replace(view, frame=replace(view.frame, rgb=sensor_noise(view.frame.rgb, rng)))


def _random_camera(rng: np.random.Generator, size_px: tuple[int, int] | None) -> Camera:
    width, height = _SIDES_PX[int(rng.integers(len(_SIDES_PX)))]
    fov_deg = float(rng.uniform(45, 80))
    offset_px = rng.normal(0, 0.01, 2) * width
    if size_px is not None:
        width, height = size_px
    camera = Camera.from_fov(width, height, fov_deg, CameraSource.GIVEN)
    return Camera(camera.fx, camera.fy, camera.cx + float(offset_px[0]), camera.cy + float(offset_px[1]), width, height)


def _random_poses(
    rng: np.random.Generator,
    world: World,
    camera: Camera,
    middle_m: np.ndarray,
    radius_m: float,
    count: int,
    turn_rad: float,
    *,
    tidy: bool,
) -> list[np.ndarray]:
    """Poses around the middle, on the open side and outside all solids; those of tidy scenes show all solids."""
    half_angle = math.atan(min(camera.width, camera.height) / 2 / camera.fx)
    distance = max(radius_m, 0.15) / math.tan(half_angle) * rng.uniform(0.6, 1.1)
    azimuth, pitch = rng.uniform(-0.6, 0.6), math.radians(rng.uniform(*(_TIDY_PITCH_DEG if tidy else _PITCH_DEG)))
    target = middle_m + rng.normal(0, 0.1, 3) * radius_m * (1, 1, 0.3)
    roll = math.radians(float(np.clip(rng.normal(0, 3), -8, 8)))
    for _ in range(_TRIES):
        poses = []
        for k in range(count):
            angle = azimuth + k * turn_rad
            level = math.cos(pitch)
            eye = target + distance * np.array([math.sin(angle) * level, -math.cos(angle) * level, math.sin(pitch)])
            poses.append(look_at(_cleared(eye, target, world), target, roll))
        if not tidy or all(_shows_all(world, camera, pose) for pose in poses):
            break
        distance *= _STEP_BACK
    return poses


def _shows_all(world: World, camera: Camera, pose: np.ndarray) -> bool:
    """Whether no solid but the table is cut off by the image's edge."""
    solids = [piece.mesh.vertices_m for piece in world.pieces if piece.shape != "table"]
    pixels = project((np.concatenate(solids) - pose[:3, 3]) @ pose[:3, :3], camera)
    return bool(np.all((pixels >= 0) & (pixels <= (camera.width - 1, camera.height - 1))))


def _cleared(eye_m: np.ndarray, target_m: np.ndarray, world: World) -> np.ndarray:
    """The position, moved away from the target until it lies outside all solids, and between the side walls."""
    limits = [abs(surface.corners_m[0][0]) for surface in world.surfaces[2:]]
    eye_m[0] = np.clip(eye_m[0], -(limits[0] - 0.05) if limits else -np.inf, limits[1] - 0.05 if limits[1:] else np.inf)
    for _ in range(_TRIES):
        if all(_is_outside(eye_m, piece) for piece in world.pieces):
            break
        eye_m = eye_m + 0.1 * (eye_m - target_m) + (0, 0, 0.05)
    return eye_m


def _is_outside(eye_m: np.ndarray, piece: Piece) -> bool:
    beside = math.dist(eye_m[:2], piece.position_m[:2]) > piece.radius_m + _CLEAR_M
    return beside or bool(eye_m[2] > piece.top_m + _CLEAR_M)
