from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.self_calibration import focal_evidence
from pipeline.records import Camera, DepthMap

CAMERA = Camera(300.0, 300.0, 159.5, 119.5, 320, 240)


def planes_seen(planes, camera=CAMERA, noise=0.0):
    """Depth of the nearest of planes (normal, distance) that every pixel's ray meets."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack(((columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(columns.shape)), -1)
    depths = []
    for normal, distance in planes:
        with np.errstate(divide="ignore"):
            z = distance / (rays @ np.asarray(normal, float))
        depths.append(np.where(z > 0, z, np.inf))
    depth = np.min(depths, axis=0)
    depth = depth * (1 + noise * np.random.default_rng(0).standard_normal(depth.shape))
    return DepthMap.from_values(depth, "metric", "sensor")


def turned(yaw_deg, pitch_deg):
    """Rows: right, down and forward of a room, in a camera turned by yaw and then tilted down by pitch."""
    yaw, pitch = np.radians((yaw_deg, pitch_deg))
    about_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return (about_x @ about_y.T).T


def room(yaw_deg=25, pitch_deg=20, **values):
    right, down, forward = turned(yaw_deg, pitch_deg)
    return planes_seen([(down, 1.4), (forward, 4.0), (right, 2.0), (-right, 2.5)], **values)


@pytest.mark.parametrize("noise", [0.0, 0.003])
@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), [(25, 20), (40, 10), (5, 35), (-30, 15)])
def test_the_right_angles_of_a_room_give_its_focal_length(yaw_deg, pitch_deg, noise):
    evidence = focal_evidence(room(yaw_deg, pitch_deg, noise=noise), CAMERA)
    assert evidence.focal_px == pytest.approx(300, rel=0.04)
    assert evidence.weight_of_given == pytest.approx(evidence.weight, rel=0.2)


@pytest.mark.parametrize("factor", [0.5, 0.67, 1.5, 2.0])
def test_a_wrong_focal_length_finds_no_support(factor):
    wrong = replace(CAMERA, fx=300 * factor, fy=300 * factor)
    evidence = focal_evidence(room(), wrong)
    assert evidence.focal_px == pytest.approx(300, rel=0.04)
    assert evidence.weight_of_given < 0.2 * evidence.weight


def test_unequal_focal_lengths_are_taken_from_the_camera():
    camera = Camera(300.0, 270.0, 150.0, 110.0, 320, 240)
    evidence = focal_evidence(room(camera=camera), replace(camera, fx=600.0, fy=540.0))
    assert evidence.focal_px == pytest.approx(300, rel=0.04)


@pytest.mark.parametrize(
    "planes",
    [
        [((0, 0, 1), 2.0)],
        [((0, 0.6, 0.8), 2.0)],
        # A floor and a wall right ahead of a level camera are at right angles for any focal length.
        [((0, 1, 0), 1.4), ((0, 0, 1), 4.0)],
    ],
)
def test_planes_that_say_nothing_give_nothing(planes):
    assert focal_evidence(planes_seen(planes), CAMERA) is None


def test_tiny_and_empty_depth_gives_nothing():
    small = DepthMap.from_values(np.ones((3, 3)), "metric", "sensor")
    assert focal_evidence(small, CAMERA.resized(3, 3)) is None
    nothing = DepthMap(np.ones((240, 320)), np.zeros((240, 320), bool), "metric", "sensor")
    assert focal_evidence(nothing, CAMERA) is None
