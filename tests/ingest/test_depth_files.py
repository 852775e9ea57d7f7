from __future__ import annotations

import logging
import zipfile

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.depth_files import read_depth
from pipeline.records import DepthKind, Sampling, ScaleSource
from pipeline.records.errors import InputError

MILLIMETRES = np.array([[1000, 0, 2500], [65535, 1, 700]], dtype=np.uint16)
METRES = np.array([[1.0, np.nan, 2.5], [np.inf, 0.25, 0.7]], dtype=np.float32)
SENSOR = {"kind": "metric", "scale_source": "sensor"}
RELATIVE = {"kind": "scale_invariant", "scale_source": "none"}


def write_image(path, values):
    Image.fromarray(values).save(path)


def write_pfm(path, values, order="<", magic=b"Pf", factor="0.0039"):
    sign = "-" if order == "<" else ""
    header = magic + f"\n{values.shape[1]} {values.shape[0]}\n{sign}{factor}\n".encode()
    path.write_bytes(header + values[::-1].astype(order + "f4").tobytes())


def write_exr(path, **channels):
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, channels) as image:
        image.write(str(path))


def write_pgm(path, values, highest=65535):
    height, width = values.shape
    path.write_bytes(f"P5\n# depth\n{width} {height}\n{highest}\n".encode() + values.astype(">u2").tobytes())


INTEGER_WRITERS = {"png": write_image, "tif": write_image, "pgm": write_pgm, "npy": np.save, "npz": np.savez}
FLOAT_WRITERS = {
    "npy": lambda path, values: np.save(path, values.astype(np.float64)),
    "npz": lambda path, values: np.savez_compressed(path, depth=values, colour=np.zeros((2, 3, 3))),
    "little.pfm": write_pfm,
    "big.pfm": lambda path, values: write_pfm(path, values, ">"),
    "exr": lambda path, values: write_exr(path, Z=values),
    "tif": write_image,
}


@pytest.mark.parametrize("suffix", INTEGER_WRITERS)
def test_integers_are_scaled_and_zero_means_no_depth(tmp_path, suffix):
    path = tmp_path / f"depth.{suffix}"
    INTEGER_WRITERS[suffix](path, MILLIMETRES)
    depth = read_depth(path, **SENSOR, scale=0.001)
    assert depth.values[depth.valid] == pytest.approx([1.0, 2.5, 65.535, 0.001, 0.7])
    assert depth.valid.tolist() == [[True, False, True], [True, True, True]]
    assert (depth.kind, depth.scale_source, depth.backend) == (DepthKind.METRIC, ScaleSource.SENSOR, "file")


@pytest.mark.parametrize("suffix", FLOAT_WRITERS)
def test_floating_point_numbers_are_not_scaled(tmp_path, suffix):
    path = tmp_path / f"depth.{suffix}"
    FLOAT_WRITERS[suffix](path, METRES)
    depth = read_depth(path, **SENSOR)
    assert depth.valid.tolist() == [[True, False, True], [False, True, True]]
    assert depth.values[depth.valid] == pytest.approx([1.0, 2.5, 0.25, 0.7])


def test_eight_bit_depth_is_read(tmp_path):
    write_image(tmp_path / "depth.png", np.array([[10, 200]], dtype=np.uint8))
    assert read_depth(tmp_path / "depth.png", **SENSOR, scale=0.02).values.tolist() == [[pytest.approx(0.2), 4.0]]


def test_a_pgm_of_eleven_bits_is_not_stretched(tmp_path):
    write_pgm(tmp_path / "depth.pgm", np.array([[1, 2047]]), highest=2047)
    assert read_depth(tmp_path / "depth.pgm", **RELATIVE).values.tolist() == [[1.0, 2047.0]]


