"""How far an object is from the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from verifiers import uncalibrated

from pipeline.records import Camera, Claim, DepthMap, Frame, Region, Scene


@pytest.mark.parametrize("u", [0.5, 0.98])
def test_an_assumed_focal_length_adds_to_the_error_beside_the_axis(u: float) -> None:
    depth = DepthMap.from_values(np.full((120, 160), 2.0), "metric", "sensor", backend="rendered")
    camera = Camera.from_fov(160, 120, 90)
    found = {}
    for source in ("given", "assumed"):
        frame = Frame(np.zeros((120, 160, 3), np.uint8), replace(camera, source=source), given_depth=depth)
        region = Region("x", (160 * u - 4, 56, min(160 * u + 4, 160), 64))
        (verdict,) = uncalibrated().judge(
            Scene("s", (frame,), depth=(depth,)), (region,), [Claim("distance_to_camera", "x", value=2, unit="m")]
        )
        found[source] = verdict.evidence[0].numbers["sigma_relative"]
    assert (found["assumed"] > found["given"] + 0.05) is (u > 0.9)
