"""Recordings of phones, written as their formats' specifications say, from frames as ARKit gives them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation


@dataclass
class ArkitFrame:
    """What ARFrame holds, for the landscape image of the sensor.

    ``transform`` leads from the camera (x right, y up, z backward) to the world, y up. ``lens`` is fx, fy, ox, oy, from
    the top-left corner of the image. ``levels`` are 0 to 2.
    """

    rgb: np.ndarray
    transform: np.ndarray
    lens: tuple[float, float, float, float]
    depth_m: np.ndarray
    levels: np.ndarray
    time_s: float


Write = Callable[..., Path]


def held(direction: str, position_m: Sequence[float], yaw_deg: float = 0, pitch_deg: float = 0) -> np.ndarray:
    """``transform`` of a phone that looks along the world's -z axis before it is turned.

    ``landscape`` has the sensor's image upright; in ``portrait`` the top of the phone points up, and the image must be
    turned clockwise to be upright.
    """
    roll_deg = {"landscape": 0, "portrait": -90, "upside_down": 90, "other_landscape": 180}[direction]
    transform = np.eye(4)
    transform[:3, :3] = Rotation.from_euler("YXZ", (yaw_deg, pitch_deg, roll_deg), degrees=True).as_matrix()
    transform[:3, 3] = position_m
    return transform


def blob_frames(direction: str, count: int = 2) -> tuple[list[ArkitFrame], np.ndarray]:
    """Frames of a bright spot at a place in the world, on a wall that faces the camera; and that place."""
    place = np.array((0.25, 1.2, -2.0))
    lens = (64.0, 64.0, 49.0, 35.0)
    frames = []
    for index in range(count):
        transform = held(direction, (0.05 + 0.2 * index, 1.3, 0.1 * index), yaw_deg=3 - 4 * index, pitch_deg=-4)
        x, y, z = (np.linalg.inv(transform) @ (*place, 1))[:3]
        column, row = lens[0] * x / -z + lens[2] - 0.5, -lens[1] * y / -z + lens[3] - 0.5
        rows, columns = np.mgrid[:72, :96]
        spot = np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / 8)
        rgb = np.repeat((20 + 235 * spot)[..., None], 3, axis=2).astype(np.uint8)
        frames.append(ArkitFrame(rgb, transform, lens, np.full((24, 32), -z), np.full((24, 32), 2), index / 30))
    return frames, place


def write_video(file: Path, images: Sequence[np.ndarray], first_pts: int = 0, rotation_deg: int = 0) -> None:
    """An MP4 at 60 Hz; images before 0 are hidden by its edit list."""
    import av

    with av.open(str(file), "w", options={"use_editlist": "1"}) as container:
        stream = container.add_stream("libx264", rate=60, options={"crf": "4", "bf": "2", "g": "10"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 60)
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = first_pts + index, Fraction(1, 60)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def png(array: np.ndarray) -> bytes:
    data = BytesIO()
    Image.fromarray(array).save(data, "PNG")
    return data.getvalue()


def jpeg(rgb: np.ndarray) -> bytes:
    data = BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(data, "JPEG", quality=97, subsampling=0)
    return data.getvalue()


def write_stray(
    folder: Path,
    frames: Sequence[ArkitFrame],
    *,
    lens_columns: bool = True,
    first_pts: int = 0,
    rotation_deg: int = 0,
    npy: bool = False,
) -> Path:
    """https://github.com/strayrobots/scanner/blob/main/docs/format.md and OdometryEncoder.swift."""
    for name in ("depth", "confidence"):
        (folder / name).mkdir(parents=True)
    write_video(folder / "rgb.mp4", [frame.rgb for frame in frames], first_pts, rotation_deg)
    header = "timestamp, frame, x, y, z, qx, qy, qz, qw"
    header += ", fx, fy, cx, cy, distortion_center_x, distortion_center_y" if lens_columns else ""
    lines = [header]
    for number, frame in enumerate(frames):
        # q_WA * q_AC, where q_AC = (1, 0, 0, 0).
        quaternion = (Rotation.from_matrix(frame.transform[:3, :3]) * Rotation.from_quat((1, 0, 0, 0))).as_quat()
        cells = [7000 + frame.time_s, f"{number:06d}", *frame.transform[:3, 3], *quaternion]
        lines.append(", ".join(map(str, [*cells, *frame.lens, "", ""] if lens_columns else cells)))
        depth_mm = np.rint(frame.depth_m * 1000).astype(np.uint16)
        if npy:
            np.save(folder / "depth" / f"{number:06d}.npy", depth_mm)
        else:
            (folder / "depth" / f"{number:06d}.png").write_bytes(png(depth_mm))
        (folder / "confidence" / f"{number:06d}.png").write_bytes(png(frame.levels.astype(np.uint8)))
    fx, fy, cx, cy = frames[-1].lens
    (folder / "odometry.csv").write_text("\n".join(lines) + "\n")
    (folder / "camera_matrix.csv").write_text(f"{fx}, 0.0, {cx}\n0.0, {fy}, {cy}\n0.0, 0.0, 1.0")
    (folder / "imu.csv").write_text("timestamp, a_x, a_y, a_z, alpha_x, alpha_y, alpha_z\n")
    return folder


