from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.three_views import BACKGROUND, Line, View, draw_view, splat, three_views
from pipeline.geometry.backprojection import project
from pipeline.records import Camera

CAMERA = Camera(100, 100, 40, 30, width=81, height=61)
UP = np.array([0.0, -1, 0])
RED, GREEN = np.array([[200, 0, 0], [0, 200, 0]], np.uint8)


def of_colour(image: np.ndarray, colour: np.ndarray) -> set[tuple[int, int]]:
    """Pixels (u, v) of a colour."""
    return {(int(u), int(v)) for v, u in np.argwhere((image == colour).all(axis=2))}


def test_a_point_lands_on_its_pixel_and_its_square_is_as_large_as_wanted() -> None:
    point = np.array([[0.2, -0.1, 2.0]])  # u = 100 * 0.1 + 40, v = -100 * 0.05 + 30
    image, z = splat(point, RED[None], CAMERA)
    assert of_colour(image, RED) == {(50, 25)}
    assert z[25, 50] == 2.0 and np.isinf(z).sum() == z.size - 1
    assert (image[0, 0] == BACKGROUND).all()
    image, _ = splat(point, RED[None], CAMERA, 3)
    assert of_colour(image, RED) == {(u, v) for u in (49, 50, 51) for v in (24, 25, 26)}
    image, _ = splat(point, RED[None], CAMERA, 2)
    assert of_colour(image, RED) == {(u, v) for u in (50, 51) for v in (25, 26)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_point_hides_the_farther_one(order: tuple[int, int]) -> None:
    points, colours = np.array([[0.0, 0, 2], [0, 0, 4]]), np.stack((RED, GREEN))
    image, z = splat(points[list(order)], colours[list(order)], CAMERA, 3)
    assert len(of_colour(image, RED)) == 9 and of_colour(image, GREEN) == set()
    assert z[30, 40] == 2.0


def test_squares_have_sizes_of_their_own() -> None:
    points = np.array([[-0.5, 0, 2], [0.5, 0, 2]])
    image, _ = splat(points, np.stack((RED, GREEN)), CAMERA, np.array([1, 5]))
    assert (len(of_colour(image, RED)), len(of_colour(image, GREEN))) == (1, 25)


def test_what_lies_behind_beside_or_nowhere_draws_nothing() -> None:
    points = np.array([[0, 0, -2.0], [0, 0, 0], [1e9, 0, 1e-9], [5, 0, 1], [np.nan, 0, 1], [0, 0, 0.4]])
    image, z = splat(points, np.repeat(RED[None], len(points), axis=0), CAMERA, 3, near=0.5)
    assert of_colour(image, RED) == set() and np.isinf(z).all()


def test_the_view_of_the_camera_is_that_of_the_photo() -> None:
    views = three_views(np.array([[0.2, -0.1, 2.0]]), CAMERA, UP, 162)
    assert list(views) == ["camera", "top", "side"]
    view = views["camera"]
    assert (view.camera.width, view.camera.height) == (162, 122)
    image = draw_view(np.array([[0.2, -0.1, 2.0]]), RED[None], np.array([1e-9]), [], view)
    # Pixel (50, 25) of the photo is the square from 100 to 101 and from 50 to 51.
    assert of_colour(image, RED) <= {(u, v) for u in (100, 101) for v in (50, 51)} and of_colour(image, RED)


def test_from_above_far_is_up_and_from_the_side_far_is_right_and_up_is_up() -> None:
    near, far = np.array([0.0, 0, 2]), np.array([0.0, 0, 6])
    right, high = np.array([1.0, 0, 4]), np.array([0.0, -1, 4])
    views = three_views(np.stack((near, far, right, high)), CAMERA, UP, 400)
    (top_near, top_far, top_right), (side_near, side_far, side_high) = (
        project(views[name].own(np.stack(points)), views[name].camera)
        for name, points in (("top", (near, far, right)), ("side", (near, far, high)))
    )
    assert top_far[1] < top_near[1] and top_far[0] == pytest.approx(top_near[0])
    assert top_right[0] > top_near[0]
    assert side_far[0] > side_near[0] and side_far[1] == pytest.approx(side_near[1])
    assert side_high[1] < side_near[1]


@given(
    tilt=st.floats(-1.2, 1.2),
    roll=st.floats(-3.1, 3.1),
    seed=st.integers(0, 99),
    spread=st.sampled_from([1e-3, 1, 1e3]),
)
def test_every_view_shows_the_points_and_the_camera(tilt: float, roll: float, seed: int, spread: float) -> None:
    points = np.random.default_rng(seed).uniform(-1, 1, (50, 3)) * spread + (0, 0, 2 * spread)
    up = np.array([np.sin(roll) * np.cos(tilt), -np.cos(roll) * np.cos(tilt), -np.sin(tilt)])
    views = three_views(points, CAMERA, up, 200)
    low, high = np.percentile(points, (1, 99), axis=0)
    points = points[((points >= low) & (points <= high)).all(axis=1)]
    for name in ("top", "side"):
        pose, camera = views[name].pose, views[name].camera
        assert pose[:3, :3] @ pose[:3, :3].T == pytest.approx(np.eye(3)) and np.linalg.det(pose[:3, :3]) > 0
        seen = project(views[name].own(np.concatenate((points, np.zeros((1, 3))))), camera)
        assert ((seen > -0.5) & (seen < (camera.width - 0.5, camera.height - 0.5))).all()
    assert views["top"].pose[:3, 2] == pytest.approx(-up) and views["side"].pose[:3, 1] == pytest.approx(-up)


def line(start: tuple[float, ...], end: tuple[float, ...], **more: object) -> Line:
    return Line(np.array(start), np.array(end), (0, 0, 250), **more)  # type: ignore[arg-type]


def drawn(points: np.ndarray, lines: list[Line], note: str = "") -> np.ndarray:
    colours, sizes = np.repeat(RED[None], len(points), axis=0), np.full(len(points), 0.01)
    return draw_view(points, colours, sizes, lines, View(CAMERA, np.eye(4)), note)


def test_a_line_joins_the_pixels_of_its_ends() -> None:
    image = drawn(np.empty((0, 3)), [line((-0.4, 0, 2), (0.4, 0, 2))])
    assert of_colour(image, np.array((0, 0, 250))) == {(u, 30) for u in range(20, 61)}


def test_a_line_is_faint_exactly_where_points_hide_it() -> None:
    wall = np.stack(np.meshgrid(np.linspace(0.0, 0.5, 200), np.linspace(-0.1, 0.1, 60), 2.0), axis=-1).reshape(-1, 3)
    image = drawn(wall, [line((-0.8, 0, 4), (0.8, 0, 4))])
    assert (image[30, 25] == (0, 0, 250)).all()
    assert 0 < image[30, 50, 2] < 125 and image[30, 50, 0] > 100
    in_front = drawn(wall, [line((-0.2, 0, 1), (0.2, 0, 1))])
    assert (in_front[30, 50] == (0, 0, 250)).all()


def test_a_slanted_line_is_compared_with_points_at_its_own_depth() -> None:
    # It goes from z = 1 at u = 10 to z = 2 at u = 40; at u = 28 it is at 1 / (1 - 0.6 / 2) = 1.43, not at 1.6.
    wall = np.stack(np.meshgrid(np.linspace(-1, 1, 300), np.linspace(-0.1, 0.1, 60), 1.5), axis=-1).reshape(-1, 3)
    image = drawn(wall, [line((-0.3, 0, 1), (0, 0, 2))])
    assert (image[30, 28] == (0, 0, 250)).all() and not (image[30, 34] == (0, 0, 250)).all()


def test_lines_are_cut_at_the_camera_and_at_the_edges_of_the_picture() -> None:
    image = drawn(np.array([[0.0, 0.25, 2.0]]), [line((0, 0, -1), (0, 0, 5)), line((-1e6, 0, 2), (1e6, 0, 2))])
    assert (image[30] == (0, 0, 250)).all()
    nothing = drawn(
        np.empty((0, 3)),
        [
            line((0, 0, -1), (1, 0, -2)),
            line((0, 9, 1), (1, 9, 1)),
            line((np.nan,) * 3, (0, 0, 1)),
            line((-1e308, 0, 1), (1e308, 1e308, 1e308)),
        ],
    )
    assert (nothing == BACKGROUND).all()


def test_labels_and_the_note_stay_in_the_picture_and_off_each_other() -> None:
    camera = Camera.from_fov(400, 300, 60)
    lines = [line((0, 0, 2), (0.01, 0, 2), label=label) for label in ("1.25 m", "橙色楔块", "3 m")]
    image = draw_view(np.empty((0, 3)), np.empty((0, 3), np.uint8), np.empty(0), lines, View(camera, np.eye(4)), "note")
    plain = draw_view(np.empty((0, 3)), np.empty((0, 3), np.uint8), np.empty(0), lines[:1], View(camera, np.eye(4)))
    blue = (0, 0, 250)
    assert (image == blue).all(axis=2).sum() > 2.2 * (plain == blue).all(axis=2).sum()
    assert not (image[-20:, :60] == BACKGROUND).all()
