from __future__ import annotations

import io
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
from PIL import Image

from pipeline.export.formats import FormatSettings
from pipeline.export.rrd import write
from pipeline.export.stored_scene import StoredScene
from pipeline.geometry.backprojection import project
from pipeline.records import Box3D, DepthMap, Region
from pipeline.records.errors import DependencyError

chunk = pytest.importorskip("rerun.chunk")


class Recording:
    """A recording as rerun's own reader sees it."""

    def __init__(self, path: Path | None) -> None:
        assert path is not None
        reader = chunk.RrdReader(path)
        (self.about,) = reader.recordings()
        self.blueprints = reader.blueprints()
        self.rows: dict[str, list[dict[str, Any]]] = {}
        for part in reader.stream():
            self.rows.setdefault(part.entity_path, []).extend(part.to_record_batch().to_pylist())

    def value(self, entity: str, component: str, frame: int | None = None) -> Any:
        """All instances of a component, at a frame or of all times."""
        found = [
            row[component]
            for row in self.rows[f"/{entity}"]
            if row.get(component) is not None and (frame is None or row["frame"] == frame)
        ]
        assert len(found) == 1, (entity, component, len(found))
        return found[0]

    def points(self, entity: str, frame: int | None = None) -> np.ndarray:
        return np.array(self.value(entity, "Points3D:positions", frame), dtype=np.float64)

    def matrix(self, entity: str, component: str, frame: int = 0) -> np.ndarray:
        """A matrix, which rerun stores column by column."""
        return np.array(self.value(entity, component, frame)[0], dtype=np.float64).reshape(3, 3).T


def recording(
    folder: Path, scene: StoredScene, regions: tuple[Region, ...] | None = None, most: int = 100_000
) -> Recording:
    return Recording(write(folder / "r" / "a.rrd", scene, exported.result(scene, of=regions), FormatSettings(most)))


def nearest_m(points: np.ndarray, to: np.ndarray) -> float:
    return float(np.linalg.norm(points - to, axis=1).min())


@pytest.mark.parametrize("pose", [None, exported.pose(), exported.pose(-0.4, (451_234.5, 5_411_876.25, 320.0))])
def test_a_known_point_is_where_it_belongs_in_space_and_in_the_image(tmp_path: Path, pose: np.ndarray | None) -> None:
    read = recording(tmp_path, exported.stored(poses=(pose,)))
    origin = np.array(read.value("__properties/theodolite", "origin"))
    known = exported.known_point() if pose is None else (pose @ [*exported.known_point(), 1])[:3]
    points = read.points("world/points")
    assert len(points) == exported.WIDTH * exported.HEIGHT
    assert nearest_m(points + origin, known) < 1e-3
    ends = np.array(read.value("world/distances", "LineStrips3D:strips")[0]) + origin
    assert nearest_m(ends, known) < 1e-3
    # By what the recording says of the camera, the point lies at the middle of its pixel.
    place = np.array(read.value("world/camera", "Transform3D:translation", 0)[0]) + origin
    local = (known - place) @ read.matrix("world/camera", "Transform3D:mat3x3")
    u, v, w = read.matrix("world/camera/image", "Pinhole:image_from_camera") @ local
    np.testing.assert_allclose((u / w - 0.5, v / w - 0.5), exported.KNOWN_PX, atol=0.01)
    index = int(np.linalg.norm(points + origin - known, axis=1).argmin())
    colour = read.value("world/points", "Points3D:colors")[index]
    column, row = exported.KNOWN_PX
    assert tuple(colour.to_bytes(4, "big")[:3]) == tuple(exported.rgb()[row, column])


