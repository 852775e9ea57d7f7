"""Recordings of Azure Kinect for tests: Matroska by libavformat, with the track of depth tagged as the SDK tags it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

START = {"K4A_START_OFFSET_NS": "200011000", "K4A_DEPTH_DELAY_NS": "0"}
# Of a camera, with the distortion left out: cx, cy, fx, fy, k1 to k6, codx, cody, p2, p1.
DEPTH_PARAMETERS = (0.51296979, 0.51692355, 0.49278089, 0.49290284, *(0.0,) * 10)
COLOUR_PARAMETERS = (0.49984714, 0.50661761, 0.47796512, 0.63742393, *(0.0,) * 10)


def camera(location: str, parameters: Sequence[Any], size: tuple[Any, Any], shift: Sequence[Any]) -> dict[str, Any]:
    """One camera of ``calibration.json``."""
    return {
        "Intrinsics": {
            "ModelParameterCount": 14,
            "ModelParameters": list(parameters),
            "ModelType": "CALIBRATION_LensDistortionModelBrownConrady",
        },
        "Location": f"CALIBRATION_CameraLocation{location}",
        "Purpose": "CALIBRATION_CameraPurpose" + {"D0": "Depth", "PV0": "PhotoVideo"}[location],
        "MetricRadius": 1.74,
        "Rt": {"Rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1], "Translation": list(shift)},
        "SensorWidth": size[0],
        "SensorHeight": size[1],
    }


def calibration(**colour: Any) -> dict[str, Any]:
    """``calibration.json`` of a camera; ``colour`` changes that of its colour camera."""
    values = {"parameters": COLOUR_PARAMETERS, "size": (4096, 3072), "shift": (-0.032, -0.002, 0.004)} | colour
    cameras = [camera("D0", DEPTH_PARAMETERS, (1024, 1024), (0, 0, 0)), camera("PV0", **values)]
    return {"CalibrationInformation": {"Cameras": cameras, "InertialSensors": []}}


def write(
    path: Path,
    colours: Sequence[np.ndarray],
    depths: Sequence[np.ndarray],
    *,
    content: bytes | None = None,
    titles: tuple[str, str] = ("COLOR", "DEPTH"),
    tags: dict[str, str] | None = None,
    codec: tuple[str, str] = ("mjpeg", "yuvj420p"),
    depth_times_ms: Sequence[int] | None = None,
    fourcc: bytes = b"b16g",
) -> Path:
    """Write images uint8 (H, W, 3) and depth uint16 (H, W) [mm] at 10 Hz."""
    content = json.dumps(calibration()).encode() if content is None else content
    with av.open(str(path), "w", options={"allow_raw_vfw": "1"}) as container:
        container.metadata.update(START | (tags or {}))
        tracks = []
        for title, frames, (name, form) in zip(
            titles, (colours, depths), (codec, ("rawvideo", "gray16be")), strict=True
        ):
            if not len(frames):
                continue
            track = container.add_stream(name, rate=10)
            track.height, track.width, track.pix_fmt = *frames[0].shape[:2], form
            track.codec_context.time_base = Fraction(1, 1000)
            track.metadata["title"] = title
            if form == "yuvj420p":
                track.codec_context.options = {"qmin": "1", "qmax": "1"}
            tracks.append((track, frames, "rgb24" if frames is colours else "gray16be"))
        if content:
            container.add_attachment("calibration.json", "application/octet-stream", content)
        times_ms = {"gray16be": depth_times_ms}
        for index in range(max(len(colours), len(depths))):
            for track, frames, form in tracks:
                if index < len(frames):
                    frame = av.VideoFrame.from_ndarray(frames[index], format=form)
                    frame.pts, frame.time_base = (times_ms.get(form) or range(0, 10**6, 100))[index], Fraction(1, 1000)
                    container.mux(track.encode(frame))
        for track, _, _ in tracks:
            container.mux(track.encode())
    if len(depths):
        _tag(path, *depths[0].shape, fourcc)
    return path


def _tag(path: Path, height: int, width: int, fourcc: bytes) -> None:
    """Write the format of the depth into its BITMAPINFOHEADER: libavformat leaves it empty and counts rows upwards."""
    data = bytearray(path.read_bytes())
    at = data.index(b"".join(number.to_bytes(4, "little", signed=True) for number in (40, width, -height)))
    data[at + 8 : at + 12] = height.to_bytes(4, "little")
    data[at + 16 : at + 20] = fourcc
    path.write_bytes(data)
