"""Scale and shift from known lengths of an analytic scene: a floor, a wall and two boards parallel to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import CAMERA, DEPTH, DISPARITY, HEIGHT, SHAPE, WIDTH

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.floor import floor_pixels
from pipeline.geometry.known_lengths import (
    KnownLength,
    Pixels,
    centre_distance,
    floor_distance,
    lateral_length,
    length_errors,
    nearest_distance,
    plane_distance,
    shape_of,
    straight_distance,
    z_distance,
)
from pipeline.geometry.scale import CannotScale, Solution, solve_affine, solve_scale
from pipeline.records import DepthKind

RAYS = back_project(np.ones((HEIGHT, WIDTH)), CAMERA).reshape(HEIGHT, WIDTH, 3)
CAMERA_HEIGHT_M, PITCH_RAD, WALL_M, NEAR_M, FAR_M = 1.4, math.radians(20), 3.5, 1.5, 2.5
NEAR, FAR = (slice(40, 70), slice(20, 50)), (slice(40, 60), slice(100, 130))
_INVERSE = RAYS @ (np.array([0, math.cos(PITCH_RAD), math.sin(PITCH_RAD)]) / CAMERA_HEIGHT_M)
FLOOR = _INVERSE > 1 / WALL_M
Z_M = np.where(FLOOR, 1 / np.maximum(_INVERSE, 1e-9), WALL_M)
Z_M[NEAR], Z_M[FAR] = NEAR_M, FAR_M
FLOOR[38:72, 18:52] = FLOOR[38:62, 98:132] = False


def values_of(kind: DepthKind, scale: float, shift: float) -> np.ndarray:
    """Depth values of the scene, float32 as in a map."""
    if kind is DISPARITY:
        return np.float32(scale / Z_M + shift)
    return np.float32(scale * Z_M + (shift if kind is DEPTH else 0.0))


class Objects:
    """The scene's objects in one depth map."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values.astype(np.float64)
        self.near, self.far = (Pixels(RAYS[at].reshape(-1, 3), self.values[at].ravel()) for at in (NEAR, FAR))
        self.floor = Pixels(RAYS[FLOOR][::5], self.values[FLOOR][::5])
        self.near_side, self.far_side = (
            Pixels(np.array([[0.2, 0.0, 1.0]]), thing.values[:1]) for thing in (self.near, self.far)
        )


def points(thing: Pixels, z_m: float) -> np.ndarray:
    return thing.rays * z_m


def known(kind: str, objects: Objects, factor: float = 1.0, error: float = 0.03) -> KnownLength:
    """A true length of the scene, times a factor."""
    near, far = objects.near, objects.far
    table: dict[str, tuple[float, tuple[Pixels, ...], Callable[..., float]]] = {
        "near z": (NEAR_M, (near,), z_distance),
        "far z": (FAR_M, (far,), z_distance),
        "near straight": (straight_distance(points(near, NEAR_M)), (near,), straight_distance),
        "near side": (0.2 * NEAR_M, (objects.near_side,), lateral_length),
        "far side": (0.2 * FAR_M, (objects.far_side,), lateral_length),
        "centres": (centre_distance(points(near, NEAR_M), points(far, FAR_M)), (near, far), centre_distance),
        "nearest": (nearest_distance(points(near, NEAR_M), points(far, FAR_M)), (near, far), nearest_distance),
        "height": (CAMERA_HEIGHT_M, (objects.floor,), floor_distance),
        "plane": (CAMERA_HEIGHT_M, (objects.floor,), plane_distance),
    }
    length_m, parts, measure = table[kind]
    return KnownLength(length_m * factor, parts, measure, error, 0.005)


def solve(
    kind: DepthKind,
    values: np.ndarray,
    names: Sequence[str],
    *,
    flat: bool = False,
    error: float = 0.01,
    factor: float = 1,
) -> Solution:
    """The solution for true lengths of the scene, of which the last is multiplied by a factor."""
    objects = Objects(values)
    factors = [1.0] * (len(names) - 1) + [factor]
    lengths = [known(name, objects, part, error) for name, part in zip(names, factors, strict=True)]
    if kind is SHAPE:
        return solve_scale(lengths, kind)
    return solve_affine(lengths, kind, objects.values.ravel()[::7], (objects.floor,) if flat else ())


def worst(solution: Solution, kind: DepthKind, values: np.ndarray) -> float:
    """Largest relative error of the recovered z."""
    return float(np.abs(shape_of(values, kind, solution.shift) * solution.scale / Z_M - 1).max())