@pytest.mark.parametrize(
    "header",
    [
        b"P5\n2 3\n4000\n",
        b"P5 2 3 4000 ",
        b"P5\n2 3\n# made by cam\n4000\n",
        b"P5 # magic\n2 # width\n3 # height\n4000\n",
        b"P5#c\n2#c\n3#c\n4000\n",
        b"P5\n#\n#\n\t2\r3\v4000\f",
        b"P5\n2 3\n4000#c\n",
        b"P5\n# a\r2 3\n4000\n",
        # Against the format, but written by real programs.
        b"P5\r\n2 3\r\n4000\r\n",
        b"P5\n2 3\n4000\n# maximum\n",
    ],
)
def test_comments_and_blanks_of_a_pgm_lie_anywhere_in_its_header(tmp_path, header):
    # The raster begins with bytes that look like a line break and a comment.
    stored = np.array([[0x0A23, 0x2320], [1, 2], [0x0A0A, 3]])
    for after in (b"", b"\n", b"P5 2 3 4000\n" + stored.astype(">u2").tobytes()):
        if after and header.endswith((b"\r\n", b"maximum\n")):
            continue
        (tmp_path / "depth.pgm").write_bytes(header + stored.astype(">u2").tobytes() + after)
        assert read_depth(tmp_path / "depth.pgm", **RELATIVE).values.tolist() == stored.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "P2\n2 2\n4000\n1 2\n3 4000\n",
        "P2 2 2 4000 1 2 3 4000",
        "P2\n# c\n2 2\n# c\n4000\n1\n2\n3\n4000",
        "P2\n2 2\n4000\n1 2 # c\n3 4000\n5 6\n",
        "P2\r\n2 2\r\n4000\r\n1 2\r\n3 4000\r\n",
        "P2#c\n2\t2\n4000\n\n  1   2\n\n3 4000",
    ],
)
def test_a_pgm_of_text_is_read(tmp_path, text):
    (tmp_path / "depth.pgm").write_text(text, newline="")
    assert read_depth(tmp_path / "depth.pgm", **RELATIVE).values.tolist() == [[1, 2], [3, 4000]]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "scale"), [("mid.pgm", 0.001), ("f16.tif", None)])
def test_depth_of_other_programs_is_read(shared_dir, name, scale):
    file = shared_dir / "cases/text_files" / name
    assert read_depth(file, scale=scale, **SENSOR).values.shape == (60, 80)


@pytest.mark.parametrize(
    ("settings", "sky", "is_depth"),
    [
        (SENSOR, 1e10, False),
        (SENSOR, 65504.0, False),
        (SENSOR, 3e38, False),
        (SENSOR, 90.0, True),
        (RELATIVE, 1e10, False),
        (RELATIVE, 90.0, True),
        ({"kind": "scale_invariant", "scale_source": "none"}, 1e5, False),
        ({"kind": "disparity_affine", "scale_source": "none"}, 1e10, True),
    ],
)
def test_a_number_that_stands_for_infinity_is_no_depth(tmp_path, settings, sky, is_depth):
    stored = np.linspace(1, 5, 48, dtype=np.float32).reshape(6, 8)
    stored[:3] = sky
    np.save(tmp_path / "depth.npy", stored)
    assert read_depth(tmp_path / "depth.npy", **settings).valid[:3].all() == is_depth
    assert read_depth(tmp_path / "depth.npy", **settings).valid[3:].all()


def test_stored_numbers_can_be_declared_invalid(tmp_path):
    np.save(tmp_path / "depth.npy", MILLIMETRES)
    depth = read_depth(tmp_path / "depth.npy", **SENSOR, scale=0.001, invalid=(65535, 1))
    # Metric depth is positive, so zero is invalid anyway.
    assert depth.valid.tolist() == [[True, False, True], [False, False, True]]
    disparity = read_depth(tmp_path / "depth.npy", kind="disparity_affine", scale_source="none", invalid=())
    assert disparity.valid.all()


@pytest.mark.parametrize("names", [{"Y": METRES}, {"R": METRES}, {"distance": METRES}, {"Z": METRES, "A": METRES * 2}])
def test_the_depth_channel_of_an_exr_is_found(tmp_path, names):
    write_exr(tmp_path / "depth.exr", **names)
    assert read_depth(tmp_path / "depth.exr", **SENSOR).values[0, 0] == 1.0


