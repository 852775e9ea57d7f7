"""A world made by hand, whose relations can be read off its numbers."""

from __future__ import annotations

import numpy as np

from pipeline.records.camera import Camera
from pipeline.synthetic.scenes import look_at
from pipeline.synthetic.view import RenderedView, render
from pipeline.synthetic.world import Piece, Surface, World

CAMERA = Camera(300.0, 300.0, 159.5, 119.5, 320, 240)
FLOOR = Surface(((-9, -9, 0), (9, -9, 0), (9, 9, 0), (-9, 9, 0)), (180, 180, 180), 0.5)
GREY = (128, 128, 128)


def piece(label: str, position_m: tuple[float, float, float], size_m: tuple[float, float, float]) -> Piece:
    """A solid whose shape is the noun of its label."""
    return Piece(label, f"中文 {label}", label.split()[-1], GREY, position_m, size_m)


# The camera stands at y = -3, half a metre above the floor, and looks level along y.
PIECES = (
    piece("red box", (-0.6, 0.0, 0.0), (0.4, 0.4, 0.4)),
    piece("blue box", (0.6, 0.0, 0.0), (0.4, 0.4, 0.8)),
    piece("green ball", (-0.6, 0.0, 0.4), (0.2, 0.2, 0.2)),
    piece("white cone", (0.05, 1.0, 0.0), (0.5, 0.5, 1.0)),
    piece("yellow box", (0.2, 0.3, 0.0), (0.3, 0.3, 0.3)),
    piece("black cylinder", (0.9, 0.0, 0.0), (0.2, 0.2, 0.5)),
)


def level_pose(height_m: float = 0.5, distance_m: float = 3.0) -> np.ndarray:
    """Pose of a camera that looks level along y."""
    return look_at(np.array([0, -distance_m, height_m]), np.array([0, 0, height_m]))


def view(pieces: tuple[Piece, ...] = PIECES) -> RenderedView:
    """The pieces on a floor, seen from ``level_pose``."""
    return render(World(pieces, (FLOOR,)), CAMERA, level_pose())
