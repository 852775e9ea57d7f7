from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pygltflib
import pytest
import trimesh

from pipeline.export.formats import FormatSettings
from pipeline.export.glb import write
from pipeline.export.palette import region_colours
from pipeline.export.stored_scene import StoredScene
from pipeline.geometry.backprojection import project
from pipeline.records import Box3D, DepthMap, Region, Sampling, Verdict

FLIP = np.array((1.0, -1.0, -1.0))
TYPES = {5125: "<u4", 5126: "<f4", 5123: "<u2"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


class Model:
    """A GLB as pygltflib reads it, with the accessors decoded by the specification."""

    def __init__(self, path: Path | None) -> None:
        assert path is not None
        self.gltf = pygltflib.GLTF2().load(str(path))
        self.blob = self.gltf.binary_blob()
        self.nodes = {node.name: node for node in self.gltf.nodes if node.mesh is not None}

    def primitive(self, name: str) -> Any:
        return self.gltf.meshes[self.nodes[name].mesh].primitives[0]

    def values(self, index: int) -> np.ndarray:
        accessor = self.gltf.accessors[index]
        view = self.gltf.bufferViews[accessor.bufferView]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        width = WIDTHS[accessor.type]
        found = np.frombuffer(self.blob, TYPES[accessor.componentType], accessor.count * width, start)
        found = found.reshape(-1, width)
        np.testing.assert_allclose(found.min(axis=0), accessor.min, rtol=1e-6)
        np.testing.assert_allclose(found.max(axis=0), accessor.max, rtol=1e-6)
        return found

    def positions(self, name: str) -> np.ndarray:
        """Positions in the axes of the scene, OpenCV's."""
        node, local = self.nodes[name], self.values(self.primitive(name).attributes.POSITION).astype(np.float64)
        if node.matrix is not None:
            local = local + np.array(node.matrix).reshape(4, 4).T[:3, 3]
        return local * FLIP

    def colours(self, name: str) -> np.ndarray:
        """sRGB bytes."""
        light = self.values(self.primitive(name).attributes.COLOR_0)[:, :3] / 65535
        shares = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return np.round(255 * shares).astype(np.uint8)

    def triangles(self) -> np.ndarray:
        return self.values(self.primitive("mesh").indices).reshape(-1, 3)


def model(
    path: Path, scene: StoredScene, mesh: bool = False, most: int = 100_000, regions: tuple[Region, ...] | None = None
) -> Model:
    return Model(write(path / "m" / "a.glb", scene, exported.result(scene, of=regions), FormatSettings(most, mesh)))


def nearest_m(points: np.ndarray, to: np.ndarray) -> float:
    return float(np.linalg.norm(points - to, axis=1).min())


@pytest.mark.parametrize("mesh", [False, True])
@pytest.mark.parametrize("pose", [None, exported.pose(), exported.pose(-0.4, (451_234.5, 5_411_876.25, 320.0))])
def test_a_known_point_is_where_it_belongs(tmp_path: Path, pose: np.ndarray | None, mesh: bool) -> None:
    read = model(tmp_path, exported.stored(poses=(pose,)), mesh)
    known = exported.known_point() if pose is None else (pose @ [*exported.known_point(), 1])[:3]
    name = "mesh" if mesh else "points"
    assert nearest_m(read.positions(name), known) < 1e-3
    assert len(read.positions(name)) == exported.WIDTH * exported.HEIGHT
    index = int(np.linalg.norm(read.positions(name) - known, axis=1).argmin())
    u, v = exported.KNOWN_PX
    np.testing.assert_array_equal(read.colours(name)[index], exported.rgb()[v, u])
    ends = read.positions("screen is 0.8 m from cup (nearest)")
    assert min(nearest_m(ends[:1], known), nearest_m(ends[1:], known)) < 1e-3


def test_trimesh_finds_the_known_point_with_y_up_and_z_backward(tmp_path: Path) -> None:
    path = write(tmp_path / "a.glb", exported.stored(), exported.result(exported.stored()), FormatSettings())
    read = trimesh.load(path)
    points = np.asarray(read.geometry["points"].vertices)
    assert nearest_m(points, exported.known_point() * FLIP) < 1e-3
    assert (points[:, 2] < 0).all(), "the scene lies along -z"
    top, bottom = points[:, 1].max(), points[:, 1].min()
    assert top == pytest.approx((49.1 - 0) / 131 * 3, abs=1e-3) and bottom == pytest.approx(-(89 - 49.1) / 131 * 3)
    assert read.metadata["unit"] == "m" and read.metadata["coordinates"] == "camera of frame 1"


def test_no_triangle_joins_screen_and_wall(tmp_path: Path) -> None:
    read = model(tmp_path, exported.stored(), mesh=True)
    z = read.positions("mesh")[:, 2][read.triangles()]
    np.testing.assert_allclose(z.max(axis=1), z.min(axis=1), atol=1e-4)
    counts = dict(zip(*np.unique(z[:, 0].round(3), return_counts=True), strict=True))
    counts = {round(float(level), 3): int(count) for level, count in counts.items()}
    assert counts[1.2] == 2 * 39 * 39 and counts[0.9] == 2 * 19 * 29 and counts[3.0] > 10_000


@pytest.mark.parametrize("most", [50, 700, 3000])
@pytest.mark.parametrize("mesh", [False, True])
def test_never_more_vertices_than_wanted(tmp_path: Path, most: int, mesh: bool) -> None:
    posed = exported.stored(poses=(np.eye(4), exported.pose()))
    count = len(model(tmp_path, posed, mesh, most).positions("mesh" if mesh else "points"))
    assert most / 4 < count <= most


def test_regions_cameras_and_distances_are_nodes_with_names_and_numbers(tmp_path: Path) -> None:
    read = model(tmp_path, exported.stored())
    line = "screen is 0.8 m from cup (nearest)"
    assert set(read.nodes) == {"points", "screen", "cup", "camera 1", line}
    length = float(np.linalg.norm(exported.known_point() - (0.5, 0.25, 0.9)))
    assert read.nodes[line].extras["metres"] == pytest.approx(length)
    assert read.nodes[line].extras["sigma_m"] == pytest.approx(0.1 * length)
    assert read.nodes[line].extras["label"] == f"{length:.3g} ± {0.1 * length:.2g} m"
    for name, z in (("screen", 1.2), ("cup", 0.9)):
        assert read.nodes[name].extras["depth_m"] == pytest.approx(z, abs=1e-4)
        corners = read.positions(name)
        assert read.primitive(name).mode == pygltflib.LINES
        np.testing.assert_allclose(corners[:, 2], z, atol=1e-3)
    # Two pixels of the edge are left out, as in verdicts.
    left, right = (np.array((20, 59)) - 52.3) / 110 * 1.2
    pixel_m = 1.2 / 110
    assert left <= read.positions("screen")[:, 0].min() <= left + 4 * pixel_m
    assert right - 4 * pixel_m <= read.positions("screen")[:, 0].max() <= right
    assert tuple(read.colours("cup")[0]) == region_colours(exported.regions())[1]


def test_the_frustum_shows_the_image_s_corners(tmp_path: Path) -> None:
    corners = np.unique(model(tmp_path, exported.stored()).positions("camera 1").round(6), axis=0)
    assert len(corners) == 5 and (corners == 0).all(axis=1).any()
    pixels = project(corners[corners[:, 2] > 0], exported.CAMERA)
    assert {tuple(pixel) for pixel in pixels.round(2)} == {(-0.5, -0.5), (119.5, -0.5), (-0.5, 89.5), (119.5, 89.5)}


def test_a_box_of_the_model_is_told_from_what_was_measured(tmp_path: Path) -> None:
    claimed = Box3D((0.1, 0.2, 1.5), (0.2, 0.4, 0.6), (0.1, 0.2, 0.3))
    regions = (replace(exported.regions()[0], box_3d=claimed), exported.regions()[1])
    read = model(tmp_path, exported.stored(), regions=regions)
    assert read.nodes["screen (model)"].extras["source"] == "model"
    corners = read.positions("screen (model)")
    assert all(nearest_m(corners, corner) < 1e-5 for corner in claimed.corners_m)
    lengths = np.linalg.norm(np.diff(corners.reshape(-1, 2, 3), axis=1)[:, 0], axis=1)
    np.testing.assert_allclose(sorted(lengths), [0.2] * 4 + [0.4] * 4 + [0.6] * 4, atol=1e-5)


def test_several_posed_frames_share_the_world(tmp_path: Path) -> None:
    poses = (exported.pose(0.2, (0, 0, 1)), exported.pose())
    read = model(tmp_path, exported.stored(poses=poses))
    for pose in poses:
        assert nearest_m(read.positions("points"), (pose @ [*exported.known_point(), 1])[:3]) < 1e-3
    assert {"camera 1", "camera 2", "screen (frame 1)"} <= set(read.nodes)
    assert read.gltf.scenes[0].extras["coordinates"] == "world"


def test_depth_known_up_to_a_factor_gives_no_metres(tmp_path: Path) -> None:
    read = model(tmp_path, exported.stored("scale_invariant"))
    assert read.gltf.scenes[0].extras["unit"] == "unknown"
    for node in read.nodes.values():
        assert not {"metres", "depth_m", "sigma_m"} & set(node.extras or {})
    assert read.nodes["screen is 0.8 m from cup (nearest)"].extras["label"] == "not in metres"


@pytest.mark.parametrize("kind", ["disparity_affine", "depth_affine", None])
@pytest.mark.parametrize("mesh", [False, True])
def test_without_shape_there_is_no_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str | None, mesh: bool
) -> None:
    scene = exported.stored(kind)
    with caplog.at_level(logging.INFO, logger="pipeline"):
        assert write(tmp_path / "a.glb", scene, exported.result(scene), FormatSettings(mesh=mesh)) is None
    assert "no shape" in caplog.text or "is missing" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_single_returns_of_a_scanner_give_points_even_where_a_mesh_is_wanted(tmp_path: Path) -> None:
    scene = exported.stored()
    values, depth = exported.depth_m(), scene.scene.depth[0]
    valid = np.zeros(values.shape, dtype=bool)
    valid[::6, ::4] = True
    scattered = DepthMap(values, valid, "metric", "sensor", "lidar", sampling=Sampling(4, 6, True))
    scene = replace(scene, scene=scene.scene.with_depth((scattered,)))
    assert depth.shape == scattered.shape
    assert "points" in model(tmp_path, scene, mesh=True).nodes


