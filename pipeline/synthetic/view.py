"""Images of a world, with exact depth, masks and geometry.

Convention: everything of a view is in its camera frame: OpenCV axes, metres; pixel (0, 0) is the centre
of the top-left pixel. Rays start in the camera with direction z = 1, so that a hit's distance is its z.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.geometry.backprojection import project
from pipeline.geometry.regions import Window, mask_box
from pipeline.records import Box, Box3D, Camera, DepthMap, Frame, Origin, Region
from pipeline.synthetic.appearance import Layers, compose, ink_for, palette_of
from pipeline.synthetic.shapes import Mesh
from pipeline.synthetic.textures import texture_of
from pipeline.synthetic.words import PrintedWord, printed
from pipeline.synthetic.world import World, cast, is_shadowed, ray_caster

if TYPE_CHECKING:
    from open3d.t.geometry import RaycastingScene

# Objects with fewer visible pixels are left out.
LEAST_VISIBLE_PX = 60
_POINTS = 2000
_AMBIENT = 0.4
_SHADOW = 0.45
_NO_PIECE = -1


@dataclass(frozen=True, eq=False)
class RenderedObject:
    """A piece in a view: its visible part and its whole geometry.

    Args:
        piece: Index of the piece in the world.
        label: English name.
        label_zh: Chinese name.
        visible: bool (H, W), its pixels.
        amodal: bool (H, W), the pixels that it would cover alone; includes ``visible``.
        box_px: Tight box of ``visible`` [px].
        box_3d: Its exact oriented box.
        points_m: float64 (N, 3), points of its whole surface.
        visible_z_m: float32 (P,), z of its visible pixels.
        visible_range_m: float32 (P,), their distance to the camera.
    """

    piece: int
    label: str
    label_zh: str
    visible: np.ndarray
    amodal: np.ndarray
    box_px: Box
    box_3d: Box3D
    points_m: np.ndarray
    visible_z_m: np.ndarray
    visible_range_m: np.ndarray

    def region(self, frame: int = 0, *, mask: bool = True) -> Region:
        """Its visible part as a region, with its exact box in space."""
        return Region(
            self.label,
            self.box_px,
            frame,
            mask=self.visible if mask else None,
            box_3d=self.box_3d,
            origin=Origin.GIVEN,
            attributes={"name_zh": self.label_zh},
        )


@dataclass(frozen=True, eq=False)
class RenderedView:
    """One image of a world.

    Args:
        world: The world that it shows.
        frame: Image, camera, pose and exact metric depth.
        ids: int16 (H, W), index of the piece that a pixel shows; -1 for the surroundings.
        objects: The pieces with at least ``LEAST_VISIBLE_PX`` visible pixels.
        up: float64 (3,), unit vector against gravity.
        layers: Layers of the image.
        words: Legible printed words.
        index: Index of the frame in its scene.
    """

    world: World = field(repr=False)
    frame: Frame
    ids: np.ndarray
    objects: tuple[RenderedObject, ...]
    up: np.ndarray
    layers: Layers = field(repr=False)
    words: tuple[PrintedWord, ...] = ()
    index: int = 0

    def regions(self, *, masks: bool = True) -> tuple[Region, ...]:
        """One region per object, in their order."""
        return tuple(item.region(self.index, mask=masks) for item in self.objects)


def pixel_rays(camera: Camera, window: Window | None = None) -> np.ndarray:
    """Directions with z = 1 through the centres of pixels, float64 (h, w, 3)."""
    window = window or Window(0, camera.height, 0, camera.width)
    rays = np.ones((*window.shape, 3))
    rays[..., 0] = (np.arange(window.left, window.right) - camera.cx) / camera.fx
    rays[..., 1] = ((np.arange(window.top, window.bottom) - camera.cy) / camera.fy)[:, None]
    return rays


def render(
    world: World, camera: Camera, pose: np.ndarray, *, index: int = 0, name: str = "rendered", objects: bool = True
) -> RenderedView:
    """Render an image of a world.

    Args:
        world: The world.
        camera: Intrinsics.
        pose: Camera to world, float64 (4, 4) [m].
        index: Index of the frame in its scene.
        name: Name of the frame.
        objects: Whether the view describes its objects, which takes most of the time.

    Returns:
        The image; its depth is valid wherever a ray hits something.
    """
    turn = pose[:3, :3].T
    shift = -turn @ pose[:3, 3]
    meshes = [piece.mesh.moved(turn, shift) for piece in world.pieces]
    everything = ray_caster([*meshes, *(surface.mesh.moved(turn, shift) for surface in world.surfaces)])
    directions = pixel_rays(camera)
    hits = cast(everything, _from_camera(directions))
    z = hits["t_hit"]
    hit = np.isfinite(z)
    depth = DepthMap(np.where(hit, z, 0), hit, "metric", "sensor", backend="rendered")  # type: ignore[arg-type]
    sky = len(meshes) + len(world.surfaces)
    parts = np.where(hit, hits["geometry_ids"], sky).astype(np.int16)
    ids = np.where(parts < len(meshes), parts, _NO_PIECE).astype(np.int16)
    directions = directions.astype(np.float32)
    points = directions * depth.values[..., None]
    light = (turn @ (np.array(world.light) / np.linalg.norm(world.light))).astype(np.float32)
    shade = np.where(hit, _shade(everything, points, hits["primitive_normals"], directions, light), np.float32(1))
    in_world = points @ pose[:3, :3].T.astype(np.float32) + pose[:3, 3].astype(np.float32)
    ink, words = printed(world, parts, in_world, camera, pose)
    layers = Layers(parts, shade, texture_of(world, parts, in_world), ink)
    palette = palette_of(world)
    found = [
        _object(world, piece, meshes[piece], visible, camera, turn, shift, depth.values)
        for piece in range(len(meshes) if objects else 0)
        if np.count_nonzero(visible := ids == piece) >= LEAST_VISIBLE_PX
    ]
    rgb = compose(layers, palette, ink_for(palette))
    frame = Frame(rgb, camera, pose=pose, given_depth=depth, name=name)
    return RenderedView(world, frame, ids, tuple(found), turn @ (0.0, 0.0, 1.0), layers, words, index)


def _object(
    world: World,
    piece: int,
    mesh: Mesh,
    visible: np.ndarray,
    camera: Camera,
    turn: np.ndarray,
    shift: np.ndarray,
    z_m: np.ndarray,
) -> RenderedObject:
    solid = world.pieces[piece]
    window = _window(mesh, camera)
    amodal = visible.copy()
    # A ray may hit an edge in one ray-casting scene and miss it in another, so the visible part is kept.
    amodal[window.slices] |= np.isfinite(cast(ray_caster([mesh]), _from_camera(pixel_rays(camera, window)))["t_hit"])
    angles = Rotation.from_matrix(turn @ solid.rotation).as_euler("xyz")
    visible_z = z_m[visible]
    box_px = mask_box(visible)
    assert box_px is not None
    return RenderedObject(
        piece=piece,
        label=solid.label,
        label_zh=solid.label_zh,
        visible=visible,
        amodal=amodal,
        box_px=box_px,
        box_3d=Box3D(tuple(turn @ solid.centre_m + shift), solid.size_m, tuple(angles)),
        points_m=mesh.sampled(_POINTS, np.random.default_rng(piece)),
        visible_z_m=visible_z,
        visible_range_m=visible_z * np.linalg.norm(pixel_rays(camera)[visible], axis=1).astype(np.float32),
    )


def _window(mesh: Mesh, camera: Camera) -> Window:
    """The pixels that a mesh may cover."""
    pixels = project(mesh.vertices_m, camera)
    if not np.isfinite(pixels).all():
        return Window(0, camera.height, 0, camera.width)
    size = (camera.width, camera.height)
    left, top = np.clip(np.floor(pixels.min(axis=0)), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, size).astype(int).tolist()
    return Window(top, bottom, left, right)


def _from_camera(directions: np.ndarray) -> np.ndarray:
    return np.concatenate((np.zeros_like(directions), directions), axis=-1)


def _shade(
    caster: RaycastingScene, points_m: np.ndarray, normals: np.ndarray, directions: np.ndarray, light: np.ndarray
) -> np.ndarray:
    """Light at the points that rays hit, float32 (H, W) in [0, 1]: ambient and Lambertian, less in shadow."""
    away = np.einsum("hwc,hwc->hw", normals, directions) > 0
    facing = np.where(away[..., None], -normals, normals)
    lambert = np.clip(facing @ light, 0, 1)
    lit = lambert > 0
    starts = points_m[lit]
    starts += np.float32(1e-3) * facing[lit] * np.maximum(starts[:, 2:], 1)
    rays = np.concatenate((starts, np.broadcast_to(light, starts.shape)), axis=-1)
    lambert[lit] *= np.where(is_shadowed(caster, rays), np.float32(_SHADOW), np.float32(1))
    shade: np.ndarray = _AMBIENT + (1 - _AMBIENT) * lambert
    return shade
