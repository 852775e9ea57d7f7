from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest.captures.photo_files import (
    apple_xmp,
    coded,
    dynamic_photo,
    gdepth_photo,
    mpf_photo,
    packet,
    photo,
    with_segments,
    xmp_segment,
)
from ingest.heif_files import full_box, heic, picture, xmp_entry
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.captures import photo_depth as module
from pipeline.ingest.captures.photo_depth import PhotoDepth, photo_depth
from pipeline.records.errors import InputError

CODES = np.arange(192).reshape(12, 16).astype(np.uint8)
STATED = {"Format": "RangeInverse", "Near": 0.5, "Far": 6, "Units": "m"}
AUXILIARY = full_box("auxC", b"urn:mpeg:hevc:2015:auxid:2\0")
BIG = np.zeros((64, 64), np.uint8) + np.arange(64, dtype=np.uint8) * 3
WITH_DEPTH = {
    "gdepth": gdepth_photo(coded(CODES), **STATED),
    "dynamic": dynamic_photo([("android/depthmap", coded(CODES))], **{**STATED, "Units": "Meters"}),
    "heic": heic([picture(BIG[..., None].repeat(3, 2)), picture(BIG, AUXILIARY, auxl=(1,)), xmp_entry(apple_xmp(), 2)]),
    "mpf": mpf_photo(photo((64, 64)), with_segments(coded(BIG, "JPEG"), xmp_segment(apple_xmp()))),
}


def written(tmp_path, data, name="photo.jpg"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", WITH_DEPTH)
@pytest.mark.parametrize("name", ["photo.jpg", "photo.heic", "photo"])
def test_every_format_is_told_by_its_content(tmp_path, kind, name):
    found = photo_depth(written(tmp_path, WITH_DEPTH[kind], name))
    assert isinstance(found, PhotoDepth)
    assert found.depth.valid.any()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG"])
def test_other_images_carry_none(tmp_path, kind):
    Image.fromarray(CODES).save(tmp_path / "photo", kind)
    assert photo_depth(tmp_path / "photo") is None


def test_of_a_plain_photo_only_the_headers_are_read(tmp_path, monkeypatch):
    plain = with_segments(photo((4000, 3000)), xmp_segment(packet("<rdf:Description/>")))
    path = written(tmp_path, plain)
    for name in ("open_image", "parse_xmp", "exif_focal_35mm"):
        monkeypatch.setattr(module, name, None)
    start = time.perf_counter()
    for _ in range(20):
        assert photo_depth(path) is None
    assert (time.perf_counter() - start) / 20 < 0.003


@pytest.mark.shared
@pytest.mark.parametrize("pattern", ["real/iphone_rtsm/**/*.jpg", "cases/folder/*", "cases/turned/*.jpg"])
def test_real_photos_without_depth_give_none(shared_dir, pattern):
    paths = sorted(path for path in shared_dir.glob(pattern) if path.is_file())[:5]
    assert paths
    assert [photo_depth(path) for path in paths] == [None] * len(paths)


def test_a_missing_empty_or_strange_file_is_refused_or_has_none(tmp_path):
    refused("does not exist", photo_depth, tmp_path / "none.jpg")
    refused("is a folder", photo_depth, tmp_path)
    refused("empty file", photo_depth, written(tmp_path, b""))
    for data in (b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"text", WITH_DEPTH["heic"][:40]):
        assert photo_depth(written(tmp_path, data)) is None


@pytest.mark.parametrize(
    "xmp",
    [
        b"<x",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        packet("<rdf:Description/>")[:-10],
        b"\xff\xfe" * 100,
    ],
)
def test_damaged_metadata_of_a_photo_without_depth_do_no_harm(tmp_path, xmp):
    assert photo_depth(written(tmp_path, with_segments(photo(), xmp_segment(xmp)))) is None
    named = xmp + b"http://ns.google.com/photos/1.0/depthmap/"
    refused("cannot be used", photo_depth, written(tmp_path, with_segments(photo(), xmp_segment(named))))


def test_a_bomb_of_base64_or_of_segments_ends_soon(tmp_path):
    start = time.monotonic()
    # 40 MB of base64, which are the segments of a damaged picture.
    data = gdepth_photo(b"\x89PNG\r\n\x1a\n" + bytes(30_000_000), **STATED)
    refused("cannot be used", photo_depth, written(tmp_path, data))
    data = gdepth_photo(b"\x89PNG\r\n\x1a\n" + bytes(40_000_000), **STATED)
    refused("promises", photo_depth, written(tmp_path, data))
    assert time.monotonic() - start < 10


def test_a_photo_within_the_depth_of_a_photo_is_not_entered(tmp_path):
    inner = gdepth_photo(coded(CODES), **STATED)
    # The picture inside is grey of the photo's size, so that it is read as depth; its own depth is not.
    found = photo_depth(written(tmp_path, gdepth_photo(inner, **STATED)))
    assert found.depth.shape == (120, 160)
    nested = mpf_photo(photo((64, 64)), mpf_photo(photo((64, 64)), with_segments(coded(BIG, "JPEG"))))
    assert photo_depth(written(tmp_path, nested)) is None


def test_a_sparse_file_that_looks_like_heic_is_not_loaded(tmp_path):
    path = written(tmp_path, WITH_DEPTH["heic"][:28])
    with path.open("r+b") as stream:
        stream.truncate(20_000_000_000)
    start = time.monotonic()
    assert photo_depth(path) is None
    assert time.monotonic() - start < 2


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(WITH_DEPTH)), st.data())
def test_changed_and_cut_photos_give_depth_none_or_one_line(tmp_path, kind, data):
    changed = bytearray(WITH_DEPTH[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(1, len(changed)))
    for file in (changed, WITH_DEPTH[kind][:end]):
        try:
            found = photo_depth(written(tmp_path, bytes(file)))
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert found is None or found.depth.valid.any()
