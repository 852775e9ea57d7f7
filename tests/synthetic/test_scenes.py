"""Rendered scenes: repeatable, consistent, and exact."""

from __future__ import annotations

import time

import numpy as np
import pytest
from synthetic.worlds import CAMERA, FLOOR, level_pose, piece

from pipeline.geometry.backprojection import back_project, project
from pipeline.synthetic.scenes import RenderedScene, rendered_scene, rendered_sequence
from pipeline.synthetic.shapes import SHAPES
from pipeline.synthetic.view import LEAST_VISIBLE_PX, pixel_rays, render
from pipeline.synthetic.world import World, ray_caster

SEEDS = range(12)
SIZE_PX = (320, 240)


@pytest.fixture(scope="module")
def scenes() -> list[RenderedScene]:
    return [rendered_scene(seed, size_px=SIZE_PX) for seed in SEEDS]


def to_world(points_m: np.ndarray, pose: np.ndarray) -> np.ndarray:
    return points_m @ pose[:3, :3].T + pose[:3, 3]


def distances_m(world: World, index: int, points_m: np.ndarray) -> np.ndarray:
    """Distance of every point to the surface of a piece [m]."""
    import open3d as o3d

    caster = ray_caster([world.pieces[index].mesh])
    return caster.compute_distance(o3d.core.Tensor.from_numpy(np.ascontiguousarray(points_m, np.float32))).numpy()


