"""Returns of scanners: which depth maps hold them, how far they are apart, and where they go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.geometry.scattered import copied_px, depth_of_returns, resized_returns, single_returns, spacing_px
from pipeline.ingest.resampling import resize_nearest
from pipeline.records import DepthKind, Sampling, ScaleSource

SHAPE = (180, 320)


def scan(across_px: int, down_px: int, shape: tuple[int, int] = SHAPE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """z and validity of returns that are these distances apart along x and y, one pixel each; no two z are equal."""
    valid = np.zeros(shape, bool)
    valid[down_px // 2 :: down_px, across_px // 2 :: across_px] = True
    values = np.zeros(shape, np.float32)
    rng = np.random.default_rng(seed)
    values[valid] = rng.permutation(np.linspace(4, 60, valid.sum())).astype(np.float32)
    return values, valid


def drawn(values: np.ndarray, valid: np.ndarray, half_px: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with a square around every return; the nearest is on top."""
    found = np.zeros_like(values)
    rows, columns = np.nonzero(valid)
    for place in np.argsort(-values[valid]):
        row, column = rows[place], columns[place]
        top, left = max(row - half_px, 0), max(column - half_px, 0)
        found[top : row + half_px + 1, left : column + half_px + 1] = values[row, column]
    return found, found > 0


@pytest.mark.parametrize(
    ("across_px", "down_px", "half_px"),
    [(2, 5, 0), (3, 12, 0), (8, 8, 0), (4, 12, 1), (6, 12, 2), (8, 16, 3), (20, 20, 7)],
)
def test_returns_of_any_drawing_are_the_pixels_that_were_hit(across_px: int, down_px: int, half_px: int) -> None:
    values, valid = scan(across_px, down_px)
    found = single_returns(*drawn(values, valid, half_px))
    assert found is not None
    np.testing.assert_array_equal(found, valid)


@pytest.mark.parametrize(("across_px", "down_px", "half_px"), [(3, 12, 2), (2, 6, 2), (4, 10, 3)])
def test_of_squares_that_hide_parts_of_each_other_each_is_one_return(
    across_px: int, down_px: int, half_px: int
) -> None:
    values, valid = scan(across_px, down_px)
    image, covered = drawn(values, valid, half_px)
    found = single_returns(image, covered)
    assert found is not None and not (found & ~covered).any()
    # A square may be hidden whole, or be cut in two by a nearer one.
    assert 0.6 * valid.sum() < found.sum() < 1.15 * valid.sum()
    assert len(np.unique(image[found])) > 0.85 * found.sum()
    assert spacing_px(found) == pytest.approx((across_px, down_px), rel=0.8)