def test_a_key_names_the_array_or_channel(tmp_path):
    np.savez(tmp_path / "depth.npz", near=METRES, far=METRES * 2)
    write_exr(tmp_path / "depth.exr", R=METRES, G=METRES * 2, B=METRES)
    assert read_depth(tmp_path / "depth.npz", **SENSOR, key="far").values[0, 0] == 2.0
    assert read_depth(tmp_path / "depth.exr", **SENSOR, key="G").values[0, 0] == 2.0


def test_sensor_depth_is_resampled_by_the_nearest_pixel_and_other_depth_linearly(tmp_path):
    np.save(tmp_path / "depth.npy", np.array([[1.0, 3.0], [1.0, 3.0]]))
    sensor = read_depth(tmp_path / "depth.npy", **SENSOR, size=(4, 4))
    model = read_depth(tmp_path / "depth.npy", kind="metric", scale_source="model", size=(4, 4))
    assert sensor.values[0].tolist() == [1, 1, 3, 3]
    assert model.values[0].tolist() == [1, 1.5, 2.5, 3]


def test_another_size_is_logged_and_another_aspect_ratio_is_warned_about(tmp_path, caplog):
    np.save(tmp_path / "depth.npy", np.ones((48, 64)))
    with caplog.at_level(logging.INFO):
        read_depth(tmp_path / "depth.npy", **RELATIVE, size=(128, 96))
        assert [record.levelname for record in caplog.records] == ["INFO"]
        read_depth(tmp_path / "depth.npy", **RELATIVE, size=(100, 100))
    assert "another aspect ratio" in caplog.text


def test_depth_that_was_not_turned_with_its_image_is_refused(tmp_path):
    np.save(tmp_path / "depth.npy", np.ones((48, 64)))
    with pytest.raises(InputError, match="EXIF orientation turned it; turn the depth file"):
        read_depth(tmp_path / "depth.npy", **SENSOR, size=(480, 640), quarter_turn=True)
    assert read_depth(tmp_path / "depth.npy", **SENSOR, size=(640, 480), quarter_turn=True).shape == (480, 640)


SIDE = 40_000
HUGE = "declares 1600000000 values, more than 100000000"


def huge_exr(path):
    write_exr(path, Z=METRES)
    # The data window of the header: the corners (0, 0) and (2, 1).
    window, huge = (np.array(corners, dtype="<i4").tobytes() for corners in ([0, 0, 2, 1], [0, 0, SIDE - 1, SIDE - 1]))
    data = path.read_bytes()
    assert window in data
    path.write_bytes(data.replace(window, huge))


def huge_npy(path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (SIDE, SIDE)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)


def huge_npz(path):
    huge_npy(path.with_suffix(".npy"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".npy"), "depth.npy")


