from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.models.depth.augment import combine, disagreement, flip_averaged, flipped, unflipped
from pipeline.models.depth.given import GivenDepth
from pipeline.models.depth.none import NoDepth
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.camera import Camera

AFFINE = [DepthKind.DEPTH_AFFINE, DepthKind.DISPARITY_AFFINE]
WITH_SHAPE = [DepthKind.METRIC, DepthKind.SCALE_INVARIANT]


def random_map(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 5, (30, 40)).astype(np.float32)


def some_frame() -> Frame:
    rng = np.random.default_rng(0)
    depth = DepthMap(
        random_map(),
        rng.random((30, 40)) < 0.9,
        DepthKind.METRIC,
        ScaleSource.SENSOR,
        "kinect",
        rng.random((30, 40), np.float32),
        focal_px=35.0,
    )
    pose = np.eye(4)
    turn = 0.3
    pose[:3, :3] = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    pose[:3, 3] = (1.0, -2.0, 3.0)
    camera = Camera(50, 51, 17.25, 14, 40, 30)
    return Frame(rng.integers(0, 256, (30, 40, 3), np.uint8), camera, pose=pose, given_depth=depth)


def world_point(frame: Frame, row: int, column: int) -> np.ndarray:
    assert frame.given_depth is not None and frame.pose is not None
    z = float(frame.given_depth.values[row, column])
    ray = np.linalg.inv(frame.camera.matrix) @ (column, row, 1)
    return (frame.pose @ (*(z * ray), 1))[:3]


def test_a_flipped_frame_shows_the_mirrored_world():
    frame = some_frame()
    mirrored = flipped(frame)
    np.testing.assert_array_equal(mirrored.rgb, frame.rgb[:, ::-1])
    assert mirrored.camera.cx == 39 - 17.25
    for row, column in ((0, 0), (7, 31), (29, 39)):
        expected = world_point(frame, row, column) * (-1, 1, 1)
        np.testing.assert_allclose(world_point(mirrored, row, 39 - column), expected)


def test_flipping_twice_gives_the_frame_back():
    frame = some_frame()
    twice = flipped(flipped(frame))
    assert twice.camera == frame.camera
    assert twice.digest == frame.digest
    np.testing.assert_allclose(twice.pose, frame.pose)
    assert frame.given_depth is not None and twice.given_depth is not None
    assert twice.given_depth.digest == frame.given_depth.digest
    np.testing.assert_array_equal(twice.given_depth.confidence, frame.given_depth.confidence)


def test_a_frame_without_pose_and_depth_can_be_flipped():
    mirrored = flipped(replace(some_frame(), pose=None, given_depth=None))
    assert mirrored.pose is None and mirrored.given_depth is None


def test_unflipping_mirrors_the_last_axis():
    np.testing.assert_array_equal(unflipped(np.arange(12).reshape(2, 2, 3))[:, :, 0], [[2, 5], [8, 11]])


@pytest.mark.parametrize("kind", AFFINE)
@pytest.mark.parametrize("scale, shift", [(2.0, 0.0), (0.01, 5.0), (300.0, -1e4), (1.0, 1e3)])
def test_maps_of_affine_kinds_that_differ_in_scale_and_shift_agree(kind: DepthKind, scale: float, shift: float):
    values = random_map()
    other = (scale * values.astype(np.float64) + shift).astype(np.float32)
    np.testing.assert_allclose(combine([values, other, values], kind), values, rtol=2e-4)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_maps_far_from_zero_lose_no_digits(offset: float):
    values = random_map() + np.float32(offset)
    result = combine([values, values * 2, values * 3], DepthKind.DISPARITY_AFFINE)
    np.testing.assert_allclose(result, values, atol=4 * np.spacing(np.float32(offset + 5)))


def test_maps_that_differ_in_scale_agree():
    values = random_map()
    result = combine([values, 7 * values, values / 900], DepthKind.SCALE_INVARIANT)
    np.testing.assert_allclose(result, values, rtol=1e-5)


def test_outliers_do_not_move_the_scale():
    values = random_map()
    other = 2 * values
    other[:, :10] = 1e-6
    np.testing.assert_allclose(combine([values, other], DepthKind.SCALE_INVARIANT)[:, 10:], values[:, 10:], rtol=1e-5)


