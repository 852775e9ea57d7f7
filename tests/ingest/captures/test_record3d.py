from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest.captures.phone_files import blob_frames, jpeg, record3d_parts, write_folder, write_r3d
from ingest.refusals import refused

from pipeline.ingest.captures.record3d import Record3D
from pipeline.ingest.captures.registry import capture_format

lzfse = pytest.importorskip("lzfse")
FRAMES, _ = blob_frames("portrait", 3)
PARTS = record3d_parts(FRAMES)
METADATA = json.loads(PARTS["metadata"])


def with_metadata(**changes: Any) -> dict[str, bytes]:
    """The parts with other values in the metadata; None removes one."""
    values = {key: value for key, value in (METADATA | changes).items() if value is not None}
    return PARTS | {"metadata": json.dumps(values).encode()}


@pytest.mark.parametrize("write", [write_r3d, write_folder])
def test_frames_are_as_written_in_the_stored_orientation(tmp_path: Path, write: Callable[..., Path]) -> None:
    path = write(tmp_path / "a.r3d", PARTS)
    assert capture_format(path) is Record3D
    capture = Record3D(path)
    assert capture.has_times and capture.times_s == pytest.approx([0, 1 / 30, 2 / 30])
    frames = list(capture.frames([0, 2]))
    assert [frame.name for frame in frames] == ["a.r3d frame 0", "a.r3d frame 2"]
    for frame, given in zip(frames, FRAMES[::2], strict=True):
        assert np.abs(frame.rgb.astype(int) - np.rot90(given.rgb, -1)).mean() < 3
        assert frame.depth.values == pytest.approx(np.rot90(given.depth_m, -1), abs=1e-5)
        assert (frame.depth.confidence == 1).all()
        assert (frame.camera.fx, frame.camera.cx, frame.camera.cy) == (64, 72 - 35 - 0.5, 48.5)
        # The portrait image's x axis is the sensor's y axis.
        assert frame.pose[:3, 0] == pytest.approx(given.transform[:3, 1], abs=1e-6)
        assert frame.pose[:3, 2] == pytest.approx(-given.transform[:3, 2], abs=1e-6)
        assert frame.world_down.tolist() == [0, -1, 0]


def test_without_its_first_pose_nothing_is_known_of_gravity(tmp_path: Path) -> None:
    for start in (None, [0, 0, 0, 1, 0, 0, 0]):
        (frame,) = Record3D(write_r3d(tmp_path / "a.r3d", with_metadata(initPose=start))).frames([0])
        assert frame.world_down is None
        assert frame.pose == pytest.approx(np.diag((1, -1, -1, 1)), abs=1e-6)


def test_poses_in_the_world_tell_gravity_without_a_first_pose(tmp_path: Path) -> None:
    path = write_r3d(tmp_path / "a.r3d", record3d_parts(FRAMES, relative=False))
    (frame,) = Record3D(path).frames([1])
    assert frame.world_down.tolist() == [0, -1, 0]
    assert frame.pose[:3, 3] == pytest.approx(FRAMES[1].transform[:3, 3])


def test_a_recording_of_the_front_camera_has_no_poses(tmp_path: Path) -> None:
    path = write_r3d(tmp_path / "a.r3d", with_metadata(poses=[[0, 0, 0, 1, 0, 0, 0]] * 3))
    (frame,) = Record3D(path).frames([1])
    assert frame.pose is None and frame.world_down is None


def test_the_lens_of_a_frame_is_preferred_to_that_of_the_first(tmp_path: Path) -> None:
    lenses = [[64, 64, 37, 49], [65, 66, 38, 50], [64, 64, 37, 49]]
    (frame,) = Record3D(write_r3d(tmp_path / "a.r3d", with_metadata(perFrameIntrinsicCoeffs=lenses))).frames([1])
    assert (frame.camera.fx, frame.camera.fy, frame.camera.cx, frame.camera.cy) == (65, 66, 37.5, 49.5)
    for each in (None, [], lenses[:2]):
        path = write_r3d(
            tmp_path / "a.r3d", with_metadata(perFrameIntrinsicCoeffs=each, K=[60, 0, 0, 0, 61, 0, 36, 48, 1])
        )
        (frame,) = Record3D(path).frames([1])
        assert (frame.camera.fx, frame.camera.fy, frame.camera.cx, frame.camera.cy) == (60, 61, 35.5, 47.5)


