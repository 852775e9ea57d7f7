from __future__ import annotations

import time

import numpy as np
import pytest

from pipeline.models.depth.tiling import Tile, Tiling, blending_weights, crop, merge, tiles_of
from pipeline.records import DepthKind, DepthMap, Frame
from pipeline.records.camera import Camera

HEIGHT, WIDTH, SIDE = 204, 288, 96
TILES = tiles_of(HEIGHT, WIDTH, Tiling(SIDE))


def layout() -> np.ndarray:
    """Smooth depth from 2 to 6."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (4 + np.sin(rows / 60) + np.cos(columns / 45 + rows / 90)).astype(np.float32)


def detail(wave_px: int) -> np.ndarray:
    """Fine waves of height 0.05 along both axes."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    waves = np.cos(2 * np.pi * (rows + 0.5) / wave_px) + np.cos(2 * np.pi * (columns + 0.5) / wave_px)
    return (0.05 * waves).astype(np.float32)


def with_detail(kind: DepthKind, wave_px: int) -> np.ndarray:
    """The layout with detail that the whole image does not show."""
    if kind.has_shape:
        return layout() * np.exp(detail(wave_px))
    return layout() + detail(wave_px)


def in_own_units(values: np.ndarray, kind: DepthKind, seed: int) -> np.ndarray:
    """The values in a random scale, and with a random shift where the kind is affine."""
    rng = np.random.default_rng(seed)
    scale, shift = rng.uniform(0.2, 5), rng.uniform(-20, 20)
    return (scale * values + (0 if kind.has_shape else shift)).astype(np.float32)


def parts(values: np.ndarray, kind: DepthKind) -> list[np.ndarray]:
    return [in_own_units(values[tile.window], kind, seed) for seed, tile in enumerate(TILES)]


@pytest.mark.parametrize(
    "height, width", [(64, 64), (65, 64), (480, 640), (37, 1000), (1000, 37), (10, 20), (127, 129)]
)
@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.9])
def test_tiles_cover_the_image_evenly(height: int, width: int, overlap: float):
    tiles = tiles_of(height, width, Tiling(64, overlap))
    assert {(tile.height, tile.width) for tile in tiles} == {(min(64, height), min(64, width))}
    covered = np.zeros((height, width), int)
    for tile in tiles:
        assert tile.x >= 0 and tile.y >= 0
        covered[tile.window] += 1
        assert covered[tile.window].shape == (tile.height, tile.width)
    assert covered.min() >= 1
    for starts, side in (({tile.x for tile in tiles}, min(64, width)), ({tile.y for tile in tiles}, min(64, height))):
        steps = np.diff(sorted(starts))
        assert len(steps) == 0 or (steps.max() <= side * (1 - overlap) + 1e-9 and np.ptp(steps) <= 1)
    assert len(set(tiles)) == len(tiles)


@pytest.mark.parametrize(
    "length, overlap, count", [(64, 0.5, 1), (65, 0, 2), (128, 0, 2), (128, 0.25, 3), (96, 0.5, 2)]
)
def test_there_are_no_more_tiles_than_needed(length: int, overlap: float, count: int):
    assert len(tiles_of(length, 50, Tiling(64, overlap))) == count


@pytest.mark.parametrize(
    "height, width, count", [(1, 40_000_000, 1), (40_000_000, 1, 1), (3, 6400, 1), (4, 6400, 133), (6400, 4, 133)]
)
def test_a_strip_is_one_tile(height: int, width: int, count: int):
    tiles = tiles_of(height, width, Tiling(64))
    assert len(tiles) == count and (count > 1 or tiles == [Tile(0, 0, width, height)])


def test_a_crop_sees_the_same_rays_and_depth():
    values = np.arange(60 * 80, dtype=np.float32).reshape(60, 80) + 1
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    valid = rgb[..., 0] > 99
    frame = Frame(rgb, Camera(70, 71, 39, 31, 80, 60), given_depth=DepthMap(values, valid, "metric", "sensor"))
    part = crop(frame, Tile(30, 10, 32, 40))
    assert part.given_depth is not None
    np.testing.assert_array_equal(part.rgb, rgb[10:50, 30:62])
    np.testing.assert_array_equal(part.given_depth.values, values[10:50, 30:62])
    np.testing.assert_array_equal(part.given_depth.valid, valid[10:50, 30:62])
    rays = [np.linalg.inv(each.camera.matrix) @ pixel for each, pixel in ((part, (3, 5, 1)), (frame, (33, 15, 1)))]
    np.testing.assert_allclose(*rays)


@pytest.mark.parametrize("height, width", [(200, 280), (40, 300), (64, 64), (500, 64)])
@pytest.mark.parametrize("overlap", [0, 0.1, 0.25, 0.7])
def test_weights_sum_to_one(height: int, width: int, overlap: float):
    tiles = tiles_of(height, width, Tiling(64, overlap))
    total = np.zeros((height, width))
    for tile, weights in zip(tiles, blending_weights(tiles), strict=True):
        assert weights.min() > 0
        total[tile.window] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_weights_end_smoothly_within_the_image():
    for tile, weights in zip(TILES, blending_weights(TILES), strict=True):
        assert np.abs(np.diff(weights, axis=0)).max() < 0.12
        assert np.abs(np.diff(weights, axis=1)).max() < 0.12
        edges = [(tile.x, weights[:, 0]), (WIDTH - tile.x - tile.width, weights[:, -1])]
        edges += [(tile.y, weights[0]), (HEIGHT - tile.y - tile.height, weights[-1])]
        assert all(edge.max() < 0.01 for distance_px, edge in edges if distance_px > 0)


