from __future__ import annotations

import numpy as np
import pytest
from ingest.refusals import refused
from ingest.test_alignment import scene
from PIL import Image

from pipeline.ingest.given_images import frame_from, noted_frame
from pipeline.records import DepthMap, Frame
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import InputError

CAMERA = {"fx": 40, "fy": 40, "cx": 15.5, "cy": 11.5}


def test_a_frame_is_made_of_a_path_an_image_an_array_or_a_frame(image):
    rgb = np.zeros((24, 32, 3), np.uint8)
    path = image("photo.jpg", orientation=8, FocalLengthIn35mmFilm=26)
    with Image.open(path) as photo:
        turned = frame_from(photo)
    assert turned.rgb.shape == (32, 24, 3)
    assert turned.camera.source is CameraSource.EXIF
    assert frame_from(path).camera == turned.camera
    assert frame_from(str(path)).name == "photo.jpg"
    assert frame_from(rgb, fov_deg=90).camera.fx == pytest.approx(16)
    assert frame_from(rgb, camera=CAMERA).camera.fx == 40
    assert frame_from(rgb, camera=Camera(80, 80, 31.5, 23.5, 64, 48)).camera == Camera(40, 40, 15.5, 11.5, 32, 24)
    depth = DepthMap.from_values(np.ones((24, 32)), "metric", "sensor")
    frame = Frame(rgb, Camera.from_fov(32, 24, 60), name="mine")
    assert frame_from(frame, depth=depth).given_depth is depth
    assert frame_from(frame).camera == frame.camera
    assert frame_from(frame, camera=CAMERA).camera.fx == 40


@pytest.mark.parametrize(
    ("image_given", "camera", "words"),
    [
        (np.zeros((24, 32), np.uint8), None, r"\(H, W, 3\), not \(24, 32\)"),
        (np.zeros((0, 32, 3), np.uint8), None, "uint8 array"),
        (np.zeros((24, 32, 3), np.uint8), {"fx": 5}, "lacks fy"),
    ],
)
def test_an_array_of_another_shape_or_half_a_camera_is_refused(image_given, camera, words):
    refused(words, frame_from, image_given, camera=camera)


def test_a_camera_of_another_size_is_resized_with_a_note():
    rgb, depth_m = scene(size=(320, 240))
    depth = DepthMap.from_values(depth_m, "metric", "sensor")
    frame, notes = noted_frame(rgb, camera={"fx": 520, "fy": 520, "cx": 319.5, "cy": 239.5}, depth=depth)
    assert frame.camera.fx == pytest.approx(260)
    assert [note.code for note in notes] == ["camera_was_of_other_size"]
    trusted, notes = noted_frame(rgb, camera={"fx": 520, "fy": 520, "cx": 319.5, "cy": 239.5}, trusted=True)
    assert (trusted.camera.fx, [note.code for note in notes]) == (520, ["input_was_trusted"])


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, lambda array: array[::-1, ::-1]])
def test_turned_depth_is_refused_unless_it_is_trusted(turn):
    rgb, depth_m = scene()
    depth = DepthMap.from_values(turn(depth_m), "metric", "sensor")
    with pytest.raises(InputError, match="The depth of image seems to be"):
        frame_from(rgb, depth=depth)
    assert frame_from(rgb, depth=depth, trusted=True).given_depth is depth
    with pytest.raises(InputError, match="The depth of frame seems to be"):
        frame_from(Frame(rgb, Camera.from_fov(160, 120, 60), given_depth=depth))


def test_the_camera_of_a_frame_is_checked_too():
    rgb, depth_m = scene(size=(320, 240))
    frame = Frame(rgb, Camera(0.8, 0.8 * 320 / 240, 0.5, 0.5, 320, 240))
    found, notes = noted_frame(frame, depth=DepthMap.from_values(depth_m, "metric", "sensor"))
    assert found.camera.fx == pytest.approx(256) and [note.code for note in notes] == ["camera_was_normalised"]


def test_depth_of_another_size_is_resampled_and_sideways_depth_turned():
    rgb, depth_m = scene(size=(320, 240))
    coarse = np.ascontiguousarray(depth_m[::2, ::2])
    frame = frame_from(rgb, depth=DepthMap.from_values(coarse, "metric", "sensor"))
    assert frame.given_depth.shape == (240, 320) and frame.given_depth.sampling.width_px == 2
    turned, notes = noted_frame(rgb, depth=DepthMap.from_values(np.rot90(coarse), "metric", "sensor"))
    assert (turned.given_depth.values == frame.given_depth.values).all()
    assert [note.code for note in notes] == ["depth_turned_as_seen"]


@pytest.mark.parametrize("values", [np.zeros((24, 32)), np.full((24, 32), np.nan)])
def test_depth_without_a_valid_pixel_is_refused(values):
    depth = DepthMap.from_values(values, "metric", "sensor")
    refused("no valid pixel", frame_from, np.zeros((24, 32, 3), np.uint8), depth=depth)
