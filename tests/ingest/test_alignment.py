from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.geometry.agreement import orientation_agreements
from pipeline.geometry.backprojection import back_project
from pipeline.geometry.orientation import ORIENTATIONS, QUARTER_TURNS, oriented
from pipeline.ingest.alignment import aligned_depth
from pipeline.ingest.build import build_scene
from pipeline.ingest.item import Item
from pipeline.records import Camera, DepthMap, Sampling
from pipeline.records.errors import InputError

# The orientation that undoes another one.
BACK = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def scene(size=(160, 120), seed=0):
    """An image of a dozen things before a wall, and its depth [m]."""
    random = np.random.default_rng(seed)
    width, height = size
    rgb = np.full((height, width, 3), 120, np.uint8)
    depth_m = np.full((height, width), 4.0, np.float32)
    for z in np.linspace(3.5, 1.0, 12):
        left, top = random.integers(0, width - 20), random.integers(0, height - 20)
        right, bottom = left + random.integers(8, 40), top + random.integers(8, 40)
        colour = random.integers(0, 255, 3).tolist()
        cv2.rectangle(rgb, (int(left), int(top)), (int(right), int(bottom)), colour, -1)
        cv2.rectangle(depth_m, (int(left), int(top)), (int(right), int(bottom)), float(z), -1)
    return rgb, depth_m


def sensor(depth_m):
    return DepthMap.from_values(depth_m, "metric", "sensor")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turned_depth_is_turned_back_where_sizes_say_so_and_refused_elsewhere(orientation, seed):
    rgb, depth_m = scene(seed=seed)
    stored = sensor(oriented(depth_m, BACK[orientation]))
    if orientation == 1:
        assert aligned_depth(stored, rgb, "depth.png").notes == ()
    elif orientation in QUARTER_TURNS:
        found = aligned_depth(stored, rgb, "depth.png")
        assert found.depth.values.tolist() == depth_m.tolist()
        assert [note.code for note in found.notes] == ["depth_turned_as_seen"]
    else:
        with pytest.raises(InputError, match=r"depth\.png seems to be (mirrored|turned)"):
            aligned_depth(stored, rgb, "depth.png")


@pytest.mark.parametrize("orientation", [2, 3, 4, 5, 6, 7, 8])
def test_depth_stored_as_the_photo_is_turned_with_it(orientation):
    rgb, depth_m = scene()
    stored = sensor(oriented(depth_m, BACK[orientation]))
    found = aligned_depth(stored, rgb, "depth.png", exif_orientation=orientation)
    assert found.depth.values.tolist() == depth_m.tolist()
    assert [note.code for note in found.notes] == ["depth_turned_as_exif"]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_depth_that_is_upright_already_is_not_turned_again(orientation):
    rgb, depth_m = scene()
    assert aligned_depth(sensor(depth_m), rgb, "d", exif_orientation=orientation).notes == ()


def test_square_depth_of_a_square_image_is_checked_in_all_orientations():
    rgb, depth_m = scene(size=(128, 128))
    assert aligned_depth(sensor(depth_m), rgb, "d").notes == ()
    for orientation in (2, 3, 4, 5, 6, 7, 8):
        with pytest.raises(InputError, match="seems to be"):
            aligned_depth(sensor(oriented(depth_m, orientation)), rgb, "d")


def test_coarse_depth_is_checked_at_its_own_resolution():
    rgb, depth_m = scene(size=(640, 480))
    coarse = cv2.resize(depth_m, (160, 120), interpolation=cv2.INTER_NEAREST)
    assert aligned_depth(sensor(coarse), rgb, "d").depth.shape == (120, 160)
    assert aligned_depth(sensor(np.rot90(coarse)), rgb, "d").depth.values.tolist() == coarse.tolist()
    with pytest.raises(InputError):
        aligned_depth(sensor(coarse[:, ::-1]), rgb, "d")


def test_sideways_depth_without_edges_is_refused():
    rgb, _ = scene()
    with pytest.raises(InputError, match="turned by 90 degrees"):
        aligned_depth(sensor(np.full((160, 120), 2.0)), rgb, "d")


def test_depth_whose_content_contradicts_exif_is_refused():
    rgb, depth_m = scene()
    with pytest.raises(InputError, match="even when it is turned"):
        aligned_depth(sensor(oriented(depth_m, 8)), rgb, "d", exif_orientation=8)


def test_a_plain_scene_is_left_as_it_is():
    rgb = np.full((48, 64, 3), 90, np.uint8)
    depth = sensor(np.full((48, 64), 2.0))
    assert aligned_depth(depth, rgb, "d").depth is depth


