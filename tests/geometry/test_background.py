"""Planes around a box are continued into it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.geometry.background import _through, ring_window, surroundings
from pipeline.geometry.regions import Window

SHAPE = (120, 160)
FOCAL_PX, HORIZON_ROW, CAMERA_HEIGHT_M, WALL_M = 150.0, 20.0, 0.5, 2.5
# The object's front, with its foot on the floor, and the box around it with some surroundings.
OBJECT = (slice(40, 85), slice(60, 100))
BOX = Window(30, 92, 50, 112)


def room() -> np.ndarray:
    """1/z of a floor that meets a wall, float64 (H, W)."""
    rows = np.indices(SHAPE)[0].astype(float)
    return np.maximum((rows - HORIZON_ROW) / (FOCAL_PX * CAMERA_HEIGHT_M), 1 / WALL_M)


def with_object() -> tuple[np.ndarray, np.ndarray]:
    """1/z of the room with the object, and the object's pixels within the box."""
    near = room()
    near[OBJECT] = near[OBJECT[0].stop - 1, OBJECT[1].start]
    mask = np.zeros(SHAPE, bool)
    mask[OBJECT] = True
    return near, mask[BOX.slices]


def removed(near: np.ndarray, *, tolerance: float = 0.004, relative: bool = True, box: Window = BOX) -> np.ndarray:
    around = ring_window(box, SHAPE)
    crop = near[around.slices]
    return surroundings(crop, np.isfinite(crop), around, box, tolerance=tolerance, relative=relative)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_floor_and_wall_are_removed_and_the_object_is_kept() -> None:
    near, mask = with_object()
    assert iou(~removed(near), mask) > 0.9


@pytest.mark.parametrize("noise", [0.001, 0.002])
def test_noise_within_the_tolerance_changes_little(noise: float) -> None:
    near, mask = with_object()
    noisy = near * (1 + np.random.default_rng(0).normal(0, noise, SHAPE))
    assert iou(~removed(noisy, tolerance=3 * noise + 0.002), mask) > 0.9


@settings(max_examples=60)
@given(st.floats(1e-3, 1e4), st.floats(-50, 50))
def test_any_scale_and_shift_of_disparity_gives_the_same_pixels(scale: float, shift: float) -> None:
    near, mask = with_object()
    tolerance = 0.003 * float(np.ptp(near))
    plain = removed(near, tolerance=tolerance, relative=False)
    changed = removed(scale * (near + shift), tolerance=scale * tolerance, relative=False)
    assert iou(~plain, mask) > 0.9
    assert (plain != changed).mean() < 0.002, "but for pixels at the very edge of the tolerance"


@given(st.floats(0.01, 100))
def test_any_scale_of_depth_gives_the_same_pixels(scale: float) -> None:
    near, _ = with_object()
    assert (removed(near) != removed(near / scale)).mean() < 0.002


def test_a_box_that_shows_nothing_but_its_surroundings_is_all_background() -> None:
    assert removed(room()).mean() > 0.98


def test_a_box_around_the_whole_image_has_no_surroundings() -> None:
    near, _ = with_object()
    assert not removed(near, box=Window(0, *SHAPE[:1], 0, SHAPE[1])).any()


def test_surroundings_that_are_no_plane_are_left() -> None:
    rough = np.random.default_rng(1).uniform(0.2, 2.0, SHAPE)
    assert removed(rough).mean() < 0.1


def test_missing_depth_is_never_background() -> None:
    near, _ = with_object()
    near[30:40, 50:60] = np.nan
    assert not removed(near)[:10, :10].any()
    assert not removed(np.full(SHAPE, np.nan)).any()


def test_a_second_plane_needs_a_good_part_of_the_ring() -> None:
    # A thin bar crosses the ring on one side only.
    near = np.full(SHAPE, 1 / WALL_M)
    near[60:63, :80] = 1.0
    found = removed(near)
    assert not found[60 - BOX.top : 63 - BOX.top, : 80 - BOX.left].any()
    assert found[:20].all()


@pytest.mark.parametrize(
    "window, expected",
    [
        (Window(30, 50, 40, 60), Window(27, 53, 37, 63)),
        (Window(0, 120, 0, 160), Window(0, 120, 0, 160)),
        (Window(0, 100, 60, 160), Window(0, 115, 45, 160)),
        (Window(40, 44, 40, 44), Window(37, 47, 37, 47)),
    ],
)
def test_the_ring_is_a_share_of_the_box_within_the_image(window: Window, expected: Window) -> None:
    assert ring_window(window, SHAPE) == expected


def test_the_ring_of_a_large_box_is_bounded() -> None:
    assert ring_window(Window(500, 1500, 500, 1500), (2000, 2000)) == Window(476, 1524, 476, 1524)


def test_hypotheses_are_the_planes_through_their_points_and_thin_triples_give_none() -> None:
    plane = np.array((2.0, 0.03, -0.05))
    rng = np.random.default_rng(0)
    corners = np.concatenate((np.ones((40, 3, 1)), rng.uniform(-60, 60, (40, 3, 2))), axis=2)
    found = _through(corners, corners @ plane)
    np.testing.assert_allclose(found, np.broadcast_to(plane, (len(found), 3)), rtol=1e-6, atol=1e-8)
    assert len(found) >= 35
    in_line = np.array([[[1.0, 0, 0], [1, 5, 5], [1, 10, 10]]])
    assert len(_through(in_line, in_line @ plane)) == 0
