from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.orientation import (
    ORIENTATIONS,
    QUARTER_TURNS,
    oriented,
    oriented_depth,
    quarter_turns_upright,
    turned_pose,
)
from pipeline.records import Camera, DepthMap, Sampling


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_an_orientation_is_what_pillow_makes_of_the_exif_tag(orientation):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = Image.fromarray(array)
    image.getexif()[0x0112] = orientation
    assert oriented(array, orientation).tolist() == np.array(ImageOps.exif_transpose(image)).tolist()
    assert (oriented(array, orientation).shape == (3, 2)) == (orientation in QUARTER_TURNS)


def test_depth_turns_with_its_mask_confidence_and_sampling():
    values = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    depth = DepthMap(values, values > 1, "metric", "sensor", confidence=values / 6, sampling=Sampling(2.0, 3.0))
    turned = oriented_depth(depth, 6)
    assert turned.values.tolist() == [[4, 1], [5, 2], [6, 3]]
    assert turned.valid.tolist() == [[True, False], [True, True], [True, True]]
    assert turned.confidence == pytest.approx(turned.values / 6)
    assert (turned.sampling.width_px, turned.sampling.height_px) == (3, 2)
    assert oriented_depth(depth, 1) is depth


@pytest.mark.parametrize(
    ("down", "turns"),
    [((0, 1, 0), 0), ((1, 0, 0), 3), ((0, -1, 0), 2), ((-1, 0, 0), 1), ((0.6, 0.2, 0.8), 3), ((0.2, -0.1, 1.0), 0)],
)
def test_an_image_is_turned_until_down_is_down(down, turns):
    assert quarter_turns_upright(np.array(down)) == turns


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_image_shows_the_same_points_of_the_world(turns):
    random = np.random.default_rng(0)
    camera = Camera(9.0, 11.0, 2.5, 1.0, 5, 4)
    depth = random.uniform(1, 3, (4, 5))
    pose = np.array([[0, 0, 1, 2.0], [1, 0, 0, -1.0], [0, 1, 0, 0.5], [0, 0, 0, 1]])
    turned = np.rot90(depth, turns), camera.rotated(turns), turned_pose(pose, turns)

    def world(depth, camera, pose):
        return back_project(depth, camera) @ pose[:3, :3].T + pose[:3, 3]

    expected, found = world(depth, camera, pose), world(*turned)
    assert np.sort(found, axis=0) == pytest.approx(np.sort(expected, axis=0))
    order = [np.lexsort(points.round(9).T) for points in (expected, found)]
    assert found[order[1]] == pytest.approx(expected[order[0]])
