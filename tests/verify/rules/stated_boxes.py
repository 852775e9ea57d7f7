"""3D boxes as models state them about a rendered view, correct and wrong ones in equal numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.geometry.boxes_3d import rotation_angles
from pipeline.records import Box3D, Claim, Origin, Region
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.view import RenderedObject, RenderedView

# Largest errors of a correct box: shares of the distance and of half a side, logarithm of the size, angle [rad].
_ALONG, _ACROSS, _SIZE, _TURN = 0.06, 0.15, 0.06, 0.08
_WAYS = ("along", "across", "smaller", "larger")
_TRIES = 10


def claims_about_boxes(view: RenderedView, rng: np.random.Generator) -> tuple[tuple[Region, ...], tuple[Claim, ...]]:
    """One stated box for every object of a view, and a claim about each, with its ground truth.

    Correct boxes are slightly changed exact ones. Wrong boxes are moved along or across the ray, too small, or too
    large. Correct and wrong ones alternate.

    Args:
        view: The view.
        rng: Draws the boxes.

    Returns:
        (regions, claims); the regions hold the stated boxes. Objects for which no clear box was drawn have none.
    """
    regions = list(view.regions(masks=True))
    claims: list[Claim] = []
    first = bool(rng.integers(2))
    for position in rng.permutation(len(view.objects)):
        item, wanted = view.objects[int(position)], (len(claims) % 2 == 0) is first
        claim = Claim("box_3d", item.label, frames=(view.index,), origin=Origin.GIVEN)  # type: ignore[arg-type]
        for _ in range(_TRIES):
            stated = correct_box(item, rng) if wanted else wrong_box(item, rng)
            if truth_of(claim, view, stated).holds is wanted:
                regions[int(position)] = replace(regions[int(position)], box_3d=stated)
                claims.append(replace(claim, truth=wanted))
                break
        else:
            regions[int(position)] = replace(regions[int(position)], box_3d=None)
    return tuple(regions), tuple(claims)


def correct_box(item: RenderedObject, rng: np.random.Generator) -> Box3D:
    """The exact box, slightly moved, scaled and turned."""
    along = rng.uniform(-_ALONG, _ALONG)
    across = rng.uniform(-_ACROSS, _ACROSS, 2)
    size = np.exp(rng.uniform(-_SIZE, _SIZE, 3))
    return _changed(item.box_3d, along, across, size, rng.uniform(-_TURN, _TURN))


def wrong_box(item: RenderedObject, rng: np.random.Generator) -> Box3D:
    """The exact box with one large error."""
    way = _WAYS[int(rng.integers(len(_WAYS)))]
    sign, angle = rng.choice((-1, 1)), rng.uniform(0, 2 * math.pi)
    along, across, size = 0.0, np.zeros(2), np.ones(3)
    if way == "along":
        along = float(math.exp(sign * rng.uniform(0.25, 0.7)) - 1)
    elif way == "across":
        across = rng.uniform(1.5, 3.0) * np.array((math.cos(angle), math.sin(angle)))
    else:
        size *= rng.uniform(0.4, 0.6) if way == "smaller" else rng.uniform(2.2, 3.5)
    return _changed(item.box_3d, along, across, size, 0.0)


def _changed(box: Box3D, along: float, across: np.ndarray, size: np.ndarray, turn_rad: float) -> Box3D:
    """A box moved by shares of its distance and of its half diagonal, scaled, and turned about its own z axis."""
    centre = np.array(box.center_m)
    ray = centre / np.linalg.norm(centre)
    side = np.cross(ray, (0.0, 1.0, 0.0))
    side /= np.linalg.norm(side)
    half_m = float(np.linalg.norm(box.size_m)) / 2
    moved = centre * (1 + along) + half_m * (across[0] * side + across[1] * np.cross(ray, side))
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    turned = box.rotation @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return Box3D(tuple(moved), tuple(np.array(box.size_m) * size), rotation_angles(turned))
