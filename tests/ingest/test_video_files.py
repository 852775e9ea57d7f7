from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.ingest.captures.numbered_video import NumberedVideo
from pipeline.ingest.video import read_video
from pipeline.ingest.video_files import VideoLimits, video_limits
from pipeline.records.errors import InputError

WIDE = VideoLimits(pixels=64 * 48, span_s=0.9, decode_s=60)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """The address of a server of this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=control:{}\n",
    "dash": '<?xml version="1.0"?><MPD profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet>'
    "<Representation><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_is_no_video(
    kind: str, tmp_path: Path, video: Callable[..., Path], listener: tuple[str, list[str]]
) -> None:
    address, asked = listener
    for target in (video("secret.mp4"), f"{address}/secret.mp4"):
        (tmp_path / "clip.mp4").write_text(LISTS[kind].format(target))
        with pytest.raises(InputError, match=r"clip\.mp4"):
            read_video(tmp_path / "clip.mp4")
    assert asked == []


def test_a_video_within_the_limits_is_read_as_without(video: Callable[..., Path]) -> None:
    path = video()
    free = read_video(path, frames=3)
    with video_limits(WIDE):
        limited = read_video(path, frames=3)
    assert [time_s for _, time_s in limited] == [time_s for _, time_s in free]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (VideoLimits(pixels=64 * 48 - 1, span_s=9, decode_s=60), "million pixels"),
        (VideoLimits(pixels=64 * 48, span_s=0.85, decode_s=60), "longer than 0.85 s"),
        (VideoLimits(pixels=64 * 48, span_s=9, decode_s=-1), "to decode"),
    ],
)
def test_decoding_stops_at_a_limit(limits: VideoLimits, reason: str, video: Callable[..., Path]) -> None:
    path = video()
    with video_limits(limits), pytest.raises(InputError, match=reason):
        read_video(path, frames=3)
    with pytest.raises(InputError, match=reason), video_limits(limits):
        list(NumberedVideo(path).images([0, 9]))
    assert len(read_video(path, frames=3)) == 3, "limits end with their block"


def test_frames_larger_than_the_header_states_are_not_decoded(video: Callable[..., Path], tmp_path: Path) -> None:
    data = bytearray(video().read_bytes())
    # The size of the track (ISO/IEC 14496-12, 8.3.2 and 12.1.3); that of the stream stands in its own headers.
    at = data.index(b"avc1", data.index(b"stsd")) + 28
    assert data[at : at + 4] == b"\0\x40\0\x30"
    data[at : at + 4] = b"\0\x10\0\x10"
    (tmp_path / "liar.mp4").write_bytes(data)
    with video_limits(VideoLimits(pixels=32 * 32, span_s=9, decode_s=60)), pytest.raises(InputError):
        read_video(tmp_path / "liar.mp4", frames=2)