SINGLE = ["near z", "near straight", "near side", "centres", "nearest", "height", "plane"]


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("scale", [0.01, 1.0, 370.0])
def test_one_length_gives_the_scale_of_depth_up_to_scale(name: str, scale: float) -> None:
    values = values_of(SHAPE, scale, 0)
    solution = solve(SHAPE, values, [name])
    assert worst(solution, SHAPE, values) < 1e-6
    assert solution.scale == pytest.approx(1 / scale, rel=1e-6)
    assert solution.shift == 0


TWO = ["near z", "far z"]
PAIRS = [
    TWO,
    ["near side", "far side"],
    ["near straight", "far z"],
    ["near side", "far z"],
    ["nearest", "far z"],
    ["centres", "far z"],
    ["height", "far z"],
]


@pytest.mark.parametrize("names", PAIRS, ids=" and ".join)
@pytest.mark.parametrize(
    ("kind", "scale", "shift"),
    [(DISPARITY, 0.7, 0.3), (DISPARITY, 2000.0, -100.0), (DEPTH, 2.0, 1.0), (DEPTH, 0.02, -0.01)],
)
def test_two_lengths_give_scale_and_shift(names: list[str], kind: DepthKind, scale: float, shift: float) -> None:
    values = values_of(kind, scale, shift)
    solution = solve(kind, values, names)
    assert worst(solution, kind, values) < 1e-6
    factor = scale if kind is DISPARITY else 1 / scale
    assert solution.scale == pytest.approx(factor, rel=1e-5)
    assert solution.misfit == 0


@settings(max_examples=25)
@given(scale=st.floats(0.01, 1000), shift=st.floats(-0.2, 3), kind=st.sampled_from([DISPARITY, DEPTH]))
def test_any_scale_and_shift_is_undone(scale: float, shift: float, kind: DepthKind) -> None:
    values = values_of(kind, scale, shift * scale)
    assert worst(solve(kind, values, ["near z", "far side"]), kind, values) < 2e-6


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("shift", [5.0, -0.5])
def test_a_flat_region_gives_the_shift_of_affine_depth(name: str, shift: float) -> None:
    values = values_of(DEPTH, 2.0, shift)
    assert worst(solve(DEPTH, values, [name], flat=True), DEPTH, values) < 1e-6


def test_a_constant_map_is_refused() -> None:
    with pytest.raises(CannotScale, match="constant"):
        solve(DISPARITY, np.full(Z_M.shape, 2.0), TWO)


@pytest.mark.parametrize("error", [0.01, 0.05, 0.1])
def test_the_error_of_the_scale_is_that_of_the_anchor(error: float) -> None:
    values = values_of(SHAPE, 1, 0)
    assert solve(SHAPE, values, ["near z"], error=error).error == pytest.approx(error)
    assert solve(SHAPE, values, TWO, error=error).error == pytest.approx(error / math.sqrt(2))


@pytest.mark.parametrize("kind", [DISPARITY, DEPTH])
def test_doubling_the_errors_of_two_anchors_doubles_that_of_every_depth(kind: DepthKind) -> None:
    values = values_of(kind, 1, 0.2)
    once, twice = (
        solve(kind, values, TWO, error=error).error_at(np.array([values[NEAR][0, 0], values[FAR][0, 0], values.max()]))
        for error in (0.002, 0.004)
    )
    assert twice / once == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("kind", [DISPARITY, DEPTH])
def test_the_error_at_an_anchor_is_its_own_and_grows_beyond(kind: DepthKind) -> None:
    values = values_of(kind, 1, 0.2)
    at_near, at_far, at_wall = solve(kind, values, TWO).error_at(
        np.array([values[NEAR][0, 0], values[FAR][0, 0], values[0, 0]])
    )
    assert (at_near, at_far) == pytest.approx((0.01, 0.01), rel=0.3)
    assert at_wall > 1.3 * at_far


def test_the_focal_length_counts_for_sides_but_not_for_depth() -> None:
    objects = Objects(values_of(SHAPE, 1, 0))
    side = KnownLength(1.0, (objects.near_side,), lateral_length, 0.0, 0.25)
    z = KnownLength(1.0, (objects.near,), z_distance, 0.0, 0.25)
    assert abs(length_errors(side, SHAPE, 0.0)[1]) == pytest.approx(math.log(1.25))
    assert length_errors(z, SHAPE, 0.0) == (0.0, 0.0)


