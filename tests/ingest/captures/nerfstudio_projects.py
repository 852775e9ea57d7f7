"""Projects of nerfstudio, written as https://docs.nerf.studio/quickstart/data_conventions.html says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = (64, 48)
CAMERA: dict[str, Any] = {
    "fl_x": 60.0,
    "fl_y": 61.0,
    "cx": 33.0,
    "cy": 25.0,
    "w": 64,
    "h": 48,
    "camera_model": "OPENCV",
}
IDENTITY = np.eye(4).tolist()


def frame(name: str = "images/1.png", **more: Any) -> dict[str, Any]:
    return {"file_path": name, "transform_matrix": IDENTITY, **more}


def save_project(folder: Path, *frames: dict[str, Any], name: str = "transforms.json", **keys: Any) -> Path:
    """Write the file, one grey image per frame, and depth of 2 m for each depth file that does not exist yet."""
    frames = frames or (frame(),)
    for at, entry in enumerate(frames):
        image = folder / entry["file_path"]
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE, (10 * at, 90, 90)).save(image if image.suffix else image.with_name(image.name + ".png"))
        depth = entry.get("depth_file_path") or entry.get("depth_path")
        if depth and not (folder / depth).exists():
            save_depth(folder / depth, np.full((24, 32), 2000, np.uint16))
    (folder / name).write_text(json.dumps({**CAMERA, **keys, "frames": list(frames)}))
    return folder


def save_depth(file: Path, values: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".npy":
        np.save(file, values)
    else:
        Image.fromarray(values).save(file)
