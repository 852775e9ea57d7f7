"""Patterns on solids, floors and walls.

A texture is a function of a point's place in its object, so it sticks to the object in every view. It takes
coordinates in cells, float32 (N, 3), and returns the factor of the colour, float32 (N,), within ``LIMITS``, which are
so narrow that a colour keeps its name. The walls of a box lie at whole numbers of cells, where no texture may change
abruptly. Soft edges hide that a pixel is a single sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from pipeline.synthetic.world import Piece, Surface, World

LIMITS = (0.75, 1.1)
"""The smallest and the largest factor."""

# Cells along the longest side of a solid, and the side of a cell of the surroundings [m].
_CELLS = 6
_CELL_M = 0.12
# Frequency of wood grain along and across itself [waves per cell].
_GRAIN = np.array((0.35, 5, 5), dtype=np.float32)
# Along its grain, each board shows another part of the same noise [cells].
_BOARD_SHIFT = np.array((5.3, 0, 0), dtype=np.float32)
# How steep the edges of patterns are.
_SOFT, _SOFT_DOT = 3.0, 8.0
# Odd numbers that scatter the bits of a cell's indices, and one more for each of its random numbers.
_SCATTER = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D], dtype=np.uint32)
_STREAMS = np.array([0x27D4EB2F, 0x165667B1, 0x1B873593], dtype=np.uint32)


def texture_of(world: World, parts: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """Factor of the colour of every pixel of a view.

    Args:
        world: The world of the view.
        parts: int16 (H, W), index of the part that a pixel shows: pieces first, then surfaces.
        points_m: float32 (H, W, 3), the points that the pixels show, in the world [m].

    Returns:
        float32 (H, W), 1 where the colour is uniform.
    """
    texture = np.ones(parts.shape, dtype=np.float32)
    everything: tuple[Piece | Surface, ...] = (*world.pieces, *world.surfaces)
    for number, part in enumerate(everything):
        here = parts == number
        if isinstance(part, Surface) and part.tile_m > 0:
            texture[here] = _tiles(points_m[here], part.tile_m)
        if part.texture is not None:
            points = points_m[here]
            cells = solid_cells(part.own_m(points), part.size_m) if isinstance(part, Piece) else surface_cells(points)
            texture[here] *= TEXTURES[part.texture](cells)
    return texture


def solid_cells(own_m: np.ndarray, size_m: tuple[float, float, float]) -> np.ndarray:
    """Points of a solid in cells.

    Args:
        own_m: float32 (N, 3), points in its own axes from the middle of its box [m].
        size_m: Sides of its box [m].

    Returns:
        float32 (N, 3), from 0 to a whole number along each side.
    """
    size = np.array(size_m, dtype=np.float32)
    counts = np.maximum(np.round(size * (_CELLS / size.max())), 1)
    cells: np.ndarray = (own_m / size + np.float32(0.5)) * counts
    return cells


def surface_cells(points_m: np.ndarray) -> np.ndarray:
    """Points of the surroundings, float32 (N, 3) in the world [m], in cells."""
    cells: np.ndarray = points_m / np.float32(_CELL_M)
    return cells


def stripes(cells: np.ndarray) -> np.ndarray:
    """Upright stripes, as wide as half a cell."""
    return _between(_soft(_cosine(cells[:, 0]) + _cosine(cells[:, 1]) - 1), 0.8, 1.06)


def bands(cells: np.ndarray) -> np.ndarray:
    """Level bands, one cell wide."""
    return _between(_soft(_cosine(cells[:, 2] / 2)), 0.76, 1.05)


def checks(cells: np.ndarray) -> np.ndarray:
    """Dark and light cubes, two cells wide."""
    signs = [_soft(_cosine(cells[:, axis] / 2)) for axis in range(3)]
    return _between(signs[0] * signs[1] * signs[2], 0.78, 1.05)


def speckles(cells: np.ndarray) -> np.ndarray:
    """A dark ball somewhere in every cell."""
    # Half a cell of shift keeps the walls of a box away from the bounds of cells.
    place = cells + np.float32(0.5)
    corner = np.floor(place)
    random = _random(corner.astype(np.int32))
    gap = place - corner - (0.35 + 0.3 * random)
    radius = 0.42 * random[:, 0]
    inside = np.clip(_SOFT_DOT * (radius - np.sqrt((gap * gap).sum(axis=1))), 0, 1)
    return _between(1 - 2 * inside, 0.76, 1.04)


def wood(cells: np.ndarray) -> np.ndarray:
    """Grain along x."""
    return _between(_soft(0.8 * _noise(cells * _GRAIN)), 0.8, 1.06)


def boards(cells: np.ndarray) -> np.ndarray:
    """Boards along x, one cell wide, each with its own tone and grain."""
    board = np.floor(cells[:, 1]).astype(np.int32)
    tone = 2 * _random(np.stack((board, board, board), axis=1))[:, 0] - 1
    grain = _noise(cells * _GRAIN + board[:, None] * _BOARD_SHIFT)
    return _between(np.clip(0.6 * tone + 0.9 * grain, -1, 1), 0.8, 1.06)


def mottle(cells: np.ndarray) -> np.ndarray:
    """Soft, irregular patches."""
    return _between(np.clip(1.1 * _noise(cells) + 0.7 * _noise(2.7 * cells + np.float32(0.5)), -1, 1), 0.82, 1.08)


def fading(cells: np.ndarray) -> np.ndarray:
    """Darker towards the base."""
    return _between(np.clip(cells[:, 2] / (_CELLS / 2) - 1, -1, 1), 0.8, 1.08)


TEXTURES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {texture.__name__: texture for texture in (stripes, bands, checks, speckles, wood, boards, mottle, fading)}
)
"""Every texture by its name."""


def _tiles(points_m: np.ndarray, tile_m: float) -> np.ndarray:
    """Squares and a little grain at points (N, 3) in the world, float32 (N,)."""
    # Half a tile of shift keeps the pattern away from the planes at zero.
    squares = np.floor(points_m / tile_m + 0.5).sum(axis=1).astype(int)
    grain = 0.04 * np.sin(points_m @ (np.array([61.0, 17.0, 43.0], dtype=np.float32) / tile_m))
    tiles: np.ndarray = np.where(squares % 2 == 0, 1.0, 0.82) + grain
    return tiles


def _cosine(cells: np.ndarray) -> np.ndarray:
    cosine: np.ndarray = np.cos(np.float32(2 * np.pi) * cells)
    return cosine


def _soft(wave: np.ndarray) -> np.ndarray:
    """A wave with flattened crests."""
    return np.clip(_SOFT * wave, -1, 1)


def _between(signs: np.ndarray, low: float, high: float) -> np.ndarray:
    """Factors from signs in [-1, 1]."""
    factors: np.ndarray = (low + (high - low) / 2 * (signs + 1)).astype(np.float32)
    return factors


def _noise(places: np.ndarray) -> np.ndarray:
    """Smooth noise in [-1, 1], mostly within half of that, at places (N, 3); neighbouring whole numbers differ."""
    corner = np.floor(places)
    gap = (places - corner).astype(np.float32)
    x, y, z = (gap * gap * (3 - 2 * gap)).T
    lattice = _lattice()
    side = lattice.shape[0]
    low = corner.astype(np.int32) % side
    strides = np.array((side * side, side, 1), dtype=np.int32)
    (x_low, y_low, z_low), (x_high, y_high, z_high) = (low * strides).T, ((low + 1) % side * strides).T
    values = lattice.ravel()
    edges = [
        _mixed(values[row + z_low], values[row + z_high], z)
        for row in (x_low + y_low, x_low + y_high, x_high + y_low, x_high + y_high)
    ]
    return _mixed(_mixed(edges[0], edges[1], y), _mixed(edges[2], edges[3], y), x)


@cache
def _lattice() -> np.ndarray:
    """Random numbers in [-1, 1), float32 (16, 16, 16), which repeat."""
    return 2 * _random(np.indices((16, 16, 16)).reshape(3, -1).T)[:, 0].reshape(16, 16, 16) - 1


def _mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + share * (second - first)


def _random(corners: np.ndarray) -> np.ndarray:
    """Three numbers in [0, 1) that look random for every cell, float32 (N, 3), from its int32 (N, 3) indices."""
    mixed = (corners.astype(np.uint32) * _SCATTER).sum(axis=1, dtype=np.uint32)[:, None] ^ _STREAMS
    mixed = (mixed ^ (mixed >> 15)) * np.uint32(0x2C1B3C6D)
    mixed = (mixed ^ (mixed >> 12)) * np.uint32(0x297A2D39)
    numbers: np.ndarray = ((mixed ^ (mixed >> 15)) >> 8).astype(np.float32) / np.float32(1 << 24)
    return numbers
