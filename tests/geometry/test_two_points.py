from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.two_points import PixelPoint, distance_of
from pipeline.records.error_budget import DepthErrors

AXIS = np.array((0.0, 0.0, 1.0))
FOCAL_PX = 500.0


def at(u: float, v: float, z: float, errors: DepthErrors, edge: float = 0.0, frame: int = 0) -> PixelPoint:
    """A point of a camera at the origin whose principal point is (320, 240)."""
    position = np.array(((u - 320) / FOCAL_PX * z, (v - 240) / FOCAL_PX * z, z))
    return PixelPoint(position, position, AXIS, (u, v), frame, 640, errors, edge)


def test_points_without_errors_have_an_exact_distance() -> None:
    found = distance_of(at(320, 240, 2.0, DepthErrors()), at(445, 240, 2.0, DepthErrors()))
    assert (found.length, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("errors", "along_m", "low", "high"),
    [
        (DepthErrors(pixel=0.01), 1.0, 1 - 1.96 * math.hypot(0.02, 0.03), 1 + 1.96 * math.hypot(0.02, 0.03)),
        (DepthErrors(pixel_per_m=0.005), 1.0, 1 - 1.96 * math.hypot(0.02, 0.045), 1 + 1.96 * math.hypot(0.02, 0.045)),
        # On one ray the smooth errors are the same share of either depth.
        (DepthErrors(relative=0.01, place_share=0.1), 1.0, 1 - 1.96 * 0.01, 1 + 1.96 * 0.01),
        (DepthErrors(relative=0.01), 1.0, 1 - 1.96 * math.hypot(0.02, 0.03), 1 + 1.96 * math.hypot(0.02, 0.03)),
        (DepthErrors(scale=0.1), 1.0, math.exp(-0.196), math.exp(0.196)),
        # The field of view does not change a distance along the axis.
        (DepthErrors(focal=0.3), 1.0, 1.0, 1.0),
    ],
)
def test_each_error_reaches_along_the_optical_axis_as_derived(
    errors: DepthErrors, along_m: float, low: float, high: float
) -> None:
    found = distance_of(at(320, 240, 2.0, errors), at(320, 240, 2.0 + along_m, errors))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6)


def test_the_focal_length_acts_across_the_axis_alone() -> None:
    errors = DepthErrors(focal=0.1)
    across = distance_of(at(320, 240, 2.0, errors), at(445, 240, 2.0, errors))
    assert (across.low, across.high) == pytest.approx((0.5 * math.exp(-0.196), 0.5 * math.exp(0.196)))


def test_a_smooth_error_is_shared_by_places_within_its_reach() -> None:
    errors = DepthErrors(relative=0.05, place_share=0.1)
    first = at(100, 240, 2.0, errors)
    # Correlation exp(-0.5) at one reach, 64 px: the variance along the line by hand.
    second = at(164, 240, 2.5, errors)
    along = (second.position - first.position) / np.linalg.norm(second.position - first.position)
    a, b = float(along @ first.position), float(along @ second.position)
    expected = 0.05 * math.sqrt(a * a + b * b - 2 * math.exp(-0.5) * a * b)
    found = distance_of(first, second)
    assert found.length - found.low == pytest.approx(1.96 * expected)
    alone = replace(errors, place_share=0.0)
    apart = distance_of(at(100, 240, 2.0, alone), at(164, 240, 2.5, alone))
    assert apart.length - apart.low > found.length - found.low


def test_errors_across_the_line_only_raise_the_upper_limit() -> None:
    errors = DepthErrors(pixel=0.02)
    # Two neighbours straight ahead: their line is across the rays, their errors along them.
    found = distance_of(at(319, 240, 3.0, errors), at(321, 240, 3.0, errors))
    assert found.low == pytest.approx(found.length, rel=0.03)
    assert found.high == pytest.approx(math.hypot(found.length, 1.96 * 0.06 * math.sqrt(2)), rel=0.01)


