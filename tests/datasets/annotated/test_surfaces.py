from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets.annotated.surfaces import border_shares, occlusion_between, segments_of
from pipeline.records import Camera

CAMERA = Camera(300, 300, 159.5, 119.5, 320, 240)
BOX, BALL = (slice(60, 160), slice(40, 120)), (slice(100, 200), slice(180, 280))


def scene(noise_m: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A wall at 3 m, a board at 1.5 m and a slanted one from 1.8 m to 2.0 m, with a hole in the wall."""
    depth = np.full((240, 320), 3.0)
    depth[BOX] = 1.5
    depth[BALL] = 1 / np.linspace(1 / 1.8, 1 / 2.0, 100)
    depth += np.random.default_rng(0).normal(0, noise_m, depth.shape) if noise_m else 0
    valid = np.ones(depth.shape, dtype=bool)
    valid[10:40, 200:240] = False
    return depth, valid


def mask_of(part: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((240, 320), dtype=bool)
    mask[part] = True
    return mask


@pytest.mark.parametrize("noise_m", [0.0, 0.003])
def test_boards_before_a_wall_are_found_and_the_wall_is_not(noise_m: float) -> None:
    depth, valid = scene(noise_m)
    found = segments_of(depth, valid, CAMERA)
    assert len(found) == 2
    for part in (BOX, BALL):
        whole = mask_of(part)
        assert max((mask & whole).sum() / (mask | whole).sum() for mask in found) > 0.93
    assert not (found[0] & found[1]).any()
    again = segments_of(depth, valid, CAMERA)
    assert all((mask == other).all() for mask, other in zip(found, again, strict=True))


def test_a_plane_alone_has_no_segment() -> None:
    depth = 1 / np.broadcast_to(np.linspace(1 / 4, 1 / 2, 240)[:, None], (240, 320))
    assert segments_of(depth, depth > 0, CAMERA) == []
    assert segments_of(depth, depth < 0, CAMERA) == []


LEFT, RIGHT = mask_of((slice(50, 200), slice(50, 150))), mask_of((slice(50, 200), slice(150, 250)))


@pytest.mark.parametrize(
    "left_m, right_m, expected",
    [(2.0, 3.0, 0.5), (3.0, 2.0, -0.5), (2.0, 2.0, 0.0), (2.0, 2.04, None)],
)
def test_the_nearer_side_of_a_shared_border_hides_the_other(
    left_m: float, right_m: float, expected: float | None
) -> None:
    depth = np.where(LEFT, left_m, right_m)
    found = occlusion_between(LEFT, RIGHT, depth, depth > 0)
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_border_whose_halves_disagree_and_none_at_all_say_nothing() -> None:
    depth = np.full(LEFT.shape, 2.0)
    depth[:125][RIGHT[:125]] = 3.0
    depth[125:][LEFT[125:]] = 3.0
    assert occlusion_between(LEFT, RIGHT, depth, depth > 0) is None
    apart = mask_of((slice(50, 200), slice(200, 250)))
    assert occlusion_between(LEFT, apart, np.where(LEFT, 2.0, 3.0), depth > 0) is None


def test_shares_of_a_border_tell_owner_and_hider() -> None:
    depth = np.where(LEFT, 2.0, 3.0)
    depth[RIGHT] = 1.0
    owned, hidden = border_shares(LEFT, depth, depth > 0)
    # Three sides are its own, one is hidden: 100, 150 and 100 px against 150 px.
    assert owned == pytest.approx(0.7, abs=0.03) and hidden == pytest.approx(0.3, abs=0.03)
