from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.scan_focal import scan_focal_evidence
from pipeline.records import Camera, DepthMap, Sampling

CAMERA = Camera(720.0, 720.0, 620.0, 180.0, 1242, 375)


def scan(camera=CAMERA, step_deg=(0.18, 0.4), noise=0.0):
    """Returns of a scanner at the camera's place, evenly spaced in azimuth and elevation, on a cylinder 10 m away."""
    azimuth, elevation = np.radians(np.meshgrid(np.arange(-80, 80, step_deg[0]), np.arange(-14, 3, step_deg[1])))
    azimuth = azimuth + noise * np.radians(step_deg[0]) * np.random.default_rng(0).standard_normal(azimuth.shape)
    x, y, z = 10 * np.sin(azimuth), -10 * np.tan(elevation), 10 * np.cos(azimuth)
    columns, rows = np.rint(x / z * camera.fx + camera.cx), np.rint(y / z * camera.fy + camera.cy)
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    at = rows[inside].astype(int), columns[inside].astype(int)
    values, valid = np.ones((camera.height, camera.width)), np.zeros((camera.height, camera.width), bool)
    values[at], valid[at] = z[inside], True
    return DepthMap(values, valid, "metric", "sensor", sampling=Sampling(2.0, 5.0, True))


@pytest.mark.parametrize("focal_px", [600, 720, 900])
def test_the_density_of_returns_gives_the_focal_length(focal_px):
    camera = replace(CAMERA, fx=float(focal_px), fy=float(focal_px))
    evidence = scan_focal_evidence(scan(camera, noise=0.3), camera)
    assert evidence.focal_px == pytest.approx(focal_px, rel=0.2)
    assert evidence.weight_of_given == 1


@pytest.mark.parametrize("factor", [0.5, 0.66, 1.6, 2.5])
def test_a_wrong_focal_length_is_contradicted(factor):
    wrong = replace(CAMERA, fx=CAMERA.fx * factor, fy=CAMERA.fy * factor)
    evidence = scan_focal_evidence(scan(noise=0.3), wrong)
    assert (evidence.weight, evidence.weight_of_given) == (1, 0)


def test_a_narrow_view_a_few_returns_and_gaps_say_nothing():
    narrow = Camera(2400.0, 2400.0, 620.0, 180.0, 1242, 375)
    assert scan_focal_evidence(scan(narrow, step_deg=(0.05, 0.1)), narrow) is None
    few = scan()
    assert scan_focal_evidence(replace(few, valid=few.valid & (np.arange(375) % 60 == 0)[:, None]), CAMERA) is None
    assert scan_focal_evidence(replace(few, valid=few.valid & (np.arange(1242) > 640)), CAMERA) is None
