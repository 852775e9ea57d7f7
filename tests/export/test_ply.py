from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.export.palette import region_colours
from pipeline.export.ply import write_ply
from pipeline.export.points import region_map
from pipeline.geometry.backprojection import back_project
from pipeline.records import DepthMap, Frame, Region, Result, Scene
from pipeline.records.camera import Camera

WIDTH, HEIGHT = 40, 30
CAMERA = Camera(35, 36, 19.2, 14.1, WIDTH, HEIGHT)
GENERATOR = np.random.default_rng(7)
RGB = GENERATOR.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
DEPTH_M = GENERATOR.uniform(0.5, 4, (HEIGHT, WIDTH)).astype(np.float32)
VALID = GENERATOR.random((HEIGHT, WIDTH)) > 0.2
REGIONS = (Region("cup", (5, 5, 15, 15)), Region("sign", (20, 20, 30, 25), origin="ocr"), Region("lid", (8, 8, 10, 10)))


def scene(kind: str = "metric", poses: tuple[np.ndarray | None, ...] = (None,)) -> Scene:
    source = "sensor" if kind == "metric" else "none"
    depth = DepthMap(DEPTH_M, VALID, kind, source)
    return Scene("item", tuple(Frame(RGB, CAMERA, pose=pose) for pose in poses), depth=(depth,) * len(poses))


def result(regions: tuple[Region, ...] = REGIONS) -> Result:
    return Result("item", None, (), None, regions=regions)


@pytest.mark.parametrize("kind", ["metric", "scale_invariant"])
def test_the_file_holds_the_back_projection_with_colours_and_regions(tmp_path: Path, kind: str) -> None:
    open3d = pytest.importorskip("open3d")
    path = write_ply(tmp_path / "new" / "cloud.ply", scene(kind), result())
    assert path is not None and [file.name for file in path.parent.iterdir()] == ["cloud.ply"]
    head = path.read_bytes().partition(b"end_header\n")[0].decode("ascii").splitlines()
    assert head[:3] == ["ply", "format binary_little_endian 1.0", f"element vertex {VALID.sum()}"]
    assert [line.split()[1:] for line in head[3:]] == [
        *(["float", name] for name in "xyz"),
        *(["uchar", name] for name in ("red", "green", "blue")),
        ["int", "region"],
    ]
    cloud = open3d.t.io.read_point_cloud(str(path))
    positions = cloud.point.positions.numpy()
    assert len(positions) == VALID.sum()
    np.testing.assert_allclose(positions, back_project(DEPTH_M, CAMERA, VALID), atol=1e-5)
    owners = cloud.point["region"].numpy()[:, 0]
    np.testing.assert_array_equal(owners, region_map(REGIONS, 0, (HEIGHT, WIDTH))[VALID])
    assert set(owners) == {-1, 0, 2}
    colours = cloud.point.colors.numpy()
    np.testing.assert_array_equal(colours[owners == -1], RGB[VALID][owners == -1])
    assert (colours[owners == 2] == region_colours(REGIONS)[2]).all()


@pytest.mark.parametrize(
    "unusable, reason",
    [
        (scene("depth_affine"), "no shape"),
        (scene("disparity_affine"), "no shape"),
        (replace(scene(), depth=()), "is missing"),
        (replace(scene(), depth=(DepthMap.from_values(0 * DEPTH_M, "metric", "sensor"),)), "no valid pixel"),
    ],
)
def test_a_scene_without_points_gives_no_file_and_logs_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, unusable: Scene, reason: str
) -> None:
    with caplog.at_level(logging.INFO, logger="pipeline"):
        assert write_ply(tmp_path / "cloud.ply", unusable, result()) is None
    assert reason in caplog.text
    assert list(tmp_path.iterdir()) == []
