from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest.captures.colmap_projects import IDENTITY, PINHOLE, SIZE, cameras_bin, images_bin, save_project
from ingest.refusals import refused

from pipeline.ingest.captures.colmap_files import ModelCamera, has_calibration, read_calibration
from pipeline.records.errors import InputError

# Of https://colmap.github.io/format.html, with one more image without points.
CAMERAS = """# Camera list with one line of data per camera:
#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]
1 PINHOLE 3072 2304 2560.56 2561.5 1536 1152
"""
IMAGES = """# Image list with two lines of data per image:
1 0 0 0 1 0.5 -1 2 1 P1180141.JPG
2362.39 248.498 58396 1784.7 268.254 59027
2 0.70710678 0 0 0.70710678 0 0 0 1 sub/P1180142.JPG

"""


def folder(tmp_path: Path, cameras: str = CAMERAS, images: str = IMAGES) -> Path:
    (tmp_path / "cameras.txt").write_text(cameras)
    (tmp_path / "images.txt").write_text(images)
    return tmp_path


def test_cameras_count_from_pixel_centres_and_poses_lead_to_the_world(tmp_path: Path) -> None:
    found = read_calibration(folder(tmp_path))
    camera = found.cameras[1]
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (2560.56, 2561.5, 1535.5, 1151.5)
    assert (camera.width, camera.height) == (3072, 2304)
    number, pose = found.images["P1180141.JPG"]
    # Half a turn about z, so the camera's centre -R^T t is (0.5, -1, -2).
    assert number == 1 and np.allclose(pose, [[-1, 0, 0, 0.5], [0, -1, 0, -1], [0, 0, 1, -2], [0, 0, 0, 1]])
    # A quarter turn about z takes the world's x to the camera's y, so the camera's y is the world's x.
    assert np.allclose(found.images["sub/P1180142.JPG"][1][:3, 1], (1, 0, 0), atol=1e-6)


