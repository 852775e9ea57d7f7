"""Words printed around boxes and cylinders, and their boxes in a view.

A word stands upright in the middle of each wall of a box, and three times around a cylinder, so every side shows it.
Each of these is called a copy below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from pipeline.geometry.backprojection import project
from pipeline.geometry.regions import mask_box
from pipeline.records import Box, Camera
from pipeline.synthetic.world import Piece, World

COPIES = {"box": 4, "cylinder": 3}
"""How often a word stands around each shape that bears one."""

WORDS = (
    *("TEA", "MILK", "SALT", "RICE", "SUGAR", "HONEY", "FLOUR", "BEANS", "COCOA", "SOAP", "NUTS", "JAM"),
    *("BOOKS", "TOYS", "TOOLS", "GLASS", "PAINT", "GLUE", "NAILS", "SEEDS", "EAST", "NORTH", "OPEN", "FRAGILE"),
    *("A12", "B7", "C40", "E25", "H308", "K9", "N52", "R64", "2048", "365", "1984", "707"),
    *("茶", "盐", "米", "牛奶", "白糖", "蜂蜜", "面粉", "苹果", "香皂", "玩具", "工具", "油漆", "易碎", "图书"),
)  # fmt: skip
"""English words, codes and Chinese words that are short enough to be printed large."""

# Height of the drawn letters [px], their weight, and the margin that the font's overhang needs.
_LETTER_PX, _WEIGHT = 96, 600
# Largest share of a wall's height and width that a word takes, and the angle of a cylinder's wall.
_HEIGHT_SHARE, _WIDTH_SHARE = 0.36, 0.8
_CYLINDER_WALL_RAD = 2.0
# A pixel with this share of ink belongs to a word.
_INK = 0.3
# A legible copy shows at least this share of its ink, this height, and this cosine of its angle to the camera.
_LEAST_SHOWN, _LEAST_HEIGHT_PX, _LEAST_COSINE = 0.9, 8, 0.5
_SAMPLES = 200


@dataclass(frozen=True)
class PrintedWord:
    """A legible copy of a word in a view.

    Args:
        text: The word.
        piece: Index in the world of the piece that bears it.
        box_px: Tight box of its ink [px].
    """

    text: str
    piece: int
    box_px: Box


@lru_cache(maxsize=256)
def bitmap(text: str) -> np.ndarray:
    """The ink of a word, float32 (h, w) in [0, 1], cropped to it and read-only."""
    font = cv2.FontFace("sans")
    canvas = np.zeros((2 * _LETTER_PX, (len(text) + 2) * 2 * _LETTER_PX), dtype=np.uint8)
    cv2.putText(canvas, text, (_LETTER_PX // 2, 3 * _LETTER_PX // 2), (255,), font, _LETTER_PX, _WEIGHT)
    rows, columns = (np.flatnonzero(canvas.any(axis=axis)) for axis in (1, 0))
    ink: np.ndarray = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / np.float32(255)
    ink.flags.writeable = False
    return ink


def printed(
    world: World, parts: np.ndarray, points_m: np.ndarray, camera: Camera, pose: np.ndarray
) -> tuple[np.ndarray, tuple[PrintedWord, ...]]:
    """The ink of a view, and its legible words.

    Args:
        world: The world of the view.
        parts: int16 (H, W), index of the piece that a pixel shows; other pixels have other numbers.
        points_m: float32 (H, W, 3), the points that the pixels show, in the world [m].
        camera: Intrinsics.
        pose: Camera to world, float64 (4, 4) [m].

    Returns:
        The ink, float32 (H, W) in [0, 1], and the words, piece by piece.
    """
    ink = np.zeros(parts.shape, dtype=np.float32)
    words: list[PrintedWord] = []
    for number, piece in enumerate(world.pieces):
        here = parts == number
        if piece.word is None or piece.shape not in COPIES or not here.any():
            continue
        points = points_m[here]
        distance_m = float(np.median((points - pose[:3, 3]) @ pose[:3, 2]))
        share, copies = _ink(piece, piece.own_m(points), camera.fx / distance_m)
        ink[here] = share
        for copy in range(COPIES[piece.shape]):
            its_own = np.zeros(parts.shape, dtype=bool)
            its_own[here] = (copies == copy) & (share >= _INK)
            box_px = mask_box(its_own)
            if box_px and box_px[3] - box_px[1] >= _LEAST_HEIGHT_PX and _is_shown(piece, copy, here, camera, pose):
                words.append(PrintedWord(piece.word, number, box_px))
    return ink, tuple(words)


def _ink(piece: Piece, own_m: np.ndarray, px_per_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Ink in [0, 1] at points (N, 3) in a piece's axes, float32 (N,), and the copy that each belongs to, int (N,)."""
    assert piece.word is not None
    x, y, z = own_m.T
    half = np.array(piece.size_m) / 2
    wedge = 2 * math.pi / COPIES[piece.shape]
    # In units of the half sides, the walls of a box meet at equal angles too.
    angle = np.arctan2(y / half[1], x / half[0])
    middle = np.round(angle / wedge) * wedge
    along = (angle - middle) * half[0] if piece.shape == "cylinder" else y * np.cos(middle) - x * np.sin(middle)
    copies = np.round(middle / wedge).astype(int) % COPIES[piece.shape]
    ink = np.zeros(len(own_m), dtype=np.float32)
    for copy in np.unique(copies):
        height_m, width_m = _extent_m(piece, int(copy))
        near = (copies == copy) & (np.abs(along) < 0.6 * width_m) & (np.abs(z) < 0.6 * height_m)
        if near.any():
            letters = _resampled(bitmap(piece.word), height_m * px_per_m)
            rows = (0.5 - z[near] / height_m) * letters.shape[0] - 0.5
            columns = (0.5 + along[near] / width_m) * letters.shape[1] - 0.5
            ink[near] = map_coordinates(letters, (rows, columns), order=1, prefilter=False)
    return ink, copies


