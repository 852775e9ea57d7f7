"""A scene on disk: photos, depth, cameras and errors of one item, from which every picture and export can be made.

A zip archive with ``scene.json``, ``photo-N.jpg`` (or ``.png``) and ``depth-N.png`` for each frame. Depth is stored as
16-bit integers from its least to its largest valid value, 0 where it is not valid; photos and depth of large frames are
reduced by a whole factor.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.export.files import replacing
from pipeline.records import Camera, DepthMap, Frame, Sampling, Scene
from pipeline.records.error_budget import DepthErrors
from pipeline.records.errors import ExportError, TheodoliteError
from pipeline.records.json_form import from_plain, to_plain

VERSION = 1
_LEVELS = 65534  # 0 marks pixels without depth.
_JPEG_QUALITY = 90
# Refuses archives whose small files unpack to more than any scene [bytes, px].
_MOST_BYTES, _MOST_SIDE_PX, _MOST_FRAMES = 1 << 28, 1 << 16, 4096


@dataclass(frozen=True, eq=False)
class StoredScene:
    """A scene with the errors of its depth.

    Args:
        scene: Frames with their cameras and poses, and depth.
        errors: One per depth map; empty where there is no depth.
    """

    scene: Scene
    errors: tuple[DepthErrors, ...] = ()


def write_scene(
    path: Path, scene: Scene, errors: Sequence[DepthErrors] = (), widest_px: int = 1280, lossless: bool = False
) -> Path:
    """Write the frames and the depth of a scene; regions and claims are in its results.

    Args:
        path: Where to write, ``.zip``.
        scene: Frames and depth.
        errors: One per depth map.
        widest_px: Frames with a longer side are reduced by the least whole factor that makes them fit [px].
        lossless: Whether photos are stored as PNG instead of JPEG.

    Returns:
        The path.

    Raises:
        ExportError: If the file cannot be written.
    """
    frames: list[dict[str, Any]] = []
    files: dict[str, bytes] = {}
    for index, frame in enumerate(scene.frames):
        factor = -(-max(frame.width, frame.height) // widest_px)
        size = (-(-frame.width // factor), -(-frame.height // factor))
        photo = frame.rgb if factor == 1 else cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)
        entry: dict[str, Any] = {
            "name": frame.name,
            "camera": to_plain(frame.camera),
            "timestamp_s": frame.timestamp_s,
            "pose": None if frame.pose is None else frame.pose.tolist(),
            "photo": f"photo-{index}.{'png' if lossless else 'jpg'}",
        }
        settings = () if lossless else (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
        files[entry["photo"]] = _encoded(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), Path(entry["photo"]).suffix, settings)
        if scene.depth:
            entry["depth"], levels = _depth_entry(scene.depth[index], factor)
            entry["depth"]["file"] = f"depth-{index}.png"
            files[entry["depth"]["file"]] = _encoded(levels, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 1))
            confidence = scene.depth[index].confidence
            if confidence is not None:
                shares = np.round(np.clip(_reduced(confidence, factor), 0, 1) * 255).astype(np.uint8)
                entry["depth"]["confidence"] = f"confidence-{index}.png"
                files[entry["depth"]["confidence"]] = _encoded(shares, ".png", ())
        frames.append(entry)
    head = {
        "version": VERSION,
        "id": scene.id,
        "frames": frames,
        "errors": [to_plain(error) for error in errors],
    }
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("scene.json", json.dumps(head, ensure_ascii=False, indent=1))
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def read_scene(path: Path) -> StoredScene:
    """Read a scene that ``write_scene`` wrote; frames and depth have their full size again.

    Depth of reduced frames repeats its values, which its ``sampling`` says.

    Raises:
        ExportError: If the file is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise ExportError(f"The stored scene {path} is larger than any scene.")
            head = json.loads(archive.read("scene.json"))
            if head["version"] != VERSION:
                raise ExportError(
                    f"The stored scene {path} has version {head['version']}; this program reads {VERSION}."
                )
            parts = [_frame(entry, archive) for entry in head["frames"][:_MOST_FRAMES]]
        depth = tuple(depth for _, depth in parts if depth is not None)
        errors = tuple(from_plain(DepthErrors, entry) for entry in head["errors"])
        return StoredScene(Scene(head["id"], tuple(frame for frame, _ in parts), depth=depth), errors)
    except ExportError:
        raise
    except OSError as error:
        raise ExportError(f"The stored scene {path} cannot be read: {error.strerror or error}.") from error
    except (
        *(zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, RecursionError, EOFError),
        *(NotImplementedError, MemoryError, cv2.error, TheodoliteError),
    ) as error:
        raise ExportError(f"The stored scene {path} is damaged: {error}; run the item again.") from error


