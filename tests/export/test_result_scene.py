from __future__ import annotations

import numpy as np
import pytest
from export.stored import REGIONS, result, stored, values

from pipeline.export.palette import region_colours
from pipeline.export.result_scene import ResultScene
from pipeline.export.stored_scene import StoredScene
from pipeline.geometry.backprojection import project
from pipeline.records import DepthMap, Scene
from pipeline.records.errors import DepthError, InputError

MOVED = np.array([[0.0, 0, 1, 1], [0, 1, 0, 2], [-1, 0, 0, 3], [0, 0, 0, 1]])


def test_frames_depth_and_errors_are_those_of_the_scene() -> None:
    scene = ResultScene(stored(), result())
    assert scene.frames[0].rgb[30, 20].tolist() == [200, 0, 0]
    assert (scene.depth[0].values == values()).all()
    assert scene.errors[0].scale == 0.01


def test_every_point_has_its_position_its_colour_and_its_region() -> None:
    scene = ResultScene(stored(), result())
    points = scene.points()
    assert points.positions.shape == points.colours.shape == (4800, 3)
    u, v = np.rint(project(points.positions, scene.frames[0].camera)).astype(int).T
    assert (points.positions[:, 2] == values()[v, u]).all()
    assert (points.colours == scene.frames[0].rgb[v, u]).all(), "the photo's, not the region's"
    cup = (u >= 10) & (u < 30) & (v >= 20) & (v < 40)
    assert (points.regions[cup] == 0).all() and set(points.regions[~cup].tolist()) == {-1, 1, 2}
    assert len(scene.points(100).positions) <= 100


def test_the_points_of_a_region_are_found_by_the_name_that_claims_use() -> None:
    scene = ResultScene(stored(), result())
    assert len(scene.region_points("cup")) == 400 and (scene.region_points("cup")[:, 2] == 1).all()
    assert len(scene.region_points("cup#2")) == 100
    assert len(scene.region_points("wall")) == 35 * 50 - 100, "the smaller region owns the pixels that both cover"
    with pytest.raises(InputError, match=r"no region 'cups'; there are cup"):
        scene.region_points("cups")


def test_posed_frames_share_the_world() -> None:
    scene = ResultScene(stored(poses=(np.eye(4), MOVED)), result())
    points = scene.points().positions
    assert len(points) == 9600
    assert points[4800:] == pytest.approx(points[:4800] @ MOVED[:3, :3].T + (1, 2, 3))


def test_open3d_has_the_same_points_in_the_same_axes() -> None:
    scene = ResultScene(stored(), result())
    points = scene.points(1000)
    cloud = scene.to_open3d(1000)
    assert np.asarray(cloud.points) == pytest.approx(points.positions)
    assert np.asarray(cloud.colors) * 255 == pytest.approx(points.colours)
    by_region = np.rint(np.asarray(scene.to_open3d(1000, "region").colors) * 255)
    assert (by_region[points.regions == 1] == region_colours(REGIONS)[1]).all()
    assert (by_region[points.regions < 0] == 120).all()


@pytest.mark.parametrize(
    "scene, words",
    [
        (stored(None), "has no depth.*depth=NAME"),
        (stored("disparity_affine"), "disparity_affine, which has no shape"),
        (
            StoredScene(
                Scene(
                    "item",
                    stored().scene.frames,
                    depth=(DepthMap(values(), np.zeros((60, 80), bool), "metric", "sensor"),),  # type: ignore[arg-type]
                )
            ),
            "no valid pixel",
        ),
    ],
)
def test_why_there_are_no_points_is_said(scene: StoredScene, words: str) -> None:
    for use in (ResultScene.points, ResultScene.to_open3d):
        with pytest.raises(DepthError, match=words):
            use(ResultScene(scene, result()))
