from __future__ import annotations

from dataclasses import replace

import exported
import numpy as np
import pytest

from pipeline.export.space import measured_lines, to_y_up, up_axis
from pipeline.records import Claim, Evidence, Status, Verdict


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_axis_that_is_up_becomes_y_and_hands_stay(axis: int, sign: int) -> None:
    turn = to_y_up(axis, sign)
    np.testing.assert_array_equal(turn @ (sign * np.eye(3)[axis]), (0, 1, 0))
    np.testing.assert_array_equal(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == 1


@pytest.mark.parametrize("tilt_deg", [-40, 0, 40])
def test_up_is_the_axis_nearest_to_the_upper_side_of_the_images(tilt_deg: float) -> None:
    sine, cosine = np.sin(np.radians(tilt_deg)), np.cos(np.radians(tilt_deg))
    tilted = np.eye(4)
    tilted[:3, :3] = [[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]]
    assert up_axis(exported.stored(poses=(tilted,)).scene, [0]) == (1, -1)
    z_up = np.eye(4)
    z_up[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    assert up_axis(exported.stored(poses=(z_up @ tilted,)).scene, [0]) == (2, 1)
    assert up_axis(exported.stored("scale_invariant", (z_up,)).scene, [0]) == (1, -1), "its points have no place there"


def test_a_distance_to_the_camera_is_a_line_from_it() -> None:
    claim = Claim("distance_to_camera", "cup", value=1, unit="m")
    evidence = Evidence(0, (1,), {"sigma_relative": 0.05}, {"subject": (0.3, 0.0, 0.4)}, 0.9)
    verdict = Verdict(claim, Status.UNDECIDED, "Near.", 0.5, needs="more", evidence=(evidence,))
    scene = exported.stored(poses=(exported.pose(),))
    (line,) = measured_lines(scene.scene, replace(exported.result(scene), verdicts=(verdict,)), [0])
    np.testing.assert_allclose(line.ends[0], exported.pose()[:3, 3])
    assert line.length == pytest.approx(0.5) and line.label == "0.5 ± 0.025 m"
    assert line.name == "cup is 1 m from the camera (camera)"


@pytest.mark.parametrize("frames", [[], [1]])
def test_lines_of_frames_that_are_not_shown_are_left_out(frames: list[int]) -> None:
    scene = exported.stored(poses=(None, None))
    assert measured_lines(scene.scene, exported.result(scene), frames) == []


def test_points_that_are_no_place_give_no_line() -> None:
    scene = exported.stored()
    first = exported.verdicts()[0]
    for ends in (
        {"nearest_subject": (0.0, 0.0, 1.0), "nearest_object": (0.0, 0.0, 1.0)},
        {"nearest_subject": (np.nan, 0.0, 1.0), "nearest_object": (0.0, 0.0, 1.0)},
        {"nearest_subject": (0.0, 0.0, 1.0)},
    ):
        evidence = replace(first.evidence[0], points=ends)
        result = replace(exported.result(scene), verdicts=(replace(first, evidence=(evidence,)),))
        assert measured_lines(scene.scene, result, [0]) == []


def test_an_error_in_metres_is_used_where_there_is_no_share() -> None:
    scene = exported.stored()
    first = exported.verdicts()[0]
    evidence = replace(first.evidence[0], numbers={"sigma_m": 0.07})
    result = replace(exported.result(scene), verdicts=(replace(first, evidence=(evidence,)),))
    (line,) = measured_lines(scene.scene, result, [0])
    assert line.sigma == 0.07
