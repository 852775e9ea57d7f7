"""In which unit and order a model writes coordinates: one convention per family of models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

Size = tuple[int, int]
"""(width, height) [px]."""


class CoordinateUnit(StrEnum):
    """Unit and order of coordinates; x comes before y unless the name ends in ``yx``."""

    THOUSANDTHS = "thousandths"
    THOUSANDTHS_YX = "thousandths_yx"
    PER_999 = "per_999"
    PER_1024_YX = "per_1024_yx"
    PIXELS = "pixels"
    RESIZED_PIXELS = "resized_pixels"
    FRACTIONS = "fractions"
    PERCENT = "percent"

    @property
    def is_yx(self) -> bool:
        """Whether y comes before x."""
        return self.value.endswith("_yx")

    @property
    def of_pixels(self) -> bool:
        """Whether the numbers are pixels."""
        return self in (CoordinateUnit.PIXELS, CoordinateUnit.RESIZED_PIXELS)


_FULL: Mapping[CoordinateUnit, float] = MappingProxyType(
    {
        CoordinateUnit.THOUSANDTHS: 1000.0,
        CoordinateUnit.THOUSANDTHS_YX: 1000.0,
        CoordinateUnit.PER_999: 999.0,
        CoordinateUnit.PER_1024_YX: 1024.0,
        CoordinateUnit.FRACTIONS: 1.0,
        CoordinateUnit.PERCENT: 100.0,
    }
)


class Padding(StrEnum):
    """How an image is made square before its fractions are taken."""

    NONE = "none"
    CENTRE = "centre"


@dataclass(frozen=True)
class Resize:
    """How a model resizes an image before it looks, keeping its aspect ratio.

    Args:
        factor: Every side becomes a multiple of it [px].
        min_pixels: Smaller images are enlarged to it [px].
        max_pixels: Larger images are reduced to it [px].
        max_side_px: Longer images are reduced to it [px]; None for no limit.
    """

    factor: int
    min_pixels: int
    max_pixels: int
    max_side_px: int | None = None

    def size(self, size: Size) -> Size:
        """(width, height) of the resized image [px].

        Source of the formula: ``smart_resize`` of qwen-vl-utils.

        >>> Resize(28, 3136, 1003520).size((1920, 1080))
        (1316, 728)
        """
        most = min(1.0, self.max_side_px / max(size)) if self.max_side_px else 1.0
        size = (round(size[0] * most), round(size[1] * most))
        width, height = (max(self.factor, round(side / self.factor) * self.factor) for side in size)
        if width * height > self.max_pixels:
            scale = math.sqrt(size[0] * size[1] / self.max_pixels)
            width, height = (max(self.factor, math.floor(side / scale / self.factor) * self.factor) for side in size)
        elif width * height < self.min_pixels:
            scale = math.sqrt(self.min_pixels / (size[0] * size[1]))
            width, height = (math.ceil(side * scale / self.factor) * self.factor for side in size)
        return width, height


@dataclass(frozen=True)
class Convention:
    """Convention of a model's coordinates.

    Args:
        unit: Unit and order of its boxes and points.
        resize: How it resizes images, for ``resized_pixels``.
        padding: How it makes images square.
        is_certain: Whether it was chosen or is known for the model; otherwise it is only what the prompt asks for.
    """

    unit: CoordinateUnit = CoordinateUnit.THOUSANDTHS
    resize: Resize | None = None
    padding: Padding = Padding.NONE
    is_certain: bool = True

    def shares(self, x: float, y: float, unit: CoordinateUnit, size: Size) -> tuple[float, float]:
        """A position as shares of the width and the height of its image.

        Args:
            x: Number of columns, in the unit.
            y: Number of rows.
            unit: The unit.
            size: (width, height) of the image that the model was given [px].
        """
        if unit is CoordinateUnit.PIXELS:
            return x / size[0], y / size[1]
        if unit is CoordinateUnit.RESIZED_PIXELS:
            width, height = (self.resize or QWEN_2_RESIZE).size(size)
            return x / width, y / height
        x, y = x / _FULL[unit], y / _FULL[unit]
        if self.padding is Padding.CENTRE and unit is self.unit:
            side = max(size)
            return ((x - 0.5) * side / size[0] + 0.5, (y - 0.5) * side / size[1] + 0.5)
        return x, y


THOUSANDTHS = Convention()
"""The convention of Qwen3-VL: 0 to 1000 of the original image, x first."""
QWEN_2_RESIZE = Resize(28, 56 * 56, 28 * 28 * 16384)
"""The processor's own limits; a server may set others."""