def test_photo_depth_and_boxes_are_those_of_the_result(tmp_path: Path) -> None:
    read = recording(tmp_path, exported.stored())
    photo = Image.open(io.BytesIO(bytes(read.value("world/camera/image", "EncodedImage:blob")[0])))
    assert np.abs(np.asarray(photo).astype(int) - exported.rgb()).max() < 16
    levels = np.asarray(Image.open(io.BytesIO(bytes(read.value("depth", "EncodedDepthImage:blob")[0]))))
    (per_metre,) = read.value("depth", "EncodedDepthImage:meter")
    np.testing.assert_allclose(levels / per_metre, exported.depth_m(), atol=1e-3)
    entity = "world/camera/image/regions"
    centres, halves = (np.array(read.value(entity, f"Boxes2D:{name}")) for name in ("centers", "half_sizes"))
    np.testing.assert_allclose(np.concatenate((centres - halves, centres + halves), axis=1)[:, :4], [
        exported.SCREEN_BOX, exported.CUP_BOX,
    ])  # fmt: skip
    assert read.value(entity, "Boxes2D:labels") == ["screen 1.2 ± 0.013 m", "cup 0.9 ± 0.0095 m"]
    text = read.value("answer", "TextDocument:text")[0]
    assert "Where is the cup?" in text and "screen is 0.8 m from cup: supported" in text


@pytest.mark.parametrize("pose", [None, exported.pose()])
def test_boxes_in_space_are_turned_as_the_camera(tmp_path: Path, pose: np.ndarray | None) -> None:
    from scipy.spatial.transform import Rotation

    claimed = Box3D((0.1, 0.2, 1.5), (0.2, 0.4, 0.6), (0.1, 0.2, 0.3))
    regions = (replace(exported.regions()[0], box_3d=claimed),)
    read = recording(tmp_path, exported.stored(poses=(pose,)), regions)
    labels = read.value("world/boxes", "Boxes3D:labels")
    assert labels[1] == "screen 1.2 ± 0.013 m (model)"
    centre, half, quaternion = (
        np.array(read.value("world/boxes", f"Boxes3D:{name}")[1]) for name in ("centers", "half_sizes", "quaternions")
    )
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = Rotation.from_quat(quaternion).apply(signs * half) + centre
    wanted = claimed.corners_m if pose is None else claimed.corners_m @ pose[:3, :3].T + pose[:3, 3]
    assert all(nearest_m(corners, corner) < 1e-4 for corner in wanted)


def test_frames_are_moments_of_the_timeline_and_posed_ones_share_the_world(tmp_path: Path) -> None:
    poses = (exported.pose(0.2, (0, 0, 1)), exported.pose())
    read = recording(tmp_path, exported.stored(poses=poses))
    for frame, pose in enumerate(poses):
        points = read.points(f"world/points/frame_{frame}", frame)
        assert nearest_m(points, (pose @ [*exported.known_point(), 1])[:3]) < 1e-3
        np.testing.assert_allclose(read.matrix("world/camera", "Transform3D:mat3x3", frame), pose[:3, :3], atol=1e-6)
    times = [row["time"] for row in read.rows["/world/camera"]]
    assert [time.total_seconds() for time in times] == [0, 0.5]


def test_frames_without_a_common_space_follow_each_other(tmp_path: Path) -> None:
    read = recording(tmp_path, exported.stored(poses=(None, None)), most=3000)
    for frame in range(2):
        points = read.points("world/points", frame)
        assert 1000 < len(points) <= 3000
        assert len(np.unique(project(points, exported.CAMERA).round(), axis=0)) == len(points)
    rows = read.rows["/world/boxes"]
    assert {row["frame"] for row in rows if row.get("Boxes3D:centers")} == {0}, "the second frame has no region"
    assert {row["frame"] for row in rows if row.get("Clear:is_recursive")} == {1}, "and shows none"


def test_a_frame_without_a_place_in_the_world_shows_its_photo_only(tmp_path: Path) -> None:
    read = recording(tmp_path, exported.stored(poses=(exported.pose(), None)))
    assert {row["frame"] for row in read.rows["/world/camera"] if row.get("Transform3D:mat3x3")} == {0}
    assert read.value("world/camera/image", "EncodedImage:blob", 1)
    assert [path for path in read.rows if "points" in path] == ["/world/points"]


