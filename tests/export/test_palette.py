from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest

from pipeline.export.drawing import INK, PAPER, readable_on
from pipeline.export.palette import STATUS_COLOURS, Colour, region_colour, region_colours, region_names
from pipeline.records import Region

# Machado, Oliveira & Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1, on linear RGB.
DEFICIENCIES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(colour: tuple[int, int, int], deficiency: str) -> np.ndarray:
    import cv2

    linear = (np.array(colour) / 255) ** 2.2 @ DEFICIENCIES[deficiency].T
    seen = (np.clip(linear, 0, 1) ** (1 / 2.2)).astype(np.float32)
    return cv2.cvtColor(seen[None, None], cv2.COLOR_RGB2LAB)[0, 0]


@pytest.mark.parametrize("colours, least", [(STATUS_COLOURS.values(), 20), ([*map(region_colour, range(6))], 10)])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colour_blind_people_can_tell_colours_apart(deficiency: str, colours: Iterable[Colour], least: float) -> None:
    for first, second in combinations(colours, 2):
        assert np.linalg.norm(lab(first, deficiency) - lab(second, deficiency)) > least


def test_many_regions_have_distinct_colours() -> None:
    colours = [region_colour(index) for index in range(200)]
    assert len(set(colours)) == 200
    assert all(0 <= channel <= 255 for colour in colours for channel in colour)


def test_regions_of_the_same_name_share_a_colour_across_frames() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    regions = [Region("cup", box), Region("cup", box), Region("book", box), Region("cup", box, frame=1)]
    assert region_names(regions) == ["cup", "cup#2", "book", "cup"]
    colours = region_colours(regions)
    assert colours[3] == colours[0]
    assert len(set(colours)) == 3


@pytest.mark.parametrize(
    "colour, expected",
    [((255, 255, 255), INK), ((0, 0, 0), PAPER), ((240, 228, 66), INK), ((0, 60, 120), PAPER)],
)
def test_text_is_dark_on_light_and_light_on_dark(colour: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    assert readable_on(colour) == expected
