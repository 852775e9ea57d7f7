"""Two objects at the same depth: their medians, and how far each reaches into the scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes
from verifiers import uncalibrated

from pipeline.records import Claim, DepthMap, Region, Status

LEFT, RIGHT = (20, 30, 60, 90), (90, 30, 130, 90)


def verdict(left_m: tuple[float, float], right_m: tuple[float, float]) -> Status:
    """Verdict on two objects whose depths rise evenly from their lower to their upper edges."""
    values = scenes.flat()
    for (left, top, right, bottom), (near_m, far_m) in ((LEFT, left_m), (RIGHT, right_m)):
        values[top:bottom, left:right] = np.linspace(far_m, near_m, bottom - top)[:, None]
    depth = DepthMap.from_values(values, "metric", "sensor", backend="rendered")
    regions = tuple(Region(name, box, mask=scenes.inside(box)) for name, box in (("table", LEFT), ("lamp", RIGHT)))
    scene = replace(scenes.scene(), depth=(depth,))
    (found,) = uncalibrated().judge(scene, regions, [Claim("same_depth", "table", "lamp")])
    return found.status


@pytest.mark.parametrize(
    "left_m, right_m, expected",
    [
        ((1.5, 1.5), (1.55, 1.55), Status.SUPPORTED),
        ((1.5, 1.5), (2.0, 2.0), Status.REFUTED),
        ((1.45, 1.55), (1.5, 1.6), Status.SUPPORTED),
        ((1.0, 2.0), (1.85, 1.85), Status.UNDECIDED),
        ((1.0, 3.0), (1.9, 1.9), Status.UNDECIDED),
        ((1.0, 2.0), (3.5, 3.5), Status.REFUTED),
    ],
    ids=str,
)
def test_what_reaches_far_into_the_scene_is_at_no_certain_depth(
    left_m: tuple[float, float], right_m: tuple[float, float], expected: Status
) -> None:
    assert verdict(left_m, right_m) is expected
    assert verdict(right_m, left_m) is expected
