"""Training images out of stored layers: coloured anew, mirrored, moved and photographed differently each time."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from nano.rendering import SIDE_PX, TrainingFrame, TrainingScene

from pipeline.records import Box
from pipeline.synthetic.appearance import compose, ink_for
from pipeline.synthetic.layout import COLOURS
from pipeline.synthetic.questions import LEAST_SIDE_PX

COLOUR_NAMES = tuple(COLOURS)
_ZOOM = (0.8, 1.2)
_SHIFT_PX = 24.0
_COLOUR_NOISE, _SURFACE_NOISE = 5.0, 18.0
# An object that moved out of the image by more than this share is not asked about.
_LEAST_LEFT = 0.7
_SURFACE_SHAPES = ("table",)


@dataclass(frozen=True, eq=False)
class Image:
    """One augmented image.

    Args:
        rgb: uint8 (256, 256, 3).
        ids: uint8 (256, 256), index of the piece; beyond the pieces for the surroundings.
        boxes: Tight visible box of every piece that is still well in the image [px].
    """

    rgb: np.ndarray
    ids: np.ndarray
    boxes: dict[int, Box]


@dataclass(frozen=True, eq=False)
class View:
    """How a scene is shown this time: the same for all of its images.

    Args:
        colours: Name of the colour of every piece.
        mirrored: Whether left and right are exchanged.
        images: One per frame.
    """

    colours: tuple[str, ...]
    mirrored: bool
    images: tuple[Image, ...]


def shown(scene: TrainingScene, rng: np.random.Generator, *, plain: bool = False) -> View:
    """Draw how a scene is shown.

    Args:
        scene: The scene.
        rng: Draws everything.
        plain: Whether the scene is shown as it was rendered.
    """
    colours, palette = (scene.colours, scene.palette) if plain else _recoloured(scene, rng)
    mirrored = not plain and bool(rng.random() < 0.5)
    inks = ink_for(palette)
    images = tuple(_image(frame, palette, inks, mirrored, rng, plain, len(colours)) for frame in scene.frames)
    return View(colours, mirrored, images)


def coloured(scene: TrainingScene, frame: TrainingFrame, rng: np.random.Generator) -> np.ndarray:
    """An image of a scene in other colours, uint8 (256, 256, 3)."""
    palette = _recoloured(scene, rng)[1]
    return compose(frame.layers(), palette, ink_for(palette))


def _recoloured(scene: TrainingScene, rng: np.random.Generator) -> tuple[tuple[str, ...], np.ndarray]:
    """New names of colours under which no two pieces have one name, and a palette of them, float (P, 3)."""
    taken: set[tuple[str, str]] = set()
    colours = []
    for old, shape in zip(scene.colours, scene.shapes, strict=True):
        if shape in _SURFACE_SHAPES:
            colours.append(old)
            continue
        colour = COLOUR_NAMES[rng.integers(len(COLOUR_NAMES))]
        while (colour, shape) in taken:
            colour = COLOUR_NAMES[rng.integers(len(COLOUR_NAMES))]
        taken.add((colour, shape))
        colours.append(colour)
    palette = scene.palette.copy()
    around = palette[len(colours) :]
    around *= 1 + rng.normal(0, 0.06, (len(around), 1))
    around += rng.normal(0, _SURFACE_NOISE, (len(around), 3))
    for piece, colour in enumerate(colours):
        if scene.shapes[piece] not in _SURFACE_SHAPES:
            palette[piece] = np.array(COLOURS[colour][1]) + rng.normal(0, _COLOUR_NOISE, 3)
    return tuple(colours), palette.clip(0, 255)


def _image(
    frame: TrainingFrame,
    palette: np.ndarray,
    inks: np.ndarray,
    mirrored: bool,
    rng: np.random.Generator,
    plain: bool,
    pieces: int,
) -> Image:
    rgb, ids = compose(frame.layers(), palette, inks), frame.ids
    before = _areas(ids, pieces)
    if not plain:
        zoom = rng.uniform(*_ZOOM)
        shift = rng.uniform(-_SHIFT_PX, _SHIFT_PX, 2) + (1 - zoom) * (SIDE_PX - 1) / 2
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        if mirrored:
            matrix[0] = (-zoom, 0, SIDE_PX - 1 - shift[0])
        rgb = cv2.warpAffine(rgb, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        ids = cv2.warpAffine(
            ids, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=255
        )
        rgb = photographed(rgb, rng)
        before = before * zoom**2
    after = _areas(ids, pieces)
    boxes = {}
    for piece in frame.hints:
        if after[piece] >= _LEAST_LEFT * before[piece] and (box := _box(ids == piece)) is not None:
            boxes[piece] = box
    return Image(rgb, ids, boxes)


def photographed(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another exposure, white balance, sharpness and noise."""
    seen = rgb.astype(np.float32) * rng.uniform(0.82, 1.15) * rng.normal(1, 0.03, 3).astype(np.float32)
    if rng.random() < 0.3:
        seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.3, 0.8))
    noise = cv2.randn(np.empty((SIDE_PX, SIDE_PX, 3), np.float32), 0, rng.uniform(0, 6))
    return (seen + noise).clip(0, 255).astype(np.uint8)


def _areas(ids: np.ndarray, pieces: int) -> np.ndarray:
    return np.bincount(ids.ravel(), minlength=256)[:pieces].astype(float)


def _box(mask: np.ndarray) -> Box | None:
    """The tight box of a mask, unless it is too small to be asked about."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    return box if min(box[2] - box[0], box[3] - box[1]) >= LEAST_SIDE_PX else None


def patch_owners(ids: np.ndarray, pieces: int, patch_px: int, least_share: float = 0.15) -> np.ndarray:
    """The piece that covers most of each patch, int64 (rows, columns); -1 where none covers enough."""
    rows = SIDE_PX // patch_px
    blocks = ids.reshape(rows, patch_px, rows, patch_px).transpose(0, 2, 1, 3).reshape(rows * rows, -1)
    shares = np.stack([(blocks == piece).mean(axis=1) for piece in range(pieces)])
    owners = np.where(shares.max(axis=0) >= least_share, shares.argmax(axis=0), -1)
    return owners.reshape(rows, rows)
