from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest.captures.kinect_recordings import calibration, write

from pipeline.ingest.captures.finish import finished
from pipeline.ingest.captures.kinect_mkv import KinectRecording
from pipeline.ingest.captures.registry import capture_format
from pipeline.ingest.source import FileSource
from pipeline.records.errors import InputError

WIDTH, HEIGHT = 1280, 720


def colours(count: int = 3) -> list[np.ndarray]:
    """Grey 40, 60, 80 with a bright top left corner."""
    images = [np.full((HEIGHT, WIDTH, 3), 40 + 20 * index, np.uint8) for index in range(count)]
    for one in images:
        one[:160, :320] = 250
    return images


def depths(count: int = 3) -> list[np.ndarray]:
    """A plane at 1000, 1100, 1200 mm with a hole at the top left."""
    maps = [np.full((288, 320), 1000 + 100 * index, np.uint16) for index in range(count)]
    for one in maps:
        one[:48, :64] = 0
    return maps


@pytest.mark.parametrize("codec", [("mjpeg", "yuvj420p"), ("rawvideo", "nv12"), ("libx264", "yuv420p")])
def test_frames_come_back_as_they_were_recorded(tmp_path: Path, codec: tuple[str, str]) -> None:
    path = write(tmp_path / "a.mkv", colours(), depths(), codec=codec)
    assert capture_format(path) is KinectRecording
    recording = KinectRecording(path)
    assert recording.times_s == pytest.approx([0, 0.1, 0.2])
    frames = list(recording.frames([0, 2]))
    assert [frame.name for frame in frames] == ["a.mkv at 0.00 s", "a.mkv at 0.20 s"]
    for frame, index in zip(frames, (0, 2), strict=True):
        assert frame.rgb.shape == (HEIGHT, WIDTH, 3)
        assert abs(int(frame.rgb[600, 900, 0]) - (40 + 20 * index)) < 8 and frame.rgb[60, 60, 1] > 230
        assert frame.depth is not None and frame.depth.shape == (288, 320)
        assert frame.depth.values[200, 200] == pytest.approx((1000 + 100 * index) / 1000)
        assert not frame.depth.valid[20, 20] and frame.depth.valid[20, 100]
        assert (frame.depth.kind, frame.depth.scale_source) == ("metric", "sensor")
        assert frame.camera is not None and frame.camera.fx == pytest.approx(0.47796512 * WIDTH)
        assert frame.depth_camera is not None and frame.depth_camera.fx == pytest.approx(0.49278089 * 512)
        assert frame.depth_to_image[:3, 3] == pytest.approx((-0.032, -0.002, 0.004))


def test_depth_is_moved_into_the_view_of_the_image(tmp_path: Path) -> None:
    (frame,) = KinectRecording(write(tmp_path / "a.mkv", colours(1), depths(1))).frames([0])
    done = finished(frame)
    assert [note.code for note in done.notes] == ["depth_registered"]
    assert done.depth is not None and done.depth.values[done.depth.valid] == pytest.approx(1.004, abs=1e-5)


@pytest.mark.parametrize(
    ("delay_ns", "depth_times_ms", "expected"),
    [
        ("0", (0, 100, 200), [0, 1, 2]),
        # Depth is taken 100 ms after colour: the image at 0 belongs to the depth at 100 ms.
        ("100000000", (0, 100, 200), [1, 2]),
        ("-100000000", (0, 100, 200), [0, 1]),
        ("much", (0, 100, 200), [0, 1, 2]),
        ("0", (0, 160, 210), [0, 2]),
    ],
)
def test_images_and_depth_are_paired_by_time(
    tmp_path: Path, delay_ns: str, depth_times_ms: tuple[int, ...], expected: list[int]
) -> None:
    tags = {"K4A_DEPTH_DELAY_NS": delay_ns}
    path = write(tmp_path / "a.mkv", colours(), depths(), tags=tags, depth_times_ms=depth_times_ms)
    recording = KinectRecording(path)
    frames = recording.frames(range(len(recording.times_s)))
    assert [round(frame.depth.values[200, 200] * 10) - 10 for frame in frames] == expected