def wall(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """z of a slanted wall with waves [m]."""
    rows, columns = np.indices(shape)
    return 2 + 0.004 * columns + 0.003 * rows + 0.05 * np.sin(columns / 9) * np.sin(rows / 7)


def blobs(share: float, seed: int = 1) -> np.ndarray:
    """A mask of that share of the pixels in patches of some 12 px."""
    coarse = np.random.default_rng(seed).random((SHAPE[0] // 12, SHAPE[1] // 12 + 1)) < share
    return np.kron(coarse, np.ones((12, 12), bool)).astype(bool)[: SHAPE[0], : SHAPE[1]]


DENSE = {
    "exact": (wall(), np.ones(SHAPE, bool)),
    "noisy": (wall() + np.random.default_rng(0).normal(0, 0.01, SHAPE), np.ones(SHAPE, bool)),
    "in millimetres": (np.round(wall(), 3), np.ones(SHAPE, bool)),
    "in steps of 5 cm": (np.round(wall() / 0.05) * 0.05, np.ones(SHAPE, bool)),
    "with patches of holes": (np.round(wall(), 3), ~blobs(0.4)),
    "mostly holes": (np.round(wall(), 3), blobs(0.3)),
    "with single holes": (wall(), np.random.default_rng(2).random(SHAPE) < 0.7),
    "with more holes than depth": (wall(), np.random.default_rng(2).random(SHAPE) < 0.46),
    "checkered": (wall(), (np.indices(SHAPE).sum(axis=0) % 2 == 0) | (np.random.default_rng(3).random(SHAPE) < 0.2)),
    "flat in part": (np.where(np.indices(SHAPE)[1] < 90, wall(), 9.0), np.ones(SHAPE, bool)),
    "of one value": (np.full(SHAPE, 3.0), np.ones(SHAPE, bool)),
    "of large steps": (np.round(wall()), ~blobs(0.2)),
    "of a small part": (wall(), np.pad(np.ones((60, 60), bool), ((50, 70), (100, 160)))),
}


@pytest.mark.parametrize(("values", "valid"), DENSE.values(), ids=DENSE)
def test_dense_depth_with_holes_and_steps_is_not_taken_for_returns(values: np.ndarray, valid: np.ndarray) -> None:
    assert single_returns(np.where(valid, values, 0).astype(np.float32), valid) is None


@pytest.mark.parametrize("size", [(640, 360), (800, 450), (480, 270), (960, 900), (3200, 1800)])
@pytest.mark.parametrize("name", ["exact", "noisy", "in millimetres", "with patches of holes", "of a small part"])
def test_a_dense_map_that_was_enlarged_by_copies_is_recognised_and_not_taken_for_returns(
    name: str, size: tuple[int, int]
) -> None:
    values, valid = (resize_nearest(array.astype(np.float32), size) for array in DENSE[name])
    width_px, height_px = copied_px(values, valid > 0)
    assert (width_px, height_px) == pytest.approx((size[0] / SHAPE[1], size[1] / SHAPE[0]), rel=0.01)
    assert single_returns(np.where(valid > 0, values, 0), valid > 0) is None


@pytest.mark.parametrize(("values", "valid"), DENSE.values(), ids=DENSE)
def test_a_map_that_was_not_enlarged_has_no_copies(values: np.ndarray, valid: np.ndarray) -> None:
    assert copied_px(values, valid) == (1.0, 1.0)


@pytest.mark.parametrize("half_px", [0, 1, 2])
def test_drawn_returns_are_no_enlarged_map(half_px: int) -> None:
    assert copied_px(*drawn(*scan(2 * (2 * half_px + 1), 2 * (2 * half_px + 1)), half_px)) == (1.0, 1.0)


def test_nothing_holds_no_returns() -> None:
    assert single_returns(np.zeros(SHAPE), np.zeros(SHAPE, bool)) is None


@pytest.mark.parametrize(
    ("across_px", "down_px"), [(2, 8), (3, 12), (3, 9), (2, 7), (6, 24), (4, 6), (5, 5), (5, 2), (9, 3), (1, 3)]
)
def test_spacing_is_that_of_the_lines_and_within_them(across_px: int, down_px: int) -> None:
    assert spacing_px(scan(across_px, down_px)[1]) == (across_px, down_px)


@pytest.mark.parametrize(("across_px", "down_px"), [(3, 12), (2, 10), (4, 9)])
def test_spacing_of_curved_lines_with_gaps_is_nearly_that(across_px: int, down_px: int) -> None:
    rows, columns = np.nonzero(scan(across_px, down_px, (400, 640))[1])
    rows = np.clip(rows + np.round(6 * np.sin(columns / 90)).astype(int), 0, 399)
    kept = np.random.default_rng(0).random(len(rows)) < 0.85
    valid = np.zeros((400, 640), bool)
    valid[rows[kept], columns[kept]] = True
    across, down = spacing_px(valid)
    assert across == across_px
    assert down == pytest.approx(down_px, abs=1)


@pytest.mark.parametrize("count", [0, 1])
def test_single_returns_have_no_spacing(count: int) -> None:
    valid = np.zeros(SHAPE, bool)
    valid.flat[:count] = True
    assert spacing_px(valid) == (1.0, 1.0)


def test_no_spacing_is_below_a_pixel() -> None:
    assert min(spacing_px(np.ones((20, 30), bool))) == 1.0
    few = np.zeros(SHAPE, bool)
    few[3, 3:5] = True
    assert min(spacing_px(few)) == 1.0


def test_the_depth_of_returns_knows_their_spacing() -> None:
    values, valid = scan(3, 12)
    depth = depth_of_returns(values, valid, "velodyne")
    assert depth.sampling == Sampling(*spacing_px(valid), is_scattered=True)
    assert (depth.kind, depth.scale_source, depth.backend) == (DepthKind.METRIC, ScaleSource.SENSOR, "velodyne")
    np.testing.assert_array_equal(depth.valid, valid)


def test_of_returns_on_one_pixel_the_nearest_stays() -> None:
    values = np.array([[5.0, 3.0, 0.0, 9.0], [4.0, 7.0, 8.0, 0.0]], np.float32)
    found, known = resized_returns(values, values > 0, (2, 1))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[3.0, 8.0]])
    np.testing.assert_array_equal(known, [[True, True]])


@pytest.mark.parametrize(
    ("size", "place"),
    [((6, 4), (3, 3)), ((3, 2), (1, 1)), ((9, 6), (4, 4)), ((12, 2), (1, 6)), ((2, 1), (0, 1)), ((1, 1), (0, 0))],
)
def test_a_return_goes_to_the_pixel_under_its_middle(size: tuple[int, int], place: tuple[int, int]) -> None:
    # The middle one of the second of two rows: at half the width, and at three quarters of the height.
    valid = np.zeros((2, 3), bool)
    valid[1, 1] = True
    found, known = resized_returns(np.full((2, 3), 7.0, np.float32), valid, size)
    assert known.shape == size[::-1]
    expected = np.zeros(known.shape, bool)
    expected[place] = True
    np.testing.assert_array_equal(known, expected)
    np.testing.assert_array_equal(found, np.where(expected, 7.0, 0.0))


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_resizing_invents_no_return_and_loses_no_nearest_one(width: int, height: int, seed: int) -> None:
    values, valid = scan(3, 5, (20, 24), seed)
    found, known = resized_returns(values, valid, (width, height))
    assert set(found[known]) <= set(values[valid])
    assert (found[~known] == 0).all()
    assert found[known].min() == values[valid].min()
    if width >= 24 and height >= 20:
        assert known.sum() == valid.sum()