def test_metric_maps_are_not_aligned_but_averaged_geometrically():
    values = random_map()
    np.testing.assert_allclose(combine([values, 4 * values], DepthKind.METRIC), 2 * values, rtol=1e-5)


@pytest.mark.parametrize("kind", WITH_SHAPE)
def test_averaging_depth_or_its_inverse_is_the_same(kind: DepthKind):
    maps = [random_map(seed) for seed in range(3)]
    inverse = combine([1 / values for values in maps], kind)
    np.testing.assert_allclose(combine(maps, kind), 1 / inverse, rtol=1e-5)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_the_average_of_noisy_maps_is_better_than_each(kind: DepthKind):
    true = random_map()
    rng = np.random.default_rng(5)
    maps = [true * np.exp(0.1 * rng.standard_normal(true.shape)).astype(np.float32) for _ in range(4)]
    error = [float(np.abs(values - true).mean()) for values in (combine(maps, kind), *maps)]
    assert error[0] < 0.65 * min(error[1:])


@pytest.mark.parametrize("kind", list(DepthKind))
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_one_map_lacks_come_from_the_others(kind: DepthKind, bad: float):
    values = random_map()
    first, second = values.copy(), values.copy()
    first[:5], second[3:9] = bad, bad
    result = combine([first, second], kind)
    expected = values.copy()
    expected[3:5] = np.nan
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", WITH_SHAPE)
def test_depth_that_is_not_positive_counts_as_missing(kind: DepthKind):
    first = random_map()
    second = first.copy()
    second[0], second[1] = 0, -3
    np.testing.assert_allclose(combine([first, second], kind), first, rtol=1e-5)


@pytest.mark.parametrize("kind", AFFINE)
@pytest.mark.parametrize("useless", ["constant", "falling", "missing"])
def test_a_map_that_cannot_be_aligned_is_left_out(kind: DepthKind, useless: str):
    values = random_map()
    other = {"constant": np.full_like(values, 3), "falling": 9 - values, "missing": np.full_like(values, np.nan)}
    np.testing.assert_array_equal(combine([values, other[useless]], kind), values)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_without_a_usable_first_map_the_next_is_the_reference(kind: DepthKind):
    nothing, values = np.full((30, 40), np.nan, np.float32), random_map()
    np.testing.assert_allclose(combine([nothing, values, values], kind), values, rtol=1e-5)
    assert np.isnan(combine([nothing, nothing], kind)).all()


def test_maps_and_their_pixels_stay_as_they_were():
    maps = [random_map(seed) for seed in range(2)]
    maps[0][0, 0] = np.nan
    copies = [values.copy() for values in maps]
    assert combine(maps, DepthKind.DISPARITY_AFFINE).dtype == np.float32
    np.testing.assert_array_equal(maps, copies)


RAMP = np.linspace(1, 5, 1200, dtype=np.float32).reshape(30, 40)
# The range of the ramp from its 2nd to its 98th percentile, and a pattern of mean 0 that no scale or shift explains.
RANGE = 0.96 * 4
PATTERN = np.where(np.indices(RAMP.shape)[1] % 2 == 0, 1, -1).astype(np.float32)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_equal_maps_agree(kind: DepthKind):
    assert disagreement([RAMP, RAMP], RAMP, kind) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("share", [0.01, 0.1])
@pytest.mark.parametrize("kind", WITH_SHAPE)
def test_the_disagreement_of_depth_with_a_shape_is_a_share_of_z(kind: DepthKind, share: float):
    maps = [RAMP * np.exp(sign * share * PATTERN) for sign in (1, -1)]
    assert disagreement(maps, RAMP, kind) == pytest.approx(share, rel=1e-3)
    assert disagreement([100 * values for values in maps], 100 * RAMP, kind) == pytest.approx(share, rel=1e-3)
    # Only one of two is off.
    assert disagreement([maps[0], RAMP], RAMP, kind) == pytest.approx(share / 2**0.5, rel=1e-3)


