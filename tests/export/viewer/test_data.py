from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from viewer_pages import result_of, stored_scene

from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.data import view_data
from pipeline.export.viewer.points import FramePoints, Quantisation, unpacked
from pipeline.export.viewer.words import WORDS
from pipeline.geometry.backprojection import back_project_pixels, project
from pipeline.records import Camera, Claim, DepthMap, Evidence, Frame, Region, Result, Sampling, Scene, Status, Verdict
from pipeline.records.error_budget import DepthErrors

CAMERA = Camera(600.0, 610.0, 310.0, 245.0, 640, 480)
SMALL = Camera(60.0, 60.0, 31.0, 24.0, 64, 48)


def metric(values: np.ndarray, valid: np.ndarray | None = None) -> DepthMap:
    known = np.ones(values.shape, bool) if valid is None else valid
    return DepthMap(values.astype(np.float32), known, "metric", "sensor")  # type: ignore[arg-type]


def room(camera: Camera) -> np.ndarray:
    rows, columns = np.mgrid[: camera.height, : camera.width]
    return np.asarray(1.5 + columns / camera.width + 0.5 * np.sin(rows / camera.height * 6))


def points_of(frame: dict[str, Any]) -> FramePoints:
    return unpacked(frame["points"], frame["count"], Quantisation(**frame["depth"]), frame["confidence"])


def test_the_points_lie_within_a_millimetre_and_a_pixel_of_where_they_belong() -> None:
    depth = metric(room(CAMERA))
    stored = stored_scene(depth, CAMERA)
    data = view_data(stored, result_of(stored))
    frame, points = data["frames"][0], points_of(data["frames"][0])
    assert (frame["count"], frame["total"]) == (66_000, 307_200)
    assert len(json.dumps(data)) < 550_000
    rows, columns = np.divmod(points.pixels, CAMERA.width)
    true = back_project_pixels(columns, rows, depth.values[rows, columns].astype(float), CAMERA)
    fx, fy, cx, cy = frame["camera"]
    found = np.stack(((columns - cx) / fx, (rows - cy) / fy, np.ones(len(rows))), axis=1) * points.z[:, None]
    assert np.abs(found - true).max() <= 0.001
    assert np.abs(project(found, CAMERA) - np.stack((columns, rows), axis=1)).max() < 1e-6
    np.testing.assert_array_equal(points.colours, stored.scene.frames[0].rgb[rows, columns])


def test_frames_with_poses_share_the_space_of_the_first_one() -> None:
    angle = 0.3
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle), 1e6], [0, 1, 0, -2], [-np.sin(angle), 0, np.cos(angle), 3], [0, 0, 0, 1]]
    )
    poses = (turn, turn @ np.array([[1, 0, 0, 0.5], [0, 1, 0, 0.1], [0, 0, 1, -0.2], [0, 0, 0, 1.0]]))
    frames = tuple(
        Frame(np.zeros((48, 64, 3), np.uint8), SMALL, pose=pose, name=f"f{k}") for k, pose in enumerate(poses)
    )
    other = Frame(np.zeros((48, 64, 3), np.uint8), SMALL, name="alone")
    stored = StoredScene(Scene("item", (*frames, other), depth=(metric(room(SMALL)),) * 3))
    data = view_data(stored, result_of(stored), most_points=1000)
    assert [view["frames"] for view in data["views"]] == [[0, 1], [0], [1], [2]]
    assert data["views"][0]["label"] == "All 2 frames"
    assert [frame["shared"] for frame in data["frames"]] == [True, True, False]
    assert np.allclose(data["frames"][0]["pose"], np.eye(4))
    assert np.allclose(np.array(data["frames"][1]["pose"])[:3, 3], (0.5, 0.1, -0.2), atol=1e-6)
    assert sum(frame["count"] for frame in data["frames"]) == 3000, "three times those of one"


def affine(kind: str) -> DepthMap:
    values = np.tile(np.linspace(-5, 12, 64), (48, 1)).astype(np.float32)
    return DepthMap(values, np.ones(values.shape, bool), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "nearer"), [("disparity_affine", 63), ("depth_affine", 0)])
def test_affine_depth_becomes_a_relief_of_its_order(kind: str, nearer: int) -> None:
    stored = stored_scene(affine(kind), SMALL)
    data = view_data(stored, result_of(stored))
    frame, points = data["frames"][0], points_of(data["frames"][0])
    z = points.z.reshape(48, 64)
    assert frame["relief"] and not frame["shared"]
    assert (np.argmin(z[0]) < 32) == (nearer == 0)
    assert z.min() >= 1 - 1e-4 and z.max() <= 2 + 1e-4
    assert "no scale and no shape" in data["notice"]


