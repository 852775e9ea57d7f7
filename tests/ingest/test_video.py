from __future__ import annotations

import logging
from fractions import Fraction

import numpy as np
import pytest
from ingest.refusals import refused

from pipeline.ingest.video import read_video


def indices(sampled, step=20):
    return [round((float(rgb[20:, 20:].mean()) - 10) / step) for rgb, _ in sampled]


def times(sampled):
    return [round(time_s, 6) for _, time_s in sampled]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("clip.mp4", "libx264"), ("clip.mkv", "libx264"), ("clip.ts", "libx264"), ("clip.avi", "mpeg4")],
)
def test_a_count_is_spread_evenly_with_the_first_and_the_last_frame(video, name, codec):
    sampled = read_video(video(name, codec=codec), frames=4)
    assert indices(sampled) == [0, 3, 6, 9]
    assert times(sampled) == [0.0, 0.3, 0.6, 0.9]
    assert sampled[0][0].shape == (48, 64, 3)
    assert sampled[0][0].dtype == np.uint8


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"frames": 1}, [0.0]),
        ({"frames": 10}, [index / 10 for index in range(10)]),
        ({"frames": 50}, [index / 10 for index in range(10)]),
        ({"frames": 50, "max_frames": 2}, [0.0, 0.9]),
        ({}, [index / 10 for index in range(10)]),
        ({"rate_hz": 5}, [0.0, 0.2, 0.4, 0.6, 0.8]),
        ({"rate_hz": 100}, [index / 10 for index in range(10)]),
        ({"rate_hz": 0.1}, [0.0]),
        ({"frames": 2, "start_s": 0.3, "end_s": 0.6}, [0.3, 0.6]),
        ({"rate_hz": 5, "start_s": 0.5}, [0.5, 0.7, 0.9]),
        ({"frames": 2, "end_s": 99}, [0.0, 0.9]),
    ],
)
def test_sampling(video, arguments, expected):
    assert times(read_video(video(), **{"max_frames": 200, **arguments})) == expected


def test_times_are_those_of_the_stream_where_the_rate_varies(video):
    path = video(times_ms=[0, 40, 500, 510, 2000])
    assert times(read_video(path, frames=100, max_frames=1000)) == [0.0, 0.04, 0.5, 0.51, 2.0]
    assert times(read_video(path, frames=3)) == [0.0, 0.51, 2.0]


def test_a_rate_that_gives_too_many_frames_is_lowered_over_the_whole_video(video, caplog):
    with caplog.at_level(logging.WARNING):
        sampled = read_video(video(), rate_hz=10, max_frames=4)
    assert times(sampled) == [0.0, 0.3, 0.6, 0.9]
    assert "would give 10 frames; using 4" in caplog.text


def test_distant_frames_are_reached_by_jumps_and_are_the_right_ones(video):
    path = video(times_ms=range(0, 60_000, 250), step=1, gop=24)
    sampled = read_video(path, frames=5)
    # One step of grey may be lost to the conversion of colours.
    assert indices(sampled, step=1) == pytest.approx([0, 60, 119, 179, 239], abs=1)
    assert times(sampled) == [0.0, 15.0, 29.75, 44.75, 59.75]


def test_a_stream_without_times_takes_them_from_its_rate(video):
    sampled = read_video(video("clip.h264", times_ms=range(0, 1000, 100)), frames=4)
    assert indices(sampled) == [0, 3, 6, 9]
    # A raw stream names no rate; 25 Hz is the demuxer's own.
    assert times(sampled) == [0.0, 0.12, 0.24, 0.36]


@pytest.mark.parametrize(
    ("rotation_deg", "corner"),
    [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))],
)
def test_the_rotation_of_a_video_is_applied_once(video, rotation_deg, corner):
    rgb, _ = read_video(video(rotation_deg=rotation_deg), frames=1)[0]
    assert rgb.shape == ((48, 64, 3) if rotation_deg in (0, 180) else (64, 48, 3))
    bright = [place for place in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if rgb[place][0] > 200]
    assert bright == [corner]