def test_times_come_from_stamps_or_from_the_rate(tmp_path: Path) -> None:
    for stamps in (None, [0.5, 0.1, 0.2], [0.5]):
        path = write_r3d(tmp_path / "a.r3d", with_metadata(frameTimestamps=stamps, fps=60))
        assert Record3D(path).times_s == pytest.approx([0, 1 / 60, 2 / 60])


def test_older_versions_do_not_name_the_size_of_depth(tmp_path: Path) -> None:
    depth = lzfse.compress(np.full((256, 192), 1.5, "<f4").tobytes())
    parts = with_metadata(dw=None, dh=None) | {"rgbd/0.depth": depth, "rgbd/0.conf": lzfse.compress(bytes(256 * 192))}
    (frame,) = Record3D(write_r3d(tmp_path / "a.r3d", parts)).frames([0])
    assert frame.depth.shape == (256, 192)


def test_frames_that_lack_a_file_are_left_out(tmp_path: Path) -> None:
    parts = {name: data for name, data in PARTS.items() if name != "rgbd/0.depth"}
    capture = Record3D(write_r3d(tmp_path / "a.r3d", parts))
    assert capture.times_s == pytest.approx([0, 1 / 30])
    assert [frame.name for frame in capture.frames([0])] == ["a.r3d frame 1"]
    parts = {name: data for name, data in PARTS.items() if not name.endswith(".conf")}
    (frame,) = Record3D(write_r3d(tmp_path / "b.r3d", parts)).frames([0])
    assert frame.depth.confidence is None


def test_depth_that_is_not_a_number_is_not_valid(tmp_path: Path) -> None:
    depth = np.rot90(FRAMES[0].depth_m, -1).astype("<f4").copy()
    depth[0, :3] = (np.nan, np.inf, 0)
    parts = PARTS | {"rgbd/0.depth": lzfse.compress(depth.tobytes())}
    (frame,) = Record3D(write_r3d(tmp_path / "a.r3d", parts)).frames([0])
    assert not frame.depth.valid[0, :3].any() and frame.depth.valid[1:].all()


def test_only_archives_and_their_folders_are_recognised(tmp_path: Path) -> None:
    # Cameras of RED write .R3D too.
    (tmp_path / "red.R3D").write_bytes(b"\0\0\1\0RED2")
    (tmp_path / "empty.r3d").write_bytes(b"")
    (tmp_path / "metadata").write_text("{}")
    assert not any(map(Record3D.recognises, (tmp_path, tmp_path / "red.R3D", tmp_path / "empty.r3d", tmp_path / "no")))
    assert capture_format(tmp_path / "red.R3D") is None


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"poses": None}, "has no 'poses'"),
        ({"K": None}, "has no 'K'"),
        ({"w": None}, "has no 'w'"),
        ({"poses": []}, "finite numbers|no poses"),
        ({"poses": 10**9}, "poses must be N x 7 finite numbers"),
        ({"poses": [[0, 0, 0, 1, 0, 0]]}, "N x 7"),
        ({"poses": [["0"] * 7] * 3}, "N x 7"),
        ({"poses": [[float("nan")] * 7] * 3}, "N x 7"),
        ({"poses": [[0, 0, 0, 0, 0, 0, 0]] * 3}, "unit quaternion"),
        ({"initPose": [0, 0, 0, 0, 0, 0, 0]}, "initPose has a pose that is not a unit quaternion"),
        ({"initPose": "none"}, "initPose must be 7"),
        ({"K": [0] * 9, "perFrameIntrinsicCoeffs": None}, "focal lengths must be positive"),
        ({"K": [[1, 2]], "perFrameIntrinsicCoeffs": None}, "K must be 9 finite numbers"),
        ({"perFrameIntrinsicCoeffs": {"a": 1}}, "N x 4"),
        ({"perFrameIntrinsicCoeffs": [[64, 64, 370, 490]] * 3}, "far from the middle"),
        ({"w": "72"}, "w and h must be 2 finite numbers"),
        ({"w": 0}, "whole numbers of pixels"),
        ({"dw": 10**9, "dh": 10**9}, "dw and dh must be whole numbers"),
        ({"dw": 24.5}, "whole numbers"),
        ({"dw": 25}, "does not decompress to 3200 bytes"),
        ({"dw": 32, "dh": 24}, "32 x 24 px, another shape than its image of 72 x 96 px"),
        (
            {"w": 96, "h": 72, "perFrameIntrinsicCoeffs": None, "K": [64, 0, 0, 0, 64, 0, 48, 36, 1]},
            "metadata say 96 x 72",
        ),
        ({"frameTimestamps": None, "fps": 0}, "fps must be a rate"),
        ({"frameTimestamps": None, "fps": 1e-300}, "fps must be a rate"),
        ({"frameTimestamps": None, "fps": "fast"}, "fps must be 1 finite"),
        ({"frameTimestamps": "now"}, "frameTimestamps must be N finite"),
    ],
)
def test_metadata_that_make_no_sense_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = write_r3d(tmp_path / "a.r3d", with_metadata(**changes))
    refused(words, lambda: list(Record3D(path).frames([0])))