def test_two_sides_share_the_error_of_the_focal_length() -> None:
    objects = Objects(values_of(SHAPE, 1, 0))
    lengths = [
        KnownLength(0.2 * z, (thing,), lateral_length, 0.001, 0.1)
        for z, thing in ((NEAR_M, objects.near_side), (FAR_M, objects.far_side))
    ]
    assert solve_scale(lengths, SHAPE).error == pytest.approx(math.log(1.1), rel=0.01)


def test_a_precise_anchor_outweighs_a_rough_one() -> None:
    objects = Objects(values_of(SHAPE, 1, 0))
    solution = solve_scale([known("near z", objects, error=0.01), known("far z", objects, 1.2, error=0.2)], SHAPE)
    assert solution.scale == pytest.approx(1, abs=0.002)
    assert solution.misfit < 1


@pytest.mark.parametrize("kind", [DISPARITY, DEPTH])
def test_a_third_anchor_that_does_not_fit_is_noticed(kind: DepthKind) -> None:
    exact, solution = (
        solve(kind, values_of(kind, 1, 0.2), [*TWO, "height"], error=0.03, factor=factor) for factor in (1, 1.5)
    )
    assert exact.misfit < 1e-3
    assert solution.misfit > 2
    assert solution.error > 2 * exact.error


@pytest.mark.parametrize(("kind", "scale", "shift"), [(DISPARITY, 0.7, 3.1), (DEPTH, 2.0, 5.0), (DEPTH, 2.0, -0.5)])
def test_the_floor_is_found_under_an_unknown_shift(kind: DepthKind, scale: float, shift: float) -> None:
    values = values_of(kind, scale, shift).astype(np.float64)
    found = floor_pixels(RAYS.reshape(-1, 3)[::5], values.ravel()[::5], kind, 0.001 * np.ptp(values))
    assert found is not None
    truth = FLOOR.ravel()[::5]
    assert (found & truth).sum() > 0.9 * truth.sum()
    assert (found & ~truth).sum() < 0.03 * truth.sum()


@pytest.mark.parametrize("kind", [DISPARITY, DEPTH])
def test_a_wall_is_no_floor(kind: DepthKind) -> None:
    rng = np.random.default_rng(0)
    values = np.full(Z_M.shape, 2.0) + rng.normal(0, 0.01, Z_M.shape)
    values[NEAR] = 3.0
    assert floor_pixels(RAYS.reshape(-1, 3), values.ravel(), kind, 0.01) is None


def test_a_floor_below_a_table_counts() -> None:
    z_m = Z_M.copy()
    table = np.zeros(Z_M.shape, dtype=bool)
    table[85:, 10:150] = True
    z_m[table] = Z_M[table] * 0.4
    values = 1 / z_m + 0.4
    found = floor_pixels(RAYS.reshape(-1, 3), values.ravel(), DISPARITY, 0.001)
    assert found is not None
    assert not (found & table.ravel()).any()
    assert (found & FLOOR.ravel()).sum() > 0.9 * (FLOOR & ~table).sum()


def test_a_second_shift_that_fits_nearly_as_well_is_not_ignored() -> None:
    """The ratio of the centres' distance to a depth first falls and then hardly changes with the shift."""
    values, names = values_of(DEPTH, 2.0, 1.0), ("centres", "far z")
    assert solve(DEPTH, values, names, error=0.01).scale == pytest.approx(0.5, rel=1e-5)
    with pytest.raises(CannotScale, match="Two different shifts of depth fit the anchors; give one more known"):
        solve(DEPTH, values, names, error=0.03)


@pytest.mark.parametrize("kind", [DISPARITY, DEPTH])
def test_a_table_beside_a_lower_surface_is_no_floor(kind: DepthKind) -> None:
    """Too little of the true floor is visible to be found."""
    z_m = np.where(FLOOR, Z_M * 0.4, WALL_M)
    z_m[70:, :6] = Z_M[70:, :6]
    values = 1 / z_m + 0.4 if kind is DISPARITY else 2 * z_m + 1
    rays = RAYS.reshape(-1, 3)
    assert floor_pixels(rays, values.ravel(), kind, 0.001 * np.ptp(values)) is None
    z_m[70:, :6] = Z_M[70:, :6] * 0.4
    values = 1 / z_m + 0.4 if kind is DISPARITY else 2 * z_m + 1
    assert floor_pixels(rays, values.ravel(), kind, 0.001 * np.ptp(values)) is not None