ONE, LAST = 1 << 16, 1 << 30


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.mkv"])
@pytest.mark.parametrize(
    ("parts", "corner"),
    [
        ((ONE, 0, 0, ONE), (0, 0)),
        ((-ONE, 0, 0, ONE), (0, -1)),
        ((ONE, 0, 0, -ONE), (-1, 0)),
        ((-ONE, 0, 0, -ONE), (-1, -1)),
        ((0, ONE, -ONE, 0), (0, -1)),
        ((0, -ONE, ONE, 0), (-1, 0)),
        ((0, ONE, ONE, 0), (0, 0)),
        ((0, -ONE, -ONE, 0), (-1, -1)),
    ],
)
def test_every_display_matrix_is_applied_once(video, name, parts, corner):
    a, b, c, d = parts
    rgb, _ = read_video(video(name, matrix=(a, b, 0, c, d, 0, 0, 0, LAST)), frames=1)[0]
    assert rgb.shape == ((48, 64, 3) if a else (64, 48, 3))
    # The bright corner of 16 x 12 px tells a transposition from a turn.
    bright = rgb[..., 0] > 200
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    assert (len(rows), len(columns)) == pytest.approx((12, 16) if a else (16, 12), abs=2)
    assert [place for place in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if bright[place]] == [corner]


@pytest.mark.parametrize(
    ("name", "codec", "aspect", "shape"),
    [
        ("clip.mp4", "libx264", Fraction(4, 3), (48, 85, 3)),
        ("clip.mkv", "libx264", Fraction(2, 1), (48, 128, 3)),
        ("clip.mp4", "libx264", Fraction(1, 2), (96, 64, 3)),
        ("clip.avi", "mpeg4", Fraction(16, 11), (48, 93, 3)),
        ("clip.ts", "libx264", Fraction(10, 11), (53, 64, 3)),
        ("clip.mp4", "libx264", Fraction(1, 1), (48, 64, 3)),
    ],
)
def test_pixels_become_square(video, name, codec, aspect, shape):
    rgb, _ = read_video(video(name, codec=codec, pixel_aspect=aspect), frames=1)[0]
    assert rgb.shape == shape


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov", "clip.ts"])
def test_times_are_those_of_presentation_whatever_the_order_of_decoding(video, name, b_frames):
    path = video(name, times_ms=[700, 740, 1200, 1210, 1900, 2700], gop=12, b_frames=b_frames)
    sampled = read_video(path, frames=100, max_frames=1000)
    assert indices(sampled) == [0, 1, 2, 3, 4, 5]
    assert [time_s for _, time_s in sampled] == pytest.approx([0.0, 0.04, 0.5, 0.51, 1.2, 2.0], abs=1e-3)


@pytest.mark.shared
def test_a_mirrored_video_is_the_mirror_image_of_the_plain_one(shared_dir):
    plain, mirrored = (
        read_video(shared_dir / "cases/video" / name, frames=1)[0][0] for name in ("plain.mp4", "hflip.mp4")
    )
    assert np.array_equal(mirrored, plain[:, ::-1])


def _sound(path):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("junk.mp4", lambda path: path.write_bytes(b"junk" * 99), "junk.mp4 cannot be read as a video"),
        ("empty.mp4", lambda path: path.touch(), "empty file"),
        ("none.mp4", lambda path: None, "does not exist"),
        ("folder.mp4", lambda path: path.mkdir(), "is a folder"),
        ("sound.wav", _sound, "no video stream"),
    ],
)
def test_an_unusable_video_is_an_input_error_of_one_line(tmp_path, name, make, words):
    make(tmp_path / name)
    refused(words, read_video, tmp_path / name)


def test_a_cut_off_video_is_refused(video):
    path = video()
    path.write_bytes(path.read_bytes()[:800])
    refused("cannot be read as a video", read_video, path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"frames": 2, "rate_hz": 1}, "give only one"),
        ({"frames": 0}, "frames of a video must be positive"),
        ({"rate_hz": float("nan")}, "rate_hz of a video must be positive"),
        ({"start_s": 5}, "lasts 0.90 s and has no frame"),
        ({"start_s": 0.6, "end_s": 0.3}, "no frame from 0.6 s to 0.3 s"),
    ],
)
def test_arguments_that_exclude_each_other_are_refused(video, arguments, words):
    refused(words, read_video, video(), **arguments)