def _resampled(ink: np.ndarray, height_px: float) -> np.ndarray:
    """The bitmap at about the resolution of the view, so interpolated samples hold their mean."""
    scale = height_px / ink.shape[0]
    if scale >= 1:
        return ink
    shape = [max(1, round(side * scale)) for side in ink.shape]
    return cv2.resize(ink, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)


def _extent_m(piece: Piece, copy: int) -> tuple[float, float]:
    """Height and width of a copy [m]."""
    assert piece.word is not None
    width, depth, height = piece.size_m
    flat_m = width if copy % 2 else depth
    wall_m = _CYLINDER_WALL_RAD * width / 2 if piece.shape == "cylinder" else flat_m
    rows, columns = bitmap(piece.word).shape
    height_m = min(_HEIGHT_SHARE * height, _WIDTH_SHARE * wall_m * rows / columns)
    return height_m, height_m * columns / rows


def _is_shown(piece: Piece, copy: int, visible: np.ndarray, camera: Camera, pose: np.ndarray) -> bool:
    """Whether nearly all ink of a copy is visible and faces the camera.

    Boxes and cylinders are convex: a point that faces the camera is visible if its pixel shows the piece.
    """
    points, normals = _ink_points(piece, copy)
    turn = pose[:3, :3].T @ piece.rotation
    points = points @ turn.T + pose[:3, :3].T @ (piece.centre_m - pose[:3, 3])
    cosines = -np.einsum("nc,nc->n", normals @ turn.T, points) / np.linalg.norm(points, axis=1)
    pixels = np.round(project(points, camera))
    size = np.array((camera.width, camera.height))
    inside = (cosines > 0) & ((pixels >= 0) & (pixels < size)).all(axis=1)
    columns, rows = pixels[inside].astype(int).T
    shown = np.count_nonzero(visible[rows, columns]) / len(points)
    return bool(shown >= _LEAST_SHOWN and cosines.mean() >= _LEAST_COSINE)


def _ink_points(piece: Piece, copy: int) -> tuple[np.ndarray, np.ndarray]:
    """Evenly chosen points of a copy's ink and the normals there, in the piece's axes, float64 (N, 3) each."""
    assert piece.word is not None
    letters = bitmap(piece.word)
    rows, columns = np.nonzero(letters > 0.5)
    chosen = slice(None, None, max(1, len(rows) // _SAMPLES))
    height_m, width_m = _extent_m(piece, copy)
    along = ((columns[chosen] + 0.5) / letters.shape[1] - 0.5) * width_m
    up = (0.5 - (rows[chosen] + 0.5) / letters.shape[0]) * height_m
    middle = copy * 2 * math.pi / COPIES[piece.shape]
    half = piece.size_m[copy % 2] / 2 if piece.shape == "box" else piece.size_m[0] / 2
    angle = middle + along / half if piece.shape == "cylinder" else np.full_like(along, middle)
    normals = np.stack((np.cos(angle), np.sin(angle), np.zeros_like(angle)), axis=1)
    points = half * normals
    points[:, 2] = up
    if piece.shape == "box":
        points[:, :2] += along[:, None] * (-math.sin(middle), math.cos(middle))
    return points, normals
