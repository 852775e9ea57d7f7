"""Photos built from Google's specifications; no file of a real phone is at hand."""

from __future__ import annotations

import base64
import struct

import numpy as np
import pytest
from ingest.captures.photo_files import coded, dynamic_photo, gdepth_photo, packet, photo, with_segments, xmp_segment
from ingest.refusals import refused

from pipeline.ingest.captures.photo_depth import photo_depth
from pipeline.records import DepthKind, ScaleSource

# Every code, from left to right and down, so that a turn or a mirror shows.
CODES = np.arange(192).reshape(12, 16).astype(np.uint8)
NEAR, FAR = 0.5, 6.0
# Specification: d = far * near / (far - dn * (far - near)), and d = dn * (far - near) + near.
INVERSE = FAR * NEAR / (FAR - CODES / 255 * (FAR - NEAR))
LINEAR = CODES / 255 * (FAR - NEAR) + NEAR


def read(tmp_path, data):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    return photo_depth(path)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"Format": "RangeInverse", "Units": "m"}, INVERSE),
        ({"Units": "m"}, INVERSE),
        ({"Format": "RangeLinear", "Units": "m", "MeasureType": "OpticalAxis"}, LINEAR),
        ({"Format": "RangeInverse", "Units": "mm", "Near": 500, "Far": 6000}, INVERSE),
        ({"Format": "RangeLinear", "Units": "mm", "Near": 500, "Far": 6000}, LINEAR),
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_gdepth_in_metres_is_metric(tmp_path, stated, expected, bits):
    codes = CODES if bits == 8 else CODES.astype(np.uint16) * 257
    data = gdepth_photo(coded(codes), Mime="image/png", **{"Near": NEAR, "Far": FAR, **stated})
    found = read(tmp_path, data)
    assert found.depth.kind is DepthKind.METRIC
    assert found.depth.scale_source is ScaleSource.MODEL
    assert (found.stored_size, found.orientation, found.camera) == ((160, 120), 1, None)
    valid = found.depth.valid
    assert valid.mean() > 0.7
    np.testing.assert_allclose(found.depth.values[valid], expected[valid], rtol=1e-5)


@pytest.mark.parametrize("unit", [None, "", "None"])
def test_gdepth_without_a_unit_tells_order_only(tmp_path, unit):
    # Near and far of Google's Lens Blur are of an unknown unit.
    found = read(tmp_path, gdepth_photo(coded(CODES), Format="RangeInverse", Near=29.3, Far=878.7, Units=unit))
    assert found.depth.kind is DepthKind.DISPARITY_AFFINE
    assert found.depth.scale_source is ScaleSource.NONE
    # Affine in 1/d and falling with distance.
    np.testing.assert_allclose(found.depth.values, 1 - CODES / 255, atol=1e-6)
    assert any("no unit" in note for note in found.notes)
    found = read(tmp_path, gdepth_photo(coded(CODES), Format="RangeLinear", Near=29.3, Far=878.7, Units=unit))
    assert found.depth.kind is DepthKind.DEPTH_AFFINE
    np.testing.assert_allclose(found.depth.values, CODES / 255, atol=1e-6)


def test_small_gdepth_stands_in_the_main_packet(tmp_path):
    data = base64.b64encode(coded(CODES)).decode()
    data = "\n".join(data[at : at + 76] for at in range(0, len(data), 76))
    content = (
        '<rdf:Description xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"><GDepth:Format>RangeLinear'
        f"</GDepth:Format><GDepth:Near>{NEAR}</GDepth:Near><GDepth:Far>{FAR}</GDepth:Far><GDepth:Units>m"
        f"</GDepth:Units><GDepth:Data>{data}</GDepth:Data></rdf:Description>"
    )
    found = read(tmp_path, with_segments(photo(), xmp_segment(packet(content))))
    np.testing.assert_allclose(found.depth.values, LINEAR, rtol=1e-5)


def test_lengths_of_rays_become_z(tmp_path):
    # 36 mm of 36 x 24: the focal length is the diagonal times 36 / 43.27.
    data = gdepth_photo(
        coded(CODES), photo(focal_35mm=36), Format="RangeLinear", Near=NEAR, Far=FAR, Units="m", MeasureType="OpticRay"
    )
    focal = np.hypot(16, 12) * 36 / np.hypot(36, 24)
    u, v = np.meshgrid(np.arange(16) - 7.5, np.arange(12) - 5.5)
    expected = LINEAR / np.sqrt(1 + (u / focal) ** 2 + (v / focal) ** 2)
    found = read(tmp_path, data)
    np.testing.assert_allclose(found.depth.values, expected, rtol=1e-4)
    bare = gdepth_photo(coded(CODES), Near=NEAR, Far=FAR, Units="m", MeasureType="OpticRay")
    (tmp_path / "bare.jpg").write_bytes(bare)
    refused("lengths of rays", photo_depth, tmp_path / "bare.jpg")