@pytest.mark.parametrize(
    "cameras, images, words",
    [
        ("1 FISHY 32 24 9 9 9 9", IMAGES, "of model FISHY"),
        ("1 PINHOLE wide", IMAGES, "COLMAP's text format"),
        (CAMERAS, "1 0 0 0 1 0.5 -1", "COLMAP's text format"),
        (CAMERAS, "1 0 0 0 0 0.5 -1 2 1 a.jpg", "COLMAP's text format"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, cameras: str, images: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_calibration(folder(tmp_path, cameras, images))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cameras\.txt"):
        read_calibration(tmp_path)


# cos and sin of half of 70 degrees, about the axis (2, -1, 2) / 3.
HALF = math.radians(35)
QUATERNION = (math.cos(HALF), *(math.sin(HALF) * part / 3 for part in (2, -1, 2)))


def rotation(w: float, x: float, y: float, z: float) -> np.ndarray:
    """The matrix of a unit quaternion, written out."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@pytest.mark.parametrize("text", [True, False])
def test_a_point_seen_from_two_poses_lies_at_one_place_in_the_world(tmp_path: Path, text: bool) -> None:
    point, shifts = np.array([0.3, -0.2, 4.0]), ((0.1, 0.2, 0.3), (-0.5, 0.4, 3.0))
    images = [((1, 0, 0, 0), shifts[0], 3, "a.png"), (QUATERNION, shifts[1], 3, "b.png")]
    found = read_calibration(save_project(tmp_path, images=images, text=text) / "sparse" / "0")
    fx, fy, cx, cy = PINHOLE[3]
    for quaternion, shift, _, name in images:
        x, y, z = rotation(*quaternion) @ point + shift
        # COLMAP's pixel coordinates begin at the corner of the image, ours half a pixel further.
        u, v = fx * x / z + cx - 0.5, fy * y / z + cy - 0.5
        camera, (number, pose) = found.cameras[3], found.images[name]
        seen = np.array([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z])
        assert number == 3 and pose[:3, :3] @ seen + pose[:3, 3] == pytest.approx(point)


def test_binary_files_are_preferred_and_recognised(tmp_path: Path) -> None:
    save_project(tmp_path, images=[(*IDENTITY[:3], "text.png")], text=True, model=".")
    assert has_calibration(tmp_path) and list(read_calibration(tmp_path).images) == ["text.png"]
    (tmp_path / "cameras.bin").write_bytes(cameras_bin([PINHOLE]))
    assert list(read_calibration(tmp_path).images) == ["text.png"], "one binary file of two is not enough"
    (tmp_path / "images.bin").write_bytes(images_bin([IDENTITY]))
    assert list(read_calibration(tmp_path).images) == ["a.png"]


F, FX, FY, CX, CY = 50.0, 52.0, 49.0, 31.0, 25.0


def polynomial(ray: float, *coefficients: float) -> float:
    """1 + k1 r^2 + k2 r^4 ..., of a squared radius."""
    return 1 + sum(k * ray ** (power + 1) for power, k in enumerate(coefficients))


def perspective(u: float, v: float, radial: float, p1: float = 0.0, p2: float = 0.0) -> tuple[float, float]:
    r2 = u * u + v * v
    return (
        u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u),
        v * radial + 2 * p2 * u * v + p1 * (r2 + 2 * v * v),
    )


def fisheye(u: float, v: float, *coefficients: float) -> tuple[float, float]:
    r = math.hypot(u, v)
    theta = math.atan(r)
    scale = theta * polynomial(theta**2, *coefficients) / r
    return u * scale, v * scale


def published(model: str, u: float, v: float, k: tuple[float, ...]) -> tuple[float, float]:
    """The formulas of colmap/src/colmap/sensor/models.h, at z = 1."""
    r2 = u * u + v * v
    if model == "FULL_OPENCV":
        k1, k2, p1, p2, k3, k4, k5, k6 = k
        return perspective(u, v, polynomial(r2, k1, k2, k3) / polynomial(r2, k4, k5, k6), p1, p2)
    if model == "OPENCV":
        return perspective(u, v, polynomial(r2, *k[:2]), *k[2:])
    return fisheye(u, v, *k) if "FISHEYE" in model else perspective(u, v, polynomial(r2, *k))


@pytest.mark.parametrize(
    ("model", "linear", "further"),
    [
        ("SIMPLE_PINHOLE", (F, CX, CY), ()),
        ("PINHOLE", (FX, FY, CX, CY), ()),
        ("SIMPLE_RADIAL", (F, CX, CY), (-0.2,)),
        ("RADIAL", (F, CX, CY), (-0.2, 0.05)),
        ("OPENCV", (FX, FY, CX, CY), (-0.2, 0.05, 0.01, -0.02)),
        ("OPENCV_FISHEYE", (FX, FY, CX, CY), (-0.05, 0.02, -0.01, 0.003)),
        ("FULL_OPENCV", (FX, FY, CX, CY), (-0.2, 0.05, 0.01, -0.02, 0.03, 0.04, -0.02, 0.01)),
        ("SIMPLE_RADIAL_FISHEYE", (F, CX, CY), (-0.05,)),
        ("RADIAL_FISHEYE", (F, CX, CY), (-0.05, 0.02)),
        ("SIMPLE_FISHEYE", (F, CX, CY), ()),
        ("FISHEYE", (FX, FY, CX, CY), ()),
    ],
)
def test_every_model_shows_points_where_its_published_formula_does(
    model: str, linear: tuple[float, ...], further: tuple[float, ...]
) -> None:
    camera = ModelCamera(model, *SIZE, (*linear, *further))
    pinhole, lens = camera.pinhole, camera.lens
    fx, fy, cx, cy = linear if len(linear) == 4 else (linear[0], *linear)
    for u, v in ((0.3, 0.2), (-0.5, 0.1), (0.01, -0.4)):
        x, y = published(model, u, v, further)
        ((shown_x, shown_y),) = np.array([[u, v]]) if lens is None else lens.distorted(np.array([[u, v]]))
        assert pinhole.fx * shown_x + pinhole.cx + 0.5 == pytest.approx(fx * x + cx)
        assert pinhole.fy * shown_y + pinhole.cy + 0.5 == pytest.approx(fy * y + cy)


def test_a_thin_prism_that_does_nothing_is_a_fisheye() -> None:
    further = (-0.05, 0.02, 0.0, 0.0, -0.01, 0.003, 0.0, 0.0)
    lens = ModelCamera("THIN_PRISM_FISHEYE", *SIZE, (FX, FY, CX, CY, *further)).lens
    ray = np.array([[0.3, -0.4]])
    assert lens is not None
    assert lens.distorted(ray)[0] == pytest.approx(fisheye(0.3, -0.4, -0.05, 0.02, -0.01, 0.003))


@pytest.mark.parametrize(
    ("model", "further"),
    [
        ("FOV", (0.9,)),
        ("THIN_PRISM_FISHEYE", (0.1, 0, 0, 0, 0, 0, 0.001, 0)),
        ("THIN_PRISM_FISHEYE", (0.1, 0, 0.001, 0, 0, 0, 0, 0)),
        ("DIVISION", (0.1,)),
        ("EUCM", (0.5, 1.0)),
    ],
)
def test_distortion_that_no_lens_stands_for_is_refused(model: str, further: tuple[float, ...]) -> None:
    camera = ModelCamera(model, *SIZE, (FX, FY, CX, CY, *further))
    refused("colmap image_undistorter", lambda: camera.lens)


CAMERA_BYTES, IMAGE_BYTES = cameras_bin([PINHOLE]), images_bin([IDENTITY])
HUGE = struct.pack("<Q", 2**63)


@pytest.mark.parametrize(
    ("cameras", "images", "words"),
    [
        (CAMERA_BYTES[:-1], IMAGE_BYTES, r"cameras\.bin is cut off"),
        (CAMERA_BYTES[:4], IMAGE_BYTES, r"cameras\.bin is cut off"),
        (b"", IMAGE_BYTES, r"cameras\.bin is an empty file"),
        (HUGE + CAMERA_BYTES[8:], IMAGE_BYTES, r"cameras\.bin is cut off"),
        (cameras_bin([(3, 99, SIZE, PINHOLE[3])]), IMAGE_BYTES, "model number 99"),
        (cameras_bin([(3, -1, SIZE, PINHOLE[3])]), IMAGE_BYTES, "model number -1"),
        (cameras_bin([(3, 1, SIZE, (math.nan, 1, 1, 1))]), IMAGE_BYTES, "COLMAP's binary format"),
        (cameras_bin([(3, 1, (0, 48), PINHOLE[3])]), IMAGE_BYTES, "unusable camera"),
        (cameras_bin([(3, 1, (2**63, 48), PINHOLE[3])]), IMAGE_BYTES, "unusable camera"),
        (cameras_bin([(3, 1, SIZE, (-5, 5, 1, 1))]), IMAGE_BYTES, "unusable camera"),
        (CAMERA_BYTES, b"", r"images\.bin is an empty file"),
        (CAMERA_BYTES, b"\1", r"images\.bin is cut off"),
        (CAMERA_BYTES, HUGE + IMAGE_BYTES[8:], r"images\.bin is cut off"),
        (CAMERA_BYTES, IMAGE_BYTES[:-1], r"images\.bin is cut off"),
        (CAMERA_BYTES, IMAGE_BYTES.replace(struct.pack("<Q", 2), HUGE), r"images\.bin is cut off"),
        (CAMERA_BYTES, IMAGE_BYTES.replace(b"a.png", b"a\xff.png"), "not UTF-8"),
        (CAMERA_BYTES, images_bin([((math.nan, 0, 0, 0), (0, 0, 0), 3, "a")]), "COLMAP's binary format"),
        (CAMERA_BYTES, images_bin([((1, 0, 0, 0), (0, math.inf, 0), 3, "a")]), "COLMAP's binary format"),
        (CAMERA_BYTES, images_bin([((0, 0, 0, 0), (0, 0, 0), 3, "a")]), "COLMAP's binary format"),
        (CAMERA_BYTES, images_bin([((1e-200, 0, 0, 0), (0, 0, 0), 3, "a")]), "COLMAP's binary format"),
        (CAMERA_BYTES, images_bin([((1, 0, 0, 0), (0, 0, 0), 3, "a" * 5000)]), r"images\.bin is cut off"),
    ],
)
def test_damaged_and_hostile_binary_files_are_refused(
    tmp_path: Path, cameras: bytes, images: bytes, words: str
) -> None:
    (tmp_path / "cameras.bin").write_bytes(cameras)
    (tmp_path / "images.bin").write_bytes(images)
    refused(words, read_calibration, tmp_path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from(["cameras.bin", "images.bin"]),
    at=st.integers(0, 200),
    change=st.binary(min_size=1, max_size=9),
    cut=st.integers(0, 300),
)
def test_changed_bytes_give_numbers_or_one_sentence(
    tmp_path: Path, which: str, at: int, change: bytes, cut: int
) -> None:
    contents = {"cameras.bin": CAMERA_BYTES, "images.bin": images_bin([IDENTITY, IDENTITY], points=1)}
    content = contents[which]
    contents[which] = (content[:at] + change + content[at + len(change) :])[: max(cut, 1)]
    for name, changed in contents.items():
        (tmp_path / name).write_bytes(changed)
    try:
        found = read_calibration(tmp_path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(np.isfinite(pose).all() for _, pose in found.images.values())
