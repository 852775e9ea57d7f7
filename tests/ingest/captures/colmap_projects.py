"""Projects of COLMAP, written byte by byte as https://colmap.github.io/format.html says."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

# Number and model, size [px], parameters.
CameraEntry = tuple[int, int, tuple[int, int], Sequence[float]]
# Quaternion (w, x, y, z) and translation from the world to the camera, number of the camera, name.
ImageEntry = tuple[Sequence[float], Sequence[float], int, str]

NAMES = {0: "SIMPLE_PINHOLE", 1: "PINHOLE", 2: "SIMPLE_RADIAL", 4: "OPENCV", 5: "OPENCV_FISHEYE", 7: "FOV"}
SIZE = (64, 48)
PINHOLE: CameraEntry = (3, 1, SIZE, (60.0, 61.0, 32.0, 24.0))
IDENTITY: ImageEntry = ((1, 0, 0, 0), (0, 0, 0), 3, "a.png")


def cameras_bin(cameras: Sequence[CameraEntry]) -> bytes:
    parts = [struct.pack("<Q", len(cameras))]
    for number, model, (width, height), parameters in cameras:
        parts.append(struct.pack("<iiQQ", number, model, width, height))
        parts.append(struct.pack(f"<{len(parameters)}d", *parameters))
    return b"".join(parts)


def images_bin(images: Sequence[ImageEntry], points: int = 2) -> bytes:
    parts = [struct.pack("<Q", len(images))]
    for at, (quaternion, translation, camera, name) in enumerate(images):
        parts.append(struct.pack("<I", at + 1) + struct.pack("<7d", *quaternion, *translation))
        parts.append(struct.pack("<I", camera) + name.encode() + b"\0")
        parts.append(struct.pack("<Q", points) + struct.pack("<ddq", 1.5, 2.5, -1) * points)
    return b"".join(parts)


def cameras_txt(cameras: Sequence[CameraEntry]) -> str:
    lines = ["# Camera list with one line of data per camera:"]
    for number, model, (width, height), parameters in cameras:
        lines.append(" ".join(map(str, (number, NAMES[model], width, height, *parameters))))
    return "\n".join(lines) + "\n"


def images_txt(images: Sequence[ImageEntry]) -> str:
    lines = ["# Image list with two lines of data per image:"]
    for at, (quaternion, translation, camera, name) in enumerate(images):
        lines += [" ".join(map(str, (at + 1, *quaternion, *translation, camera, name))), "1.5 2.5 -1"]
    return "\n".join(lines) + "\n"


def depth_map(values: np.ndarray) -> bytes:
    height, width = values.shape
    return f"{width}&{height}&1&".encode() + struct.pack(f"<{values.size}f", *values.ravel().tolist())


def save_project(
    folder: Path,
    cameras: Sequence[CameraEntry] = (PINHOLE,),
    images: Sequence[ImageEntry] = (IDENTITY,),
    *,
    model: str = "sparse/0",
    text: bool = False,
    depths: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a project with one grey image per entry, and its depth maps by file name below ``stereo/depth_maps``."""
    place = folder / model
    place.mkdir(parents=True, exist_ok=True)
    if text:
        (place / "cameras.txt").write_text(cameras_txt(cameras))
        (place / "images.txt").write_text(images_txt(images))
    else:
        (place / "cameras.bin").write_bytes(cameras_bin(cameras))
        (place / "images.bin").write_bytes(images_bin(images))
    sizes = {number: size for number, _, size, _ in cameras}
    for at, (_, _, camera, name) in enumerate(images):
        file = folder / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", sizes.get(camera, SIZE), (10 * at, 90, 90)).save(file)
    for name, values in (depths or {}).items():
        file = folder / "stereo" / "depth_maps" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(depth_map(values))
    return folder
