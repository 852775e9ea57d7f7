"""Layers of a rendered image: the part that a pixel shows, its light, its texture and its print.

Recolouring an image that is kept in layers costs one multiplication and no ray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.world import Colour, World

SKY: Colour = (205, 222, 240)

_DARK_INK: Colour = (28, 28, 30)
_LIGHT_INK: Colour = (240, 240, 236)
# Luma weights of ITU-R BT.601.
_LUMA = np.array((0.299, 0.587, 0.114), dtype=np.float32)
# Colours of a lower luma bear light ink.
_DARK_LUMA = 110.0


@dataclass(frozen=True, eq=False)
class Layers:
    """An image in parts, each of shape (H, W).

    Args:
        ids: int16, index into the palette: pieces first, then surfaces, then the sky as its last entry.
        shade: float32 in [0, 1], incident light; 1 for the sky.
        texture: float32, factor of the colour; 1 where it is uniform.
        ink: float32 in [0, 1], share of the pixel that print covers.
    """

    ids: np.ndarray
    shade: np.ndarray
    texture: np.ndarray
    ink: np.ndarray


def palette_of(world: World) -> np.ndarray:
    """Colours of a world in the order of ``Layers.ids``, float32 (P, 3), RGB in [0, 255]."""
    parts = [*(piece.rgb for piece in world.pieces), *(surface.rgb for surface in world.surfaces), SKY]
    return np.array(parts, dtype=np.float32)


def ink_for(rgb: np.ndarray) -> np.ndarray:
    """Ink that is legible on colours (..., 3): near-black on light ones, near-white on dark ones; float32."""
    is_dark = np.asarray(rgb, dtype=np.float32) @ _LUMA < _DARK_LUMA
    ink: np.ndarray = np.where(is_dark[..., None], _LIGHT_INK, _DARK_INK).astype(np.float32)
    return ink


def compose(layers: Layers, palette: np.ndarray, inks: np.ndarray) -> np.ndarray:
    """The image of some layers in the given colours.

    Args:
        layers: Layers of the image.
        palette: float (P, 3), RGB in [0, 255] of every entry that ``layers.ids`` names.
        inks: float (P, 3), RGB in [0, 255] of the print on each of them.

    Returns:
        uint8 (H, W, 3).
    """
    rgb = np.asarray(palette, dtype=np.float32)[layers.ids]
    printed = layers.ink > 0
    if printed.any():
        share = layers.ink[printed][:, None]
        rgb[printed] += share * (np.asarray(inks, dtype=np.float32)[layers.ids[printed]] - rgb[printed])
    rgb *= (layers.shade * layers.texture)[..., None]
    return rgb.clip(0, 255).astype(np.uint8)
