"""Sixty kinds of bad input, each as the line of a manifest with its files beside it."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 48, 36
PHOTO, DEPTH = "photo.png", "depth.png"
Fields = dict[str, Any]
Kind = Callable[[Path], Fields | bytes]
"""Writes what a kind needs into a folder; the fields that differ from a good line, or a whole line."""


def good_line(name: str) -> Fields:
    """A line that gives one result."""
    regions = [{"label": "box", "box_px": [4, 6, 20, 30]}, {"label": "jar", "box_px": [26, 6, 44, 30]}]
    return {
        "id": name, "frames": [PHOTO], "depth": [DEPTH], "depth_scale": 0.001, "regions": regions,
        "question": "Which is closer?",
    }  # fmt: skip


def write_good(folder: Path) -> None:
    """Write the photo and the depth of good lines."""
    from PIL import Image

    _, columns = np.mgrid[:HEIGHT, :WIDTH]
    depth = np.where(columns < 22, 1000, 2000) + 7 * columns % 13
    Image.fromarray((np.stack([columns * 5] * 3, axis=2)).astype(np.uint8)).save(folder / PHOTO)
    Image.fromarray(depth.astype(np.uint16)).save(folder / DEPTH)


def kinds() -> dict[str, Kind]:
    """All kinds by name, in the order of what they are about."""
    return {**_images(), **_depths(), **_lines(), **_numbers(), **_claims(), **_recordings()}


def _file(name: str, content: bytes, key: str = "frames") -> Kind:
    def made(folder: Path) -> Fields:
        (folder / name).write_bytes(content)
        return {key: [name]}

    return made


def _special(name: str, make: Callable[[Path], object]) -> Kind:
    def made(folder: Path) -> Fields:
        make(folder / name)
        return {"frames": [name]}

    return made


def _with(**fields: Any) -> Kind:
    return lambda folder: fields


def _line(content: bytes) -> Kind:
    return lambda folder: content


def _encoded(kind: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(stream, kind)
    return stream.getvalue()


def _png_header(width: int, height: int) -> bytes:
    """The start of a PNG that declares a size and holds no pixel."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    parts = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (chunk, data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _images() -> dict[str, Kind]:
    png, jpeg = _encoded("PNG"), _encoded("JPEG")
    return {
        "image: missing": _with(frames=["nowhere.png"]),
        "image: empty file": _file("empty.png", b""),
        "image: cut PNG": _file("cut.png", png[: len(png) // 2]),
        "image: cut JPEG": _file("cut.jpg", jpeg[:200]),
        "image: text": _file("text.jpg", b"no picture at all\n"),
        "image: too large": _file("bomb.png", _png_header(200_000, 200_000)),
        "image: a folder": _special("folder.png", Path.mkdir),
        "image: a pipe": _special("pipe.png", os.mkfifo),
        "image: a device": _special("device.png", lambda path: path.symlink_to("/dev/zero")),
        "image: a link to itself": _special("loop.png", lambda path: path.symlink_to(path.name)),
        "image: null byte in its name": _with(frames=["a\0.png"]),
        "image: endless name": _with(frames=["a" * 5000 + ".png"]),
        "image: none": _with(frames=[]),
        "image: an address": _with(frames=["https://example.org/a.png"]),
    }


def _npy(values: np.ndarray, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=pickled)
    return stream.getvalue()


def _npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _bomb() -> bytes:
    """A small zip whose one array takes gigabytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 60000), }"
        header += b" " * (118 - len(header) - 1) + b"\n"
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 10_000_000)
    return stream.getvalue()


def _depth(name: str, content: bytes, **fields: Any) -> Kind:
    made = _file(name, content, "depth")
    return lambda folder: {**made(folder), "depth_scale": None, **fields}  # type: ignore[dict-item]


def _depths() -> dict[str, Kind]:
    metres = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    huge = b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999, 9999999), }".ljust(117) + b"\n"
    return {
        "depth: none": _with(depth=None),
        "depth: two for one image": _with(depth=[DEPTH, "other.png"]),
        "depth: another shape": _depth("long.npy", _npy(np.full((20, 400), 2.0, np.float32))),
        "depth: one dimension": _depth("line.npy", _npy(np.arange(9.0))),
        "depth: texts": _depth("texts.npy", _npy(np.full((HEIGHT, WIDTH), "far"))),
        "depth: objects": _depth("objects.npy", _npy(np.full((HEIGHT, WIDTH), None), pickled=True)),
        "depth: no number": _depth("nan.npy", _npy(metres * np.nan)),
        "depth: negative": _depth("negative.npy", _npy(-metres)),
        "depth: header beyond the file": _depth(
            "huge.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(huge)) + huge + b"\0" * 64
        ),
        "depth: several arrays": _depth("several.npz", _npz(a=metres, b=metres)),
        "depth: a zip that grows": _depth("bomb.npz", _bomb()),
        "depth: no zip": _depth("text.npz", b"PK\x03\x04 and then text"),
        "depth: cut EXR": _depth("cut.exr", b"\x76\x2f\x31\x01\x02\0\0\0chan"),
        "depth: cut PFM": _depth("cut.pfm", b"Pf\n48 36\n-1.0\n\0\0"),
        "depth: whole numbers without a scale": _with(depth_scale=None),
    }


def _lines() -> dict[str, Kind]:
    return {
        "line: no JSON": _line(b'{"id": "half", "frames": ["photo.png"'),
        "line: a list": _line(b'["photo.png"]'),
        "line: not UTF-8": _line(b'{"id": "\xff\xfe", "frames": ["photo.png"]}'),
        "line: too deep": _line(b'{"id": "deep", "poses": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "line: an unknown key": _with(fram=["photo.png"]),
        "line: an id twice": _with(id="good-000"),
        "line: an id that is no text": _with(id=["a"]),
        "line: a question that is a number": _with(question=7),
        "line: question and questions": _with(questions=["Where?"]),
        "line: nothing asked": _with(question=None),
        "line: no recorded answer": _with(),
    }


def _numbers() -> dict[str, Kind]:
    camera = {"fx": 40, "fy": 40, "cx": 23.5, "cy": 17.5}
    return {
        "camera: a text": _with(camera="wide"),
        "camera: negative": _with(camera={**camera, "fx": -40}),
        "camera: not finite": _with(camera={**camera, "fy": float("nan")}),
        "camera: an unknown key": _with(camera={**camera, "zoom": 2}),
        "pose: three rows": _with(poses=[[[1, 0, 0, 0]] * 3]),
        "depth_kind: unknown": _with(depth_kind="feet"),
        "depth_scale: zero": _with(depth_scale=0),
    }


def _claims() -> dict[str, Kind]:
    box = {"label": "box", "box_px": [4, 6, 20, 30]}
    return {
        "region: three numbers": _with(regions=[{**box, "box_px": [1, 2, 3]}]),
        "region: of no frame": _with(regions=[{**box, "frame": 4}]),
        "region: mask missing": _with(regions=[{**box, "mask": "nowhere.png"}]),
        "region: run lengths beyond the image": _with(
            regions=[{**box, "mask": {"size": [HEIGHT, WIDTH], "counts": [2**62]}}]
        ),
        "claim: an unknown relation": _with(claims=[{"relation": "near", "subject": "box", "object": "jar"}]),
        "claim: no object": _with(claims=[{"relation": "left_of", "subject": "box"}]),
        "claim: file missing": _with(claims="nowhere.json"),
        "anchor: no length": _with(anchors=[{"kind": "size", "label": "box"}]),
    }


def _recordings() -> dict[str, Kind]:
    def empty_capture(folder: Path) -> Fields:
        (folder / "capture").mkdir()
        return {"frames": ["capture"], "depth": None}

    def cut_capture(folder: Path) -> Fields:
        with zipfile.ZipFile(folder / "cut.r3d", "w") as archive:
            archive.writestr("metadata", json.dumps({"w": WIDTH, "h": HEIGHT}))
            archive.writestr("rgbd/0.jpg", _encoded("JPEG"))
        whole = (folder / "cut.r3d").read_bytes()
        (folder / "cut.r3d").write_bytes(whole[: len(whole) // 2])
        return {"frames": ["cut.r3d"], "depth": None}

    return {
        "video: text": _file("text.mp4", b"no video at all\n"),
        "video: header alone": _file("header.mp4", b"\0\0\0\x18ftypisom\0\0\0\x01isomavc1"),
        "video: with an image": _with(frames=["header.mp4", PHOTO], depth=None),
        "capture: an empty folder": empty_capture,
        "capture: cut": cut_capture,
    }
