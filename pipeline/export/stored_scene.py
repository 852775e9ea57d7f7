"""A scene on disk: photos, depth, cameras and errors of one item, from which every picture and export can be made.

A zip archive with ``scene.json``, ``photo-N.jpg`` (or ``.png``) and ``depth-N.png`` for each frame. Depth is stored as
16-bit integers from its least to its largest valid value, 0 where it is not valid; where such steps would be coarse, as
with outliers or a scene of hundreds of metres, as ``depth-N.npy``. Photos and depth of large frames are reduced by a
whole factor.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.export.files import replacing
from pipeline.records import Camera, DepthKind, DepthMap, Frame, Sampling, Scene
from pipeline.records.error_budget import DepthErrors
from pipeline.records.errors import ExportError
from pipeline.records.json_form import from_plain, to_plain

VERSION = 1
_LEVELS = 65534  # 0 marks pixels without depth.
_JPEG_QUALITY = 90
# Levels are stored where a step is finer than this share of the middle nine tenths of the depth, and of metric depth
# than this length [m].
_COARSE_SHARE, _COARSE_M = 1e-3, 2e-3
# Refuses archives whose small files unpack to more than any scene: bytes, and pixels of all frames together.
_MOST_BYTES, _MOST_PX, _MOST_FACTOR = 1 << 28, 1 << 28, 1 << 16


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
            entry["depth"], name, files[name] = _depth_entry(scene.depth[index], factor, index)
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
        files = {"scene.json": json.dumps(head, ensure_ascii=False, indent=1).encode(), **files}
        for name, data in files.items():
            # Without the time of writing, so that equal scenes are equal files.
            entry_in_archive = zipfile.ZipInfo(name)
            entry_in_archive.external_attr = 0o644 << 16
            packed = zipfile.ZIP_DEFLATED if name.endswith(".npy") else zipfile.ZIP_STORED
            archive.writestr(entry_in_archive, data, packed)
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
            cameras = [from_plain(Camera, entry["camera"]) for entry in head["frames"]]
            if sum(camera.width * camera.height for camera in cameras) > _MOST_PX:
                raise ExportError(f"The stored scene {path} is larger than any scene.")
            parts = [_frame(*each, archive) for each in zip(head["frames"], cameras, strict=True)]
        depth = tuple(depth for _, depth in parts if depth is not None)
        errors = tuple(from_plain(DepthErrors, entry) for entry in head["errors"])
        return StoredScene(Scene(head["id"], tuple(frame for frame, _ in parts), depth=depth), errors)
    except ExportError:
        raise
    except OSError as error:
        raise ExportError(f"The stored scene {path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # Whatever is wrong with the file, the item can be run again.
        raise ExportError(f"The stored scene {path} is damaged: {error}; run the item again.") from error


def _depth_entry(depth: DepthMap, factor: int, index: int) -> tuple[dict[str, Any], str, bytes]:
    """Description of a depth map, and the name and the content of its file."""
    values, valid = _reduced(depth.values, factor), _reduced(depth.valid, factor)
    known = values[valid].astype(np.float64)
    least, largest = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    described: dict[str, Any] = {
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
    step = (largest - least) / _LEVELS
    if step > (_COARSE_M if depth.kind is DepthKind.METRIC else np.inf) or step > _COARSE_SHARE * _middle_spread(known):
        file = io.BytesIO()
        np.save(file, np.where(valid, values, np.nan).astype(np.float32), allow_pickle=False)
        described["file"] = f"depth-{index}.npy"
        return described, described["file"], file.getvalue()
    levels = np.zeros(values.shape, dtype=np.uint16)
    levels[valid] = 1 if step == 0 else np.round((known - least) / step).astype(np.uint16) + 1
    described["file"] = f"depth-{index}.png"
    return described, described["file"], _encoded(levels, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 1))


def _middle_spread(known: np.ndarray) -> float:
    """Range of the middle nine tenths of depths; infinite where all are equal or there are none."""
    if not known.size:
        return np.inf
    # A hundredth of the pixels tells it well enough.
    low, high = np.percentile(known[:: max(1, known.size // 10_000)], (5, 95))
    return float(high - low) if high > low else np.inf


def _reduced(values: np.ndarray, factor: int) -> np.ndarray:
    """Every factor-th value, of the middle of each square, in an array of the size of the reduced photo."""
    if factor == 1:
        return values
    rows, columns = (np.minimum(np.arange(factor // 2, side + factor // 2, factor), side - 1) for side in values.shape)
    return values[np.ix_(rows, columns)]


def _enlarged(values: np.ndarray, factor: int, shape: tuple[int, int]) -> np.ndarray:
    return values.repeat(factor, axis=0).repeat(factor, axis=1)[: shape[0], : shape[1]] if factor > 1 else values


def _frame(entry: dict[str, Any], camera: Camera, archive: zipfile.ZipFile) -> tuple[Frame, DepthMap | None]:
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
    factor, shape = entry["factor"], (camera.height, camera.width)
    if type(factor) is not int or not 1 <= factor <= _MOST_FACTOR:
        raise ValueError(f"depth is reduced by {factor!r}")
    stored = tuple(-(-side // factor) for side in shape)
    if entry["file"].endswith(".npy"):
        values = np.load(io.BytesIO(archive.read(entry["file"])), allow_pickle=False)
        valid = np.isfinite(values)
    else:
        levels = _decoded(archive.read(entry["file"]), cv2.IMREAD_UNCHANGED)
        least, largest = _number(entry["least"]), _number(entry["largest"])
        values, valid = least + (levels.astype(np.float64) - 1) * ((largest - least) / _LEVELS), levels > 0
    if values.shape != stored:
        raise ValueError(f"depth of {values.shape} pixels does not fit a frame of {shape}")
    confidence = None
    if "confidence" in entry:
        shares = _decoded(archive.read(entry["confidence"]), cv2.IMREAD_UNCHANGED)
        if shares.shape != stored:
            raise ValueError(f"confidence of {shares.shape} pixels does not fit a frame of {shape}")
        confidence = _enlarged(shares.astype(np.float32) / 255, factor, shape)
    sampling = from_plain(Sampling, entry["sampling"])
    return DepthMap(
        _enlarged(np.where(valid, values, 0).astype(np.float32), factor, shape),
        _enlarged(valid, factor, shape),
        entry["kind"],
        entry["scale_source"],
        str(entry["backend"]),
        confidence,
        focal_px=_optional(entry["focal_px"]),
        scale_error=_optional(entry["scale_error"]),
        sampling=Sampling(
            max(sampling.width_px, float(factor)), max(sampling.height_px, float(factor)), sampling.is_scattered
        ),
        disagreement=_optional(entry["disagreement"]),
        misfit=_number(entry["misfit"]),
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else _number(value)


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
