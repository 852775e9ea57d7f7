"""RGB colours of regions and verdicts that colour-blind people can tell apart."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence

from pipeline.records import Region, Status

Colour = tuple[int, int, int]

STATUS_COLOURS: dict[Status, Colour] = {
    Status.SUPPORTED: (0, 140, 110),
    Status.REFUTED: (190, 36, 44),
    Status.UNDECIDED: (240, 170, 20),
}
"""Colour of each status, which is never shown without its sign or word."""

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
    """Colour of the region with that index."""
    if index < len(_OKABE_ITO):
        return _OKABE_ITO[index]
    # Hues at steps of the golden ratio never repeat; three levels of brightness separate similar hues.
    hue = (index * _GOLDEN_RATIO) % 1
    value = (0.95, 0.75, 0.55)[index % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def region_names(regions: Sequence[Region]) -> list[str]:
    """Name of each region in claims: its label, with ``#2`` for the second region of that label in a frame."""
    counts: Counter[tuple[int, str]] = Counter()
    names = []
    for region in regions:
        counts[key := (region.frame, region.label)] += 1
        names.append(region.label if counts[key] == 1 else f"{region.label}#{counts[key]}")
    return names


def region_colours(regions: Sequence[Region]) -> list[Colour]:
    """Colour of each region; regions of the same name share one across frames."""
    indices: dict[str, int] = {}
    return [region_colour(indices.setdefault(name, len(indices))) for name in region_names(regions)]
