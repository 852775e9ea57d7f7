"""Frames, depth and regions on the grid of the depth's own samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from verifiers import uncalibrated

from pipeline.ingest.resampling import resize_nearest
from pipeline.records import Claim, DepthKind, DepthMap, Frame, Region, Sampling, Scene
from pipeline.records.camera import Camera
from pipeline.verify.own_samples import cells_of_returns, on_own_grid, region_on_grid, regions_on_grids


def measured(width: int, height: int, seed: int = 0) -> tuple[Frame, DepthMap]:
    """A frame and its depth, every pixel of which was measured."""
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (height, width, 3), np.uint8)
    frame = Frame(rgb, Camera(1.3 * width, 1.4 * width, 0.4 * width, 0.6 * height, width, height))
    values, valid = rng.uniform(1, 5, (height, width)), rng.random((height, width)) < 0.8
    confidence = rng.random((height, width), np.float32)
    return frame, DepthMap(values, valid, DepthKind.METRIC, "sensor", "kinect", confidence, scale_error=0.02)


def enlarged(frame: Frame, depth: DepthMap, width: int, height: int) -> tuple[Frame, DepthMap]:
    """Both enlarged to another size, where every pixel takes the nearest one."""
    size = (width, height)
    rows, columns = (resize_nearest(places, size) for places in np.indices(depth.shape))
    assert depth.confidence is not None
    copied = replace(
        depth,
        values=depth.values[rows, columns],
        valid=depth.valid[rows, columns],
        confidence=depth.confidence[rows, columns],
        sampling=Sampling.of_resized(depth.shape, (height, width)),
    )
    return replace(frame, rgb=frame.rgb[rows, columns], camera=frame.camera.resized(width, height)), copied


@settings(max_examples=60)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 200), st.integers(0, 200))
def test_a_map_enlarged_by_nearest_pixels_is_recovered_exactly(width: int, height: int, more: int, rows: int) -> None:
    frame, depth = measured(width, height)
    found = on_own_grid(*enlarged(frame, depth, width + width // 2 + 1 + more, height + height // 2 + 1 + rows))
    assert found is not None
    small, own = found
    np.testing.assert_array_equal(own.values, depth.values)
    np.testing.assert_array_equal(own.valid, depth.valid)
    np.testing.assert_array_equal(own.confidence, depth.confidence)
    np.testing.assert_array_equal(small.rgb, frame.rgb)
    assert (small.width, small.height) == (width, height)
    np.testing.assert_allclose(small.camera.matrix, frame.camera.matrix)
    assert own.sampling == Sampling()
    assert (own.kind, own.scale_source, own.backend, own.scale_error) == ("metric", "sensor", "kinect", 0.02)


@pytest.mark.parametrize(
    ("sampling", "size"),
    [
        (Sampling(), None),
        (Sampling(1.49, 1.49), None),
        (Sampling(1.0, 2.2), None),
        (Sampling(8.0, 8.0, is_scattered=True), None),
        (Sampling(1.51, 1.51), (40, 26)),
        (Sampling(1.0, 2.4), (60, 17)),
        (Sampling(3.0, 2.0), (20, 20)),
        (Sampling(500.0, 500.0), (1, 1)),
    ],
)
def test_the_own_grid_has_a_pixel_per_measurement_where_these_are_wider_than_pixels(
    sampling: Sampling, size: tuple[int, int] | None
) -> None:
    frame, depth = measured(60, 40)
    found = on_own_grid(frame, replace(depth, sampling=sampling))
    assert (None if found is None else (found[0].width, found[0].height)) == size


def test_boxes_keep_their_exact_edges_and_everything_else() -> None:
    frame, small = measured(60, 40)[0], measured(20, 20)[0]
    region = Region("cup", (3.0, 4.0, 31.0, 39.0), 1, score=0.7)
    found = region_on_grid(region, frame, small)
    assert found.box_px == pytest.approx((1.0, 2.0, 31 / 3, 19.5))
    assert replace(found, box_px=region.box_px) == region
    point = region_on_grid(Region("tip", (30.0, 10.0, 30.0, 10.0)), frame, small)
    assert point.is_point and point.box_px == (10.0, 5.0, 10.0, 5.0)


@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 20))
def test_a_mask_of_whole_samples_is_recovered_exactly(across: int, down: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((20, 30)) < 0.4
    frame, small = measured(30 * across, 20 * down)[0], measured(30, 20)[0]
    region = Region("cup", (0.0, 0.0, 9.0, 9.0), mask=np.kron(mask, np.ones((down, across), bool)))
    found = region_on_grid(region, frame, small).mask
    assert found is not None and found.dtype == bool
    np.testing.assert_array_equal(found, mask)


@pytest.mark.parametrize(("row", "column", "belongs"), [(6, 10, True), (5, 10, False), (6, 9, False), (4, 8, False)])
def test_a_sample_belongs_to_a_mask_that_covers_its_middle(row: int, column: int, belongs: bool) -> None:
    mask = np.zeros((40, 40), bool)
    mask[20:30, 20:30] = True
    # The middle of the sample of rows 4 to 7 and columns 8 to 11 is the pixel (6, 10).
    mask[row, column] = True
    found = region_on_grid(Region("x", (0, 0, 30, 30), mask=mask), measured(40, 40)[0], measured(10, 10)[0]).mask
    assert found is not None
    assert found[1, 2] == belongs
    assert found[:4].sum() == belongs


def test_a_mask_that_covers_no_sample_decides_nothing_rather_than_becoming_its_box() -> None:
    # A pole 3 px wide at 5 m, beside a cupboard at 2 m that fills most of its box, on samples of 8 px.
    values = np.full((160, 240), 5.0, np.float32)
    values[20:140, 20:100] = 2.0
    mask = np.zeros((160, 240), bool)
    mask[20:140, 97:100] = True
    pole, wall = Region("pole", (20, 20, 100, 140), mask=mask), Region("wall", (120, 20, 230, 140))
    depth = replace(DepthMap.from_values(values, "metric", "sensor"), sampling=Sampling(8.0, 8.0))
    frame = Frame(np.zeros((160, 240, 3), np.uint8), Camera.from_fov(240, 160, 60), given_depth=depth)
    scene = Scene("pole", (frame,), depth=(depth,))
    (verdict,) = uncalibrated().judge(scene, (pole, wall), [Claim("closer", "pole", "wall")])
    assert (verdict.status, verdict.reason_code) == ("undecided", "few_pixels")


def test_a_mask_of_another_size_stays_and_is_refused_as_on_the_image() -> None:
    odd = np.ones((3, 3), bool)
    region = Region("cup", (10.0, 10.0, 26.0, 30.0), mask=odd)
    found = region_on_grid(region, measured(60, 40)[0], measured(20, 20)[0])
    assert found.mask is odd
    scene, regions = judged_at(3, Sampling(3.0, 3.0), (replace(region, box_px=scenes.regions()[3].box_px),))
    (verdict,) = uncalibrated().judge(
        scene, (*scaled(scenes.regions()[:3], 3), *regions), [Claim("closer", "cup", "lamp")]
    )
    assert verdict.probability is None and "mask" in verdict.reason


def test_only_regions_of_frames_on_another_grid_move() -> None:
    frame, small = measured(60, 40)[0], measured(20, 20)[0]
    regions = tuple(Region("x", (3.0, 4.0, 30.0, 40.0), index) for index in range(3))
    found = regions_on_grids(regions, (frame, frame), (frame, small))
    assert [region.box_px for region in found] == [regions[0].box_px, (1.0, 2.0, 10.0, 20.0), regions[2].box_px]
    assert found[0] is regions[0] and found[2] is regions[2], "nothing is known about a frame that does not exist"


def test_returns_end_in_cells_of_one_each() -> None:
    valid = np.zeros((40, 60), bool)
    valid[2::8, 1::3] = True
    values = np.where(valid, np.indices(valid.shape)[1] + 1.0, 0).astype(np.float32)
    sampling = Sampling(3.0, 8.0, is_scattered=True)
    depth = DepthMap(values, valid, DepthKind.METRIC, "sensor", sampling=sampling)
    camera = measured(60, 40)[0].camera
    cells, known, own = cells_of_returns(camera, depth)
    assert own == camera.resized(20, 5)
    assert known.shape == (5, 20) and known.all()
    np.testing.assert_array_equal(cells[0], values[2, 1::3])
    coarse, known, _ = cells_of_returns(camera, replace(depth, sampling=replace(sampling, width_px=6.0)))
    np.testing.assert_array_equal(coarse[0], values[2, 1::6]), "the nearer one of two"
    fine, known, _ = cells_of_returns(camera, replace(depth, sampling=Sampling(is_scattered=True)))
    np.testing.assert_array_equal(known, valid)
    np.testing.assert_array_equal(fine, values)


def scaled(regions: tuple[Region, ...], factor: int) -> tuple[Region, ...]:
    """The same regions of an image that is that many times larger."""
    return tuple(
        replace(
            region,
            box_px=tuple(factor * edge for edge in region.box_px),
            mask=region.mask if region.mask is None or region.mask.size < 100 else np.kron(
                region.mask, np.ones((factor, factor), bool)
            ),
        )
        for region in regions
    )  # fmt: skip


def judged_at(
    factor: int, sampling: Sampling, regions: tuple[Region, ...], steps: float = 1.0
) -> tuple[Scene, tuple[Region, ...]]:
    """The analytic scene and regions that many times larger, with noise, and depth of that sampling.

    Steps in depth are that share of the analytic ones, in log z.
    """
    rng = np.random.default_rng(3)
    values = scenes.depth_m() ** steps * (1 + 0.004 * rng.standard_normal((scenes.HEIGHT, scenes.WIDTH)))
    depth = DepthMap.from_values(np.kron(values, np.ones((factor, factor))), "metric", "sensor", "kinect")
    camera = scenes.CAMERA.resized(factor * scenes.WIDTH, factor * scenes.HEIGHT)
    frame = Frame(np.zeros((camera.height, camera.width, 3), np.uint8), camera)
    return Scene("enlarged", (frame,), depth=(replace(depth, sampling=sampling),)), scaled(regions, factor)


BY_DEPTH = [
    Claim("closer", "screen", "cabinet"), Claim("closer", "cabinet", "screen"), Claim("closer", "lamp", "screen"),
    Claim("same_depth", "lamp", "screen"), Claim("occludes", "screen", "cabinet"),
    Claim("occludes", "cabinet", "screen"), Claim("occluded_by", "lamp", "cabinet"),
]  # fmt: skip


@pytest.mark.parametrize(("factor", "steps"), [(2, 1.0), (2, 0.03), (3, 0.03), (5, 0.02)])
@pytest.mark.parametrize("masked", [True, False])
def test_a_verdict_on_an_enlarged_map_is_that_on_the_map_itself(factor: int, steps: float, masked: bool) -> None:
    z = scenes.depth_m()
    masks = {label: z == depth for label, (_, depth) in scenes.OBJECTS.items()} if masked else {}
    regions = scenes.regions(**masks)
    verifier = uncalibrated()
    plain, copied, careless = (
        [verdict.probability for verdict in verifier.judge(*judged_at(*arguments, steps), BY_DEPTH)]
        for arguments in (
            (1, Sampling(), regions),
            (factor, Sampling(factor, factor), regions),
            (factor, Sampling(), regions),
        )
    )
    assert None not in plain
    assert copied == pytest.approx(plain, abs=1e-6)
    if steps < 1:
        assert careless != pytest.approx(plain, abs=1e-4), "copies that count as measurements change verdicts"


def test_sizes_in_an_enlarged_image_are_those_of_the_map() -> None:
    claim = [Claim("size", "lamp", value=0.2, unit="m", measure="width")]
    plain, copied = (
        uncalibrated().judge(*judged_at(*arguments), claim)[0]
        for arguments in ((1, Sampling(), scenes.regions()), (4, Sampling(4.0, 4.0), scenes.regions()))
    )
    assert plain.margin is not None and copied.margin == pytest.approx(plain.margin, abs=0.02)
    assert plain.probability is not None and copied.probability is not None
    assert copied.probability >= plain.probability - 1e-6, "the box is drawn on finer pixels"
