"""Pixels of HEIC files made box by box; pi-heif (libheif) is the independent reader."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest.heif_files import Entry, box, colour, exif_entry, grid, heic, mirror, picture, rotation
from ingest.refusals import refused
from PIL import ExifTags, Image

from pipeline.ingest import heif
from pipeline.ingest.heif_boxes import read_boxes
from pipeline.ingest.images import exif_focal_35mm, exif_orientation, open_image, read_image
from pipeline.records.errors import DependencyError, InputError

ROWS, COLUMNS = np.mgrid[:128, :128]
# Another gradient in every direction and another grey in every tile: no two places look alike.
SCENE = np.stack((COLUMNS * 2, ROWS * 2, 60 * (COLUMNS // 64) + 120 * (ROWS // 64)), -1).astype(np.uint8)
TILES = [SCENE[:64, :64], SCENE[:64, 64:], SCENE[64:, :64], SCENE[64:, 64:]]


def left_to_libheif(monkeypatch):
    """PyAV refuses every picture."""
    pytest.importorskip("pi_heif")

    def refuse(*_):
        raise DependencyError("not decoded")

    monkeypatch.setattr(heif, "_coded_pictures", refuse)


@pytest.fixture(params=["pyav", "libheif"])
def backend(request, monkeypatch):
    if request.param == "libheif":
        left_to_libheif(monkeypatch)
    else:
        monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    return request.param


def tiled(*properties, size=(128, 128), in_idat=(5,), more=()):
    entries = [*map(picture, TILES), grid(2, 2, size, (1, 2, 3, 4), colour(), *properties), *more]
    return heic(entries, primary=5, in_idat=in_idat)


def tiff(**tags):
    exif = Image.Exif()
    for name, value in tags.items():
        if name == "Orientation":
            exif[ExifTags.Base.Orientation] = value
        else:
            exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    return exif.tobytes().removeprefix(b"Exif\0\0")


def written(tmp_path, data, name="photo.heic"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def differ(rgb, expected):
    assert rgb.shape == expected.shape
    return np.abs(rgb.astype(int) - expected).mean()


def test_one_picture_is_read(tmp_path, backend):
    rgb = read_image(written(tmp_path, heic([picture(SCENE, colour())])))
    assert rgb.dtype == np.uint8
    assert differ(rgb, SCENE) < 3


@pytest.mark.parametrize(
    ("size", "in_idat"), [((128, 128), (5,)), ((128, 128), ()), ((120, 100), (5,)), ((65, 127), ())]
)
def test_the_tiles_of_a_grid_are_put_together_and_cut_to_its_size(tmp_path, backend, size, in_idat):
    rgb = read_image(written(tmp_path, tiled(size=size, in_idat=in_idat)))
    assert differ(rgb, SCENE[: size[1], : size[0]]) < 3


def test_pyav_alone_would_return_one_tile(tmp_path):
    import av

    with av.open(str(written(tmp_path, tiled()))) as container:
        assert next(container.decode(video=0)).width == 64


# Rotations are counter-clockwise; axis 0 exchanges top and bottom, 1 left and right (ISO/IEC 23008-12:2022).
@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ((rotation(1),), np.rot90(SCENE)),
        ((rotation(2),), SCENE[::-1, ::-1]),
        ((rotation(3),), np.rot90(SCENE, -1)),
        ((mirror(0),), SCENE[::-1]),
        ((mirror(1),), SCENE[:, ::-1]),
        ((rotation(1), mirror(1)), np.rot90(SCENE)[:, ::-1]),
        ((mirror(1), rotation(1)), np.rot90(SCENE[:, ::-1])),
        ((rotation(3), mirror(0)), np.rot90(SCENE, -1)[::-1]),
    ],
)
@pytest.mark.parametrize("exif_orientation", [None, 1, 3, 6, 8])
def test_every_transformation_is_applied_once_whatever_exif_says(
    tmp_path, backend, properties, expected, exif_orientation
):
    more = [] if exif_orientation is None else [exif_entry(tiff(Orientation=exif_orientation), 5)]
    path = written(tmp_path, tiled(*properties, more=more))
    assert differ(read_image(path), expected) < 3
    with open_image(path) as opened:
        assert opened.has_quarter_turn == any(b"irot" in of and of[-1] % 2 for of in properties)


@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_exif_orientation_alone_turns_nothing(tmp_path, backend, orientation):
    path = written(tmp_path, heic([picture(SCENE, colour()), exif_entry(tiff(Orientation=orientation), 1)]))
    assert differ(read_image(path), SCENE) < 3
    assert exif_orientation(path) == 1


def test_the_focal_length_of_exif_is_read_without_decoding(tmp_path, backend, monkeypatch):
    path = written(tmp_path, tiled(more=[exif_entry(tiff(FocalLengthIn35mmFilm=26, Orientation=6), 5)]))
    monkeypatch.setattr(heif, "_decode", None)
    assert exif_focal_35mm(path) == 26
    with open_image(path) as image:
        assert image.size == (128, 128)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo"])
def test_heic_is_told_by_its_content(tmp_path, backend, name):
    assert differ(read_image(written(tmp_path, heic([picture(SCENE, colour())]), name)), SCENE) < 3


def test_both_decoders_agree(tmp_path, monkeypatch):
    path = written(tmp_path, tiled(rotation(1), size=(120, 100)))
    own = read_image(path)
    left_to_libheif(monkeypatch)
    assert np.abs(read_image(path).astype(int) - own).max() <= 3


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full_range", [0, 0x80])
def test_the_colours_are_those_that_the_file_states(tmp_path, monkeypatch, matrix, full_range):
    stated = box("colr", b"nclx" + struct.pack(">HHH", 1, 13, matrix) + bytes((full_range,)))
    path = written(tmp_path, heic([picture(SCENE, stated)]))
    own = read_image(path)
    left_to_libheif(monkeypatch)
    assert differ(read_image(path), own) < 1.5
    assert (differ(own, SCENE) < 3) == (matrix == 6 and full_range == 0x80)


def test_luma_is_what_was_coded():
    grey = (SCENE[..., 0] // 2 + SCENE[..., 1] // 2).astype(np.uint8)
    boxes = read_boxes(heic([picture(grey)]))
    assert np.array_equal(heif.decode_luma(boxes, 1), grey)


@pytest.mark.shared
def test_a_photo_of_another_encoder_is_read(shared_dir, backend):
    path = shared_dir / "cases" / "folder" / "photo.heic"
    rgb = read_image(path)
    assert rgb.shape == (480, 640, 3)
    assert differ(rgb, read_image(shared_dir / "rgbd" / "tum" / "rgb.png")) < 12


def changed(data, old, new):
    assert data.count(old) >= 1
    return data.replace(old, new, 1)


PLAIN = heic([picture(SCENE)])
GRID = tiled()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (GRID[:-2000], "lie outside|cannot be read"),
        (GRID[:200], "reaches beyond|no meta|cannot be read"),
        (GRID[:28], "cannot be read"),
        (heic([*map(picture, TILES), grid(2, 2, (640, 128), (1, 2, 3, 4))], primary=5), "do not make 640 x 128"),
        (heic([*map(picture, TILES[:3]), grid(2, 2, (128, 128), (1, 2, 3))], primary=4), "3 tiles"),
        (heic([*map(picture, TILES), grid(2, 2, (60, 60), (1, 2, 3, 4))], primary=5), "do not make 60 x 60"),
        (heic([*map(picture, TILES), grid(2, 2, (128, 128), (1, 2, 3, 9))], primary=5), "item 9 is missing"),
        (heic([picture(SCENE)], primary=7), "item 7 is missing"),
        (changed(PLAIN, b"hvcC", b"hvcX"), "no HEVC settings"),
        (changed(PLAIN, b"ispe", b"ispX"), "no size"),
        (
            heic([Entry("hvc1", b"", picture(SCENE).properties)]),
            "has another size|0 of 1|can be decoded|cannot be read",
        ),
        (heic([picture(SCENE), grid(1, 1, (50000, 50000), (1,))], primary=2), "more pixels"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, monkeypatch, data, words):
    monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    refused(words, read_image, written(tmp_path, data))


@pytest.mark.parametrize("data", [GRID[:-2000], GRID[:-1], GRID[:200], GRID[:28], heic([picture(SCENE)], primary=7)])
def test_a_damaged_file_is_refused_by_libheif_in_one_line(tmp_path, monkeypatch, data):
    left_to_libheif(monkeypatch)
    refused("cannot be read", read_image, written(tmp_path, data))


def test_libheif_reads_what_pyav_cannot_put_together(tmp_path):
    pytest.importorskip("pi_heif")
    size = picture(SCENE).properties[1]
    entries = [picture(SCENE, colour()), Entry("iden", b"", [size, rotation(1)], {"dimg": (1,)})]
    assert differ(read_image(written(tmp_path, heic(entries, primary=2))), np.rot90(SCENE)) < 3


def test_a_grid_that_contains_itself_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    with pytest.raises(DependencyError, match=r"theodolite\[phone\]"):
        read_image(written(tmp_path, heic([grid(1, 1, (64, 64), (1,))])))


@pytest.mark.parametrize(
    "entry",
    [
        Entry("av01", b"x", [box("av1C", b"")]),
        Entry("iden", b"", references={"dimg": (1,)}),
        picture(SCENE, box("clap")),
    ],
)
def test_what_pyav_cannot_put_together_names_the_extra(tmp_path, monkeypatch, entry):
    monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    with pytest.raises(DependencyError, match=r"theodolite\[phone\]"):
        read_image(written(tmp_path, heic([entry])))


def of_unit(unit):
    return struct.pack(">I", len(unit)) + unit


@pytest.mark.parametrize("which", [0, 2, 3])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:5],
        lambda data: bytes(len(data)),
        lambda data: of_unit(b"\x4e\1\x89\1\0\x80"),  # a message without a picture
    ],
)
def test_a_tile_that_is_missing_leaves_no_silent_hole(tmp_path, monkeypatch, which, change):
    monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    noise = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), np.uint8)
    entries = [*map(picture, noise), grid(2, 2, (128, 128), (1, 2, 3, 4))]
    entries[which].data = change(entries[which].data)
    refused("can be decoded|cannot be read", read_image, written(tmp_path, heic(entries, primary=5)))


@pytest.mark.parametrize("is_own", [True, False])
def test_the_colours_of_a_grid_are_its_own_or_those_of_its_tiles(tmp_path, monkeypatch, is_own):
    monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    stated, icc = box("colr", b"nclx" + struct.pack(">HHHB", 1, 13, 1, 0x80)), box("colr", b"prof....")
    tiles = [picture(tile, *([] if is_own else [stated])) for tile in TILES]
    path = written(tmp_path, heic([*tiles, grid(2, 2, (128, 128), (1, 2, 3, 4), stated if is_own else icc)], primary=5))
    single = written(tmp_path, heic([picture(SCENE, stated)]), "single.heic")
    assert differ(read_image(path), read_image(single)) < 1
    assert differ(read_image(path), SCENE) > 5


def test_a_picture_that_is_larger_than_stated_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    entry = picture(SCENE)
    entry.properties[1] = picture(TILES[0]).properties[1]
    refused("another size", read_image, written(tmp_path, heic([entry])))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    assert "another size" not in refused("cannot be read", read_image, written(tmp_path, heic([entry])))


def test_tiles_that_share_large_data_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(heif, "_pi_heif", lambda: None)
    tile = picture(TILES[0])
    tile.data += bytes(2_000_000)
    data = heic([tile, grid(64, 64, (4096, 4096), (1,) * 4096)], primary=2)
    refused("share their data", read_image, written(tmp_path, data))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_and_cut_files_give_an_image_or_one_line(tmp_path, data):
    changed = bytearray(GRID)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    for file in (changed, GRID[: data.draw(st.integers(1, len(GRID) - 1))]):
        try:
            rgb = read_image(written(tmp_path, bytes(file)))
        except (InputError, DependencyError) as error:
            assert "\n" not in str(error)
        else:
            assert file is changed
            assert rgb.ndim == 3


def avif(tmp_path, exif_orientation=None, **options):
    path = tmp_path / "photo.avif"
    exif = Image.Exif()
    if exif_orientation is not None:
        exif[ExifTags.Base.Orientation] = exif_orientation
    Image.fromarray(SCENE).save(path, quality=95, exif=exif, **options)
    return path


# Pillow writes an orientation of EXIF as irot and imir.
@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (None, SCENE),
        (2, SCENE[:, ::-1]),
        (3, SCENE[::-1, ::-1]),
        (4, SCENE[::-1]),
        (5, SCENE.swapaxes(0, 1)),
        (6, np.rot90(SCENE, -1)),
        (7, SCENE[::-1, ::-1].swapaxes(0, 1)),
        (8, np.rot90(SCENE)),
    ],
)
def test_avif_is_turned_once(tmp_path, orientation, expected):
    path = avif(tmp_path, orientation)
    assert b"avif" in path.read_bytes()[:40]
    assert differ(read_image(path), expected) < 4
    assert (exif_orientation(path) >= 5) == (orientation is not None and orientation >= 5)


def test_an_exif_orientation_that_avif_contradicts_turns_nothing(tmp_path):
    data = avif(tmp_path, 6).read_bytes()
    # The container no longer turns the picture, but its EXIF data still do.
    path = written(tmp_path, data.replace(b"irot\3", b"irot\0"), "bare.avif")
    assert path.read_bytes() != data
    assert differ(read_image(path), SCENE) < 4


def test_an_orientation_in_the_xmp_of_avif_turns_nothing(tmp_path):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><y tiff:Orientation="6" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></x:xmpmeta>'
    assert differ(read_image(avif(tmp_path, xmp=xmp)), SCENE) < 4


def test_avif_in_a_cut_off_file_is_refused(tmp_path):
    refused("cannot be read|not an image", read_image, written(tmp_path, avif(tmp_path).read_bytes()[:-300], "a.avif"))


def test_of_an_mpo_the_first_picture_counts(tmp_path):
    path, first = tmp_path / "photo.mpo", Image.fromarray(SCENE)
    first.save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 32), "red")], quality=95)
    assert Image.open(io.BytesIO(path.read_bytes())).format == "MPO"
    assert differ(read_image(path), SCENE) < 4