def test_confidence_is_kept_and_the_least_certain_pixels_are_left_out(tmp_path):
    sure = np.full(CODES.shape, 204, np.uint8)
    sure[3, 4] = 30
    found = read(tmp_path, gdepth_photo(coded(CODES), confidence=coded(sure), Near=NEAR, Far=FAR, Units="m"))
    assert found.depth.confidence[0, 0] == pytest.approx(0.8)
    assert not found.depth.valid[3, 4]
    assert found.depth.valid[3, 5]
    other = coded(np.full((5, 5), 200, np.uint8))
    found = read(tmp_path, gdepth_photo(coded(CODES), confidence=other, Near=NEAR, Far=FAR, Units="m"))
    assert found.depth.confidence is None
    assert any("confidence" in note for note in found.notes)


@pytest.mark.parametrize(
    ("jpeg", "own", "orientation"), [(photo(orientation=6), None, 6), (photo(orientation=6), 6, 6), (photo(), 1, 1)]
)
def test_the_depth_lies_as_the_image_is_stored(tmp_path, jpeg, own, orientation):
    depth = coded(CODES, "JPEG", own, quality=100)
    found = read(tmp_path, gdepth_photo(depth, jpeg, Format="RangeLinear", Near=NEAR, Far=FAR, Units="m"))
    assert found.orientation == orientation
    assert np.abs(found.depth.values - LINEAR).max() < 0.1


def test_depth_that_is_upright_beside_a_turned_image_is_turned_back(tmp_path):
    upright = np.rot90(CODES, -1)
    data = gdepth_photo(
        coded(upright, "JPEG", 1, quality=100),
        photo(orientation=6),
        Format="RangeLinear",
        Near=NEAR,
        Far=FAR,
        Units="m",
    )
    assert np.abs(read(tmp_path, data).depth.values - LINEAR).max() < 0.1


def dynamic(depth=None, more=(), **stated):
    stated = {"Format": "RangeInverse", "Near": NEAR, "Far": FAR, "Units": "Meters", **stated}
    return dynamic_photo([("android/depthmap", depth or coded(CODES)), *more], **stated)


def test_dynamic_depth_in_metres_is_metric(tmp_path):
    sure = np.full(CODES.shape, 255, np.uint8)
    sure[0, 0] = 0
    confidence = [("android/confidencemap", coded(sure, "JPEG", quality=100))]
    found = read(tmp_path, dynamic(more=confidence, ConfidenceURI="android/confidencemap"))
    assert found.depth.kind is DepthKind.METRIC
    assert not found.depth.valid[0, 0]
    np.testing.assert_allclose(found.depth.values[found.depth.valid], INVERSE[found.depth.valid], rtol=1e-5)


@pytest.mark.parametrize(
    ("padding", "trailer", "others"),
    [
        (b"", b"", []),
        (b"\0" * 9, b"", []),
        (b"", b"a Samsung trailer", []),
        (b"\0" * 9, b"a Samsung trailer", []),
        (b"", b"", [("android/gainmap", photo((8, 8)))]),
    ],
)
def test_items_are_found_behind_padding_and_before_trailers(tmp_path, padding, trailer, others):
    items = [*others, ("android/depthmap", coded(CODES))]
    stated = {"Format": "RangeLinear", "Near": NEAR, "Far": FAR, "Units": "Meters"}
    found = read(tmp_path, dynamic_photo(items, padding=padding, trailer=trailer, **stated))
    np.testing.assert_allclose(found.depth.values, LINEAR, rtol=1e-5)


def test_items_are_counted_from_the_end_where_padding_is_not_stated(tmp_path):
    data = dynamic_photo(
        [("android/depthmap", coded(CODES))],
        padding=b"\0" * 9,
        Format="RangeLinear",
        Near=NEAR,
        Far=FAR,
        Units="Meters",
    )
    found = read(tmp_path, data.replace(b'Padding="9"', b'Padding="0"'))
    np.testing.assert_allclose(found.depth.values, LINEAR, rtol=1e-5)


def test_dynamic_depth_without_a_unit_tells_order_only(tmp_path):
    assert read(tmp_path, dynamic(Units="None")).depth.kind is DepthKind.DISPARITY_AFFINE


def test_a_segmentation_is_no_depth(tmp_path):
    assert read(tmp_path, dynamic(ItemSemantic="Segmentation")) is None


def test_nested_properties_are_read(tmp_path):
    depth_map = (
        '<Camera:DepthMap rdf:parseType="Resource"><DepthMap:ItemSemantic>Depth</DepthMap:ItemSemantic>'
        "<DepthMap:Format>RangeLinear</DepthMap:Format><DepthMap:Units>Meters</DepthMap:Units><DepthMap:Near>0.5"
        "</DepthMap:Near><DepthMap:Far>6.0</DepthMap:Far><DepthMap:DepthURI>android/depthmap</DepthMap:DepthURI>"
        "</Camera:DepthMap>"
    )
    found = read(tmp_path, dynamic_photo([("android/depthmap", coded(CODES))], depth_map=depth_map))
    np.testing.assert_allclose(found.depth.values, LINEAR, rtol=1e-5)


