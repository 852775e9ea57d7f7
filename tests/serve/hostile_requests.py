"""Requests that try to break, read or reach something, for any server of the HTTP API with the page.

They fit a server that is started with ``LIMITS`` and answers under ``/v1``.
"""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serve.files import file_part, form, image, npy, png_bomb, png_chunk, text_part, zip_of

from pipeline.serve.settings import Limits

LIMITS = Limits(
    request_mb=2, part_mb=1, parts=8, frames=4, megapixels=4, scene_megapixels=8, video_s=10, send_s=1,
    client_per_minute=100_000,
)  # fmt: skip
PHOTO = image("PNG")
ASK, DEPTH, JOIN = "/v1/ask", "/v1/depth", "/gradio_api/queue/join"
OF_FORM, OF_JSON = {"Content-Type": "multipart/form-data; boundary=xyzzy"}, {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Hostile:
    """A request.

    Args:
        name: What it tries.
        path: Its path, as it is sent.
        method: Its method.
        headers: Its headers, besides ``Host``, ``Connection`` and ``Content-Length`` where these are not among them.
        body: Its body, in the pieces in which it is sent.
        pause_s: Time before each piece but the first [s].
        raw: All bytes of the request, in place of the above.
        is_answered: Whether it reaches the application, whose answer is problem details.
    """

    name: str
    path: str = DEPTH
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Sequence[bytes] = ()
    pause_s: float = 0.0
    raw: bytes | None = None
    is_answered: bool = True


def files(name: str, *parts: tuple[str, bytes], **changes: Any) -> Hostile:
    """A form with files."""
    return Hostile(name, headers=OF_FORM, body=[form(list(parts))], **changes)


def photo(content: bytes, filename: str = "photo.png") -> tuple[str, bytes]:
    return file_part(content, "images", filename)


def depth(content: bytes, filename: str = "d.npy") -> tuple[str, bytes]:
    return file_part(content, "depth", filename)


def plain(name: str, value: Any, **changes: Any) -> Hostile:
    """A body in JSON, or bytes that claim to be."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Hostile(name, **{"path": ASK, "headers": OF_JSON, "body": [body], **changes})


def asks(name: str, *images: Any, **changes: Any) -> Hostile:
    """A question about images in JSON."""
    return plain(name, {"question": "Where is the cup?", "images": list(images)}, **changes)


def _jpeg_of_many_scans() -> bytes:
    whole = image("JPEG", progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start:-2] * 500 + b"\xff\xd9"


def _tiff(width: int, height: int) -> bytes:
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 1)]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)


def _with_chunk(chunk: bytes) -> bytes:
    return PHOTO[:33] + chunk + PHOTO[33:]


def bombs() -> list[Hostile]:
    gif = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0)
    info = struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
    return [
        files("a small PNG of 3.6 gigapixels", photo(png_bomb())),
        files("a PNG of the largest size that can be stated", photo(png_bomb(2**31 - 1, 2**31 - 1))),
        files("a PNG just above the limit", photo(png_bomb(2001, 2000))),
        files("a GIF of 4 gigapixels", photo(gif)),
        files("a BMP of 3.6 gigapixels", photo(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info)),
        files("a PPM of 10 gigapixels", photo(b"P6 99999 99999 255\n")),
        files("a TIFF of 10 gigapixels", photo(_tiff(100_000, 100_000))),
        files("a JPEG of 500 scans", photo(_jpeg_of_many_scans())),
        files(
            "100 MB of text in a PNG",
            photo(_with_chunk(png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100 << 20))))),
        ),
        files("more pixels together than one scene may have", *[photo(image("PNG", 1990, 1990))] * 3),
        files("more images than a scene may have", *[photo(PHOTO)] * 5),
        files("depth of a terabyte", photo(PHOTO), depth(npy((10**6, 10**6)))),
        files(
            "packed depth of a terabyte",
            photo(PHOTO),
            file_part(zip_of({"depth.npy": npy((10**6, 10**6))}), "depth", "d.npz"),
        ),
        files("an archive of 20 MB of zeros", photo(zip_of({"transforms.json": bytes(20 << 20)}), "scan.zip")),
        Hostile(
            "a packed body", ASK, headers={**OF_JSON, "Content-Encoding": "gzip"}, body=[gzip.compress(bytes(1 << 20))]
        ),
        asks("a bomb in base64", base64.b64encode(png_bomb()).decode()),
    ]


def damaged_files() -> list[Hostile]:
    return [
        files("a PNG that is cut off", photo(PHOTO[:-60])),
        files("a PNG without pixels", photo(PHOTO[:33])),
        files("a JPEG that is cut off", photo(image("JPEG")[:-60])),
        files("a WebP that is cut off", photo(image("WEBP")[:80])),
        files("a GIF that is cut off", photo(image("GIF")[:40])),
        files("a film that is cut off", photo(b"\0\0\0\x18ftypmp42" + bytes(100), "clip.mp4")),
        files("an archive that is cut off", photo(zip_of({"transforms.json": b"{}" * 99})[:-40], "scan.zip")),
        files("an empty file", photo(b"")),
        files("no file at all", text_part("Where is it?")),
        files("a JPEG that is an archive too", photo(image("JPEG") + zip_of({"a.txt": b"x"}))),
        files("a GIF that is a script too", photo(image("GIF") + b"/*<script>alert(1)</script>*/")),
        files("a PNG that is PHP too", photo(_with_chunk(png_chunk(b"tEXt", b"a\0<?php system($_GET[0]); ?>")))),
        files("a PNG that is PDF too", photo(_with_chunk(png_chunk(b"tEXt", b"a\0%PDF-1.7")))),
        files("a page that is named like an image", photo(b"<!doctype html><script>alert(1)</script>".ljust(700))),
        files("a drawing that includes a file", photo(b'<svg><image href="file:///etc/passwd"/></svg>')),
        files("PostScript, which starts a program", photo(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")),
        files("a program", photo(b"\x7fELF" + bytes(600))),
        files("depth that runs code", photo(PHOTO), depth(pickle.dumps(print))),
        files("depth of objects", photo(PHOTO), depth(npy((48, 64), pickle.dumps([print] * 99), "|O"))),
        files("depth for two images of one", photo(PHOTO), *[depth(npy((48, 64), bytes(12288)))] * 2),
        files("depth as an image", file_part(npy((48, 64), bytes(12288)), "images", "photo.png")),
    ]  # fmt: skip


def reaching(canary: str, address: str) -> list[Hostile]:
    """Requests that name a file or a server.

    Args:
        canary: Path of a file that nobody may read.
        address: ``127.0.0.1:PORT`` of a server that nobody may call.
    """
    port = address.rpartition(":")[2]
    frames = [{"file_path": "../../../../../../../../etc/passwd", "transform_matrix": [[1, 0, 0, 0]] * 4}]
    project = json.dumps({"fl_x": 1, "fl_y": 1, "cx": 1, "cy": 1, "w": 2, "h": 2, "frames": frames}).encode()
    urls = {
        "this machine": f"http://{address}/a.png", "this machine by a name": f"http://localhost:{port}/a.png",
        "this machine as one number": f"http://2130706433:{port}/",
        "this machine in octal": f"http://0177.0.0.1:{port}/",
        "this machine in IPv6": f"http://[::ffff:127.0.0.1]:{port}/", "every machine": f"http://0.0.0.0:{port}/",
        "the keys of a cloud": "http://169.254.169.254/latest/meta-data/",
        "a public server": "https://example.org/a.png",
        "a login before the host": f"http://example.org@{address}/", "a file": f"file://{canary}",
        "another protocol": f"gopher://{address}/_x", "a line break": f"http://{address}/\r\nX: y",
        "no scheme": f"//{address}/",
    }  # fmt: skip
    return [
        *(asks(f"the URL of {what}", {"url": url}) for what, url in urls.items()),
        asks("a URL as a text", f"http://{address}/a.png"),
        asks("a path", {"path": canary}),
        asks("a path beside a true image", base64.b64encode(PHOTO).decode(), {"path": canary}),
        asks("a path with dots", {"path": f"/tmp/../{canary}"}),
        asks("the environment", {"path": "/proc/self/environ"}),
        asks("a path in place of base64", canary),
        asks("a path as a data URL", f"data:text/plain,{canary}"),
        asks("a path named twice", {"path": canary, "url": f"http://{address}/"}),
        plain("an image by URL in a chat", {"model": "m", "messages": [{"role": "user", "content": [
            {"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": f"http://{address}/a.png"}}]}]},
            path="/v1/chat/completions"),
        files("a list of films", photo(f"#EXTM3U\n#EXTINF:9,\n{canary}\n#EXT-X-ENDLIST\n".encode(), "clip.mp4")),
        files("a list of addresses", photo(f"#EXTM3U\n#EXTINF:9,\nhttp://{address}/a.ts\n".encode(), "clip.mp4")),
        files("a script of films", photo(f"ffconcat version 1.0\nfile '{canary}'\n".encode(), "clip.mp4")),
        files("an archive that leaves its folder", photo(zip_of({"../../../../../../tmp/evil": b"x"}), "scan.zip")),
        files("an archive with a link", photo(zip_of({}, links={"transforms.json": canary}), "scan.zip")),
        files("an export that names a file elsewhere", photo(zip_of({"transforms.json": project}), "scan.zip")),
    ]  # fmt: skip


def odd_json() -> list[Hostile]:
    return [
        plain("lists, 100 000 deep", b"[" * 100_000),
        plain("objects, 40 deep", b'{"a":' * 40 + b"1" + b"}" * 40),
        plain("a million values", b'{"a": [' + b"0," * 999_990 + b"0]}"),
        plain("NaN", b'{"question": NaN}'),
        plain("a number beyond all numbers", b'{"question": "?", "fov_deg": 1e999}'),
        plain("a whole number of 5 000 digits", b'{"question": ' + b"9" * 5000 + b"}"),
        plain("a key that is there twice", b'{"question": "?", "question": "!"}'),
        plain("half a character", b'{"question": "\\ud800"}'),
        plain("bytes that are no text", b'{"question": "\xff"}'),
        plain("a text without end", b'{"question": "'),
        plain("a list in place of an object", []),
        plain("a number in place of images", {"question": "?", "images": 5}),
        plain("an object in place of a question", {"question": {"$ne": 1}, "images": ["AAAA"]}),
        plain("nothing", b""),
        asks("base64 that is none", "*" * 99),
        asks("a page in base64", base64.b64encode(b"<html>").decode()),
        plain("another type", b"question=?", headers={"Content-Type": "application/x-www-form-urlencoded"}),
        plain("no type", b"{}", headers={}),
        plain("two types", b"{}", headers={"Content-Type": "application/json, multipart/form-data; boundary=a"}),
    ]


def odd_forms() -> list[Hostile]:
    def of(name: str, body: bytes, kind: str = OF_FORM["Content-Type"]) -> Hostile:
        return Hostile(name, headers={"Content-Type": kind}, body=[body])

    whole = form([photo(PHOTO)])
    return [
        of("a form without boundary", whole, "multipart/form-data"),
        of("a form with a boundary of 1 kB", whole, "multipart/form-data; boundary=" + "x" * 1000),
        of("a form of another boundary", whole, "multipart/form-data; boundary=other"),
        of("a form without its end", whole[:-11]),
        of("a form that ends within a header", whole[:40]),
        of("a form that is none", bytes(range(256)) * 9),
        of("a form within a form", whole.replace(b"image/png", b"multipart/mixed; boundary=b")),
        files("a part without name", ("Content-Type: image/png", PHOTO)),
        files("a part with a header of 60 kB", (f"X: {'y' * 60_000}\r\n{photo(PHOTO)[0]}", PHOTO)),
        files("a part with 50 headers", ("\r\n".join(f"X-{n}: y" for n in range(50)), PHOTO)),
        files("a part that is named twice", ("Content-Disposition: form-data; name=a\r\n" + photo(PHOTO)[0], PHOTO)),
        files("a part in base64", (photo(PHOTO)[0] + "\r\nContent-Transfer-Encoding: base64", base64.b64encode(PHOTO))),
        files("a header with a zero", (photo(PHOTO)[0] + "\r\nX\0: y", PHOTO)),
        files("nine parts", *[text_part("?")] * 9),
        files("a file above the limit", photo(PHOTO + bytes(1_000_001))),
        files("a text above the limit", text_part("?" * 1_000_001)),
        files("a name that leads elsewhere", photo(b"<html>", "../../../../../../tmp/evil.png")),
        files("a name with line breaks", photo(b"<html>", 'a.png%0d%0aSet-Cookie: a=b"; x="\tb')),
        files("a name of 4 kB", photo(PHOTO, "a" * 4000 + ".png")),
        files(
            "a name in the form of another standard", (photo(b"<html>")[0] + "; filename*=utf-8''..%2Fevil", b"<html>")
        ),
    ]


def odd_transfers(host: str) -> list[Hostile]:
    head = f"POST {ASK} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n".encode()
    in_pieces, slow = head + b"Transfer-Encoding: chunked\r\n\r\n", [b"x"] * 30
    chunks = b"10000\r\n" + b" " * 65536 + b"\r\n"
    return [
        plain("a body that is too slow", b"", body=[b"{"] * 40, pause_s=0.1),
        Hostile("a form that is too slow", headers=OF_FORM, body=[form([photo(PHOTO)])[:200], *slow], pause_s=0.1),
        Hostile("a body that never comes", ASK, headers={**OF_JSON, "Content-Length": "10"}, body=[b""]),
        plain("a body that declares 1 TB", b"{}", headers={**OF_JSON, "Content-Length": str(10**12)}),
        plain("a body above the limit", b'{"a": "' + b"x" * 2_000_000 + b'"}'),
        Hostile("a body in pieces above the limit", raw=in_pieces + chunks * 40 + b"0\r\n\r\n"),
        Hostile("a piece of a wrong size", raw=in_pieces + b"ZZ\r\n{}\r\n", is_answered=False),
        Hostile("two lengths", raw=head + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}", is_answered=False),
        Hostile("a length below zero", raw=head + b"Content-Length: -1\r\n\r\n{}", is_answered=False),
        Hostile("no HTTP", raw=b"\x16\x03\x01\x02\0\x01\0" + bytes(99), is_answered=False),
        Hostile("a header of 1 MB", ASK, headers={"X": "y" * 1_000_000}, is_answered=False),
        Hostile("a header with a line break", raw=head + b"X: a\r\n\tb\0\r\n\r\n", is_answered=False),
        Hostile("another host", "/", "GET", {"Host": "evil.example"}),
        Hostile("another host that begins like this one", "/", "GET", {"Host": f"{host}.evil.example"}),
        Hostile("no host", raw=b"GET / HTTP/1.0\r\n\r\n"),
        Hostile("two hosts", raw=head + b"Host: evil.example\r\n\r\n", is_answered=False),
        plain("a page of another origin", {}, headers={**OF_JSON, "Origin": "https://evil.example"}),
        plain("a page of no origin", {}, headers={**OF_JSON, "Origin": "null"}),
        plain("a page of another port", {}, headers={**OF_JSON, "Sec-Fetch-Site": "same-site"}),
        Hostile("a question whether another origin may", ASK, "OPTIONS", {
            "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}),
        Hostile("a method that is none", "/healthz", "BREW"),
        Hostile("a socket", JOIN, "GET", {"Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}, is_answered=False),
    ]  # fmt: skip


def odd_paths(canary: str) -> list[Hostile]:
    up = "/".join(["..", *[".."] * 9]) + canary
    paths = [f"/{up}", f"/v1/results/{up}", f"/assets/{up}", f"/static/{up}", f"/r/{up}", f"/v1/uploads/{up}"]
    paths += [path.replace("../", "%2e%2e%2f") for path in paths]
    paths += [
        f"/assets/{canary}",
        "/v1/results/x%00.png",
        "/v1/results/" + "a" * 5000,
        "/%ff%fe",
        "/.env",
        "//evil.example/",
    ]
    return [Hostile(f"the path {path[:60]}", path, "GET") for path in paths]


def of_gradio(canary: str, address: str) -> list[Hostile]:
    def join(name: str, value: Any) -> Hostile:
        return plain(name, {"data": [value], "fn_index": 0, "trigger_id": 1, "session_hash": "abc"}, path=JOIN)

    file = {"path": canary, "meta": {"_type": "gradio.FileData"}}
    read = [
        f"/gradio_api/file={canary}", f"/file={canary}", f"/gradio_api/file/{canary}",
        f"/gradio_api/file=http://{address}/",
        f"/gradio_api/proxy=http://{address}/", "/gradio_api/info", "/gradio_api/openapi.json", "/monitoring",
        f"/gradio_api/custom_component/a/b/c/{canary}", "/gradio_api/upload_progress?upload_id=a", "/gradio_api/app_id",
        "/gradio_api/deep_link", "/gradio_api/stream/a/b/c/playlist.m3u8", "/gradio_api/runs", "/svelte/a.js", "/redoc",
    ]  # fmt: skip
    called = ["call/f", "call/v2/f", "run/f", "api/f", "component_server", "process_recording", "vibe-edit", "stream/a"]
    body = {"data": [file], "fn_index": 0, "session_hash": "abc", "component_id": 1, "fn_name": "f"}
    return [
        *(Hostile(f"Gradio: {path[:50]}", path, "GET") for path in read),
        *(plain(f"Gradio: {name}", body, path=f"/gradio_api/{name}") for name in called),
        files("Gradio: an upload", file_part(PHOTO, "files"), path="/gradio_api/upload"),
        join("Gradio: a file", file),
        join(
            "Gradio: an address",
            {"url": f"http://{address}/a.png", "path": "a.png", "meta": {"_type": "gradio.FileData"}},
        ),
        join("Gradio: a file without its type", {"path": canary}),
        join("Gradio: a file in lists", [[{"a": [file]}]]),
        join("Gradio: a file in a text", json.dumps(file)),
        plain("Gradio: lists, 100 000 deep", b"[" * 100_000, path=JOIN),
        plain("Gradio: a call of 2 MB", b'{"a": "' + b"x" * 1_999_000 + b'"}' + b" " * 2000, path=JOIN),
    ]


def all_requests(canary: str, address: str, host: str) -> list[Hostile]:
    """Every request; see ``reaching`` for the arguments, and ``Host`` of the server."""
    return [
        *bombs(), *damaged_files(), *reaching(canary, address), *odd_json(), *odd_forms(), *odd_transfers(host),
        *odd_paths(canary), *of_gradio(canary, address),
    ]  # fmt: skip