def test_the_same_seed_gives_the_same_scene() -> None:
    first, second, other = rendered_scene(3), rendered_scene(3), rendered_scene(4)
    assert first.scene.frames[0].digest == second.scene.frames[0].digest != other.scene.frames[0].digest
    assert first.view.frame.given_depth.digest == second.view.frame.given_depth.digest
    assert first.scene.regions == second.scene.regions
    assert (first.view.ids == second.view.ids).all()


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_fills_its_box_and_is_closed(name: str) -> None:
    size_m = (0.6, 0.6, 0.3) if name != "capsule" else (0.6, 0.3, 0.3)
    mesh = SHAPES[name].make(size_m)
    assert np.allclose(np.ptp(mesh.vertices_m, axis=0), size_m, rtol=3e-3)
    assert mesh.vertices_m[:, 2].min() == pytest.approx(0, abs=1e-9)
    corners = mesh.vertices_m[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    # The area vectors of a closed surface that is turned outward add up to nothing and hold a volume.
    assert np.abs(normals.sum(axis=0)).max() < 1e-9
    assert 0 < (normals * corners[:, 0]).sum() / 6 <= np.prod(size_m) * (1 + 1e-9)


def test_masks_ids_and_boxes_agree(scenes: list[RenderedScene]) -> None:
    for scene in scenes:
        view = scene.view
        assert len(view.objects) >= 2
        assert len({item.label for item in view.objects}) == len(view.objects)
        for item in view.objects:
            assert (item.visible == (view.ids == item.piece)).all()
            assert (item.amodal | ~item.visible).all()
            assert item.visible.sum() >= LEAST_VISIBLE_PX
            left, top, right, bottom = (int(edge) for edge in item.box_px)
            inside = np.zeros_like(item.visible)
            inside[top:bottom, left:right] = True
            assert (inside | ~item.visible).all()
            assert item.visible[top].any() and item.visible[:, right - 1].any()
            # What hides an object lies before it: no pixel of another piece behind it takes its place.
            covered = item.amodal & ~item.visible
            assert (view.ids[covered] >= 0).mean() > 0.95 if covered.sum() > 20 else True


def test_scenes_vary(scenes: list[RenderedScene]) -> None:
    objects = [item for scene in scenes for item in scene.view.objects]
    assert len({item.label.split()[-1] for item in objects}) >= 6
    assert sum((item.amodal & ~item.visible).sum() > 20 for item in objects) >= 5
    cameras = [rendered_scene(seed).view.frame.camera for seed in SEEDS]
    assert len({(camera.width, camera.height) for camera in cameras}) >= 3
    assert all(
        min(camera.width, camera.height) >= 240 and max(camera.width, camera.height) <= 640 for camera in cameras
    )


def test_back_projected_pixels_lie_on_their_object(scenes: list[RenderedScene]) -> None:
    for scene in scenes:
        frame, world = scene.view.frame, scene.view.world
        for item in scene.view.objects:
            points = back_project(frame.given_depth.values, frame.camera, item.visible)
            assert distances_m(world, item.piece, to_world(points, frame.pose)).max() < 1e-3


def test_box_points_and_gravity_are_those_of_the_world(scenes: list[RenderedScene]) -> None:
    for scene in scenes:
        frame, world = scene.view.frame, scene.view.world
        assert np.allclose(frame.pose[:3, :3] @ scene.view.up, (0, 0, 1)) and scene.view.up[1] < -0.5
        for item in scene.view.objects:
            assert distances_m(world, item.piece, to_world(item.points_m, frame.pose)).max() < 1e-3
            solid = world.pieces[item.piece]
            own = (to_world(item.box_3d.corners_m, frame.pose) - solid.centre_m) @ solid.rotation
            assert np.allclose(np.abs(own), np.array(solid.size_m) / 2, atol=1e-6)


def test_depth_of_a_plane_is_exact() -> None:
    view = render(World((), (FLOOR,)), CAMERA, level_pose(height_m=0.5))
    depth = view.frame.given_depth
    rows = np.arange(CAMERA.height)
    # The floor lies half a metre below a level camera: z = 0.5 / ((v - cy) / fy).
    expected = 0.5 * CAMERA.fy / (rows - CAMERA.cy)
    seen = (rows > CAMERA.cy) & (expected < 11)
    assert depth.valid[seen].all() and not depth.valid[rows < CAMERA.cy].any()
    assert np.allclose(depth.values[seen], expected[seen, None], rtol=1e-5)


def test_depth_of_a_sphere_is_exact() -> None:
    radius_m, distance_m = 0.5, 3.0
    world = World((piece("red ball", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),))
    view = render(world, CAMERA, level_pose(height_m=radius_m, distance_m=distance_m))
    rays = pixel_rays(CAMERA)
    squared = (rays**2).sum(axis=2)
    root = distance_m**2 - squared * (distance_m**2 - radius_m**2)
    expected = (distance_m - np.sqrt(np.maximum(root, 0))) / squared
    # The silhouette and the visible surface of the polyhedron lie a little within the sphere's.
    inner = root > 0.4 * radius_m**2
    assert inner.sum() > 3000
    assert (view.ids[inner] == 0).all() and (view.ids[root < 0] == -1).all()
    assert np.allclose(view.frame.given_depth.values[inner], expected[inner], atol=0.004 * radius_m)


def test_a_sequence_shows_one_world_from_several_poses() -> None:
    sequence = rendered_sequence(5, 3, size_px=SIZE_PX)
    assert sequence.views[0].frame.digest == rendered_sequence(5, 3, size_px=SIZE_PX).views[0].frame.digest
    assert [view.index for view in sequence.views] == [0, 1, 2] == sorted({r.frame for r in sequence.scene.regions})
    first, last = sequence.views[0], sequence.views[2]
    assert first.world is last.world
    assert np.linalg.norm(first.frame.pose[:3, 3] - last.frame.pose[:3, 3]) > 0.05
    # Points of one image project into another onto the same object, unless something hides them there.
    item = max(first.objects, key=lambda item: item.visible.sum())
    world_points = to_world(
        back_project(first.frame.given_depth.values, first.frame.camera, item.visible), first.frame.pose
    )
    turn, place = last.frame.pose[:3, :3], last.frame.pose[:3, 3]
    points = (world_points - place) @ turn
    columns, rows = np.round(project(points, last.frame.camera)).T.astype(int)
    inside = (columns >= 0) & (columns < SIZE_PX[0]) & (rows >= 0) & (rows < SIZE_PX[1])
    there = last.frame.given_depth.values[rows[inside], columns[inside]]
    seen = np.abs(there - points[inside, 2]) < 0.02
    assert seen.mean() > 0.3
    assert (last.ids[rows[inside], columns[inside]][seen] == item.piece).mean() > 0.9


def test_a_scene_is_made_in_a_moment() -> None:
    rendered_scene(0, size_px=SIZE_PX)
    start = time.perf_counter()
    for seed in range(5):
        rendered_scene(seed, size_px=SIZE_PX)
    assert (time.perf_counter() - start) / 5 < 2.0
