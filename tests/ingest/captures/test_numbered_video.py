from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ingest.captures.phone_files import write_video
from ingest.refusals import refused

from pipeline.ingest.captures.numbered_video import NumberedVideo
from pipeline.ingest.video import read_video


def greys(count: int) -> list[np.ndarray]:
    images = [np.full((48, 64, 3), 20 + 3 * (index % 64), np.uint8) for index in range(count)]
    for image in images:
        image[:12, :16] = 250
    return images


def numbers_in(images: list[np.ndarray]) -> list[float]:
    return [round((float(image[30:, 30:].mean()) - 20) / 3) for image in images]


@pytest.mark.parametrize("first_pts", [0, -1, -5])
@pytest.mark.parametrize("numbers", [[0], [0, 1, 2, 11], [7, 8, 40], [63], list(range(64))])
def test_images_are_those_of_their_numbers(tmp_path: Path, first_pts: int, numbers: list[int]) -> None:
    write_video(tmp_path / "a.mp4", greys(64), first_pts)
    video = NumberedVideo(tmp_path / "a.mp4")
    assert len(video) == 64
    assert numbers_in(list(video.images(numbers))) == numbers


def test_an_edit_list_hides_images_from_players_only(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", greys(12), -3)
    assert numbers_in([rgb for rgb, _ in read_video(tmp_path / "a.mp4", frames=1)]) == [3]
    assert numbers_in(list(NumberedVideo(tmp_path / "a.mp4").images([0]))) == [0]


def test_far_images_are_found_by_seeking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.captures.numbered_video._SEEK_GAP", 5)
    write_video(tmp_path / "a.mp4", greys(64), -1)
    numbers = [0, 3, 17, 18, 39, 40, 63]
    assert numbers_in(list(NumberedVideo(tmp_path / "a.mp4").images(numbers))) == numbers


@pytest.mark.parametrize("rotation_deg", [90, 180, -90])
def test_images_stay_as_they_are_stored(tmp_path: Path, rotation_deg: int) -> None:
    write_video(tmp_path / "a.mp4", greys(3), rotation_deg=rotation_deg)
    (image,) = NumberedVideo(tmp_path / "a.mp4").images([1])
    assert image.shape == (48, 64, 3) and image[:10, :14].min() > 230 and image[20:].max() < 60


@pytest.mark.parametrize("content", [b"", b"mp4", b"\0\0\0\x18ftypmp42" + bytes(100)])
def test_a_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    refused("not a video|as a video|no frames|no video stream", NumberedVideo, tmp_path / "a.mp4")


def test_a_video_that_is_cut_off_is_refused_where_it_ends(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", greys(30))
    data = (tmp_path / "a.mp4").read_bytes()
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    (tmp_path / "a.mp4").write_bytes(data[:start] + b"\xff" * (end - start) + data[end:])
    video = NumberedVideo(tmp_path / "a.mp4")
    assert len(video) == 30
    refused("cannot be decoded|as a video", lambda: list(video.images([29])))
    (tmp_path / "a.mp4").write_bytes(data[: end // 2])
    refused("as a video", NumberedVideo, tmp_path / "a.mp4")