def write_polycam(folder: Path, frames: Sequence[ArkitFrame], *, corrected: Sequence[int] = ()) -> Path:
    """https://github.com/PolyCam/polyform, README."""
    keyframes = folder / "keyframes"
    for name in ("images", "cameras", "depth", "confidence", "corrected_images", "corrected_cameras"):
        (keyframes / name).mkdir(parents=True)
    (folder / "thumbnail.jpg").write_bytes(jpeg(frames[0].rgb))
    (folder / "mesh_info.json").write_text("{}")
    for number, frame in enumerate(frames):
        stamp = 83_000_000_000 + round(frame.time_s * 1e6)
        values = dict(zip(("fx", "fy", "cx", "cy"), frame.lens, strict=True))
        values |= {"width": frame.rgb.shape[1], "height": frame.rgb.shape[0], "blur_score": 91.5}
        values |= {f"t_{row}{column}": float(frame.transform[row, column]) for row in range(3) for column in range(4)}
        for prefix in ("", *(("corrected_",) if number in corrected else ())):
            (keyframes / f"{prefix}images" / f"{stamp}.jpg").write_bytes(jpeg(frame.rgb))
            (keyframes / f"{prefix}cameras" / f"{stamp}.json").write_text(json.dumps(values))
        (keyframes / "depth" / f"{stamp}.png").write_bytes(png(np.rint(frame.depth_m * 1000).astype(np.uint16)))
        (keyframes / "confidence" / f"{stamp}.png").write_bytes(png(np.array((0, 54, 255), np.uint8)[frame.levels]))
    return folder


def record3d_parts(
    frames: Sequence[ArkitFrame], *, turned: bool = True, relative: bool = True, per_frame: bool = True
) -> dict[str, bytes]:
    """The files of a recording: portrait, as the app turns the sensor's image clockwise, or landscape.

    https://github.com/marek-simonik/record3d/issues/93 and the issues that the reader names. Relative poses begin at
    the first camera, and ``initPose`` leads from there to the world.
    """
    import lzfse

    def stored(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(array, -1) if turned else array)

    # The top of the sensor's image becomes the right side: its y axis the new x axis, its -x axis the new y axis.
    turn = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) if turned else np.eye(4)
    poses = [frame.transform @ turn for frame in frames]
    start = poses[0] if relative else np.eye(4)
    poses = [np.linalg.inv(start) @ pose for pose in poses]
    lenses = [
        (fy, fx, frame.rgb.shape[0] - cy, cx) if turned else (fx, fy, cx, cy)
        for frame in frames
        for fx, fy, cx, cy in [frame.lens]
    ]

    def seven(pose: np.ndarray) -> list[float]:
        return [*Rotation.from_matrix(pose[:3, :3]).as_quat().tolist(), *pose[:3, 3].tolist()]

    (height, width), (depth_height, depth_width) = (
        stored(part).shape[:2] for part in (frames[0].rgb, frames[0].levels)
    )
    fx, fy, cx, cy = lenses[0]
    metadata = {
        "w": width,
        "h": height,
        "dw": depth_width,
        "dh": depth_height,
        "fps": 30,
        "K": [fx, 0, 0, 0, fy, 0, cx, cy, 1],
        "poses": [seven(pose) for pose in poses],
        "initPose": seven(start),
        "frameTimestamps": [frame.time_s for frame in frames],
        "cameraType": 1,
    }
    if per_frame:
        metadata["perFrameIntrinsicCoeffs"] = lenses
    parts = {"metadata": json.dumps(metadata).encode(), "icon": jpeg(frames[0].rgb)}
    for number, frame in enumerate(frames):
        parts[f"rgbd/{number}.jpg"] = jpeg(stored(frame.rgb))
        parts[f"rgbd/{number}.depth"] = lzfse.compress(stored(frame.depth_m).astype("<f4").tobytes())
        parts[f"rgbd/{number}.conf"] = lzfse.compress(stored(frame.levels).astype("u1").tobytes())
    return parts


def write_r3d(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, parts: dict[str, bytes]) -> Path:
    for name, data in parts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


WRITERS: dict[str, Write] = {
    "stray": lambda folder, frames: write_stray(folder / "c0ffee", frames),
    "record3d": lambda folder, frames: write_r3d(folder / "c0ffee.r3d", record3d_parts(frames)),
    "record3d folder": lambda folder, frames: write_folder(folder / "c0ffee", record3d_parts(frames)),
    "record3d landscape": lambda folder, frames: write_r3d(
        folder / "c0ffee.r3d", record3d_parts(frames, turned=False, relative=False, per_frame=False)
    ),
    "polycam": lambda folder, frames: write_polycam(folder / "c0ffee", frames),
}