@pytest.mark.parametrize(("language", "words"), [("en", "ratios"), ("zh", "没有尺度")])
def test_depth_without_a_scale_says_so_in_the_language_of_the_result(language: Any, words: str) -> None:
    depth = DepthMap(room(SMALL).astype(np.float32), np.ones((48, 64), bool), "scale_invariant")  # type: ignore[arg-type]
    stored = stored_scene(depth, SMALL)
    data = view_data(stored, result_of(stored, language=language))
    assert words in data["notice"]
    assert set(data["words"]) == {code.removeprefix("viewer_") for code in WORDS}


HOSTILE = {
    "not numbers": np.full((48, 64), np.nan),
    "infinite": np.full((48, 64), np.inf),
    "negative": np.full((48, 64), -1.0),
    "zero": np.zeros((48, 64)),
    "huge": np.full((48, 64), 3e38),
}


@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE)
def test_depth_without_a_usable_pixel_gives_no_frame_but_a_notice(values: np.ndarray) -> None:
    stored = stored_scene(metric(values), SMALL)
    data = view_data(stored, result_of(stored, regions=(Region("cup", (5, 5, 20, 20)),)))
    assert (data["frames"], data["views"]) == ([], [])
    assert data["notice"] == "The depth has no valid pixel."
    assert "corners" not in data["regions"][0]


def test_no_depth_gives_a_notice() -> None:
    stored = StoredScene(Scene("item", (Frame(np.zeros((48, 64, 3), np.uint8), SMALL),)))
    assert view_data(stored, result_of(stored))["notice"].startswith("There is no depth")


@pytest.mark.parametrize("kind", ["metric", "scale_invariant", "depth_affine", "disparity_affine"])
@pytest.mark.parametrize("valid", [1, 0])
def test_a_single_pixel_is_shown_if_it_is_valid(kind: str, valid: int) -> None:
    source = "sensor" if kind == "metric" else "none"
    depth = DepthMap(np.ones((1, 1)), np.full((1, 1), bool(valid)), kind, source)  # type: ignore[arg-type]
    stored = stored_scene(depth, Camera(1, 1, 0, 0, 1, 1))
    data = view_data(stored, result_of(stored, regions=(Region("dot", (0, 0, 1, 1)),)))
    assert [frame["count"] for frame in data["frames"]] == [1] * valid


def test_large_frames_with_mixed_values_keep_plain_json_and_the_number_of_points() -> None:
    values = np.random.default_rng(0).uniform(0.2, 30, (3000, 4000))
    values[::7] = np.nan
    values[1::7] = np.inf
    values[2, 2] = 3e38
    stored = stored_scene(metric(values), Camera(3000, 3000, 2000, 1500, 4000, 3000))
    data = view_data(stored, result_of(stored))
    text = json.dumps(data, allow_nan=False)
    assert data["frames"][0]["count"] == 66_000 and len(text) < 900_000
    assert points_of(data["frames"][0]).z.max() < 100


def block_scene() -> tuple[StoredScene, Result]:
    """A cube, 20 cm wide, 1 m before a wall; a mask shows its front."""
    values = np.full((480, 640), 2.0)
    values[200:320, 250:370] = 1.0
    mask = values < 1.5
    regions = (
        Region("cube", (250, 200, 370, 320), mask=mask),
        Region("cube", (245, 195, 375, 325)),
        Region("nothing", (0, 0, 0, 0)),
        Region("outside", (900, 900, 950, 950)),
    )
    stored = stored_scene(metric(values), CAMERA)
    return stored, result_of(stored, regions=regions)


def test_boxes_surround_the_object_of_a_mask_and_of_a_box_without_its_background() -> None:
    data = view_data(*block_scene())
    for region in data["regions"][:2]:
        corners = np.array(region["corners"])
        assert corners.shape == (8, 3)
        size = corners.max(axis=0) - corners.min(axis=0)
        # The core leaves two pixels out at each edge.
        assert size == pytest.approx((116 / 600, 116 / 610, 0), abs=0.012)
        assert corners.mean(axis=0)[2] == pytest.approx(1, abs=0.01)
    assert "corners" not in data["regions"][3]
    assert [region["name"] for region in data["regions"]] == ["cube", "cube#2", "nothing", "outside"]