def _depth_entry(depth: DepthMap, factor: int) -> tuple[dict[str, Any], np.ndarray]:
    """Description of a depth map, and its values as uint16 levels of which 0 is not valid."""
    values, valid = _reduced(depth.values, factor), _reduced(depth.valid, factor)
    known = values[valid].astype(np.float64)
    least, largest = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    span = largest - least
    shares = (known - least) / span if span > 0 else np.zeros(known.shape)
    levels = np.zeros(values.shape, dtype=np.uint16)
    levels[valid] = np.round(shares * _LEVELS).astype(np.uint16) + 1
    described = {
        "kind": str(depth.kind),
        "scale_source": str(depth.scale_source),
        "backend": depth.backend,
        "scale_error": depth.scale_error,
        "disagreement": depth.disagreement,
        "misfit": depth.misfit,
        "focal_px": depth.focal_px,
        "sampling": to_plain(depth.sampling),
        "factor": factor,
        "least": least,
        "largest": largest,
    }
    return described, levels


def _reduced(values: np.ndarray, factor: int) -> np.ndarray:
    """Every factor-th value, of the middle of each square, in an array of the size of the reduced photo."""
    if factor == 1:
        return values
    rows, columns = (np.minimum(np.arange(factor // 2, side + factor // 2, factor), side - 1) for side in values.shape)
    return values[np.ix_(rows, columns)]


def _enlarged(values: np.ndarray, factor: int, shape: tuple[int, int]) -> np.ndarray:
    return values.repeat(factor, axis=0).repeat(factor, axis=1)[: shape[0], : shape[1]] if factor > 1 else values


def _frame(entry: dict[str, Any], archive: zipfile.ZipFile) -> tuple[Frame, DepthMap | None]:
    camera = from_plain(Camera, entry["camera"])
    if max(camera.width, camera.height) > _MOST_SIDE_PX or camera.width * camera.height > _MOST_BYTES:
        raise ValueError(f"a frame of {camera.width} x {camera.height} px")
    photo = _decoded(archive.read(entry["photo"]), cv2.IMREAD_COLOR)
    if photo.shape[:2] != (camera.height, camera.width):
        photo = cv2.resize(photo, (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)
    frame = Frame(
        np.ascontiguousarray(photo[..., ::-1]),
        camera,
        entry["timestamp_s"],
        None if entry["pose"] is None else np.array(entry["pose"], dtype=np.float64),
        name=str(entry["name"]),
    )
    return frame, None if "depth" not in entry else _depth(entry["depth"], camera, archive)


def _depth(entry: dict[str, Any], camera: Camera, archive: zipfile.ZipFile) -> DepthMap:
    factor, shape = int(entry["factor"]), (camera.height, camera.width)
    levels = _decoded(archive.read(entry["file"]), cv2.IMREAD_UNCHANGED)
    span = entry["largest"] - entry["least"]
    values = np.where(levels > 0, entry["least"] + (levels.astype(np.float64) - 1) * (span / _LEVELS), 0)
    confidence = None
    if "confidence" in entry:
        shares = _decoded(archive.read(entry["confidence"]), cv2.IMREAD_UNCHANGED)
        confidence = _enlarged(shares.astype(np.float32) / 255, factor, shape)
    sampling = from_plain(Sampling, entry["sampling"])
    return DepthMap(
        _enlarged(values.astype(np.float32), factor, shape),
        _enlarged(levels > 0, factor, shape),
        entry["kind"],
        entry["scale_source"],
        entry["backend"],
        confidence,
        focal_px=entry["focal_px"],
        scale_error=entry["scale_error"],
        sampling=Sampling(
            max(sampling.width_px, float(factor)), max(sampling.height_px, float(factor)), sampling.is_scattered
        ),
        disagreement=entry["disagreement"],
        misfit=entry["misfit"],
    )


def _encoded(image: np.ndarray, suffix: str, settings: Sequence[int]) -> bytes:
    done, data = cv2.imencode(suffix, image, settings)
    if not done:
        raise ExportError(f"An image of {image.shape} cannot be encoded as {suffix}.")
    return data.tobytes()


def _decoded(data: bytes, mode: int) -> np.ndarray:
    from PIL import Image

    # Pillow reads the header alone, so a bomb is refused before it is unpacked.
    try:
        Image.open(io.BytesIO(data)).close()
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    if image is None:
        raise ValueError("an image cannot be decoded")
    decoded: np.ndarray = image
    return decoded