@pytest.mark.parametrize("share", [0.01, 0.05])
@pytest.mark.parametrize("kind", AFFINE)
@pytest.mark.parametrize("scale, shift", [(1.0, 0.0), (20.0, -300.0)])
def test_the_disagreement_of_affine_maps_is_a_share_of_their_range(
    kind: DepthKind, share: float, scale: float, shift: float
):
    average = scale * RAMP + shift
    maps = [average + scale * sign * share * RANGE * PATTERN for sign in (1, -1)]
    assert disagreement(maps, average, kind) == pytest.approx(share, rel=0.02)


def test_only_metric_maps_disagree_about_scale():
    maps = [2 * RAMP, RAMP / 2]
    found = {kind: disagreement(maps, RAMP, kind) for kind in DepthKind}
    assert found.pop(DepthKind.METRIC) == pytest.approx(np.log(2), rel=1e-5)
    assert max(found.values()) < 1e-5


def test_pixels_that_a_map_lacks_do_not_disagree():
    half = RAMP * np.exp(0.1 * PATTERN)
    half[:, 10:] = np.nan
    other = RAMP.copy()
    other[:, :10] = 0
    assert disagreement([half], RAMP, DepthKind.METRIC) == pytest.approx(0.1, rel=1e-3)
    assert disagreement([half, other], RAMP, DepthKind.METRIC) == pytest.approx(0.1 / 2**0.5, rel=1e-3)
    assert disagreement([np.full_like(RAMP, np.nan)], RAMP, DepthKind.SCALE_INVARIANT) == 0


@pytest.mark.parametrize("kind", AFFINE)
def test_a_map_that_cannot_be_aligned_does_not_count_and_a_constant_average_has_no_range(kind: DepthKind):
    off = RAMP + 0.05 * RANGE * PATTERN
    assert disagreement([off, 9 - RAMP], RAMP, kind) == pytest.approx(0.05, rel=0.02)
    assert disagreement([off], np.ones_like(RAMP), kind) == 0


def columns_as_depth(frames: Sequence[Frame]) -> list[DepthMap]:
    """A biased estimate: what it says grows by the column of the image it sees."""
    return [
        DepthMap(
            np.broadcast_to(np.exp(np.linspace(0, 1, frame.width)), frame.rgb.shape[:2]),
            frame.rgb[..., 0] > 25,
            DepthKind.METRIC,
            ScaleSource.MODEL,
            "columns",
            np.full(frame.rgb.shape[:2], frame.rgb[0, 0, 0] / 255, np.float32),
            focal_px=frame.camera.cx,
        )
        for frame in frames
    ]


def test_a_bias_towards_one_side_cancels():
    frame = some_frame()
    (depth,) = flip_averaged(columns_as_depth, [frame])
    np.testing.assert_allclose(depth.values[depth.valid], np.exp(0.5), rtol=1e-5)
    np.testing.assert_array_equal(depth.valid, frame.rgb[..., 0] > 25)
    assert (depth.kind, depth.scale_source, depth.backend) == (DepthKind.METRIC, ScaleSource.MODEL, "columns")
    assert depth.focal_px == frame.camera.cx
    assert depth.confidence is not None
    expected = (int(frame.rgb[0, 0, 0]) + int(frame.rgb[0, -1, 0])) / 2 / 255
    np.testing.assert_allclose(depth.confidence, expected, rtol=1e-5)


def test_an_estimate_without_bias_stays_as_it_is():
    frame = some_frame()
    (depth,) = flip_averaged(GivenDepth().estimate, [frame])
    given = frame.given_depth
    assert given is not None
    np.testing.assert_array_equal(depth.valid, given.valid)
    np.testing.assert_allclose(depth.values[depth.valid], given.values[given.valid], rtol=1e-5)


def test_no_depth_stays_none():
    assert flip_averaged(NoDepth().estimate, [some_frame()]) == []


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 7), (2, 1), (1, 2), (3, 4)])
def test_mirrored_arrays_have_no_negative_strides(shape):
    torch = pytest.importorskip("torch")
    frame = Frame(np.zeros((*shape, 3), np.uint8), Camera.from_fov(shape[1], shape[0], 60))
    torch.from_numpy(flipped(frame).rgb)
    torch.from_numpy(unflipped(np.zeros(shape)))
