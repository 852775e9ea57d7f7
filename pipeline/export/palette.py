"""Colours of regions and verdicts, as RGB, chosen so that colour-blind people can tell them apart."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from pipeline.records import Region, Status

Colour = tuple[int, int, int]

STATUS_COLOURS: dict[Status, Colour] = {
    Status.SUPPORTED: (0, 140, 110),
    Status.REFUTED: (190, 36, 44),
    Status.UNDECIDED: (240, 170, 20),
}
"""Colour of each verdict; a verdict's word always stands beside it."""

# Okabe & Ito, "Color Universal Design" (2008), without black and ordered by contrast on photos.
_OKABE_ITO: tuple[Colour, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (204, 121, 167),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
_GOLDEN_RATIO = 0.618033988749895


def region_colour(index: int) -> Colour:
    """Colour of the region with that index, 0 or more; the same index always has the same colour."""
    if index < len(_OKABE_ITO):
        return _OKABE_ITO[index]
    # Steps of the golden ratio never meet again; three levels of brightness tell close hues apart.
    hue = (index * _GOLDEN_RATIO) % 1
    value = (0.95, 0.75, 0.55)[index % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def region_names(regions: Sequence[Region]) -> list[str]:
    """Name of each region as claims use it: its label, with ``#2`` for the second of that label in a frame."""
    counts: dict[tuple[int, str], int] = {}
    names = []
    for region in regions:
        key = (region.frame, region.label)
        counts[key] = counts.get(key, 0) + 1
        names.append(region.label if counts[key] == 1 else f"{region.label}#{counts[key]}")
    return names


def region_colours(regions: Sequence[Region]) -> list[Colour]:
    """Colour of each region; regions of one name in several frames share one."""
    indices: dict[str, int] = {}
    return [region_colour(indices.setdefault(name, len(indices))) for name in region_names(regions)]