def test_sensor_depth_of_another_shape_is_refused_unless_it_fits_when_stretched():
    rgb, depth_m = scene(size=(320, 180))
    stretched = cv2.resize(depth_m, (160, 120), interpolation=cv2.INTER_NEAREST)
    assert aligned_depth(sensor(stretched), rgb, "d").notes == ()
    cropped = cv2.resize(depth_m[:, 80:], (160, 120), interpolation=cv2.INTER_NEAREST)
    with pytest.raises(InputError, match="another aspect ratio; register"):
        aligned_depth(sensor(cropped), rgb, "d")


@pytest.mark.parametrize("shape", [(64, 64), (48, 64), (64, 48)])
def test_a_network_may_be_fed_any_shape(shape):
    rgb, depth_m = scene(size=(120, 160))
    squeezed = cv2.resize(1 / depth_m, shape[::-1], interpolation=cv2.INTER_AREA)
    depth = DepthMap.from_values(squeezed, "disparity_affine")
    assert aligned_depth(depth, rgb, "d").depth is depth


def scan(mirrored=False, upside_down=False):
    """Returns of a scanner on the ground: posts before a wall, brighter than it."""
    rgb = np.full((120, 400, 3), 60, np.uint8)
    depth_m = 900 / np.maximum(np.arange(120.0) - 30, 18)[:, None] * np.ones(400)
    for left in (20, 45, 90, 170, 185, 330):
        rgb[30:100, left : left + 12] = 220
        depth_m[30:100, left : left + 12] = 8.0
    valid = np.zeros((120, 400), bool)
    valid[50:118:4, ::3] = True
    if mirrored:
        depth_m, valid = depth_m[:, ::-1], valid[:, ::-1]
    if upside_down:
        depth_m, valid = depth_m[::-1], valid[::-1]
    return rgb, DepthMap(depth_m, valid, "metric", "sensor", sampling=Sampling(3.0, 4.0, True))


@pytest.mark.parametrize(
    ("turn", "words"), [({"mirrored": True}, "left to right"), ({"upside_down": True}, "180 degrees")]
)
def test_turned_returns_of_a_scanner_are_refused(turn, words):
    rgb, depth = scan()
    assert aligned_depth(depth, rgb, "d").depth is depth
    with pytest.raises(InputError, match=words):
        aligned_depth(scan(**turn)[1], rgb, "d")


def test_depth_of_another_image_is_told():
    codes = []
    for seed in range(8):
        rgb, _ = scene(size=(320, 240), seed=seed)
        _, other_m = scene(size=(320, 240), seed=seed + 100)
        try:
            codes.append([note.code for note in aligned_depth(sensor(other_m), rgb, "d").notes])
        except InputError:
            codes.append(["refused"])
    assert codes.count(["depth_lies_elsewhere"]) >= 2 and [] in codes, "by chance, edges agree now and then"


@pytest.mark.parametrize(("numbers", "kind"), [(lambda z: z, "metric"), (lambda z: 1 / z, "disparity_affine")])
def test_the_near_lies_below_the_far(numbers, kind):
    rgb, depth_m = scene(size=(320, 240))
    ground = np.minimum(depth_m, np.linspace(6, 1, 240)[:, None]).astype(np.float32)
    depth = DepthMap.from_values(numbers(ground), kind, "sensor" if kind == "metric" else "none")
    falls = {o: agreement.fall for o, agreement in orientation_agreements(rgb, depth, range(1, 9)).items()}
    assert falls[1] == falls[2] == pytest.approx(-falls[3]) == pytest.approx(-falls[4]) and falls[1] > 0.9
    sideways = orientation_agreements(np.rot90(rgb).copy(), depth, (8, 6))
    assert sideways[8].fall == -sideways[6].fall and abs(sideways[8].fall) < 0.3, "left and right are no cue"


def test_points_of_a_scanner_are_compared_with_their_image(tmp_path):
    rgb, depth = scan()
    camera = {"fx": 300.0, "fy": 300.0, "cx": 199.5, "cy": 59.5}
    points = back_project(depth.values, Camera(**camera, width=400, height=120), depth.valid).astype("<f4")
    np.concatenate((points, np.full((len(points), 1), 0.5, "<f4")), axis=1).tofile(tmp_path / "scan.bin")
    for name, image in (("right.png", rgb), ("mirrored.png", rgb[:, ::-1])):
        Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / name)
    values = {"camera": camera, "depth": tmp_path / "scan.bin", "lidar_to_camera": np.eye(4).tolist()}
    assert build_scene(Item("a", tmp_path / "right.png", **values)).frames[0].given_depth.valid.sum() > 1000
    with pytest.raises(InputError, match="mirrored left to right"):
        build_scene(Item("a", tmp_path / "mirrored.png", **values))
