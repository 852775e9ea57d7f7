"""The truth of stated 3D boxes of rendered views."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from synthetic.worlds import PIECES, view

from pipeline.geometry.boxes_3d import rotation_angles
from pipeline.records import Box3D, Claim
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.view import RenderedView

RED = PIECES[0].label
CLAIM = Claim("box_3d", RED)


@pytest.fixture(scope="module")
def made() -> RenderedView:
    return view()


def moved(box: Box3D, along: float = 0.0, aside_m: float = 0.0, size: tuple[float, float, float] = (1, 1, 1)) -> Box3D:
    """A box moved along its ray by a share, and level across the ray, with scaled sides."""
    centre = np.array(box.center_m)
    side = np.cross(centre, (0, 1.0, 0))
    moved_to = (1 + along) * centre + aside_m * side / np.linalg.norm(side)
    return replace(box, center_m=tuple(moved_to), size_m=tuple(np.array(box.size_m) * size))


@pytest.mark.parametrize(
    "changes, holds, margin",
    [
        ({}, True, math.log(1.15)),
        ({"along": 0.05}, True, 0.1),
        ({"along": -0.05}, True, 0.1),
        ({"along": 0.12}, None, 0.03),
        ({"along": 0.25}, False, -0.1),
        ({"along": -0.25}, False, -0.1),
        # Half the diagonal of a cube of 0.4 m is 0.3464 m.
        ({"aside_m": 0.3464 * 0.42}, True, 0.08),
        ({"aside_m": 0.3464}, False, -0.5),
        ({"size": (1, 1, 1.05)}, True, math.log(1.15 / 1.05)),
        ({"size": (1, 2, 1)}, False, math.log(1.15 / 2)),
        ({"size": (0.5, 0.5, 0.5)}, False, math.log(1.15 / 2)),
        ({"size": (0, 1, 1)}, False, None),
    ],
)
def test_the_truth_of_a_stated_box(made: RenderedView, changes: dict, holds: bool | None, margin: float | None) -> None:
    exact = next(item for item in made.objects if item.label == RED).box_3d
    truth = truth_of(CLAIM, made, moved(exact, **changes))
    assert truth.holds is holds
    if margin is not None:
        assert truth.margin == pytest.approx(margin, abs=2e-3)


def test_sides_may_be_named_in_another_order(made: RenderedView) -> None:
    exact = next(item for item in made.objects if item.label == PIECES[1].label).box_3d
    quarter = exact.rotation @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    width, depth, height = exact.size_m
    other = Box3D(exact.center_m, (width, height, depth), rotation_angles(quarter))
    claim = Claim("box_3d", PIECES[1].label)
    assert truth_of(claim, made, other).holds is True
    assert truth_of(claim, made, replace(other, size_m=exact.size_m)).holds is False