@pytest.mark.parametrize("regions", [(), (Region("out", (500, 500, 600, 600)),), (Region("dot", (30, 30, 30, 30)),)])
def test_results_without_usable_regions_are_written(tmp_path: Path, regions: tuple[Region, ...]) -> None:
    assert {"points", "camera 1"} <= set(model(tmp_path, exported.stored(), regions=regions).nodes)


@pytest.mark.parametrize("label", ["world", "points", "camera 1", "../../etc/passwd", "a\nb\x00c", "\u202e杯子", '"}]'])
def test_every_label_gives_a_node_of_its_own(tmp_path: Path, label: str) -> None:
    twice = tuple(replace(region, label=label) for region in exported.regions())
    read = model(tmp_path, exported.stored(), regions=twice)
    boxes = [node for node in read.gltf.nodes if (node.extras or {}).get("source") == "measured"]
    assert len({node.name for node in boxes}) == 2
    assert all(node.name.isprintable() for node in boxes)
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["a.glb"]


def test_materials_are_unlit_and_no_texture_or_address_is_named(tmp_path: Path) -> None:
    gltf = model(tmp_path, exported.stored(), mesh=True).gltf
    assert gltf.extensionsUsed == ["KHR_materials_unlit"]
    assert [material.extensions for material in gltf.materials] == [{"KHR_materials_unlit": {}}]
    assert not gltf.images and all(buffer.uri is None for buffer in gltf.buffers)
    assert all(primitive.material == 0 for mesh in gltf.meshes for primitive in mesh.primitives)


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    scene = exported.stored(poses=(np.eye(4), exported.pose()))
    files = [write(tmp_path / name, scene, exported.result(scene), FormatSettings(5000)) for name in ("a.glb", "b.glb")]
    assert files[0] is not None and files[1] is not None
    assert files[0].read_bytes() == files[1].read_bytes()


