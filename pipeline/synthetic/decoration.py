"""Textures and printed words for the solids and surroundings of a world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.synthetic.textures import TEXTURES
from pipeline.synthetic.words import COPIES, WORDS
from pipeline.synthetic.world import Piece, Surface, World

_TEXTURED = 0.5
# Textures on which print is still easy to read.
_BEHIND_PRINT = ("mottle", "fading")
_ON_SOLIDS = tuple(name for name in TEXTURES if name != "boards")
_ON_FLOORS, _ON_WALLS = ("boards", "mottle"), ("mottle",)
# Solids bear print this often where their walls are at least this share of the largest printable wall.
_LARGE, _PRINTED = 0.5, 0.4


def decorated(world: World, rng: np.random.Generator) -> World:
    """The world with textures on about half of its parts, and words on some of its larger boxes and cylinders.

    No two solids bear the same word. Positions, shapes, colours and names are unchanged.

    Args:
        world: The world without decoration.
        rng: Random generator, separate from that of the geometry, which must not depend on decoration.
    """
    words = iter(rng.permutation(len(WORDS)))
    walls = [_wall_m2(piece) for piece in world.pieces]
    pieces = []
    for piece, wall_m2 in zip(world.pieces, walls, strict=True):
        is_printed = wall_m2 > 0 and wall_m2 >= _LARGE * max(walls) and rng.random() < _PRINTED
        texture = _drawn(rng, _BEHIND_PRINT if is_printed else _ON_SOLIDS)
        pieces.append(
            replace(
                piece,
                texture="wood" if piece.shape == "table" else texture,
                word=WORDS[next(words)] if is_printed else None,
            )
        )
    floor_texture, wall_texture = _drawn(rng, _ON_FLOORS), _drawn(rng, _ON_WALLS)
    surfaces = [
        _covered(surface, floor_texture if number == 0 else wall_texture)
        for number, surface in enumerate(world.surfaces)
    ]
    return replace(world, pieces=tuple(pieces), surfaces=tuple(surfaces))


def _drawn(rng: np.random.Generator, names: tuple[str, ...]) -> str | None:
    """One of the textures half of the time, else none."""
    is_textured, name = rng.random() < _TEXTURED, names[int(rng.integers(len(names)))]
    return name if is_textured else None


def _covered(surface: Surface, texture: str | None) -> Surface:
    """The surface with a texture in place of its tiles, where one is given."""
    return surface if texture is None else replace(surface, texture=texture, tile_m=0.0)


def _wall_m2(piece: Piece) -> float:
    """Area of the smaller upright wall of a solid that can bear print; 0 for others [m²]."""
    return min(piece.size_m[:2]) * piece.size_m[2] if piece.shape in COPIES else 0.0
