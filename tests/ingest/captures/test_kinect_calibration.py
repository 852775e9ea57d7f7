"""Numbers by hand from mode_specific_calibration.c of the Azure Kinect Sensor SDK."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from ingest.captures.kinect_recordings import COLOUR_PARAMETERS, calibration

from pipeline.geometry.lens import Lens
from pipeline.geometry.projections import moved
from pipeline.ingest.captures.kinect_calibration import read_calibration
from pipeline.records.errors import InputError


def read(content: Any, image: tuple[int, int] = (1280, 720), depth: tuple[int, int] = (320, 288)) -> Any:
    return read_calibration(content if isinstance(content, bytes) else json.dumps(content).encode(), image, depth)


@pytest.mark.parametrize(
    ("size", "sensor", "left", "top"),
    [
        ((320, 288), 512, 96, 90),
        ((640, 576), 1024, 192, 180),
        ((512, 512), 512, 0, 0),
        ((1024, 1024), 1024, 0, 0),
    ],
)
def test_modes_of_depth_are_cut_out_of_the_sensor(size: tuple[int, int], sensor: int, left: int, top: int) -> None:
    camera = read(calibration(), depth=size).depth_camera
    assert (camera.width, camera.height) == size
    assert (camera.fx, camera.fy) == pytest.approx((0.49278089 * sensor, 0.49290284 * sensor))
    assert camera.cx == pytest.approx(0.51296979 * sensor - left - 0.5)
    assert camera.cy == pytest.approx(0.51692355 * sensor - top - 0.5)


@pytest.mark.parametrize(
    ("size", "whole_height", "top"),
    [
        ((1280, 720), 960, 120),
        ((1920, 1080), 1440, 180),
        ((2560, 1440), 1920, 240),
        ((2048, 1536), 1536, 0),
        ((3840, 2160), 2880, 360),
        ((4096, 3072), 3072, 0),
    ],
)
def test_modes_of_colour_are_cut_out_of_the_sensor(size: tuple[int, int], whole_height: int, top: int) -> None:
    camera = read(calibration(), image=size).image_camera
    assert (camera.width, camera.height) == size
    assert (camera.fx, camera.fy) == pytest.approx((0.47796512 * size[0], 0.63742393 * whole_height))
    assert camera.cx == pytest.approx(0.49984714 * size[0] - 0.5)
    assert camera.cy == pytest.approx(0.50661761 * whole_height - top - 0.5)


def test_an_older_calibration_for_16_by_9_gives_the_same_camera() -> None:
    cx, cy, fx, fy, *rest = COLOUR_PARAMETERS
    # The same rows in shares of 2304, of which the first is row 384 of 3072.
    older = (cx, (cy * 3072 - 384) / 2304, fx, fy * 3072 / 2304, *rest)
    for size in ((4096, 2304), (1920, 1080)):
        found = read(calibration(parameters=older, size=size)).image_camera
        expected = read(calibration()).image_camera
        assert (found.fx, found.fy, found.cx, found.cy) == pytest.approx(
            (expected.fx, expected.fy, expected.cx, expected.cy)
        )


def test_tangential_terms_stand_last_and_in_reverse() -> None:
    numbers = (*COLOUR_PARAMETERS[:4], 1, 2, 3, 4, 5, 6, 0, 0, 0.002, 0.001)
    found = read(calibration(parameters=numbers))
    assert found.image_lens == Lens("brown_conrady", (1, 2, 0.001, 0.002, 3, 4, 5, 6))
    assert found.depth_lens is None


def test_points_go_from_the_depth_camera_into_the_colour_camera() -> None:
    content = calibration()
    turned = content["CalibrationInformation"]["Cameras"][1]["Rt"]
    # Rows first: the colour camera's x axis is the depth camera's y axis.
    turned["Rotation"] = [0, 1, 0, -1, 0, 0, 0, 0, 1]
    found = read(content).depth_to_image
    assert moved(np.array([[0.0, 0.5, 2]]), found)[0] == pytest.approx((0.5 - 0.032, -0.002, 2.004))
    content["CalibrationInformation"]["Cameras"][0]["Rt"]["Translation"] = [0, 0, 1]
    assert moved(np.array([[0.0, 0.5, 2]]), read(content).depth_to_image)[0] == pytest.approx((0.468, -0.002, 1.004))


def test_a_zero_at_the_end_of_the_text_is_no_damage() -> None:
    assert read(json.dumps(calibration()).encode() + b"\0").image_camera.width == 1280


def changed(key: str, value: Any) -> dict[str, Any]:
    content = calibration()
    entry = content["CalibrationInformation"]["Cameras"][1]
    (entry["Intrinsics"] if key.startswith("Model") else entry)[key] = value
    return content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"[]", "damaged"),
        ({"CalibrationInformation": {"Cameras": []}}, "damaged"),
        (changed("Location", "CALIBRATION_CameraLocationX"), "damaged"),
        (changed("ModelParameters", [0.5] * 9), "damaged"),
        (changed("ModelParameters", [math.nan] * 14), "damaged"),
        (changed("ModelParameters", [0.0] * 14), "damaged"),
        (changed("ModelParameters", "x"), "damaged"),
        (changed("ModelParameters", [*COLOUR_PARAMETERS[:10], 0.1, 0, 0, 0]), "centre of distortion"),
        (changed("ModelType", "CALIBRATION_LensDistortionModelTheta"), "distortion model"),
        (changed("SensorHeight", 4096), "another shape"),
        (changed("SensorHeight", "tall"), "damaged|another shape"),
        (changed("Rt", {"Rotation": [1] * 9, "Translation": [0, 0, 0]}), "damaged"),
        (changed("Rt", {"Rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1], "Translation": [0, 0, math.inf]}), "damaged"),
        (changed("Rt", None), "damaged"),
    ],
)
def test_a_calibration_that_is_none_is_refused(content: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(content)


@pytest.mark.parametrize("sizes", [{"image": (1280, 721)}, {"depth": (640, 480)}])
def test_sizes_that_no_mode_has_are_refused(sizes: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="which no mode of the camera has"):
        read(calibration(), **sizes)