def test_verdicts_on_the_same_points_share_a_line(tmp_path: Path) -> None:
    scene = exported.stored()
    first: Verdict = exported.verdicts()[0]
    result = replace(exported.result(scene), verdicts=(first, first))
    read = Model(write(tmp_path / "a.glb", scene, result, FormatSettings()))
    assert sum("0.8 m" in name for name in read.nodes) == 1


# A turn that takes the axes of the first camera to a world with another axis up.
WORLDS = {
    "y up": np.diag((1.0, -1.0, -1.0)),
    "z up": np.array(((1.0, 0, 0), (0, 0, 1), (0, -1, 0))),
    "x down": np.array(((0.0, 1, 0), (-1, 0, 0), (0, 0, 1))),
}


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_up_in_the_world_is_up_in_the_file(tmp_path: Path, name: str) -> None:
    world = np.eye(4)
    world[:3, :3] = WORLDS[name]
    pose = world @ exported.pose(0.3)
    path = write(
        tmp_path / "a.glb", exported.stored(poses=(pose,)), exported.result(exported.stored()), FormatSettings()
    )
    read = trimesh.load(path)
    points = np.asarray(read.geometry["points"].vertices)
    turn = np.array(read.metadata["to_gltf"]).reshape(3, 3)
    assert np.linalg.det(turn) == pytest.approx(1)
    known = (pose @ [*exported.known_point(), 1])[:3]
    assert nearest_m(points, turn @ known) < 1e-3
    # The wall's upper rows are higher, to the size of their pixels.
    rows = points[np.isclose(points @ (turn @ pose[:3, 2]), (turn @ pose[:3, 2]) @ (turn @ pose[:3, 3]) + 3, atol=1e-3)]
    assert np.ptp(rows[:, 1]) == pytest.approx(89 / 131 * 3, abs=1e-3)
    assert points[: exported.WIDTH, 1].min() > points[-exported.WIDTH :, 1].max(), "the first row is the highest"
