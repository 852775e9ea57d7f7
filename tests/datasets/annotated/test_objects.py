from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.datasets.annotated.objects import (
    boxes_distance_m,
    nearest_in_box,
    object_of_box,
    object_of_pixels,
    unique_labels,
)
from pipeline.records import Box3D, Camera
from pipeline.synthetic.truth import extents

CAMERA = Camera(100, 100, 79.5, 59.5, 160, 120)


@pytest.mark.parametrize(
    "second, distance_m",
    [
        (Box3D((5, 0, 0), (2, 2, 2)), 3.0),
        (Box3D((5, 6, 0), (2, 2, 2)), math.hypot(3, 4)),
        (Box3D((1.5, 0, 0), (2, 2, 2)), 0.0),
        # Turned by 45 degrees, an edge at distance sqrt(2) from the centre points to the other box.
        (Box3D((5, 0, 0), (2, 2, 2), (0, 0, math.pi / 4)), 4 - math.sqrt(2)),
        (Box3D((0, 0, 9), (4, 4, 2), (0, 0, 0.3)), 7.0),
    ],
)
def test_the_distance_between_solid_boxes_is_exact(second: Box3D, distance_m: float) -> None:
    first = Box3D((0, 0, 0), (2, 2, 2))
    assert boxes_distance_m(first, second) == pytest.approx(distance_m, abs=1e-5)
    assert boxes_distance_m(second, first) == pytest.approx(distance_m, abs=1e-5)


def test_the_nearest_point_of_a_turned_box_may_be_a_corner() -> None:
    box = Box3D((1, 2, 3), (2, 4, 6), (0.3, -0.8, 1.2))
    corner = box.corners_m[-1]
    assert np.allclose(nearest_in_box(box, corner + box.rotation @ (1, 1, 1)), corner)


def test_an_object_of_pixels_is_measured_inside_of_its_edge() -> None:
    depth = np.full((120, 160), 4.0)
    mask = np.zeros(depth.shape, dtype=bool)
    mask[40:80, 60:120] = True
    depth[mask] = 2.0
    # Depth along the edge belongs to something nearer.
    depth[40:42, 60:120] = 0.5
    item = object_of_pixels("box", mask, depth, depth > 0, CAMERA, edge_px=3, is_whole=True)
    assert item is not None
    assert item.box_px == (60, 40, 120, 80)
    assert item.visible_z_m == (2.0, 2.0, 2.0)
    assert item.points_m is not None and len(item.points_m) == 34 * 54
    assert item.range_m is not None and 2 < item.range_m[0] < item.range_m[1] < 2.3


def test_single_stray_pixels_do_not_count() -> None:
    depth = np.full((120, 160), 2.0)
    depth[60, 60:70], depth[61, 60:70] = 7.0, 0.4
    mask = np.ones(depth.shape, dtype=bool)
    item = object_of_pixels("board", mask, depth, mask, CAMERA)
    assert item is not None and item.points_m is not None and set(item.points_m[:, 2]) == {2.0}


def test_an_object_without_depth_is_none() -> None:
    mask = np.ones((120, 160), dtype=bool)
    assert object_of_pixels("hole", mask, np.zeros(mask.shape), ~mask, CAMERA) is None


def test_a_box_with_points_is_measured_by_them() -> None:
    box = Box3D((0, 0, 10), (2, 2, 4))
    face = np.stack([(x, y, 8.0) for x in np.linspace(-0.9, 0.9, 10) for y in np.linspace(-0.9, 0.9, 10)])
    far = face + np.array((0, 0, 20))
    bare, measured = (object_of_box("car", (0, 0, 9, 9), box, points_m=points) for points in (far, face))
    assert bare.visible_z_m is None and bare.z_m == 10 and bare.box_z_m == (10, 8, 12)
    assert bare.range_m == (8, 9, 10)
    assert measured.visible_z_m == (8.0, 8.0, 8.0) and measured.z_m == 8


def test_extents_follow_gravity() -> None:
    # The camera is turned about its axis by 90 degrees, so that up is to the right.
    assert extents(Box3D((0, 0, 5), (2, 0.5, 1)).corners_m, (1, 0, 0)) == pytest.approx((0.5, 2, 1))


def test_only_names_that_occur_twice_get_numbers() -> None:
    assert unique_labels(["car", "bench", "car"]) == ["car 1", "bench", "car 2"]