@pytest.mark.parametrize("kind, image", [("disparity_affine", "disparity"), ("depth_affine", "depth"), (None, None)])
def test_depth_without_shape_has_no_place_in_space(tmp_path: Path, kind: str | None, image: str | None) -> None:
    read = recording(tmp_path, exported.stored(kind))
    assert not [path for path in read.rows if path.startswith(("/world/points", "/world/boxes", "/world/distances"))]
    assert {path for path in read.rows if "dep" in path or "disp" in path} == ({f"/{image}"} if image else set())
    assert read.value("__properties/theodolite", "unit") == ["unknown"]
    assert read.value("world/camera/image/regions", "Boxes2D:labels") == ["screen", "cup"]


def test_pixels_without_depth_have_the_level_0(tmp_path: Path) -> None:
    values = np.where(exported.depth_m() < 1, 0, exported.depth_m())
    depth = DepthMap(values - 1.5, values > 0, "depth_affine")
    scene = replace(exported.stored("depth_affine"), scene=exported.stored().scene.with_depth((depth,)))
    read = recording(tmp_path, scene)
    levels = np.asarray(Image.open(io.BytesIO(bytes(read.value("depth", "EncodedDepthImage:blob")[0]))))
    np.testing.assert_array_equal(levels > 0, values > 0)


def test_the_version_of_the_software_is_in_the_file(tmp_path: Path) -> None:
    read = recording(tmp_path, exported.stored(item="a\nb"))
    assert read.value("__properties/theodolite", "rerun_sdk") == [version("rerun-sdk")]
    assert read.value("__properties/theodolite", "theodolite") and read.value("__properties", "RecordingInfo:name")
    assert read.about.application_id == "theodolite" and len(read.blueprints) == 1


def test_names_of_recordings_differ_by_item_and_question(tmp_path: Path) -> None:
    scene = exported.stored()
    ids = {
        Recording(
            write(tmp_path / "a.rrd", scene, exported.result(scene, question), FormatSettings())
        ).about.recording_id
        for question in (None, "a", "b")
    }
    assert len(ids) == 3


@pytest.mark.parametrize("label", ["../x", "a\x00b\n", "\u202e桌子", "x" * 5000])
def test_hostile_labels_are_texts(tmp_path: Path, label: str) -> None:
    regions = tuple(replace(region, label=label) for region in exported.regions())
    read = recording(tmp_path, exported.stored(item=label), regions)
    assert len(read.value("world/camera/image/regions", "Boxes2D:labels")) == 2
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["a.rrd"]


def test_results_without_regions_are_written(tmp_path: Path) -> None:
    assert "/world/points" in recording(tmp_path, exported.stored(), ()).rows


def test_without_rerun_the_command_to_install_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.export.formats.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(DependencyError, match=r"pip install 'theodolite\[rerun\]'"):
        recording(tmp_path, exported.stored())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("turned, letters", [(False, "RDF"), (True, "RUB")])
def test_the_axes_of_the_world_say_what_is_up(tmp_path: Path, turned: bool, letters: str) -> None:
    pose = np.diag((1.0, -1.0, -1.0, 1.0)) @ exported.pose(0.2) if turned else exported.pose(0.2)
    names = {"U": 1, "D": 2, "R": 3, "L": 4, "F": 5, "B": 6}
    (axes,) = recording(tmp_path, exported.stored(poses=(pose,))).value("world", "ViewCoordinates:xyz")
    assert list(axes) == [names[letter] for letter in letters]


def test_contours_of_verdicts_are_points_at_the_middle_of_their_pixels(tmp_path: Path) -> None:
    scene = exported.stored(poses=(None, None))
    first = exported.verdicts()[0]
    evidence = replace(first.evidence[0], contour_px=((20.0, 15.0), (21.5, 15.0)))
    result = replace(exported.result(scene), verdicts=(replace(first, evidence=(evidence,)),))
    read = Recording(write(tmp_path / "a.rrd", scene, result, FormatSettings()))
    entity = "world/camera/image/contours"
    np.testing.assert_allclose(read.value(entity, "Points2D:positions", 0), [(20.5, 15.5), (22, 15.5)])
    assert {row["frame"] for row in read.rows[f"/{entity}"] if row.get("Clear:is_recursive") is not None} == {1}
