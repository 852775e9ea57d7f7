from __future__ import annotations

import numpy as np
import pytest
from ingest.captures.photo_files import coded
from PIL import Image, ImageOps

from pipeline.geometry.orientation import oriented
from pipeline.ingest.captures.photo_record import (
    BACKEND,
    PhotoDepth,
    as_stored,
    decode_codes,
    metric_depth,
    relative_depth,
    shape_notes,
)
from pipeline.records import Camera, DepthKind, DepthMap, Sampling, ScaleSource
from pipeline.records.noise import DEFAULTS, NoiseModels

CODES = (np.arange(48).reshape(6, 8) * 5).astype(np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_are_those_of_exif(orientation):
    image = Image.fromarray(CODES)
    image.getexif()[0x0112] = orientation
    upright = np.array(ImageOps.exif_transpose(image))
    assert np.array_equal(oriented(CODES, orientation), upright)
    # What is upright and has no turn of its own is turned back to how the image is stored.
    assert np.array_equal(as_stored(upright, 1, orientation), CODES)
    assert np.array_equal(as_stored(CODES, orientation, 1), upright)
    assert as_stored(CODES, None, orientation) is CODES
    assert as_stored(CODES, orientation, orientation) is CODES


@pytest.mark.parametrize("orientation", range(1, 9))
def test_depth_and_camera_turn_upright_with_the_image(orientation):
    depth = DepthMap(
        CODES + 1.0, CODES != 40, DepthKind.METRIC, ScaleSource.MODEL, confidence=CODES / 255, sampling=Sampling(2, 3)
    )
    found = PhotoDepth(depth, Camera(10, 11, 2, 4, 8, 6), (8, 6), orientation, ("note",)).upright()
    assert np.array_equal(found.depth.values, oriented(CODES, orientation) + 1.0)
    assert np.array_equal(found.depth.valid, oriented(CODES != 40, orientation))
    assert np.array_equal(found.depth.confidence, oriented(CODES / 255, orientation))
    marked = np.zeros((6, 8), int)
    marked[4, 2] = 1
    row, column = np.argwhere(oriented(marked, orientation))[0]
    swapped = orientation >= 5
    assert (found.camera.cx, found.camera.cy) == (column, row)
    assert (found.camera.fx, found.camera.fy) == ((11, 10) if swapped else (10, 11))
    assert (found.camera.width, found.camera.height) == found.stored_size == ((6, 8) if swapped else (8, 6))
    assert (found.depth.sampling.width_px, found.depth.sampling.height_px) == ((3, 2) if swapped else (2, 3))
    assert (found.orientation, found.notes) == (1, ("note",))


def test_codes_have_8_or_16_bits():
    codes, highest, orientation = decode_codes(coded(CODES))
    assert (highest, orientation) == (255, None)
    assert np.array_equal(codes, CODES)
    codes, highest, _ = decode_codes(coded(CODES.astype(np.uint16) * 257))
    assert highest == 65535
    assert np.array_equal(codes, CODES.astype(int) * 257)
    assert decode_codes(coded(CODES, "JPEG", orientation=6))[2] == 6
    assert np.array_equal(decode_codes(coded(CODES[..., None].repeat(3, 2)))[0], CODES)


def test_colours_and_bombs_are_no_depth():
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[..., 0] = 200
    with pytest.raises(ValueError, match="colours"):
        decode_codes(coded(colours))
    with pytest.raises(ValueError, match="9000 x 9000"):
        decode_codes(coded(np.zeros((9000, 9000), np.uint8)))


def test_sides_are_compared():
    assert shape_notes((300, 400), (4000, 3000)) == []
    (note,) = shape_notes((300, 300), (4000, 3000))
    assert "another aspect ratio" in note
    with pytest.raises(ValueError, match="turned against"):
        shape_notes((400, 300), (4000, 3000))


def test_metric_depth_leaves_out_what_is_stored_too_coarsely():
    z = np.array([[1.0, 2.0, 10.0, np.inf, -1.0]])
    depth, notes = metric_depth(z, np.array([[0.01, 0.1, 2.5, 1.0, 1.0]]), np.ones((1, 5), bool))
    assert depth.valid.tolist() == [[True, True, False, False, False]]
    assert (depth.kind, depth.scale_source, depth.backend) == (DepthKind.METRIC, ScaleSource.MODEL, BACKEND)
    assert "m at" in notes[0]


def test_the_errors_are_those_of_an_unknown_network():
    models = NoiseModels()
    metric, _ = metric_depth(np.ones((2, 2)), np.full((2, 2), 0.01), np.ones((2, 2), bool))
    relative = relative_depth(np.ones((2, 2)), np.ones((2, 2), bool), DepthKind.DISPARITY_AFFINE)
    assert models.of(metric) == DEFAULTS["unknown_shape"]
    assert models.of(relative) == DEFAULTS["unknown_affine"]


def test_the_sampling_is_that_of_the_own_resolution():
    small = np.random.default_rng(0).uniform(1, 5, (20, 30))
    depth, _ = metric_depth(small, small * 0.01, np.ones(small.shape, bool))
    assert (depth.sampling.width_px, depth.sampling.height_px) == (1, 1)
    enlarged = small.repeat(4, 0).repeat(4, 1)
    depth, _ = metric_depth(enlarged, enlarged * 0.01, np.ones(enlarged.shape, bool))
    assert (depth.sampling.width_px, depth.sampling.height_px) == (4, 4)
