"""Where the scale of metric backends comes from: a known or estimated focal length, the depth of a sensor."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from models.depth.checks import Make
from tiny.depth_cases import CASES, blocks, frame_of, make_frame
from tiny.depth_networks import DEPTH_PRO_FOV_DEG, build_tiny_depth_pro

from pipeline.models.depth.depth_pro import depth_of
from pipeline.models.depth.prompt_depth_anything import prompt_of
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.camera import CameraSource
from pipeline.records.errors import DepthError


@pytest.fixture
def depth_pro(checkpoints) -> Make:
    return partial(CASES["depth_pro"].build, checkpoints["depth_pro"])


@pytest.fixture
def prompted(checkpoints) -> Make:
    return partial(CASES["prompt_depth_anything"].build, checkpoints["prompt_depth_anything"])


def with_focal(frame: Frame, focal_px: float, source: CameraSource) -> Frame:
    return replace(frame, camera=replace(frame.camera, fx=focal_px, fy=focal_px, source=source))


@pytest.mark.parametrize("source", [CameraSource.GIVEN, CameraSource.EXIF])
def test_depth_pros_depth_is_proportional_to_a_known_focal_length(depth_pro, source):
    backend = depth_pro(batch_size=3)
    frames = [with_focal(make_frame(60, 90), focal_px, source) for focal_px in (50.0, 100.0)]
    short, long = backend.estimate(frames)
    np.testing.assert_allclose(long.values, 2 * short.values, rtol=1e-5)
    assert (short.focal_px, long.focal_px) == (None, None)
    assert backend.frame_key(frames[0]) != backend.frame_key(frames[1])


@pytest.mark.parametrize("source", [CameraSource.ASSUMED, CameraSource.MODEL])
def test_depth_pros_depth_does_not_depend_on_an_unknown_focal_length(depth_pro, source):
    backend = depth_pro()
    frames = [with_focal(make_frame(60, 90), focal_px, source) for focal_px in (50.0, 100.0)]
    first, second = backend.estimate(frames)
    assert first.digest == second.digest
    assert backend.frame_key(frames[0]) == backend.frame_key(frames[1])


@pytest.mark.parametrize("size", [(60, 90), (90, 60)])
def test_depth_pro_estimates_the_focal_length_that_belongs_to_its_depth(depth_pro, size):
    """The field of view is that along the width, also of a frame that is higher than wide."""
    backend = depth_pro(batch_size=2)
    frame = make_frame(*size)
    estimated = backend.estimate([frame])[0]
    expected_px = frame.width / 2 / math.tan(math.radians(DEPTH_PRO_FOV_DEG) / 2)
    assert estimated.focal_px == pytest.approx(expected_px, rel=0.05)
    known = with_focal(frame, estimated.focal_px, CameraSource.GIVEN)
    both = backend.estimate([known, frame])
    for depth in both:
        np.testing.assert_allclose(depth.values, estimated.values, rtol=1e-5)
    assert [depth.focal_px for depth in both] == [None, pytest.approx(estimated.focal_px)]


def test_inverse_depth_becomes_depth_within_its_limits():
    inverse = np.array([[2.0, 0.0, -1.0, 1e9, np.nan]], np.float32)
    np.testing.assert_allclose(depth_of(inverse), [[0.5, 1e4, 1e4, 1e-4, np.nan]], rtol=1e-6)


def test_without_a_field_of_view_an_unknown_camera_is_refused_and_a_known_one_taken(tmp_path):
    backend = CASES["depth_pro"].build(build_tiny_depth_pro(tmp_path, has_field_of_view=False))
    frame = make_frame(60, 90)
    with pytest.raises(DepthError, match=r"no field of view for 90x60.*input\.camera"):
        backend.estimate([frame])
    assert backend.estimate([with_focal(frame, 80.0, CameraSource.GIVEN)])[0].valid.all()


def given(values: np.ndarray, source: str = "sensor", valid: np.ndarray | None = None) -> DepthMap:
    values = np.asarray(values, np.float32)
    return DepthMap(values, np.ones(values.shape, bool) if valid is None else valid, "metric", source, "sensor")


def test_a_prompt_is_the_mean_of_valid_pixels_and_holes_take_the_nearest_value():
    values = np.repeat(np.repeat(np.array([[1.0, 2.0], [3.0, 4.0]]), 4, 0), 4, 1)
    valid = np.ones_like(values, bool)
    valid[0, 0] = False
    valid[4:, 4:] = False
    np.testing.assert_allclose(prompt_of(given(values, valid=valid), 2)[0], [1, 2])
    assert prompt_of(given(values, valid=valid), 2)[1, 1] in (2, 3)
    assert prompt_of(given(values), 1000).shape == (8, 8)
    assert prompt_of(given(np.ones((120, 640))), 256).shape == (48, 256)


def test_what_a_hole_holds_does_not_reach_the_depth(prompted):
    backend = prompted()
    frame = make_frame(60, 90)
    valid = np.ones((60, 90), bool)
    valid[20:40, 30:60] = False
    outcomes = set()
    for nonsense in (0.0, 1000.0, np.nan):
        values = np.where(valid, frame.given_depth.values, np.float32(nonsense))
        outcomes.add(backend.estimate([replace(frame, given_depth=given(values, valid=valid))])[0].values.tobytes())
    assert len(outcomes) == 1


@pytest.mark.parametrize("factor", [0.5, 3.0])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_depth_scales_with_the_prompt(prompted, factor, dtype):
    backend = prompted(dtype=dtype)
    frame = make_frame(60, 90)
    scaled = replace(frame, given_depth=given(frame.given_depth.values * factor))
    one, other = backend.estimate([frame, scaled])
    np.testing.assert_allclose(other.values, factor * one.values, rtol=2e-4)
    assert backend.frame_key(frame) != backend.frame_key(scaled)


def test_a_prompt_of_one_value_gives_that_value(prompted):
    frame = replace(make_frame(60, 90), given_depth=given(np.full((60, 90), 2.5)))
    np.testing.assert_allclose(prompted().estimate([frame])[0].values, 2.5, rtol=1e-6)


@pytest.mark.parametrize("source", list(ScaleSource)[:3])
def test_the_scales_source_is_that_of_the_prompt(prompted, source):
    frame = replace(make_frame(60, 90), given_depth=given(np.ones((60, 90)), source))
    assert prompted().estimate([frame])[0].scale_source is source


def test_a_part_of_the_frame_without_any_given_depth_is_estimated_from_the_rest(prompted):
    valid = np.zeros((96, 160), bool)
    valid[:, :60] = True
    frame = frame_of(blocks(96, 160))
    frame = replace(frame, given_depth=given(frame.given_depth.values, valid=valid))
    for changes in ({}, {"tile_px": 64}, {"flip": True}):
        assert prompted(**changes).estimate([frame])[0].valid.all()


@pytest.mark.parametrize(
    "depth",
    [
        None,
        DepthMap.from_values(np.ones((60, 90)), DepthKind.DISPARITY_AFFINE),
        given(np.ones((60, 90)), valid=np.zeros((60, 90), bool)),
    ],
    ids=["none", "relative", "without a valid pixel"],
)
def test_a_frame_without_metric_depth_is_refused_saying_how_to_give_it(depth):
    backend = CASES["prompt_depth_anything"].build(Path("/nowhere"))
    frames = [make_frame(60, 90), replace(make_frame(60, 90), given_depth=depth)]
    with pytest.raises(DepthError, match=r"90x60 came without metric depth.*input\.depth=PATH input\.depth_scale="):
        backend.estimate(frames)
