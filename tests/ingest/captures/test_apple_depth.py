"""Photos built from Apple's and ISO's documents; no file of a real iPhone is at hand."""

from __future__ import annotations

import numpy as np
import pytest
from ingest.captures.photo_files import apple_xmp, coded, mpf_photo, photo, with_segments, xmp_segment
from ingest.heif_files import full_box, grid, heic, mirror, picture, rotation, xmp_entry
from ingest.refusals import refused

from pipeline.ingest.captures.photo_depth import photo_depth
from pipeline.ingest.images import read_image
from pipeline.records import DepthKind, ScaleSource

CODES = (np.arange(64 * 96).reshape(64, 96) // 25).astype(np.uint8)
IMAGE = np.stack((np.mgrid[:64, :96][0] * 4, np.mgrid[:64, :96][1] * 2, np.zeros((64, 96))), -1).astype(np.uint8)
# 8 bits span FloatMinValue to FloatMaxValue.
VALUES = 0.25 + CODES / 255 * (2.5 - 0.25)
DEPTH_TYPE = b"urn:mpeg:hevc:2015:auxid:2\0"


def auxiliary(codes=CODES, *properties, kind=DEPTH_TYPE, master=1):
    return picture(codes, full_box("auxC", kind), *properties, auxl=(master,))


def heic_photo(xmp, *properties, codes=CODES, kind=DEPTH_TYPE, own=None):
    entries = [picture(IMAGE, *properties), auxiliary(codes, *(properties if own is None else own), kind=kind)]
    return heic([*entries, *([] if xmp is None else [xmp_entry(xmp, 2)])])


def jpeg_photo(xmp, orientation=None, own=None):
    depth = with_segments(coded(CODES, "JPEG", own, quality=100), xmp_segment(xmp))
    return mpf_photo(photo((96 * 4, 64 * 4), orientation), photo((40, 30)), depth)


def read(tmp_path, data, name="photo"):
    path = tmp_path / name
    path.write_bytes(data)
    return photo_depth(path)


@pytest.mark.parametrize(
    ("kind", "native", "z"),
    [
        ("disparity", 1751411059, 1 / VALUES),  # hdis
        ("disparity", 1717856627, 1 / VALUES),  # fdis
        ("depth", 1751410032, VALUES),  # hdep
        ("depth", 1717855600, VALUES),  # fdep
        ("disparity", "hdis", 1 / VALUES),
        ("", "hdep", VALUES),
    ],
)
@pytest.mark.parametrize("is_heic", [True, False])
def test_absolute_accuracy_is_metric(tmp_path, kind, native, z, is_heic):
    xmp = apple_xmp(kind, native)
    found = read(tmp_path, heic_photo(xmp) if is_heic else jpeg_photo(xmp))
    assert found.depth.kind is DepthKind.METRIC
    assert found.depth.scale_source is ScaleSource.MODEL
    assert found.stored_size == ((96, 64) if is_heic else (384, 256))
    assert found.depth.valid.mean() > 0.9
    # JPEG changes numbers by one or two steps.
    tolerance = 1e-5 if is_heic else 0.12
    np.testing.assert_allclose(found.depth.values[found.depth.valid], z[found.depth.valid], rtol=tolerance)
    assert any("in steps of" in note for note in found.notes)


@pytest.mark.parametrize("accuracy", ["relative", None, "unheard of"])
@pytest.mark.parametrize(
    ("kind", "native", "disparity"), [("disparity", "hdis", VALUES), ("depth", "hdep", 1 / VALUES)]
)
def test_relative_accuracy_tells_order_only(tmp_path, accuracy, kind, native, disparity):
    found = read(tmp_path, heic_photo(apple_xmp(kind, native, Accuracy=accuracy)))
    assert found.depth.kind is DepthKind.DISPARITY_AFFINE
    assert found.depth.scale_source is ScaleSource.NONE
    np.testing.assert_allclose(found.depth.values, disparity, rtol=1e-5)
    assert any("relative" in note for note in found.notes)


def test_disparity_at_infinity_and_coarse_steps_are_no_measurement(tmp_path):
    found = read(tmp_path, heic_photo(apple_xmp(FloatMinValue=0, FloatMaxValue=2.55)))
    # One step is 0.01 per metre: code 0 is infinitely far, 4 is 25 m with steps of 6 m, 6 is 17 m with steps of 2.8 m.
    assert not found.depth.valid[CODES <= 4].any()
    assert found.depth.valid[CODES >= 6].all()


@pytest.mark.parametrize(
    ("properties", "turn"),
    [
        ((), lambda a: a),
        ((rotation(3),), lambda a: np.rot90(a, -1)),
        ((rotation(2),), lambda a: a[::-1, ::-1]),
        ((mirror(1),), lambda a: a[:, ::-1]),
        ((rotation(1), mirror(0)), lambda a: np.rot90(a)[::-1]),
    ],
)
def test_depth_and_camera_of_heic_are_upright_as_the_image(tmp_path, properties, turn):
    # Columns one after the other, for the sensor's image of 4032 x 3024; this one has 96 x 64.
    matrix = (3000, 0, 0, 0, 3010, 0, 1800, 1300, 1)
    changes = {"IntrinsicMatrixReferenceHeight": 2688}
    found = read(tmp_path, heic_photo(apple_xmp(matrix=matrix, **changes), *properties))
    image = read_image(tmp_path / "photo")
    assert found.orientation == 1
    assert found.stored_size == (image.shape[1], image.shape[0])
    np.testing.assert_allclose(found.depth.values, turn(1 / VALUES), rtol=1e-5)
    assert np.abs(image.astype(int) - turn(IMAGE)).mean() < 4
    # The principal point turns with the pixel that it lies in.
    marked = np.zeros((64, 96))
    marked[int(1300 / 42), int(1800 / 42)] = 1
    row, column = np.argwhere(turn(marked))[0]
    camera = found.camera
    assert (camera.width, camera.height) == found.stored_size
    assert (camera.cx, camera.cy) == (pytest.approx(column, abs=0.6), pytest.approx(row, abs=0.6))
    focal = (3000 / 42, 3010 / 42)
    assert (camera.fx, camera.fy) == pytest.approx(focal[::-1] if camera.width == 64 else focal)


def test_the_principal_point_counts_from_the_corner(tmp_path):
    matrix = (3000, 0, 0, 0, 3000, 0, 2016, 1344, 1)
    found = read(tmp_path, heic_photo(apple_xmp(matrix=matrix, IntrinsicMatrixReferenceHeight=2688)))
    assert (found.camera.cx, found.camera.cy) == (47.5, 31.5)
    rows = (3000, 0, 2016, 0, 3000, 1344, 0, 0, 1)
    found = read(tmp_path, heic_photo(apple_xmp(matrix=rows, IntrinsicMatrixReferenceHeight=2688)))
    assert (found.camera.cx, found.camera.cy) == (47.5, 31.5)


@pytest.mark.parametrize(
    ("matrix", "changes", "words"),
    [
        ((3000, 0, 0, 0, 3000, 0, 2016, 1512, 1), {}, "another aspect"),
        ((3, 0, 0, 0, 3, 0, 2016, 1512, 1), {}, "does not fit"),
        ((3000, 0, 0, 0, 3000, 0, 20160, 1512, 1), {}, "does not fit"),
        ((3000, 0, 0, 0, -3000, 0, 2016, 1512, 1), {}, "does not fit"),
        ((1e300, 0, 0, 0, 1e300, 0, 2016, 1512, 1), {}, "does not fit"),
    ],
)
def test_a_matrix_that_does_not_fit_is_told_and_not_used(tmp_path, matrix, changes, words):
    found = read(tmp_path, heic_photo(apple_xmp(matrix=matrix, **changes)))
    assert found.camera is None
    assert any(words in note for note in found.notes)


def test_tiled_images_have_their_depth_too(tmp_path):
    tiles = [IMAGE[:, :48], IMAGE[:, 48:]]
    depth_tiles = [CODES[:, :48], CODES[:, 48:]]
    entries = [*map(picture, tiles), grid(1, 2, (96, 64), (1, 2)), *map(picture, depth_tiles)]
    depth = grid(1, 2, (96, 64), (4, 5), full_box("auxC", DEPTH_TYPE))
    depth.references = {**depth.references, "auxl": (3,)}
    found = read(tmp_path, heic([*entries, depth, xmp_entry(apple_xmp(), 6)], primary=3))
    np.testing.assert_allclose(found.depth.values, 1 / VALUES, rtol=1e-5)


def test_libheif_sees_the_same_depth(tmp_path):
    pi_heif = pytest.importorskip("pi_heif")
    read(tmp_path, heic_photo(apple_xmp()))
    (depth,) = pi_heif.open_heif(tmp_path / "photo").info["depth_images"]
    assert np.array_equal(np.asarray(depth.to_pillow()), CODES)


@pytest.mark.parametrize("own", [None, 6])
def test_the_depth_of_a_jpeg_lies_as_its_image_is_stored(tmp_path, own):
    found = read(tmp_path, jpeg_photo(apple_xmp(), orientation=6, own=own))
    assert found.orientation == 6
    np.testing.assert_allclose(found.depth.values, 1 / VALUES, rtol=0.12)


MATTE = apple_xmp("depth", "L008", FloatMaxValue=None, FloatMinValue=None)


@pytest.mark.parametrize(
    "data",
    [
        heic_photo(None, kind=b"urn:com:apple:photo:2020:aux:hdrgainmap\0"),
        heic_photo(apple_xmp(), kind=b"urn:com:apple:photo:2018:aux:portraiteffectsmatte\0"),
        heic([picture(IMAGE)]),
        heic([picture(IMAGE), picture(IMAGE), auxiliary(master=2), xmp_entry(apple_xmp(), 3)]),
        jpeg_photo(MATTE),
        mpf_photo(photo(), photo()),
        photo(),
    ],
)
def test_mattes_gain_maps_and_plain_photos_carry_no_depth(tmp_path, data):
    assert read(tmp_path, data) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (heic_photo(None), "what the numbers"),
        (heic_photo(apple_xmp(), rotation(3), own=()), "turned against"),
        (heic_photo(apple_xmp(), codes=np.ascontiguousarray(CODES.T)), "turned against"),
        (heic_photo(apple_xmp("depth", "hdis")), "format 'hdis' and the type 'depth'"),
        (heic_photo(apple_xmp("disparity", 2**40)), "has the format"),
        (heic_photo(apple_xmp("disparity", "L008")), "format 'L008'"),
        (heic_photo(apple_xmp(FloatMinValue=3)), "reaches from 3.0 to 2.5"),
        (heic_photo(apple_xmp(FloatMinValue="nan")), "reaches from None"),
        (heic_photo(apple_xmp(IntMaxValue=0)), "from 0.0 to 0.0"),
        (heic_photo(apple_xmp(FloatMinValue=-2, FloatMaxValue=-1)), "no pixel"),
        (heic_photo(apple_xmp() + b"<"), "not XML"),
        (heic_photo(b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + apple_xmp()), "document type"),
        (jpeg_photo(apple_xmp(FloatMinValue=3)), "reaches from 3.0"),
        (jpeg_photo(b"<!DOCTYPE x []>" + apple_xmp()), "document type"),
    ],
)
def test_depth_that_cannot_be_used_is_refused_in_one_line(tmp_path, data, words):
    (tmp_path / "photo").write_bytes(data)
    refused(words, photo_depth, tmp_path / "photo")