@pytest.mark.parametrize("path", ["a.mkv", "b.mkv"])
def test_other_matroska_files_stay_videos(tmp_path: Path, video: Callable[..., Path], path: str) -> None:
    assert capture_format(video(path)) is None
    infrared = write(tmp_path / "ir.mkv", colours(1), depths(1), titles=("COLOR", "IR"))
    assert capture_format(infrared) is None
    assert len(list(FileSource(video(path), video_frames=2).items())) == 1


@pytest.mark.parametrize("content", [b"", b"no video", b"\x1a\x45\xdf\xa3" * 9])
def test_what_is_no_matroska_file_is_not_recognised(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mkv").write_bytes(content)
    assert not KinectRecording.recognises(tmp_path / "a.mkv")
    assert not KinectRecording.recognises(tmp_path / "none.mkv")


def small(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"content": b" "}, r"calibration\.json is damaged"),
        ({"content": small(calibration(shift=("a", 0, 0)))}, r"calibration\.json is damaged"),
        ({"content": b" " * 2_000_000}, "calibration of 2000000 bytes"),
        ({"depth_times_ms": (5000, 5100, 5200)}, "no image with depth at its time"),
    ],
)
def test_recordings_that_cannot_be_placed_are_refused(tmp_path: Path, how: dict[str, Any], words: str) -> None:
    path = write(tmp_path / "a.mkv", colours(), depths(), **how)
    with pytest.raises(InputError, match=words) as caught:
        KinectRecording(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_recording_without_calibration_or_colour_is_told(tmp_path: Path) -> None:
    with_none = write(tmp_path / "a.mkv", colours(1), depths(1))
    data = with_none.read_bytes().replace(b"calibration.json", b"holiday-foto.txt")
    with_none.write_bytes(data)
    with pytest.raises(InputError, match=r"has no calibration\.json"):
        KinectRecording(with_none)
    with pytest.raises(InputError, match="no colour track"):
        KinectRecording(write(tmp_path / "b.mkv", [], depths(1)))


def test_a_size_of_no_mode_is_refused(tmp_path: Path) -> None:
    other = [np.full((480, 640), 900, np.uint16)]
    with pytest.raises(InputError, match="640 x 480 px, which no mode of the camera has"):
        KinectRecording(write(tmp_path / "a.mkv", colours(1), other))


def test_every_cut_gives_frames_or_one_sentence(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mkv", colours(4), depths(4)).read_bytes()
    for share in range(1, 16):
        path = tmp_path / f"{share}.mkv"
        path.write_bytes(whole[: len(whole) * share // 16])
        try:
            frames = list(KinectRecording(path).frames([0]))
        except InputError as error:
            assert "\n" not in str(error) and path.name in str(error)
        else:
            assert frames[0].depth is not None and frames[0].depth.values[200, 200] == pytest.approx(1)


def test_noise_in_the_file_gives_frames_or_one_sentence(tmp_path: Path) -> None:
    whole = np.frombuffer(write(tmp_path / "a.mkv", colours(2), depths(2)).read_bytes(), np.uint8)
    rng = np.random.default_rng(4)
    for number in range(20):
        noisy = whole.copy()
        noisy[rng.integers(0, 4000 if number % 2 else len(whole), 30)] = rng.integers(0, 256, 30)
        path = tmp_path / f"{number}.mkv"
        path.write_bytes(noisy.tobytes())
        try:
            recording = KinectRecording(path)
            list(recording.frames(range(len(recording.times_s))))
        except InputError as error:
            assert "\n" not in str(error) and path.name in str(error)


def test_a_file_source_reads_the_whole_way(tmp_path: Path) -> None:
    path = write(tmp_path / "desk.mkv", colours(5), depths(5))
    source = FileSource(path, question="Is the cup left of the plate?", video_frames=3)
    (item,) = source.items()
    scene = source.scene(item)
    assert [frame.timestamp_s for frame in scene.frames] == pytest.approx([0, 0.2, 0.4])
    for frame, index in zip(scene.frames, (0, 2, 4), strict=True):
        depth = frame.given_depth
        assert depth.values.shape == frame.rgb.shape[:2]
        assert depth.values[depth.valid] == pytest.approx(1.004 + 0.1 * index, abs=1e-5)
        assert depth.sampling.width_px > 1, "values that were enlarged are no more measurements"