def verdict(claim: Claim, **evidence: Any) -> Verdict:
    return Verdict(claim, Status.SUPPORTED, "It is.", 0.9, evidence=(Evidence(0, (0, 1), **evidence),))


def test_measured_distances_become_lines_with_their_number_and_error() -> None:
    stored, result = block_scene()
    points = {
        "nearest_subject": (0.0, 0.0, 1.0), "nearest_object": (0.5, 0.0, 1.0),
        "centre_subject": (0.0, 0.0, 1.1), "centre_object": (0.8, 0.0, 1.1),
    }  # fmt: skip
    numbers = {
        "nearest_visible_m": 0.5, "centres_m": 0.8, "nearest_sigma_relative": 0.1, "centre_sigma_relative": 0.05,
    }  # fmt: skip
    claim = Claim("distance_between", "cube", "nothing", value=0.5, unit="m")  # type: ignore[arg-type]
    both, nearest = (
        verdict(claim, points=points, numbers=numbers),
        verdict(replace(claim, measure="nearest"), points=points, numbers=numbers),
    )
    data = view_data(stored, replace(result, verdicts=(both, nearest)))
    assert [line["text"] for line in data["claims"][0]["lines"]] == ["50.0 cm ± 9.8 cm", "80.0 cm ± 7.8 cm"]
    assert [line["dashed"] for line in data["claims"][0]["lines"]] == [False, True]
    assert [line["to"] for line in data["claims"][1]["lines"]] == [[0.5, 0.0, 1.0]]
    assert data["claims"][0]["regions"] == [0, 1] and data["claims"][0]["status"] == "supported"


LINES = [
    (Claim("in_front_of", "cube", "nothing"), {"z_subject_m": 1.0, "z_object_m": 2.0}, "1.00 m in depth"),
    (
        Claim("in_front_of", "cube", "nothing"),
        {"z_subject_m": 1.0, "z_object_m": 2.0, "difference_m": 0.9, "sigma_m": 0.1},
        "90.0 cm ± 19.6 cm in depth",
    ),
    (
        Claim("in_front_of", "cube", "nothing"),
        {"z_subject_relative": 1.0, "z_object_relative": 2.0},
        "depth ratio 2.00",
    ),
    (Claim("left_of", "cube", "nothing"), {"centre_x_subject_px": 1.0, "centre_x_object_px": 2.0}, ""),
]


@pytest.mark.parametrize(("claim", "numbers", "text"), LINES)
def test_lines_say_what_was_compared(claim: Claim, numbers: dict[str, float], text: str) -> None:
    stored, result = block_scene()
    points = {"subject": (0.0, 0.0, 1.0), "object": (0.1, 0.0, 2.0)}
    data = view_data(stored, replace(result, verdicts=(verdict(claim, points=points, numbers=numbers),)))
    (line,) = data["claims"][0]["lines"]
    assert (line["from"], line["to"], line["text"]) == ([0, 0, 1], [0.1, 0, 2], text)


def test_a_distance_to_the_camera_starts_at_the_camera() -> None:
    stored, result = block_scene()
    claim = Claim("distance_to_camera", "cube", value=1.0, unit="m")  # type: ignore[arg-type]
    numbers = {"nearest_m": 0.9, "middle_m": 1.0, "sigma_relative": 0.05}
    found = verdict(claim, points={"subject": (0.0, 0.0, 1.0)}, numbers=numbers)
    (line,) = view_data(stored, replace(result, verdicts=(found,)))["claims"][0]["lines"]
    assert (line["from"], line["to"], line["text"]) == ([0, 0, 0], [0, 0, 1], "1.00 m ± 0.10 m")


def test_a_contour_lies_at_the_depth_of_the_nearer_side() -> None:
    stored, result = block_scene()
    contour = tuple((249.5, float(v)) for v in range(200, 320))
    found = verdict(Claim("occludes", "cube", "nothing"), contour_px=contour)
    (entry,) = view_data(stored, replace(result, verdicts=(found,)))["claims"][0]["contours"]
    points = np.array(entry["points"])
    assert len(points) == 120 and np.allclose(points[:, 2], 1.0, atol=1e-4)
    assert np.allclose(project(points, CAMERA), contour, atol=0.05)


