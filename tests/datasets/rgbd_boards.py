"""A folder of RGB-D frames that tests write: two boards before a wall, in every encoding of depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from files_of_sets import save_image

SIZE = (320, 240)
CAMERA = {"fx": 300.0, "fy": 300.0, "cx": 159.5, "cy": 119.5}
POSES = "0 0 1\n1 0 0 2\n0 1 0 3\n0 0 1 -0.3\n0 0 0 1\n1 1 2\n1 0 0 5\n0 1 0 6\n0 0 1 7\n0 0 0 1\n"


def boards_m() -> np.ndarray:
    """Two boards before a wall at 4 m; the nearer one overlaps the other."""
    depth = np.full(SIZE[::-1], 4.0)
    depth[60:150, 90:200] = 2.0
    depth[100:200, 40:120] = 1.25
    depth[:8] = 0
    return depth


def save_boards(folder: Path, encoding: str) -> None:
    """One frame of the two boards in some encoding, with its description."""
    folder.mkdir(parents=True, exist_ok=True)
    depth, known = boards_m(), boards_m() > 0
    description: dict[str, Any] = {"color": "rgb.png", "camera": CAMERA, "depth": {"file": "depth.png"}}
    millimetres = np.round(depth * 1000).astype(np.uint16)
    save_image(folder / "rgb.png", size=SIZE)
    if encoding == "scaled":
        cv2.imwrite(str(folder / "depth.png"), millimetres)
        description["depth"]["scale_m"] = 0.001
    elif encoding == "sun3d":
        cv2.imwrite(str(folder / "depth.png"), (millimetres << 3) | (millimetres >> 13))
        description["depth"]["encoding"] = "sun3d"
    elif encoding == "kinect":
        raw = np.where(known, np.round(1092.5 - 351.3 / np.where(known, depth, 1)), 2047).astype("<u2")
        (folder / "depth.pgm").write_bytes(b"P5 320 240 65535\n" + raw.tobytes())
        description["depth"] = {"file": "depth.pgm", "encoding": "kinect"}
    elif encoding == "disparity":
        disparity = np.where(known, 0.2 * 300 / np.where(known, depth, 1) - 10, np.inf).astype(np.float32)
        np.savez(folder / "disparity.npz", disparity)
        description["depth"] = {
            "file": "disparity.npz",
            "encoding": "disparity",
            "baseline_m": 0.2,
            "focal_px": 300,
            "offset_px": 10,
        }
    else:
        rows, columns = np.nonzero(known)
        z = depth[known]
        x, y = (columns - 159.5) / 300 * z, (rows - 119.5) / 300 * z
        # The upright frame has y forward and z up.
        cloud = np.stack((x, z, -y, *np.zeros((3, len(z)))), axis=1).astype("<f4")
        cloud.tofile(folder / "points.bin")
        projection = np.array([[300, 0, 159.5], [0, 300, 119.5], [0, 0, 1]]) @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
        description["depth"] = {
            "file": "points.bin",
            "encoding": "points",
            "projection": projection.tolist(),
            "radius_px": 0,
        }
        del description["camera"]
    (folder / "frame.json").write_text(json.dumps(description))
