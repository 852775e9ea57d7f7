"""Anchors in scenes: every kind of depth and anchor, and the problems reported where they do not suffice."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scenes
from scenes import DEPTH, DISPARITY, METRIC, SHAPE
from verifiers import uncalibrated
from verify.rooms import BOXES, FLOOR, room
from verify.rooms import scene as room_scene
from verify.rules.frames import exact_depth

from pipeline.records import Anchor, Claim, DepthKind, DepthMap, Region, ScaleSource, Scene, Status, Verdict
from pipeline.records.camera import CameraSource
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.message import message
from pipeline.synthetic.depth_errors import monocular_metric
from pipeline.synthetic.scenes import rendered_scene
from pipeline.verify.anchors import judge_anchored, with_anchors
from pipeline.verify.verifier import Verifier

LAMP_Z = {"to_camera": "lamp", "measure": "z", "value": 1.5, "unit": "m"}
CUP_Z = {"to_camera": "cup", "measure": "z", "value": 80, "unit": "cm"}
LAMP_WIDTH = {"size": "lamp", "measure": "width", "value": 20 / 150 * 1.5, "unit": "m"}
LAMP_HEIGHT = {"size": "lamp", "measure": "height", "value": 40 / 150 * 1.5, "unit": "m"}
CUP_HEIGHT = {"size": "cup", "measure": "height", "value": 20 / 150 * 0.8, "unit": "m"}


def exact(kind: DepthKind, backend: str = "rendered") -> DepthMap:
    """The analytic scene as depth of a kind, without error ("rendered") or with that of another backend."""
    depth = scenes.as_kind(scenes.depth_m(), kind, 0.7, 0.3)
    if kind is METRIC:
        return replace(depth, values=depth.values * np.float32(0.8), scale_source=ScaleSource.MODEL, backend=backend)
    return replace(depth, backend=backend)


def scene_with(
    *plain: dict[str, Any], depth: DepthMap | None = None, kind: DepthKind = SHAPE, frames: int = 1
) -> Scene:
    scene = scenes.scene(depth if depth is not None else exact(kind), frames=frames)
    return replace(scene, anchors=tuple(map(Anchor.from_plain, plain)))


def anchored(scene: Scene, regions: tuple[Region, ...] | None = None, **budget: Any) -> Scene:
    return with_anchors(scene, scenes.regions() if regions is None else regions, ErrorBudget(**budget))


def judged(scene: Scene, claims: list[Claim]) -> tuple[Verdict, ...]:
    return judge_anchored(uncalibrated(), anchored(scene), scenes.regions(), claims)


def ray(u: float, v: float) -> np.ndarray:
    camera = scenes.CAMERA
    return np.array(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1.0))


def between(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """Distance of two pixels (u, v) at depth z."""
    return float(np.linalg.norm(ray(*first[:2]) * first[2] - ray(*second[:2]) * second[2]))


BOTH = tuple(replace(region, frame=frame) for frame in (0, 1) for region in scenes.regions())
CUP_CENTRE, LAMP_CENTRE = (17.5, 19.5, 0.8), (134.5, 39.5, 1.5)
SINGLE = {
    "z": LAMP_Z,
    "straight": {
        "to_camera_px": [134.5, 39.5],
        "value": 1.5 * float(np.linalg.norm(ray(134.5, 39.5))),
        "unit": "m",
    },
    "pixel z": {"to_camera_px": [18, 20], "measure": "z", "value": 0.8, "unit": "m"},
    "pixels": {
        "between_px": [[18, 20], [140, 50]],
        "value": between((18, 20, 0.8), (140, 50, 1.5)),
        "unit": "m",
    },
    "width": LAMP_WIDTH,
    "height": LAMP_HEIGHT,
    "centres": {"between": ["cup", "lamp"], "value": 100 * between(CUP_CENTRE, LAMP_CENTRE), "unit": "cm"},
}


@pytest.mark.parametrize("kind", [SHAPE, METRIC])
@pytest.mark.parametrize("name", SINGLE)
def test_one_anchor_gives_metres_to_depth_up_to_scale(kind: DepthKind, name: str) -> None:
    scene = scene_with({**SINGLE[name], "error": 0.01 * SINGLE[name]["value"]}, kind=kind)
    found = anchored(scene)
    (depth,) = found.depth
    if kind is METRIC and depth.scale_source is ScaleSource.MODEL:
        assert found.problems[0].code == "kept_scale", "a rough anchor does not replace a better scale"
        assert name in ("width", "height")
        return
    assert found.problems == ()
    assert (depth.kind, depth.scale_source) == (METRIC, ScaleSource.ANCHOR)
    np.testing.assert_allclose(depth.values, scenes.depth_m(), rtol=1e-6)
    assert depth.scale_error is not None and 0.01 <= depth.scale_error < 0.3
    assert depth.backend == "rendered", "errors are those of the backend"
    assert found.unanchored_depth == scene.depth


PAIRS = [(LAMP_Z, CUP_Z), (LAMP_Z, CUP_HEIGHT), (SINGLE["pixel z"], LAMP_Z), (SINGLE["pixels"], CUP_Z)]


@pytest.mark.parametrize("kind", [DISPARITY, DEPTH])
@pytest.mark.parametrize("pair", PAIRS, ids=range(len(PAIRS)))
def test_two_anchors_give_metres_to_affine_kinds(kind: DepthKind, pair: tuple[dict[str, Any], ...]) -> None:
    found = anchored(scene_with(*({**plain, "error": 0.005 * plain["value"]} for plain in pair), kind=kind))
    assert found.problems == ()
    (depth,) = found.depth
    assert (depth.kind, depth.scale_source) == (METRIC, ScaleSource.ANCHOR)
    np.testing.assert_allclose(depth.values[depth.valid], scenes.depth_m()[depth.valid], rtol=1e-5)
    assert depth.valid.mean() > 0.3
    assert depth.backend == "rendered anchored", "the error of z is no longer that of an affine map"


@pytest.mark.parametrize(
    ("kind", "plain", "words"),
    [
        (
            DISPARITY,
            [LAMP_Z],
            "One anchor fixes the scale but not the shift of disparity; give a second known distance or the camera's "
            "height.",
        ),
        (DISPARITY, [LAMP_Z, {"plane": "cabinet"}], "One anchor fixes the scale but not the shift of disparity"),
        (DEPTH, [LAMP_Z], "not the shift of depth; give a second known distance or name a flat region."),
        (DEPTH, [LAMP_Z, LAMP_WIDTH], "do not fix the shift of depth"),
        (DISPARITY, [LAMP_Z, LAMP_WIDTH], "do not fix the shift of disparity"),
        (DISPARITY, [{**LAMP_Z, "value": 0.5}, {**CUP_Z, "value": 300}], "No scale and shift of disparity fit"),
        (DEPTH, [{**LAMP_Z, "value": 0.5}, {**CUP_Z, "value": 300}], "No scale and shift of depth fit"),
        (SHAPE, [{"plane": "cabinet"}], "A flat region gives no scale; give a known length or distance too."),
        (SHAPE, [{**LAMP_Z, "to_camera": "bed"}], "'bed' is 1.5 m from the camera along z\" cannot be used: No region"),
        (SHAPE, [{"camera_height": 1.4, "unit": "m"}], "The depth shows no floor. It needs: the region of the"),
        (DISPARITY, [{**LAMP_HEIGHT, "measure": "depth"}], "but no shape. It needs: a height, a width or a distance"),
    ],
)
def test_anchors_that_do_not_suffice_are_reported(kind: DepthKind, plain: list[dict[str, Any]], words: str) -> None:
    scene = scene_with(*plain, kind=kind)
    found = anchored(scene)
    assert len(found.problems) == 1
    assert words in found.problems[0].text()
    assert found.depth == scene.depth


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({**LAMP_HEIGHT, "size": "pole"}, "'pole' is only partly visible, so its height is unknown"),
        ({"between": ["board", "pole"], "value": 1, "unit": "m"}, "its centre is unknown"),
    ],
)
def test_what_is_hidden_in_part_has_no_known_size(plain: dict[str, Any], words: str) -> None:
    # A nearer board hides the lower part of the pole.
    values = scenes.flat(((70, 10, 85, 110), 2.0), ((40, 50, 120, 118), 1.0))
    regions = (Region("pole", (70, 10, 85, 50)), Region("board", (40, 50, 120, 118)))
    (problem,) = anchored(scene_with(plain, depth=scenes.as_kind(values, SHAPE)), regions).problems
    assert words in problem.text()


def test_the_height_of_the_camera_alone_leaves_the_shift_of_disparity_open() -> None:
    scene, regions = floor_scene(DISPARITY, {"camera_height": 1.4, "unit": "m"})
    (problem,) = with_anchors(scene, regions).problems
    assert problem == message("camera_height_alone")


# A camera 1.4 m above a floor, and a board at 2 m that faces it.
ROOM, POST = room(1.4, 25.0), (slice(20, 75), slice(60, 70))
ROOM.z_m[POST], ROOM.ids[POST] = 2.0, len(BOXES)


def floor_scene(kind: DepthKind, *plain: dict[str, Any]) -> tuple[Scene, tuple[Region, ...]]:
    """The room with anchors, and the regions of the board and the floor."""
    regions = (
        Region("post", (60, 20, 70, 75), mask=ROOM.ids == len(BOXES)),
        Region("floor", (0, 0, scenes.WIDTH, scenes.HEIGHT), mask=ROOM.ids == FLOOR),
    )
    scene = room_scene([ROOM], [ROOM.depth(kind, backend="rendered")])
    return replace(scene, anchors=tuple(map(Anchor.from_plain, plain))), regions


POST_Z = {"to_camera": "post", "measure": "z", "value": 2, "unit": "m", "error": 0.01}
HEIGHT = {"camera_height": 1.4, "unit": "m", "error": 0.01}


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (SHAPE, [HEIGHT]),
        (SHAPE, [{**HEIGHT, "above": "floor"}]),
        (DEPTH, [HEIGHT]),
        (DEPTH, [{**HEIGHT, "above": "floor"}]),
        (DEPTH, [POST_Z, {"plane": "floor"}]),
        (DISPARITY, [HEIGHT, POST_Z]),
        (DISPARITY, [{**HEIGHT, "above": "floor"}, POST_Z]),
    ],
)
def test_the_floor_is_an_anchor(kind: DepthKind, plain: list[dict[str, Any]]) -> None:
    scene, regions = floor_scene(kind, *plain)
    found = with_anchors(scene, regions)
    assert found.problems == ()
    (depth,) = found.depth
    assert depth.scale_source is ScaleSource.ANCHOR
    tolerance = 1e-5 if "above" in plain[0] or kind is not SHAPE else 2e-3
    np.testing.assert_allclose(depth.values[depth.valid], ROOM.z_m[depth.valid], rtol=tolerance)
    assert depth.valid.mean() > 0.7


def test_the_error_of_the_depth_itself_is_carried_on() -> None:
    sure, rough = (anchored(scene_with(LAMP_Z, depth=exact(SHAPE, name))).depth[0] for name in ("rendered", "unknown"))
    relative = ErrorBudget().noise.of(rough).relative
    assert sure.scale_error == pytest.approx(0.03, rel=0.01)
    assert rough.scale_error == pytest.approx(math.hypot(0.03, relative), rel=0.01)


def test_an_assumed_camera_makes_a_size_a_rough_anchor_but_not_a_depth() -> None:
    camera = replace(scenes.CAMERA, source=CameraSource.ASSUMED)
    errors = {}
    for name in ("width", "z"):
        scene = scene_with(SINGLE[name])
        scene = replace(scene, frames=(replace(scene.frames[0], camera=camera),))
        errors[name] = anchored(scene).depth[0].scale_error
    assert errors["width"] is not None and errors["width"] > 0.2
    assert errors["z"] == pytest.approx(0.03, rel=0.01)


def test_the_error_of_the_scale_reaches_the_verdict() -> None:
    claim = Claim("distance_to_camera", "cabinet", value=2.0, unit="m", tolerance=0.3)
    for error, status in ((0.03, Status.SUPPORTED), (0.3, Status.UNDECIDED)):
        assert judged(scene_with({**LAMP_Z, "error": error}), [claim])[0].status is status


def test_anchors_that_contradict_each_other_are_named_and_widen_the_error() -> None:
    found = anchored(scene_with(LAMP_Z, {**CUP_Z, "value": 160}))
    (problem,) = found.problems
    assert problem.text().startswith("The anchors disagree by ")
    assert "'lamp' is 1.5 m from the camera along z\" asks for 0.71 times" in problem.text()
    assert "'cup' is 160 cm from the camera along z\" asks for 1.41 times" in problem.text()
    assert found.depth[0].scale_error == pytest.approx(math.log(2) / 2, rel=1e-3)
    assert found.depth[0].misfit > 2, "the smooth error grows until they agree"
    assert anchored(scene_with(LAMP_Z, CUP_Z)).depth[0].misfit == 1.0


def test_contradicting_anchors_widen_the_error_of_the_original_affine_depth_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged_scenes: list[Scene] = []
    scene = scene_with(LAMP_Z, CUP_Z, kind=DISPARITY)
    found = anchored(scene)
    doubted = replace(found, depth=(replace(found.depth[0], misfit=3.0),))
    monkeypatch.setattr(Verifier, "judge", lambda self, scene, *rest: judged_scenes.append(scene) or ())
    judge_anchored(uncalibrated(), doubted, scenes.regions(), [])
    assert [each.depth[0].kind for each in judged_scenes] == [DISPARITY, METRIC]
    assert [each.depth[0].misfit for each in judged_scenes] == [3.0, 3.0]


@pytest.mark.parametrize(("factor", "grows"), [(1.1, False), (2.0, True)])
def test_a_network_keeps_its_scale_with_a_larger_error_where_a_rough_anchor_disagrees(
    factor: float, grows: bool
) -> None:
    depth = replace(exact(METRIC), values=scenes.depth_m())
    found = anchored(scene_with({**LAMP_Z, "value": 1.5 * factor, "error": 0.3 * factor}, depth=depth))
    assert found.problems[0].code == "kept_scale"
    own = ErrorBudget().scale_error(depth)
    expected = own * max(1.0, math.log(factor) / math.hypot(own, 0.2))
    assert found.depth[0].scale_error == pytest.approx(expected, rel=0.02)
    assert (found.depth[0].scale_error > own) is grows


@pytest.mark.parametrize(("factor", "is_reported"), [(1.0, False), (1.3, True)])
def test_a_sensor_keeps_its_scale_and_anchors_that_disagree_are_reported(factor: float, is_reported: bool) -> None:
    depth = scenes.as_kind(scenes.depth_m(), METRIC)
    found = anchored(scene_with({**LAMP_Z, "value": 1.5 * factor}, depth=depth))
    assert found.depth == (depth,)
    assert bool(found.problems) is is_reported
    if is_reported:
        assert "ask for 1.30 times the depth's own scale (± 3%)" in found.problems[0].text()


def test_a_scene_without_anchors_is_the_same_and_without_depth_says_so() -> None:
    scene = scenes.scene(exact(SHAPE))
    assert with_anchors(scene, scenes.regions()) is scene
    without = replace(scene_with(LAMP_Z), depth=())
    assert with_anchors(without, scenes.regions()).problems == (message("anchors_without_depth"),)


def test_a_scene_can_be_anchored_again_when_more_regions_are_known() -> None:
    scene = scene_with(LAMP_Z)
    before = with_anchors(scene, ())
    assert "No region is called 'lamp'" in before.problems[0].text()
    assert anchored(before).depth[0].values == pytest.approx(anchored(scene).depth[0].values)
    again = anchored(anchored(scene))
    np.testing.assert_array_equal(again.depth[0].values, anchored(scene).depth[0].values)
    assert again.unanchored_depth == scene.depth


def test_every_frame_has_a_scale_of_its_own() -> None:
    depths = (exact(SHAPE), replace(exact(SHAPE), values=exact(SHAPE).values * 5))
    scene = replace(scene_with(LAMP_WIDTH, CUP_HEIGHT, frames=2), depth=depths)
    for depth in with_anchors(scene, BOTH).depth:
        np.testing.assert_allclose(depth.values, scenes.depth_m(), rtol=1e-5)
    first = with_anchors(scene, scenes.regions())
    assert [depth.kind for depth in first.depth] == [METRIC, SHAPE]


def test_a_distance_to_the_camera_is_that_of_one_image() -> None:
    (problem,) = with_anchors(scene_with(LAMP_Z, frames=2), BOTH).problems
    assert problem.values["reason"] == message("anchor_of_one_frame")
    found = with_anchors(scene_with({**LAMP_Z, "frame": 1}, frames=2), BOTH)
    assert found.problems == ()
    assert [depth.kind for depth in found.depth] == [SHAPE, METRIC]


def test_the_problems_of_several_images_name_them() -> None:
    problems = with_anchors(scene_with(LAMP_WIDTH, kind=DISPARITY, frames=2), BOTH).problems
    assert [problem.text()[:9] for problem in problems] == ["Frame 1: ", "Frame 2: "]


DISTANCE = Claim("distance_to_camera", "cup", value=2.2, unit="m")
TALLER = Claim("taller", "lamp", "cup")
ORDER = [Claim("closer", "cup", "lamp"), Claim("occludes", "screen", "cabinet"), Claim("left_of", "cup", "lamp")]


def test_an_open_verdict_says_what_the_anchors_lack() -> None:
    scene = scene_with(LAMP_Z, kind=DISPARITY)
    distance, taller, left = judged(scene, [DISTANCE, TALLER, ORDER[2]])
    assert distance.status is taller.status is Status.UNDECIDED
    for verdict in (distance, taller):
        assert "One anchor fixes the scale but not the shift of disparity" in (verdict.needs or "")
    assert (distance.needs or "").startswith("metric depth. ")
    assert left.status is Status.SUPPORTED


@pytest.mark.parametrize("kind", [DISPARITY, DEPTH])
def test_affine_depth_with_two_anchors_decides_distances_and_keeps_its_verdicts_of_order(kind: DepthKind) -> None:
    plain = scene_with(kind=kind)
    scene = scene_with({**LAMP_Z, "error": 0.01}, {**CUP_Z, "error": 1}, kind=kind)
    distance, taller, *order = judged(scene, [DISTANCE, TALLER, *ORDER])
    assert (distance.status, taller.status) == (Status.REFUTED, Status.SUPPORTED)
    assert tuple(order) == uncalibrated().judge(plain, scenes.regions(), ORDER)


def test_the_error_of_a_scale_is_honest_on_rendered_scenes() -> None:
    """The true scale lies within twice the stated error in at least nine of ten scenes, on a network's depth."""
    rng = np.random.default_rng(0)
    pulls = []
    for seed in range(25):
        view = rendered_scene(seed, size_px=(320, 240)).view
        given = exact_depth(view)
        wrong = monocular_metric(given.values, seed).values * 3
        last = view.objects[-1]
        if sum(item.label == last.label for item in view.objects) > 1:
            continue
        value = float(np.median(last.visible_z_m)) * math.exp(0.03 * rng.standard_normal())
        anchor = Anchor.from_plain({"to_camera": last.label, "measure": "z", "value": value, "unit": "m"})
        scene = Scene("s", (view.frame,), depth=(DepthMap.from_values(wrong, SHAPE),), anchors=(anchor,))
        (depth,) = with_anchors(scene, view.regions()).depth
        assert depth.scale_error is not None
        both = depth.valid & given.valid
        pulls.append(np.median(np.log(depth.values[both] / given.values[both])) / depth.scale_error)
    assert len(pulls) >= 15
    assert np.mean(np.abs(pulls) < 2) >= 0.9