def test_errors_of_depth_and_a_step_reach_the_data() -> None:
    values = np.full((480, 640), 2.0)
    values[:, 320:] = 3.0
    errors = DepthErrors(0.01, 0.002, 0.2, 0.001, 0.0005, 1.0, 0.03, 0.04)
    stored = stored_scene(metric(values), CAMERA, errors=errors)
    frame = view_data(stored, result_of(stored), most_points=400_000)["frames"][0]
    assert frame["errors"] == {
        "relative": 0.01, "relative_per_m": 0.002, "place_share": 0.2,
        "pixel": 0.001, "pixel_per_m": 0.0005, "scale": 0.03, "focal": 0.04,
    }  # fmt: skip
    edges = points_of(frame).edges.reshape(480, 640)
    assert (edges[:, 319] > 0.1).all() and not edges[:, :319].any()


def test_the_steps_between_copied_values_of_a_coarse_slope_are_no_edges() -> None:
    coarse = np.tile(np.linspace(1, 3, 40), (30, 1))
    depth = DepthMap(
        coarse.repeat(16, axis=0).repeat(16, axis=1), np.ones((480, 640), bool), "metric", "sensor",  # type: ignore[arg-type]
        sampling=Sampling(16, 16),
    )  # fmt: skip
    stored = stored_scene(depth, CAMERA, errors=DepthErrors(pixel=0.001, blur_px=1.0))
    assert not points_of(view_data(stored, result_of(stored))["frames"][0]).edges.any()


@pytest.mark.parametrize("kind", ["metric", "disparity_affine"])
def test_of_very_many_frames_those_with_regions_are_shown(kind: str) -> None:
    source = "sensor" if kind == "metric" else "none"
    depth = DepthMap(room(SMALL), np.ones((48, 64), bool), kind, source)  # type: ignore[arg-type]
    frames = tuple(Frame(np.zeros((48, 64, 3), np.uint8), SMALL, pose=np.eye(4)) for _ in range(100))
    stored = StoredScene(Scene("item", frames, depth=(depth,) * 100))
    data = view_data(stored, result_of(stored, regions=(Region("cup", (1, 1, 20, 20), 57),)), most_points=20_000)
    shown = [frame["index"] for frame in data["frames"]]
    assert 40 <= len(shown) <= 48 and 57 in shown and shown == sorted(set(shown))
    assert shown[0] == 0 and shown[-1] == 99
    assert (data["views"][0]["label"] == f"{len(shown)} of 100 frames") == (kind == "metric")
    assert sum(frame["count"] for frame in data["frames"]) == 60_000


@pytest.mark.parametrize(
    ("points", "numbers"),
    [
        ({"nearest_subject": (0.0, 0.0, 1.0)}, {"nearest_visible_m": 0.5}),
        (
            {"nearest_subject": (0.0, 0.0, 1.0), "nearest_object": (0.5, 0.0, 1.0)},
            {"nearest_visible_m": 0.5},
        ),
        (
            {"subject": (0.0, 0.0, 1.0), "object": (0.5, 0.0, 1.0)},
            {"z_subject_relative": 1e-300, "z_object_relative": 1e300},
        ),
    ],
)
def test_evidence_without_its_partners_breaks_no_page(
    points: dict[str, tuple[float, float, float]], numbers: dict[str, float]
) -> None:
    stored, result = block_scene()
    claim = Claim("distance_between", "cube", "nothing", value=1.0, unit="m")  # type: ignore[arg-type]
    evidence = Evidence(0, (0, 1), numbers, points)
    verdict = Verdict(claim, Status.SUPPORTED, "It is.", 0.99, evidence=(evidence,))
    (entry,) = view_data(stored, replace(result, verdicts=(verdict,)))["claims"]
    assert all("nan" not in line["text"] for line in entry["lines"])


def test_depth_without_metres_shows_no_lengths_whatever_its_evidence_says() -> None:
    stored, result = block_scene()
    (depth,) = stored.scene.depth
    shape = replace(depth, kind="scale_invariant", scale_source="none", scale_error=None)
    stored = replace(stored, scene=replace(stored.scene, depth=(shape,)))
    points = {"nearest_subject": (0.0, 0.0, 1.0), "nearest_object": (0.5, 0.0, 1.0)}
    evidence = Evidence(0, (0, 1), {"nearest_visible_m": 0.5, "nearest_sigma_relative": 0.1}, points)
    claim = Claim("distance_between", "cube", "nothing", value=1.0, unit="m")  # type: ignore[arg-type]
    verdict = Verdict(claim, Status.SUPPORTED, "It is.", 0.99, evidence=(evidence,))
    (entry,) = view_data(stored, replace(result, verdicts=(verdict,)))["claims"]
    assert entry["lines"] == []