def test_an_edge_is_an_error_of_its_own_point() -> None:
    plain, beside = (at(320, 240, 2.0, DepthErrors(), edge) for edge in (0.0, 0.1))
    far = at(320, 240, 3.0, DepthErrors())
    assert distance_of(plain, far).low == pytest.approx(1.0)
    assert distance_of(beside, far).low == pytest.approx(1 - 1.96 * 0.2)


def test_two_frames_share_no_smooth_error_and_the_worse_case_of_scale() -> None:
    errors = DepthErrors(relative=0.01, place_share=1.0, scale=0.02)
    first, second = at(320, 240, 2.0, errors), at(320, 240, 3.0, errors)
    same, other = distance_of(first, second), distance_of(first, replace(second, frame=1))
    assert same.high - same.length == pytest.approx(math.hypot(1.96 * 0.01, math.exp(1.96 * 0.02) - 1), rel=1e-6)
    deviation = math.hypot(0.02, 0.03, 0.04, 0.06)
    assert other.high - other.length == pytest.approx(1.96 * deviation, rel=1e-6)


def test_the_same_place_has_no_distance_and_a_finite_limit() -> None:
    point = at(320, 240, 2.0, DepthErrors(pixel=0.01))
    found = distance_of(point, point)
    assert found.length == found.low == 0 and 0 < found.high < 0.1


@given(
    st.lists(st.floats(0, 639), min_size=4, max_size=4),
    st.lists(st.floats(0.1, 100), min_size=2, max_size=2),
    st.lists(st.floats(0, 2), min_size=6, max_size=6),
    st.booleans(),
)
def test_the_interval_holds_the_distance_and_does_not_depend_on_the_order(
    pixels: list[float], depths: list[float], numbers: list[float], is_one_frame: bool
) -> None:
    errors = DepthErrors(numbers[0], 0.01, numbers[1], numbers[2], 0.01, 1.0, numbers[3], numbers[4])
    first = at(pixels[0], pixels[1], depths[0], errors, numbers[5])
    second = at(pixels[2], pixels[3], depths[1], errors, 0.0, 0 if is_one_frame else 1)
    found, back = distance_of(first, second), distance_of(second, first)
    assert 0 <= found.low <= found.length + 1e-9 and found.length <= found.high * (1 + 1e-9)
    assert math.isfinite(found.high)
    assert (found.length, found.low, found.high) == pytest.approx((back.length, back.low, back.high), abs=1e-6)
    if is_one_frame and numbers[3] > 0:
        assert found.high > found.length or found.length == 0


def test_the_interval_covers_95_per_cent_of_drawn_errors() -> None:
    rng = np.random.default_rng(7)
    errors = DepthErrors(relative=0.02, relative_per_m=0.004, place_share=0.1, pixel=0.004, scale=0.03, focal=0.01)
    inside = []
    for _ in range(2000):
        (u1, v1), (u2, v2) = rng.uniform((0, 0), (640, 480), (2, 2))
        z = rng.uniform(1, 4, 2)
        true = [at(u, v, depth, errors) for (u, v), depth in zip(((u1, v1), (u2, v2)), z, strict=True)]
        correlation = math.exp(-0.5 * (math.hypot(u1 - u2, v1 - v2) / 64) ** 2)
        smooth = np.linalg.cholesky([[1, correlation], [correlation, 1 + 1e-12]]) @ rng.standard_normal(2)
        common = math.exp(0.03 * rng.standard_normal())
        focal = math.exp(0.01 * rng.standard_normal())
        seen = []
        for index, ((u, v), depth) in enumerate(zip(((u1, v1), (u2, v2)), z, strict=True)):
            noise = (0.02 + 0.004 * depth) * smooth[index] + 0.004 * rng.standard_normal()
            measured = at(u, v, depth * (1 + noise) * common, errors)
            position = measured.position * (focal, focal, 1)
            seen.append(replace(measured, position=position, offset=position))
        found = distance_of(*seen)
        inside.append(found.low <= np.linalg.norm(true[0].position - true[1].position) <= found.high)
    assert 0.94 < np.mean(inside) < 0.985