@pytest.mark.parametrize("kind", list(DepthKind))
@pytest.mark.parametrize(
    "wave_px, tolerance",
    [(3, 1e-4), (4, 1e-4), (12, 5e-3)],  # Of a wave of 12 px, means over the cells of 6 px keep some.
)
def test_true_tiles_in_units_of_their_own_give_the_truth(kind: DepthKind, wave_px: int, tolerance: float):
    true, whole = with_detail(kind, wave_px), layout()
    assert np.abs(whole - true).max() > 0.07
    np.testing.assert_allclose(merge(whole, TILES, parts(true, kind), kind), true, atol=tolerance)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_tiles_that_show_nothing_new_change_nothing(kind: DepthKind):
    whole = layout()
    np.testing.assert_allclose(merge(whole, TILES, parts(whole, kind), kind), whole, atol=2e-5)


def biased_parts(true: np.ndarray, kind: DepthKind) -> list[np.ndarray]:
    """Tiles that are off by a ramp of their own, 20 % from one side to the other."""
    ramps = np.random.default_rng(3).uniform(-0.2, 0.2, (len(TILES), 2))
    rows, columns = np.mgrid[-0.5:0.5:96j, -0.5:0.5:96j]
    made = [
        true[tile.window] * (1 + down * rows + right * columns)
        for tile, (down, right) in zip(TILES, ramps, strict=True)
    ]
    return [in_own_units(values, kind, seed) for seed, values in enumerate(made)]


def largest_jump_at_seams(values: np.ndarray) -> float:
    jumps = [0.0]
    for tile in TILES:
        for row in {tile.y, tile.y + tile.height} - {0, HEIGHT}:
            jumps.append(float(np.abs(values[row] - values[row - 1])[tile.window[1]].max()))
        for column in {tile.x, tile.x + tile.width} - {0, WIDTH}:
            jumps.append(float(np.abs(values[:, column] - values[:, column - 1])[tile.window[0]].max()))
    return max(jumps)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_seams_show_no_jump_and_the_layout_stays_that_of_the_whole(kind: DepthKind):
    true = layout()
    steepest = max(float(np.abs(np.diff(true, axis=axis)).max()) for axis in (0, 1))
    biased = biased_parts(true, kind)
    off = merge(true, TILES, biased, kind) - true
    assert largest_jump_at_seams(off) < 0.5 * steepest
    pasted, alone = true.copy(), np.zeros_like(true)
    for tile, weights, values in zip(TILES, blending_weights(TILES), biased, strict=True):
        fitted = np.polyval(np.polyfit(values.ravel(), true[tile.window].ravel(), 1), values)
        pasted[tile.window] = fitted
        alone[tile.window] += weights * fitted
    assert largest_jump_at_seams(pasted - true) > 3 * steepest  # What merging is for.
    assert np.abs(off).mean() < 0.4 * np.abs(alone - true).mean()


@pytest.mark.parametrize("kind", list(DepthKind))
@pytest.mark.parametrize("useless", ["constant", "missing"])
def test_the_whole_stands_in_for_tiles_that_say_nothing(kind: DepthKind, useless: str):
    whole = layout()
    value = 3.3 if useless == "constant" else np.nan
    nothing = [np.full((tile.height, tile.width), value, np.float32) for tile in TILES]
    np.testing.assert_allclose(merge(whole, TILES, nothing, kind), whole, rtol=1e-6)
    one = parts(whole, kind)
    one[4] = nothing[4]
    np.testing.assert_allclose(merge(whole, TILES, one, kind), whole, atol=2e-5)


@pytest.mark.parametrize("kind", [DepthKind.DEPTH_AFFINE, DepthKind.DISPARITY_AFFINE])
def test_a_tile_that_falls_where_the_whole_rises_is_left_out(kind: DepthKind):
    whole = layout()
    np.testing.assert_array_equal(merge(whole, TILES, [-whole[tile.window] for tile in TILES], kind), whole)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_missing_pixels_come_from_the_other_side(kind: DepthKind):
    true = layout()
    whole, tiles = true.copy(), parts(true, kind)
    whole[50:60, 70:90] = np.nan
    tiles[0][20:30, 20:30] = np.inf
    np.testing.assert_allclose(merge(whole, TILES, tiles, kind), true, atol=5e-5)
    for tile, values in zip(TILES, tiles, strict=True):
        lost = np.zeros((HEIGHT, WIDTH), bool)
        lost[50:60, 70:90] = True
        values[lost[tile.window]] = np.nan
    missing = np.isnan(merge(whole, TILES, tiles, kind))
    assert missing[50:60, 70:90].all() and missing.sum() == 200


def test_the_inputs_stay_as_they_were():
    whole = layout()
    tiles = parts(whole, DepthKind.DISPARITY_AFFINE)
    copies = [values.copy() for values in tiles]
    assert merge(whole, TILES, tiles, DepthKind.DISPARITY_AFFINE).dtype == np.float32
    np.testing.assert_array_equal(whole, layout())
    assert all(np.array_equal(values, copy) for values, copy in zip(tiles, copies, strict=True))


def test_merging_a_megapixel_takes_a_fraction_of_a_second():
    whole = np.random.default_rng(0).random((1024, 1024), np.float32) + 1
    tiles = tiles_of(1024, 1024, Tiling(512))
    values = [whole[tile.window] for tile in tiles]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        merge(whole, tiles, values, DepthKind.METRIC)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3  # 0.04 on one quiet core.
