"""Several posed frames together against the exact geometry of rendered worlds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from synthetic.worlds import CAMERA, FLOOR, piece
from verify.rules.frames import exact_depth, sensed

from pipeline.records import Claim, DepthMap
from pipeline.synthetic.scenes import RenderedScene, look_at, rendered_sequence
from pipeline.synthetic.view import RenderedView, render
from pipeline.synthetic.world import World
from pipeline.verify import fusion
from pipeline.verify.rules.base import CannotMeasure, Finding
from pipeline.verify.rules.merged import centre_and_size, merge_object, posed_frames, shared_up
from pipeline.verify.rules.object_view import ObjectView, object_views
from pipeline.verify.rules.view import FrameView

BOXES = (
    piece("red box", (-0.5, 0.0, 0.0), (0.4, 0.3, 0.3)),
    piece("blue box", (0.5, 0.2, 0.0), (0.3, 0.5, 0.5)),
    piece("green box", (0.66, -0.3, 0.0), (0.2, 0.2, 0.2)),
    piece("grey box", (0.5, -0.5, 0.0), (0.12, 0.2, 0.25)),
)
WORLD = World(BOXES, (FLOOR,))
RED, BLUE, GREEN, GREY = (item.label for item in BOXES)
# red: x -0.7 .. -0.3; blue: x 0.35 .. 0.65.
NEAREST_M, CENTRES_M = 0.65, math.sqrt(1.0 + 0.2**2 + 0.1**2)


def seen_from(*angles_deg: float, height_m: float = 1.2, world: World = WORLD) -> tuple[RenderedView, ...]:
    """Views of the world from around its middle."""
    views = []
    for index, angle in enumerate(np.radians(angles_deg)):
        eye = np.array((2.1 * math.sin(angle), -2.1 * math.cos(angle), height_m))
        views.append(render(world, CAMERA, look_at(eye, np.array((0, 0, 0.2))), index=index, name=f"view {index + 1}"))
    return tuple(views)


def frames_of(
    views: tuple[RenderedView, ...], *, sensor: bool = False
) -> tuple[list[FrameView], tuple[ObjectView, ...]]:
    regions = tuple(region for view in views for region in view.regions())
    made = []
    for view in views:
        made.append(FrameView(view.frame, sensed(view, view.index) if sensor else exact_depth(view)))
    return made, object_views(made, regions)


def located(objects: Sequence[ObjectView], label: str, frames: tuple[int, ...] | None = None) -> dict[int, ObjectView]:
    return {
        item.region.frame: item
        for item in objects
        if item.label == label and (frames is None or item.region.frame in frames)
    }


def judged(claim: Claim, views: list[FrameView], objects: Sequence[ObjectView], **frames: tuple[int, ...]) -> Finding:
    names = [name for name in (claim.subject, claim.object) if name is not None]
    keys = ("subject", "object")
    return fusion.judge(
        claim, views, [located(objects, name, frames.get(key)) for key, name in zip(keys, names, strict=False)]
    )


def distance_claim(value: float, measure: str | None = "centre") -> Claim:
    return Claim("distance_between", RED, BLUE, value=value, unit="m", measure=measure)


def test_the_centre_distance_from_all_around_is_exact_to_pixels() -> None:
    views, objects = frames_of(seen_from(0, 70, -70))
    up = shared_up(views, 0)
    centres = [centre_and_size(merge_object(views, located(objects, name), 0), up)[0] for name in (RED, BLUE)]
    assert float(np.linalg.norm(centres[0] - centres[1])) == pytest.approx(CENTRES_M, abs=0.015)


@cache
def random_worlds() -> list[RenderedScene]:
    return [rendered_sequence(seed, 3, turn_deg=40, size_px=(320, 240)) for seed in range(20)]


@pytest.mark.slow
@pytest.mark.parametrize("sensor", [False, True])
def test_centre_distances_of_random_worlds_are_better_from_three_frames_than_from_one(sensor: bool) -> None:
    errors = []
    for made in random_worlds():
        views, objects = frames_of(made.views, sensor=sensor)
        up = shared_up(views, 0)
        centres = {}
        for item in made.views[0].objects:
            frames = located(objects, item.label)
            large = all(np.count_nonzero(found.region.mask) > 300 for found in frames.values())
            if len(frames) == 3 and large and all(found.is_whole for found in frames.values()):
                alone, together = (merge_object(views, some, 0) for some in ({0: frames[0]}, frames))
                places = [centre_and_size(thing, up)[0] for thing in (alone, together)]
                centres[item.label] = (*places, np.array(item.box_3d.center_m))
        for first, second in combinations(centres.values(), 2):
            alone_m, together_m, exact_m = (float(np.linalg.norm(a - b)) for a, b in zip(first, second, strict=True))
            errors.append((abs(alone_m - exact_m) / exact_m, abs(together_m - exact_m) / exact_m))
    from_one, from_three = np.mean(errors, axis=0)
    assert len(errors) >= 12
    assert from_three < 0.8 * from_one
    assert from_three < 0.04


def test_sizes_from_around_are_those_of_the_objects() -> None:
    views, objects = frames_of(seen_from(0, 90, 180, 270))
    for label, size in ((RED, (0.4, 0.3, 0.3)), (BLUE, (0.3, 0.5, 0.5))):
        thing = merge_object(views, located(objects, label), 0)
        _, sides = centre_and_size(thing, shared_up(views, 0))
        np.testing.assert_allclose(np.sort(sides), np.sort(size), atol=0.025)
        assert thing.frames == (0, 1, 2, 3)
        assert thing.turn_rad > math.radians(80)


@pytest.mark.parametrize(
    "claim, is_true",
    [
        (distance_claim(1.0), True),
        (distance_claim(0.6), False),
        (distance_claim(2.0), False),
        (replace(distance_claim(0.8, "nearest"), comparison="at_most"), True),
        (distance_claim(1.2, "nearest"), False),
        (distance_claim(0.8, None), True),
        (Claim("size", BLUE, value=50, unit="cm", measure="height"), True),
        (Claim("size", BLUE, value=30, unit="cm", measure="height"), False),
        (Claim("size", BLUE, value=50, unit="cm", measure="depth"), True),
        (Claim("taller", BLUE, RED), True),
        (Claim("taller", RED, BLUE), False),
        (Claim("larger", BLUE, GREEN), True),
        (Claim("smaller", BLUE, GREEN), False),
        (Claim("wider", RED, BLUE), True),
        (Claim("touching", RED, BLUE), False),
    ],
    ids=lambda part: getattr(part, "in_words", str)(),
)
def test_claims_on_what_all_frames_show(claim: Claim, is_true: bool) -> None:
    views, objects = frames_of(seen_from(0, 60, -60, 180))
    finding = judged(claim, views, objects)
    assert (finding.probability > 0.95) if is_true else (finding.probability < 0.05)
    assert finding.note.values["frames"] == (0, 1, 2, 3)
    assert (finding.margin is not None) and (finding.margin > 0) is is_true


def test_sides_that_no_frame_sees_leave_the_nearest_points_open() -> None:
    views, objects = frames_of(seen_from(0, 60, -60))
    with pytest.raises(CannotMeasure, match="hidden ones may be as close as"):
        judged(distance_claim(NEAREST_M, "nearest"), views, objects)


def test_objects_that_no_frame_shows_together_are_measured_by_poses() -> None:
    views, objects = frames_of(seen_from(0, 60, -60, 180))
    claim = distance_claim(1.0)
    assert judged(claim, views, objects, subject=(0, 1), object=(2, 3)).probability > 0.9
    assert judged(replace(claim, value=2.0), views, objects, subject=(0,), object=(3,)).probability < 0.05


def test_boxes_that_meet_are_seen_to_touch() -> None:
    boxes = piece("red box", (0, 0, 0), (0.4, 0.4, 0.4)), piece("blue box", (0.35, 0, 0), (0.3, 0.3, 0.3))
    views, objects = frames_of(seen_from(-40, 0, 40, height_m=1.0, world=World(boxes, (FLOOR,))))
    assert judged(Claim("touching", "red box", "blue box"), views, objects).probability > 0.9


def test_without_poses_or_metres_nothing_is_merged() -> None:
    views, objects = frames_of(seen_from(0, 60))
    bare = [FrameView(replace(view.frame, pose=None), view.depth) for view in views]
    scaleless = [FrameView(view.frame, DepthMap.from_values(view.depth.values, "scale_invariant")) for view in views]
    assert posed_frames(views) == (0, 1)
    for useless in (bare, scaleless):
        assert posed_frames(useless) == ()
        with pytest.raises(CannotMeasure) as caught:
            judged(distance_claim(1.0), useless, objects)
        assert caught.value.needs.code == "needs_posed_depth"


def test_relations_that_depend_on_the_camera_are_not_judged() -> None:
    views, objects = frames_of(seen_from(0, 60))
    with pytest.raises(CannotMeasure):
        judged(Claim("left_of", RED, BLUE), views, objects)


def test_frames_that_contradict_each_other_are_named() -> None:
    views, objects = frames_of(seen_from(0, 40))
    pose = views[1].frame.pose
    assert pose is not None
    wrong = pose.copy()
    wrong[:3, 3] += (0.0, -1.2, 0.6)
    views[1] = FrameView(replace(views[1].frame, pose=wrong), views[1].depth)
    with pytest.raises(CannotMeasure, match=r"By their poses, frames 1 and 2 place 'red box' .* apart") as caught:
        judged(distance_claim(1.0), views, objects)
    assert caught.value.needs.code == "needs_agreeing_poses"


def test_hidden_parts_leave_centres_open() -> None:
    # From the front, the green and the grey box hide a part of the blue one.
    views, objects = frames_of(seen_from(-15, height_m=0.3))
    with pytest.raises(CannotMeasure, match="their centres are unknown"):
        judged(distance_claim(1.0), views, objects)