@pytest.mark.parametrize("write", [write_r3d, write_folder])
@pytest.mark.parametrize(
    "name, content, words",
    [
        ("metadata", b"", "empty file|cannot be read as metadata"),
        ("metadata", b"[]", "must hold a JSON object"),
        ("metadata", b"{" * 50_000, "cannot be read as metadata"),
        ("rgbd/0.jpg", b"", "empty file|as an image"),
        ("rgbd/0.jpg", jpeg(FRAMES[0].rgb)[:400], "as an image"),
        ("rgbd/0.jpg", jpeg(FRAMES[0].rgb), "image of frame 0 of .* has 96 x 72 px"),
        ("rgbd/0.depth", b"", "empty file|is damaged"),
        ("rgbd/0.depth", PARTS["rgbd/0.depth"][:-9], "rgbd/0.depth of .* is damaged"),
        ("rgbd/0.depth", lzfse.compress(bytes(10**6)), "is damaged"),
        ("rgbd/0.depth", bytes(10**6), "has 1000000 bytes, more than"),
        ("rgbd/0.conf", lzfse.compress(bytes(6 * 8)), "rgbd/0.conf of .* does not decompress to 768 bytes"),
        ("rgbd/0.conf", lzfse.compress(b"\x09" * 768), "levels other than"),
    ],
)
def test_what_is_damaged_or_hostile_is_refused(
    tmp_path: Path, write: Callable[..., Path], name: str, content: bytes, words: str
) -> None:
    path = write(tmp_path / "a.r3d", PARTS | {name: content})
    assert "a.r3d" in refused(words, lambda: list(Record3D(path).frames([0])))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "rgbd/../../evil", "rgbd\\..\\evil"])
def test_an_archive_with_files_that_leave_it_is_refused(tmp_path: Path, name: str) -> None:
    path = write_r3d(tmp_path / "a.r3d", PARTS | {name: b"x"})
    refused("leads out of it", Record3D, path)


def test_a_folder_with_links_that_leave_it_is_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "a", PARTS)
    (tmp_path / "secret").write_bytes(PARTS["rgbd/0.depth"])
    (path / "rgbd" / "0.depth").unlink()
    os.symlink(tmp_path / "secret", path / "rgbd" / "0.depth")
    refused("outside of", lambda: list(Record3D(path).frames([0])))


@pytest.mark.parametrize("cut", [2, 100, -30])
def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_r3d(tmp_path / "a.r3d", PARTS)
    path.write_bytes(path.read_bytes()[:cut])
    assert Record3D.recognises(path)
    refused("cannot be read as a recording of Record3D", Record3D, path)


def test_an_archive_bomb_is_refused_without_unpacking_it(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "a.r3d"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in PARTS.items():
            archive.writestr(name, data if name != "rgbd/0.depth" else bytes(50_000_000))
    refused("has 50000000 bytes, more than", lambda: list(Record3D(path).frames([0])))


def test_an_archive_without_metadata_or_frames_is_refused(tmp_path: Path) -> None:
    refused("has no file 'metadata'", Record3D, write_r3d(tmp_path / "a.r3d", {"x": b"y"}))
    refused("no frame with", Record3D, write_r3d(tmp_path / "b.r3d", {"metadata": PARTS["metadata"]}))
