from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.grid_mesh import grid_triangles
from pipeline.records.camera import Camera

CAMERA = Camera(200.0, 240.0, 70.0, 40.0, 160, 120)
ALL = np.ones((120, 160), dtype=bool)


def plane(normal: tuple[float, float, float], distance_m: float) -> np.ndarray:
    """z of the plane ``normal @ x = distance`` in every pixel; infinite or negative where it is not seen."""
    rows, columns = np.mgrid[:120, :160]
    rays = np.stack(((columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy, np.ones_like(rows)), -1)
    with np.errstate(divide="ignore"):
        z: np.ndarray = distance_m / (rays @ (np.array(normal) / np.linalg.norm(normal)))
    return z


def steps_within(z: np.ndarray, pixels: np.ndarray, triangles: np.ndarray) -> float:
    """The largest ratio of depths within a triangle."""
    corners = z[pixels[:, 1], pixels[:, 0]][triangles]
    return float((corners.max(axis=1) / corners.min(axis=1)).max())


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.5, 0, 1), (1, 0, 0.45), (-1, 0.2, 0.7), (0, 1, 0.6)])
@pytest.mark.parametrize("step_px", [1, 3])
def test_a_plane_is_one_whole_surface_however_it_is_turned(normal: tuple[float, ...], step_px: int) -> None:
    z = plane(normal, 2.0)  # type: ignore[arg-type]
    seen = (z > 0) & (z < 20)
    pixels, triangles = grid_triangles(z, seen, CAMERA, step_px=step_px)
    if seen.all():
        rows, columns = (len(range(step_px // 2, side, step_px)) for side in z.shape)
        assert len(pixels) == rows * columns
        assert len(triangles) == 2 * (rows - 1) * (columns - 1)
    else:
        assert len(triangles) > 1.9 * seen.sum() / step_px**2 * 0.9


@pytest.mark.parametrize("near_m, far_m", [(1.2, 3.0), (2.0, 2.08), (0.5, 40.0)])
@pytest.mark.parametrize("step_px", [1, 4])
def test_no_triangle_joins_two_sides_of_a_step(near_m: float, far_m: float, step_px: int) -> None:
    z = np.full((120, 160), far_m)
    z[30:90, 40:100] = near_m
    pixels, triangles = grid_triangles(z, ALL, CAMERA, noise=0.0005, step_px=step_px)
    assert steps_within(z, pixels, triangles) == 1
    found = {float(value) for value in z[pixels[:, 1], pixels[:, 0]]}
    assert found == {near_m, far_m}, "both are there"


def test_a_corner_of_two_walls_stays_closed_and_a_blurred_step_is_cut() -> None:
    corner = np.minimum(plane((1, 0, 0.8), 2.0), plane((-1, 0, 0.8), 2.0))
    assert len(grid_triangles(corner, ALL, CAMERA)[1]) == 2 * 119 * 159
    blurred = np.full((120, 160), 1.0)
    blurred[:, 80:] = 3.0
    blurred[:, 78:82] = (1.3, 1.7, 2.2, 2.6)
    pixels, triangles = grid_triangles(blurred, ALL, CAMERA, noise=0.002)
    assert steps_within(blurred, pixels, triangles) == 1


def test_noise_within_its_error_tears_no_holes() -> None:
    generator = np.random.default_rng(0)
    z = 2.0 * (1 + 0.005 * generator.standard_normal((120, 160)))
    joined = len(grid_triangles(z, ALL, CAMERA, noise=0.005)[1])
    assert joined > 0.999 * 2 * 119 * 159
    assert len(grid_triangles(z, ALL, CAMERA)[1]) < 0.9 * joined


def test_triangles_face_the_camera_with_y_up() -> None:
    z = plane((0.3, 0.2, 1), 2.0)
    pixels, triangles = grid_triangles(z, ALL, CAMERA, step_px=7)
    u, v = pixels.T
    points = back_project_pixels(u, v, z[v, u], CAMERA) * (1, -1, -1)
    first, second, third = (points[triangles[:, index]] for index in range(3))
    normals = np.cross(second - first, third - first)
    assert ((normals * -first).sum(axis=1) > 0).all()


@given(st.integers(1, 40), st.floats(0, 1))
def test_only_valid_pixels_are_vertices_and_all_are_used(step_px: int, share: float) -> None:
    generator = np.random.default_rng(step_px)
    z, valid = generator.uniform(1, 1.01, (120, 160)), generator.random((120, 160)) < share
    pixels, triangles = grid_triangles(z, valid, CAMERA, step_px=step_px)
    assert valid[pixels[:, 1], pixels[:, 0]].all()
    np.testing.assert_array_equal(np.unique(triangles), np.arange(len(pixels)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("step_px", [1, 2, 50])
def test_small_images_give_few_triangles_or_none(shape: tuple[int, int], step_px: int) -> None:
    camera = Camera(50, 50, 0, 0, shape[1], shape[0])
    _, triangles = grid_triangles(np.ones(shape), np.ones(shape, dtype=bool), camera, step_px=step_px)
    assert len(triangles) == (2 if shape == (2, 2) and step_px == 1 else 0)


def test_a_step_of_no_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="0 px"):
        grid_triangles(np.ones((2, 2)), np.ones((2, 2), dtype=bool), CAMERA, step_px=0)
