from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ingest.captures.phone_files import blob_frames, png, write_stray
from ingest.refusals import refused

from pipeline.ingest.build import build_scene
from pipeline.ingest.captures.registry import capture_format
from pipeline.ingest.captures.stray_scanner import StrayScanner
from pipeline.ingest.item import Item

FRAMES, _ = blob_frames("portrait", 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_stray(tmp_path / "scan", FRAMES)


def test_frames_are_as_written_in_the_stored_orientation(folder: Path) -> None:
    assert capture_format(folder) is StrayScanner
    capture = StrayScanner(folder)
    assert capture.has_times and capture.times_s == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30], abs=1e-6)
    first, last = capture.frames([0, 3])
    assert (first.name, last.name) == ("scan frame 0", "scan frame 3")
    for frame, given in ((first, FRAMES[0]), (last, FRAMES[3])):
        assert frame.rgb.shape == given.rgb.shape and np.abs(frame.rgb.astype(int) - given.rgb).mean() < 3
        assert frame.depth.values == pytest.approx(given.depth_m, abs=6e-4)
        assert frame.pose == pytest.approx(given.transform * (1, -1, -1, 1), abs=1e-6)
        assert (frame.camera.fx, frame.camera.cx, frame.camera.width) == (64, 48.5, 96)
        assert frame.world_down.tolist() == [0, -1, 0]


@pytest.mark.parametrize(
    "options", [{"lens_columns": False}, {"npy": True}, {"first_pts": -1}, {"rotation_deg": -90}], ids=str
)
def test_older_and_newer_versions_are_read(tmp_path: Path, options: dict[str, object]) -> None:
    folder = write_stray(tmp_path / "scan", FRAMES, **options)
    (frame,) = StrayScanner(folder).frames([1])
    assert np.abs(frame.rgb.astype(int) - FRAMES[1].rgb).mean() < 3
    assert frame.depth.values == pytest.approx(FRAMES[1].depth_m, abs=6e-4)
    assert (frame.camera.fy, frame.camera.cy) == (64, 34.5)


def test_rows_have_their_own_lens(folder: Path) -> None:
    table = folder / "odometry.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:2], lines[2].replace("64.0, 64.0, 49.0, 35.0", "65.0, 66.0, 50.0, 36.0")]))
    first, second = StrayScanner(folder).frames([0, 1])
    assert (first.camera.fx, second.camera.fx, second.camera.fy, second.camera.cx) == (64, 65, 66, 49.5)


def test_rows_may_stand_in_any_order(folder: Path) -> None:
    table = folder / "odometry.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(rows)]))
    names = [frame.name for frame in StrayScanner(folder).frames([0, 1, 2, 3])]
    assert names == [f"scan frame {number}" for number in range(4)]


def test_frames_that_lack_a_file_are_left_out(folder: Path) -> None:
    (folder / "depth" / "000001.png").unlink()
    capture = StrayScanner(folder)
    assert [frame.name for frame in capture.frames([0, 1, 2])] == ["scan frame 0", "scan frame 2", "scan frame 3"]
    assert capture.times_s == pytest.approx([0, 2 / 30, 3 / 30], abs=1e-6)
    (folder / "confidence" / "000000.png").unlink()
    assert [frame.name for frame in StrayScanner(folder).frames([0, 1])] == ["scan frame 2", "scan frame 3"]
    table = folder / "odometry.csv"
    table.write_text(table.read_text() + table.read_text().splitlines()[-1].replace("000003", "000004"))
    (folder / "depth" / "000004.png").write_bytes((folder / "depth" / "000003.png").read_bytes())
    (folder / "confidence" / "000004.png").write_bytes((folder / "confidence" / "000003.png").read_bytes())
    assert len(StrayScanner(folder).times_s) == 2, "the video has no image of frame 4"


def test_a_recording_without_any_confidence_has_none(folder: Path) -> None:
    for file in (folder / "confidence").iterdir():
        file.unlink()
    (frame,) = StrayScanner(folder).frames([0])
    assert frame.depth.confidence is None


def test_other_folders_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "rgb.mp4").write_bytes(b"x")
    assert not StrayScanner.recognises(tmp_path)
    assert not StrayScanner.recognises(tmp_path / "rgb.mp4")


