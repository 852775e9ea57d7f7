from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ingest.captures.phone_files import blob_frames, jpeg, png, write_polycam
from ingest.refusals import refused

from pipeline.ingest.captures.polycam import Polycam
from pipeline.ingest.captures.registry import capture_format

FRAMES, _ = blob_frames("portrait", 3)
STAMP = "83000000000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_polycam(tmp_path / "scan", FRAMES)


def test_keyframes_are_as_written_in_the_stored_orientation(folder: Path) -> None:
    assert capture_format(folder) is Polycam
    capture = Polycam(folder)
    assert capture.has_times and capture.times_s == pytest.approx([0, 1 / 30, 2 / 30], abs=1e-5)
    frames = list(capture.frames([0, 2]))
    assert [frame.name for frame in frames] == [f"{STAMP}.jpg", "83000066667.jpg"]
    for frame, given in zip(frames, FRAMES[::2], strict=True):
        assert np.abs(frame.rgb.astype(int) - given.rgb).mean() < 3
        assert frame.depth.values == pytest.approx(given.depth_m, abs=6e-4)
        assert frame.pose == pytest.approx(given.transform * (1, -1, -1, 1))
        assert (frame.camera.fx, frame.camera.cy, frame.camera.height) == (64, 34.5, 72)
        assert frame.world_down.tolist() == [0, -1, 0]


def test_levels_of_confidence_are_low_medium_and_high(folder: Path) -> None:
    levels = np.full((24, 32), 255, np.uint8)
    levels[0, :4] = (0, 54, 127, 255)
    (folder / "keyframes" / "confidence" / f"{STAMP}.png").write_bytes(png(levels))
    (frame,) = Polycam(folder).frames([0])
    assert frame.depth.confidence[0, :4] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1])
    assert frame.depth.valid[0, :4].tolist() == [False, True, True, True]


def test_corrected_keyframes_are_preferred_and_not_mixed_with_others(tmp_path: Path) -> None:
    folder = write_polycam(tmp_path / "scan", FRAMES, corrected=(0, 2))
    camera = folder / "keyframes" / "corrected_cameras" / f"{STAMP}.json"
    values = json.loads(camera.read_text())
    camera.write_text(json.dumps(values | {"t_03": 9.5, "fx": 63}))
    capture = Polycam(folder)
    assert len(capture.times_s) == 2
    (frame,) = capture.frames([0])
    assert frame.pose[0, 3] == 9.5 and frame.camera.fx == 63


def test_images_are_read_as_they_are_stored(folder: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    file = folder / "keyframes" / "images" / f"{STAMP}.jpg"
    Image.fromarray(FRAMES[0].rgb).save(file, exif=exif)
    (frame,) = Polycam(folder).frames([0])
    assert frame.rgb.shape == FRAMES[0].rgb.shape


def test_keyframes_that_lack_a_file_are_left_out(folder: Path) -> None:
    (folder / "keyframes" / "depth" / f"{STAMP}.png").unlink()
    assert len(Polycam(folder).times_s) == 2
    for file in (folder / "keyframes" / "confidence").iterdir():
        file.unlink()
    (frame,) = Polycam(folder).frames([0])
    assert frame.depth.confidence is None


def test_files_that_are_not_named_by_time_are_in_natural_order(tmp_path: Path) -> None:
    folder = write_polycam(tmp_path / "scan", FRAMES)
    for part in ("images", "cameras", "depth", "confidence"):
        files = sorted((folder / "keyframes" / part).iterdir())
        for name, file in zip(("frame_2", "frame_9", "frame_10"), files, strict=True):
            file.rename(file.with_name(name + file.suffix))
    capture = Polycam(folder)
    assert not capture.has_times and list(capture.times_s) == [0, 1, 2]
    assert [frame.name for frame in capture.frames([0, 1, 2])] == ["frame_2.jpg", "frame_9.jpg", "frame_10.jpg"]


@pytest.mark.parametrize("part", ["images", "cameras", "depth"])
def test_an_export_without_keyframes_is_refused(folder: Path, part: str) -> None:
    for file in (folder / "keyframes" / part).iterdir():
        file.unlink()
    refused("no keyframe with", Polycam, folder)


@pytest.mark.parametrize(
    "change, words",
    [
        (None, "no 't_12'"),
        ({"fx": 0, "fy": 0}, "focal lengths must be positive"),
        ({"fx": "64"}, "finite numbers"),
        ({"t_00": float("nan")}, "finite numbers"),
        ({"t_03": 10**400}, "finite numbers"),
        ({"t_00": 3}, "not a rotation"),
        ({"t_02": {}}, "finite numbers"),
        ({"width": 0}, "whole number of pixels"),
        ({"width": 96.5}, "whole number of pixels"),
        ({"width": 72, "height": 96, "cx": 36, "cy": 48}, "is for 72 x 96 px, its image has 96 x 72 px"),
        ({"cx": 480}, "far from the middle"),
    ],
)
def test_a_camera_that_is_none_is_refused(folder: Path, change: dict[str, object] | None, words: str) -> None:
    file = folder / "keyframes" / "cameras" / f"{STAMP}.json"
    values = json.loads(file.read_text())
    if change is None:
        del values["t_12"]
    file.write_text(json.dumps(values | (change or {})))
    assert file.name in refused(words, lambda: list(Polycam(folder).frames([0])))


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("cameras/{}.json", b"", "empty file"),
        ("cameras/{}.json", b"[1]", "must hold a JSON object"),
        ("cameras/{}.json", b'{"fx": ', "cannot be read as a camera"),
        ("images/{}.jpg", b"", "empty file"),
        ("images/{}.jpg", jpeg(FRAMES[0].rgb)[:300], "cannot be read as an image"),
        ("depth/{}.png", png(np.full((32, 24), 900, np.uint16)), "another shape than its image"),
        ("depth/{}.png", png(np.full((24, 32), 900, np.uint16))[:60], "cannot be read"),
        ("confidence/{}.png", png(np.full((12, 16), 255, np.uint8)), "16 x 12 px, its depth 32 x 24"),
        ("confidence/{}.png", b"\0" * 50, "not an image"),
    ],
)
def test_what_is_damaged_or_hostile_is_refused(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / "keyframes" / name.format(STAMP)).write_bytes(content)
    refused(words, lambda: list(Polycam(folder).frames([0])))