def imaging(fx, fy, cx, cy, width=1600, height=1200, distortion=()):
    text = base64.b64encode(struct.pack(f"<{len(distortion)}f", *distortion)).decode()
    stated = {"FocalLengthX": fx, "FocalLengthY": fy, "ImageWidth": width, "ImageHeight": height}
    stated |= {"PrincipalPointX": cx, "PrincipalPointY": cy, "Distortion": text or None}
    written = " ".join(f'ImagingModel:{name}="{value}"' for name, value in stated.items() if value is not None)
    return f"<Camera:ImagingModel {written}/>"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # Pixels, as Android writes them.
        (imaging(1300, 1310, 810, 590), (130, 131, 80.55, 58.55)),
        # Shares: principal point of width and height, focal length of the longer side.
        (imaging(0.8, 0.8, 0.5, 0.5), (128, 128, 79.5, 59.5)),
        (imaging(0.8, 0.8, None, None), (128, 128, 79.5, 59.5)),
        # Focal lengths that differ as the sides do are shares of their own side.
        (imaging(0.75, 1.0, 0.5, 0.5), (120, 120, 79.5, 59.5)),
    ],
)
def test_the_imaging_model_becomes_the_camera_of_the_image(tmp_path, model, expected):
    camera = read(tmp_path, dynamic(model=model)).camera
    assert (camera.width, camera.height) == (160, 120)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    "model",
    [
        imaging(1300, 1300, 2000, 1500),  # of a sensor larger than the photo
        imaging(1300, 1300, 600, 800, 1200, 1600),  # of the turned image
        imaging(0, 0, 0.5, 0.5),
        imaging(-5, -5, 0.5, 0.5),
        imaging("nan", 1300, 0.5, 0.5),
        imaging(1e308, 1e308, 0.5, 0.5),
        imaging(1300, 1300, 0.5, 0.5, 0, 0),
        imaging(1300, 400, 0.5, 0.5),
    ],
)
def test_an_imaging_model_that_does_not_fit_is_told_and_not_used(tmp_path, model):
    found = read(tmp_path, dynamic(model=model))
    assert found.camera is None
    assert any("imaging model" in note for note in found.notes)


def test_distortion_that_is_not_undone_is_told(tmp_path):
    # Pairs of radius and factor; 1 and zeros stand for none.
    none = imaging(1300, 1300, 0.5, 0.5, distortion=(1, 0, 0, 0))
    some = imaging(1300, 1300, 0.5, 0.5, distortion=(1, 0, 0.1, 0, -0.05, 0, 0, 0))
    assert not any("distortion" in note for note in read(tmp_path, dynamic(model=none)).notes)
    assert any("distortion" in note for note in read(tmp_path, dynamic(model=some)).notes)


def test_the_imaging_model_turns_rays_into_z(tmp_path):
    model = imaging(1000, 1000, 0.5, 0.5)
    found = read(tmp_path, dynamic(model=model, Format="RangeLinear", MeasureType="OpticRay"))
    assert found.depth.values[0, 0] == pytest.approx(LINEAR[0, 0] / np.sqrt(1 + 0.75**2 + 0.55**2), rel=1e-4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gdepth_photo(coded(CODES), Near=6, Far=0.5, Units="m"), "reaches from 6.0 to 0.5"),
        (gdepth_photo(coded(CODES), Near=0, Far=5, Units="m"), "reaches from 0.0"),
        (gdepth_photo(coded(CODES), Near="nan", Far="inf", Units="m"), "reaches from None"),
        (gdepth_photo(coded(CODES), Far=5, Units="m"), "reaches from None"),
        (gdepth_photo(coded(CODES), Near=1, Far=5, Units="furlong"), "unit 'furlong'"),
        (gdepth_photo(coded(CODES), Near=1, Far=5, Units="m", Format="RangeCubic"), "format 'rangecubic'"),
        (gdepth_photo(coded(CODES)[:50], Near=1, Far=5, Units="m"), "cannot be used"),
        (gdepth_photo(b"GIF89a", Near=1, Far=5, Units="m"), "cannot be used"),
        (gdepth_photo(coded(np.zeros((9000, 9000), np.uint8)), Near=1, Far=5, Units="m"), "9000 x 9000"),
        (gdepth_photo(coded(CODES.T.copy()), Near=1, Far=5, Units="m"), "turned against"),
        (gdepth_photo(coded(CODES), Near=1, Far=5, Units="m").replace(b'Data="', b'Data="*%'), "cannot be used"),
        (dynamic(Units="Diopters"), "unit 'diopters'"),
        (dynamic(Near="x"), "reaches from None"),
        (dynamic(DepthURI="android/elsewhere"), "not in the file"),
        (dynamic()[:-300], "not in the file"),
        (dynamic(lengths=[10**12]), "longer than the file"),
        (dynamic(lengths=["1e400"]), "cannot be used"),
        (dynamic(lengths=[-5]), "longer than the file"),
        (dynamic(lengths=[40]), "cannot be used"),
        (dynamic_photo([("x", b"")] * 100), "100|101|not in the file"),
    ],
)
def test_depth_that_cannot_be_used_is_refused_in_one_line(tmp_path, data, words):
    (tmp_path / "photo.jpg").write_bytes(data)
    refused(words, photo_depth, tmp_path / "photo.jpg")