def edited(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(change((folder / name).read_text())) and None


def replaced(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


@pytest.mark.parametrize(
    "change, words",
    [
        (replaced("odometry.csv", b""), "empty file"),
        (replaced("odometry.csv", b"\n"), "no column 'timestamp'"),
        (replaced("odometry.csv", b"\xff\xfe\0"), "cannot be read as a table of poses"),
        (edited("odometry.csv", lambda text: text.replace(" qw", " w")), "no column 'qw'"),
        (edited("odometry.csv", lambda text: text.splitlines()[0]), "cut off"),
        (edited("odometry.csv", lambda text: text[:-90]), "cut off|finite numbers"),
        (edited("odometry.csv", lambda text: text.replace("000002", "two")), "finite numbers"),
        (edited("odometry.csv", lambda text: text.replace("000002", "000001")), "every frame once"),
        (edited("odometry.csv", lambda text: text.replace("000002", "-1")), "every frame once"),
        (edited("odometry.csv", lambda text: text.replace("000002", "1.5")), "every frame once"),
        (edited("odometry.csv", lambda text: text.replace("7000.0,", "9000.0,")), "do not ascend"),
        (edited("odometry.csv", lambda text: text.replace(" 1.3,", " nan,")), "finite numbers"),
        (edited("odometry.csv", lambda text: text.replace(" 1.3,", " 1e999,")), "finite numbers"),
        (edited("odometry.csv", lambda text: text.replace(" 64.0, 64.0,", " 0, 0,")), "focal lengths must be positive"),
        (edited("odometry.csv", lambda text: text.replace(" 49.0, 35.0,", " 98, 70,")), "far from the middle"),
        (edited("odometry.csv", lambda text: text.replace(" 0000", " 9990000")), "no frame with an image"),
        (replaced("rgb.mp4", b""), "empty file"),
        (replaced("rgb.mp4", b"not a video"), "cannot be read as a video"),
        (replaced("depth/000000.png", b""), "empty file"),
        (replaced("depth/000000.png", b"\x89PNG\r\n\x1a\n"), "not an image"),
        (replaced("depth/000000.png", png(np.full((32, 24), 900, np.uint16))), "24 x 32 px, another shape than its im"),
        (replaced("depth/000000.png", png(np.zeros((24, 32), np.uint16))), "no pixel with valid depth"),
        (replaced("depth/000000.png", png(np.zeros((24, 32, 3), np.uint8))), "has mode RGB"),
        (
            replaced("confidence/000000.png", png(np.ones((48, 64), np.uint8))),
            "confidence .* has 64 x 48 px, its depth",
        ),
        (replaced("confidence/000000.png", png(np.full((24, 32), 255, np.uint8))), "levels other than"),
        (replaced("confidence/000000.png", png(np.ones((24, 32), np.uint16))), "not one number of 8 bits"),
        (replaced("confidence/000000.png", b"junk"), "not an image"),
    ],
)
def test_what_is_damaged_or_hostile_is_refused(folder: Path, change: Callable[[Path], None], words: str) -> None:
    change(folder)
    assert str(folder) in refused(words, lambda: list(StrayScanner(folder).frames([0])))


@pytest.mark.parametrize(
    "content", ["", "1 2 3", "64, 0, 49\n0, 64, 35", "a, b, c\n" * 3, "nan, 0, 49\n0, 64, 35\n0, 0, 1"]
)
def test_a_camera_matrix_must_be_one(tmp_path: Path, content: str) -> None:
    folder = write_stray(tmp_path / "scan", FRAMES, lens_columns=False)
    (folder / "camera_matrix.csv").write_text(content)
    refused("empty file|3 x 3 finite numbers", lambda: list(StrayScanner(folder).frames([0])))
    (folder / "camera_matrix.csv").unlink()
    refused("does not exist", lambda: list(StrayScanner(folder).frames([0])))


def test_a_note_says_how_many_frames_were_left_out(folder: Path) -> None:
    (folder / "depth" / "000001.png").unlink()
    assert StrayScanner(folder).left_out == 1
    scene = build_scene(Item("scan", [folder]))
    assert [frame.name for frame in scene.frames] == ["scan frame 0", "scan frame 2", "scan frame 3"]
    (note,) = [note for note in scene.notes if note.code == "frames_left_out"]
    assert note.values == {"left": 1, "count": 4}
