from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluate.depth.alignment import ALLOWED, Alignment, check_alignment, fit_alignment
from pipeline.evaluate.depth.alignment_robust import MOST_PIXELS, huber_line, ransac_line, sampled_pixels
from pipeline.records import DepthKind
from pipeline.records.errors import ConfigError

SHIFTED = [item for item in Alignment if item.value.endswith(("depth", "disparity"))]


def true_depths(count: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 20, count)


def kind_for(alignment: Alignment) -> DepthKind:
    return DepthKind.DISPARITY_AFFINE if alignment.in_disparity else DepthKind.DEPTH_AFFINE


@pytest.mark.parametrize("kind", DepthKind)
@pytest.mark.parametrize("alignment", Alignment)
def test_an_alignment_that_does_not_fit_the_kind_is_refused(kind: DepthKind, alignment: Alignment) -> None:
    is_allowed = {
        DepthKind.METRIC: True,
        DepthKind.SCALE_INVARIANT: alignment is not Alignment.NONE,
        DepthKind.DEPTH_AFFINE: alignment.value.endswith("_depth"),
        DepthKind.DISPARITY_AFFINE: alignment.value.endswith("_disparity"),
    }[kind]
    if is_allowed:
        check_alignment(kind, alignment)
        return
    with pytest.raises(ConfigError, match=f"{alignment} does not fit .* {kind}, because .* allowed are") as caught:
        check_alignment(kind, alignment)
    assert str(caught.value).endswith(", ".join(ALLOWED[kind]) + ".")


@settings(max_examples=60, deadline=None)
@given(
    exponent=st.integers(-90, 90),
    shift_steps=st.integers(-(2**23), 2**23),
    seed=st.integers(0, 1000),
)
def test_a_disparity_with_any_scale_and_shift_is_recovered(exponent: int, shift_steps: int, seed: int) -> None:
    # Disparities are whole steps, so scale and shift are exact, however large the shift.
    steps = np.random.default_rng(seed).integers(50, 1000, 600)
    values, true_m = (steps + shift_steps) * 2.0**exponent, 1000.0 / steps
    fit = fit_alignment(values, true_m, DepthKind.DISPARITY_AFFINE, Alignment.SCALE_SHIFT_DISPARITY, most_m=80.0)
    assert np.mean(np.abs(fit.depth_m(values) - true_m) / true_m) < 1e-6
    assert fit.note == ""


def test_disparity_is_not_below_that_of_the_cap_and_depth_not_beyond_its_ends() -> None:
    true_m = np.array([1.0, 2.0, 4.0])
    fit = fit_alignment(1 / true_m, true_m, DepthKind.DISPARITY_AFFINE, Alignment.SCALE_SHIFT_DISPARITY, most_m=10.0)
    np.testing.assert_allclose(fit.depth_m(np.array([0.5, 0.05, 0.0, -3.0])), [2, 10, 10, 10])
    # Without a cap, depth ends at the farthest true pixel.
    fit = fit_alignment(1 / true_m, true_m, DepthKind.DISPARITY_AFFINE, Alignment.SCALE_SHIFT_DISPARITY)
    np.testing.assert_allclose(fit.depth_m(np.array([0.5, 0.1, -1.0])), [2, 4, 4])
    fit = fit_alignment(true_m + 5, true_m, DepthKind.DEPTH_AFFINE, Alignment.SCALE_SHIFT_DEPTH, least_m=0.5)
    np.testing.assert_allclose(fit.depth_m(np.array([2.0, 9.0, 1000.0])), [0.5, 4, 995])


@pytest.mark.parametrize("alignment", SHIFTED)
@pytest.mark.parametrize("fall", ["same", "reversed", "single"])
def test_a_prediction_without_a_rising_line_becomes_a_constant_with_a_note(alignment: Alignment, fall: str) -> None:
    true_m = true_depths(1 if fall == "single" else 41)
    aim = 1 / true_m if alignment.in_disparity else true_m
    values = {"same": np.full_like(aim, 0.1), "reversed": 3 - 2 * aim, "single": aim}[fall]
    fit = fit_alignment(values, true_m, kind_for(alignment), alignment)
    middle = aim.mean() if alignment.value.startswith("scale") else np.median(aim)
    found = fit.depth_m(values)
    np.testing.assert_allclose(found, 1 / middle if alignment.in_disparity else middle)
    assert fit.line.scale == 0
    assert fit.note.endswith("so a constant was fitted.")


@pytest.mark.parametrize(
    "alignment, wrong",
    [(item, "truth") for item in SHIFTED if not item.value.startswith("scale")]
    + [(item, "prediction") for item in SHIFTED if item.value.startswith("ransac")],
)
def test_robust_lines_are_hardly_moved_by_a_minority_of_wrong_pixels(alignment: Alignment, wrong: str) -> None:
    rng = np.random.default_rng(3)
    true_m = true_depths(3000)
    aim = 1 / true_m if alignment.in_disparity else true_m
    values = 3 * aim - 1 + rng.normal(0, 0.002, len(aim)) * np.ptp(aim)
    outliers = rng.random(len(aim)) < 0.2
    if wrong == "truth":
        true_m = np.where(outliers & (aim > np.median(aim)), 1 / aim.min() if alignment.in_disparity else 1.0, true_m)
    else:
        values = np.where(outliers, values + 5 * np.ptp(aim), values)
    usual = Alignment.SCALE_SHIFT_DISPARITY if alignment.in_disparity else Alignment.SCALE_SHIFT_DEPTH
    robust, moved = (fit_alignment(values, true_m, kind_for(item), item).line.scale for item in (alignment, usual))
    assert robust == pytest.approx(1 / 3, rel=0.02)
    assert abs(moved - 1 / 3) > 0.05


@pytest.mark.parametrize("method", [huber_line, ransac_line])
def test_robust_lines_draw_by_their_seed(method) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, 3 * MOST_PIXELS)
    y = 1 + 2 * x + rng.normal(0, 0.3, len(x))
    assert method(x, y, 1) == method(x, y, 1) != method(x, y, 2)


@pytest.mark.parametrize("pixels, most, expected", [(5, 5, 5), (4, 9, 4), (1000, 10, 10)])
def test_pixels_are_drawn_once_each_in_order(pixels: int, most: int, expected: int) -> None:
    chosen = sampled_pixels(pixels, 0, most)
    assert len(chosen) == expected
    assert (np.diff(chosen) > 0).all() and chosen[0] >= 0 and chosen[-1] < pixels
    assert np.array_equal(chosen, sampled_pixels(pixels, 0, most))
    assert pixels <= most or not np.array_equal(chosen, sampled_pixels(pixels, 1, most))
