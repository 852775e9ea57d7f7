from __future__ import annotations

import numpy as np
import pytest

from pipeline.geometry.lens import Lens
from pipeline.ingest.captures.base import CapturedFrame
from pipeline.ingest.captures.finish import finished
from pipeline.records import Camera, DepthMap

CAMERA = Camera(50, 52, 30.5, 22.5, 64, 48)
RGB = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
DEPTH = DepthMap.from_values(np.arange(1, 13, dtype=np.float32).reshape(3, 4), "metric", "sensor")


def codes(frame):
    return [note.code for note in frame.notes]


def test_a_frame_that_needs_nothing_stays_as_it_is():
    found = finished(CapturedFrame(RGB, "a", CAMERA, depth=DEPTH, pose=np.eye(4)))
    assert found.rgb is RGB and found.depth is DEPTH and found.camera == CAMERA and codes(found) == []


def test_a_sideways_recording_is_turned_upright_with_everything_it_has():
    # World y points up; the camera's x axis points down in the world.
    pose = np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = finished(CapturedFrame(RGB, "a", CAMERA, depth=DEPTH, pose=pose, world_down=np.array([0.0, -1, 0])))
    assert (found.rgb == np.rot90(RGB, 3)).all()
    assert (found.depth.values == np.rot90(DEPTH.values, 3)).all()
    assert found.camera == CAMERA.rotated(3)
    assert found.pose[:3, :3] @ [0, 1, 0] == pytest.approx([0, -1, 0])
    assert codes(found) == ["capture_turned"]
    assert "90 degrees clockwise" in found.notes[0].text()


def test_the_lens_of_an_image_is_undone_in_image_and_depth():
    lens = Lens("brown_conrady", (-0.3,))
    found = finished(CapturedFrame(RGB, "a", CAMERA, lens=lens, depth=DEPTH))
    assert codes(found) == ["lens_undone"]
    assert (found.rgb != RGB).any() and found.depth.shape == DEPTH.shape


def test_depth_of_another_camera_is_registered_after_its_lens_is_undone():
    to_image = np.eye(4)
    to_image[2, 3] = 0.25
    depth = DepthMap.from_values(np.full((48, 64), 2.0), "metric", "sensor")
    found = finished(
        CapturedFrame(
            RGB,
            "a",
            CAMERA,
            depth=depth,
            depth_camera=CAMERA,
            depth_lens=Lens("fisheye", (0.02,)),
            depth_to_image=to_image,
        )
    )
    assert codes(found) == ["depth_registered"]
    assert found.depth.values[found.depth.valid] == pytest.approx(2.25)
