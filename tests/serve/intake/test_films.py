from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.records.errors import InputError
from pipeline.serve.intake.films import check_film, limits_of_videos
from pipeline.serve.problems import TooLargeError
from pipeline.serve.settings import Limits


def test_a_video_within_the_limits_is_let_in(video: Callable[..., Path]) -> None:
    assert check_film(video(), "a", Limits(megapixels=64 * 48 / 1e6, video_s=0.9)) == 64 * 48


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(megapixels=0.003, video_s=9), "pixels"),
        (Limits(video_s=0.89), "longer than 0.89 s"),
        (Limits(video_s=0.03), "longer|more frames"),
    ],
)
def test_a_video_beyond_a_limit_is_refused(limits: Limits, reason: str, video: Callable[..., Path]) -> None:
    with pytest.raises(TooLargeError, match=rf"^a .*{reason}"):
        check_film(video(), "a", limits)


def test_very_many_frames_in_a_short_time_are_refused(video: Callable[..., Path]) -> None:
    path = video(times_ms=range(60), step=0)
    with pytest.raises(TooLargeError, match="more frames"):
        check_film(path, "a", Limits(video_s=0.2))


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0\x18ftypmp42" + bytes(200), b"\x1a\x45\xdf\xa3", b"#EXTM3U\n/etc/passwd\n"]
)
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(InputError, match=r"^a is not a video"):
        check_film(tmp_path / "upload", "a", Limits())


def test_decoding_has_the_same_limits() -> None:
    limits = limits_of_videos(Limits(megapixels=2, video_s=3, job_s=4))
    assert (limits.pixels, limits.span_s, limits.decode_s) == (2_000_000, 3, 4)
