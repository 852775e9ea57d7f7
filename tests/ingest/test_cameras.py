from __future__ import annotations

import logging

import pytest
from ingest.refusals import refused

from pipeline.ingest.cameras import camera_for, check_camera
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import InputError, RecordError

SPEC = {"fx": 500, "fy": 510, "cx": 320, "cy": 240}


def test_a_given_camera_beats_exif_and_exif_beats_the_assumption():
    assert camera_for(640, 480, SPEC, 26.0) == Camera(**SPEC, width=640, height=480, source=CameraSource.GIVEN)
    assert camera_for(640, 480, None, 26.0).source is CameraSource.EXIF
    assumed = camera_for(640, 480, fov_deg=90)
    assert assumed.source is CameraSource.ASSUMED
    assert assumed.fx == pytest.approx(320)


def test_a_camera_for_another_size_is_resized():
    camera = camera_for(640, 480, {"fx": 1000, "fy": 1000, "cx": 639.5, "cy": 479.5, "width": 1280, "height": 960})
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (500, 500, 319.5, 239.5)


def test_a_camera_of_the_image_before_its_turn_is_refused():
    spec = {**SPEC, "width": 640, "height": 480}
    refused("480 x 640 px; give the camera of the image turned upright", camera_for, 480, 640, spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({**SPEC, "cx": 3000}, "outside the image"),
        ({**SPEC, "width": 640, "height": 640}, "another aspect ratio"),
    ],
)
def test_a_doubtful_camera_is_warned_about(caplog, spec, words):
    with caplog.at_level(logging.WARNING):
        camera_for(640, 480, spec)
    assert words in caplog.text


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"fx": 500, "fy": 500, "cx": 320}, "lacks cy"),
        ({**SPEC, "widht": 640}, "did you mean 'width'"),
        ({**SPEC, "width": 640}, "both width and height"),
        ({**SPEC, "fx": -5}, "positive"),
        ({**SPEC, "fx": "wide"}, "finite number"),
        ([500, 500, 320, 240], "must be given as"),
    ],
)
def test_a_wrong_camera_is_refused(spec, words):
    with pytest.raises((InputError, RecordError), match=words):
        check_camera(spec)