UNUSABLE = {
    "huge.npy": (huge_npy, HUGE),
    "huge.npz": (huge_npz, HUGE),
    "huge.pfm": (lambda path: path.write_bytes(f"Pf\n{SIDE} {SIDE}\n-1.0\n".encode()), HUGE),
    "huge.pgm": (lambda path: path.write_bytes(f"P5 {SIDE} {SIDE} 255\n".encode()), HUGE),
    "huge.exr": (huge_exr, HUGE),
    "nan.npy": (np.full((3, 4), np.nan), r"nan\.npy has no pixel with valid depth"),
    "negative.npy": (np.full((3, 4), -1.0), "no pixel with valid depth"),
    "depth.png": (lambda path: write_image(path, MILLIMETRES), "0.001 for millimetres"),
    "whole.npy": (MILLIMETRES, "0.0002 for TUM"),
    "colour.png": (lambda path: Image.new("RGB", (4, 4)).save(path), "mode RGB"),
    "object.npy": (np.array([{"a": 1}], dtype=object), "holds object of shape"),
    "three.npy": (np.ones((4, 5, 3)), r"shape \(4, 5, 3\)"),
    "complex.npy": (np.ones((4, 5), dtype=complex), "complex128"),
    "none.npy": (np.ones((0, 5)), r"shape \(0, 5\)"),
    "many.npz": (lambda path: np.savez(path, near=METRES, far=METRES), "near, far; name the one"),
    "junk.npz": (lambda path: path.write_bytes(b"PK\x03\x04junk"), "cannot be read"),
    "junk.npy": (lambda path: path.write_bytes(b"\x93NUMPYjunk"), "npy version"),
    "junk.pfm": (lambda path: path.write_bytes(b"P7\n1 1\n1\n"), "has no PFM header"),
    "short.pfm": (lambda path: path.write_bytes(b"Pf\n4 4\n-1.0\n1234"), "cut off: 4 x 4 px need 64 bytes, it has 4"),
    "colour.pfm": (lambda path: write_pfm(path, METRES, magic=b"PF"), "three channels"),
    "few.pgm": (lambda path: path.write_text("P2\n2 2\n255\n7 8 9\n"), "cut off: it has 3 numbers for 2 x 2 px"),
    "words.pgm": (lambda path: path.write_text("P2\n2 1\n255\n7 eight\n"), "cannot be read as a depth file"),
    "large.pgm": (lambda path: path.write_bytes(b"P5 1 1 65536\n123"), "no PGM header"),
    "zero.pgm": (lambda path: path.write_bytes(b"P5 1 1 0\n123"), "no PGM header"),
    "colour.pgm": (lambda path: path.write_bytes(b"P6 1 1 255\n123"), "no PGM header"),
    "comment.pgm": (lambda path: path.write_bytes(b"P5 1 1 # no end"), "no PGM header"),
    "digits.pgm": (lambda path: path.write_bytes(b"P5 " + b"9" * 5000 + b" 1 255\n1"), "cannot be read"),
    "hugeascii.pgm": (lambda path: path.write_bytes(f"P2 {SIDE} {SIDE} 255\n".encode()), HUGE),
    "short.pgm": (lambda path: path.write_bytes(b"P5 9 9 255 x"), "cut off"),
    "junk.exr": (lambda path: path.write_bytes(b"v/1\x01junk"), "cannot be read"),
    "rgb.exr": (lambda path: write_exr(path, R=METRES, G=METRES, B=METRES), "name the one with the depth"),
    "depth.jpg": (lambda path: path.write_bytes(b"x"), "not a readable depth file"),
    "empty.png": (lambda path: path.touch(), "empty file"),
    "missing.png": (lambda path: None, "does not exist"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_depth_file_is_an_input_error_of_one_line(tmp_path, name):
    make, words = UNUSABLE[name]
    if callable(make):
        make(tmp_path / name)
    else:
        np.save(tmp_path / name, make)
    assert name in refused(words, read_depth, tmp_path / name, **SENSOR)


def test_a_missing_key_is_named_with_the_nearest(tmp_path):
    np.savez(tmp_path / "depth.npz", depth_m=METRES)
    with pytest.raises(InputError, match="has no 'depht_m', only depth_m; did you mean 'depth_m'"):
        read_depth(tmp_path / "depth.npz", **SENSOR, key="depht_m")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("near", "far", "scale"), [(1.0, 1e300, None), (1e-306, 2.0, 1e308), (1.0, 1e38, 1e3)])
def test_depth_beyond_float32_is_invalid_without_a_warning(tmp_path, near, far, scale):
    np.save(tmp_path / "depth.npy", np.array([[near, far], [near, far]]))
    depth = read_depth(tmp_path / "depth.npy", **RELATIVE, scale=scale, size=(4, 4))
    assert depth.valid[:, 0].all()
    assert not depth.valid[:, 3].any()
    assert np.isfinite(depth.values[depth.valid]).all()


def scan(across_px, down_px, half_px=0, shape=(120, 300)):
    """Stored numbers of a scanner's returns, a square of pixels each, none of them equal; and how many there are."""
    stored = np.zeros(shape, np.uint16)
    rows, columns = (slice(spacing // 2, None, spacing) for spacing in (down_px, across_px))
    hits = np.random.default_rng(0).permutation(np.arange(1000, 1000 + stored[rows, columns].size))
    for down in range(-half_px, half_px + 1):
        for right in range(-half_px, half_px + 1):
            stored[rows.start + down :: down_px, columns.start + right :: across_px] = hits.reshape(
                stored[rows, columns].shape
            )
    return stored, hits.size


@pytest.mark.parametrize(("across_px", "down_px", "half_px"), [(2, 5, 0), (3, 12, 0), (4, 12, 1), (6, 12, 2)])
@pytest.mark.parametrize("factor", [None, 1, 2, 2.5])
def test_a_scanner_s_returns_stay_one_pixel_each_at_any_size(tmp_path, across_px, down_px, half_px, factor):
    stored, count = scan(across_px, down_px, half_px)
    write_image(tmp_path / "lidar.png", stored)
    size = None if factor is None else (round(300 * factor), round(120 * factor))
    depth = read_depth(tmp_path / "lidar.png", **SENSOR, scale=1 / 256, size=size)
    assert depth.shape == ((120, 300) if size is None else size[::-1])
    assert depth.sampling.is_scattered
    assert depth.valid.sum() == count
    assert set(np.round(depth.values[depth.valid] * 256)) == set(stored[stored > 0])
    assert depth.sampling.width_px == pytest.approx(across_px * (factor or 1), abs=0.5)
    assert depth.sampling.height_px == pytest.approx(down_px * (factor or 1), rel=0.8)


def test_of_returns_in_a_smaller_image_the_nearest_on_a_pixel_counts(tmp_path):
    stored, count = scan(2, 5)
    write_image(tmp_path / "lidar.png", stored)
    depth = read_depth(tmp_path / "lidar.png", **SENSOR, scale=1 / 256, size=(75, 30))
    assert 0.25 * count < depth.valid.sum() < 0.6 * count
    assert depth.values[depth.valid].min() == pytest.approx(1000 / 256)


@pytest.mark.parametrize("source, kind", [("model", "metric"), ("none", "scale_invariant")])
def test_only_a_sensor_gives_returns(tmp_path, source, kind):
    write_image(tmp_path / "depth.png", scan(3, 12)[0])
    depth = read_depth(tmp_path / "depth.png", kind=kind, scale_source=source, scale=1 / 256)
    assert depth.sampling == Sampling()


@pytest.mark.parametrize(
    "size, sides_px",
    [(None, (1, 1)), ((80, 60), (1, 1)), ((160, 120), (2, 2)), ((200, 150), (2.5, 2.5)), ((40, 30), (1, 1))],
)
@pytest.mark.parametrize("settings", [SENSOR, RELATIVE], ids=["sensor", "model"])
def test_an_enlarged_map_has_no_more_measurements_than_its_file(tmp_path, settings, size, sides_px):
    rows, columns = np.indices((60, 80))
    np.save(tmp_path / "depth.npy", 2 + 0.01 * columns + 0.004 * rows + 0.1 * np.sin(rows * columns / 50))
    depth = read_depth(tmp_path / "depth.npy", **settings, size=size)
    assert depth.sampling == Sampling(*sides_px)


@pytest.mark.parametrize("settings", [SENSOR, RELATIVE], ids=["sensor", "model"])
@pytest.mark.parametrize(
    "size, sides_px", [(None, (3, 3)), ((480, 360), (6, 6)), ((120, 90), (1.5, 1.5)), ((80, 60), (1, 1))]
)
def test_a_map_that_was_enlarged_before_it_was_saved_has_no_more_measurements_either(
    tmp_path, settings, size, sides_px
):
    rows, columns = np.indices((60, 80))
    small = 2 + 0.01 * columns + 0.004 * rows + 0.1 * np.sin(rows * columns / 50)
    np.save(tmp_path / "depth.npy", np.kron(small, np.ones((3, 3))))
    depth = read_depth(tmp_path / "depth.npy", **settings, size=size)
    assert depth.sampling == Sampling(*sides_px)
