"""Flat objects before a wall, seen through a lens and without one: each pixel by its own ray."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = (640, 480)
CAMERA = {"fx": 520.0, "fy": 510.0, "cx": 326.5, "cy": 235.5}
BARREL = {"k1": -0.22, "k2": 0.06, "p1": 0.002, "p2": -0.003, "k3": -0.005}
FISHEYE = {"model": "fisheye", "k1": -0.02, "k2": 0.01, "k3": -0.004, "k4": 0.001}
WALL_M = 3.0
# Left, top, right and bottom edge, and z [m], in the camera frame.
OBJECTS = {"box": (-0.55, -0.2, -0.1, 0.35, 1.6), "panel": (0.3, -0.45, 0.7, 0.1, 2.0)}


def rays(lens: dict[str, object] | None) -> np.ndarray:
    """x and y at z = 1 of every pixel, float (H, W, 2), by OpenCV."""
    columns, rows = np.meshgrid(np.arange(SIZE[0], dtype=float), np.arange(SIZE[1], dtype=float))
    pixels = np.stack(((columns - CAMERA["cx"]) / CAMERA["fx"], (rows - CAMERA["cy"]) / CAMERA["fy"]), axis=-1)
    if lens is None:
        return pixels
    precise = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 500, 1e-12)
    flat = pixels.reshape(-1, 1, 2)
    if lens.get("model") == "fisheye":
        coefficients = np.array([lens[f"k{n}"] for n in (1, 2, 3, 4)], dtype=float)
        found = cv2.fisheye.undistortPoints(flat, np.eye(3), coefficients, criteria=precise)
    else:
        coefficients = np.array([lens.get(key, 0.0) for key in ("k1", "k2", "p1", "p2", "k3")], dtype=float)
        found = cv2.undistortPoints(flat, np.eye(3), coefficients, criteria=precise)
    return found.reshape(SIZE[1], SIZE[0], 2)


def rendered(lens: dict[str, object] | None) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The image uint8 (H, W, 3), its depth float32 (H, W) [m], and the mask of each object, bool (H, W)."""
    seen = rays(lens)
    rgb, depth = np.full((*SIZE[::-1], 3), 70, np.uint8), np.full(SIZE[::-1], WALL_M, np.float32)
    masks = {}
    for number, (label, (left, top, right, bottom, z)) in enumerate(OBJECTS.items(), start=1):
        x, y = seen[..., 0] * z, seen[..., 1] * z
        masks[label] = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        rgb[masks[label]] = (60 + 60 * number, 30, 200)
        depth[masks[label]] = z
    return rgb, depth, masks


def box_of(mask: np.ndarray) -> list[float]:
    """Left, top, right and bottom edge of a mask [px]."""
    rows, columns = np.nonzero(mask)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
