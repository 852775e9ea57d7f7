"""Every number of every verdict on rooms in closed form: a wrong sign or constant anywhere moves one of them.

``pinned_verdicts.json`` holds the numbers of the last review; run this file
(``python tests/verify/test_verifier_pinned.py``) to rewrite them after a deliberate change, and review
the difference. Correctness does not follow from the table: decided verdicts must also agree with the boxes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import DEPTH, DISPARITY, METRIC, SHAPE
from verifiers import uncalibrated
from verify.rooms import BOXES, Room, room, scene

from pipeline.records import Anchor, Claim, DepthKind, Region, Scene, Status, Verdict
from pipeline.records.error_budget import ErrorBudget
from pipeline.verify.anchors import judge_anchored, with_anchors
from pipeline.verify.rules.base import Settings

TABLE = Path(__file__).with_name("pinned_verdicts.json")
SENSOR = {"scale_source": "sensor", "backend": "sensor"}
EXACT = {"scale_source": "sensor", "backend": "rendered"}
MODEL = {"scale_source": "model", "backend": "unidepth"}

PAIRS = (
    ("crate", "cupboard"),
    ("radio", "cupboard"),
    ("cup", "crate"),
    ("pillar", "cupboard"),
    ("stool", "cupboard"),
    ("cup", "stool"),
    ("crate", "stool"),
)


def claim(relation: str, subject: str, other: str | None = None, value: float | None = None, **rest: Any) -> Claim:
    unit = {"count": "count", "occludes": "fraction", "occluded_by": "fraction"}.get(relation, "m")
    return Claim(relation, subject, other, value=value, unit=None if value is None else unit, **rest)


CLAIMS = (
    *(
        claim(relation, *pair)
        for pair in PAIRS
        for relation in ("left_of", "above", "closer", "behind", "same_depth", "occludes", "touching", "on", "taller")
    ),
    *(claim(relation, *pair) for pair in PAIRS[:3] for relation in ("wider", "larger", "below", "farther")),
    *(claim("above", *pair, measure=measure) for pair in PAIRS[:3] for measure in ("image", "world")),
    *(
        claim("distance_between", *PAIRS[k], v, measure=m)
        for k in (0, 2, 4)
        for v, m in ((0.45, "nearest"), (1.0, "centre"), (0.6, None))
    ),
    *(
        claim("size", label, value=value, measure=measure)
        for label in BOXES
        for value, measure in ((0.4, "width"), (0.5, "height"), (0.3, "depth"), (0.6, None))
    ),
    *(claim("distance_to_camera", label, value=2.3) for label in BOXES),
    *(claim("distance_to_camera", "crate", value=2.0, comparison=bound) for bound in ("at_least", "at_most")),
    claim("size", "stool", value=0.4, measure="height", comparison="at_least"),
    claim("size", "stool", value=0.5, measure="height", tolerance=0.02),
    claim("distance_between", "crate", "stool", 0.5, comparison="at_most", negated=True),
    *(claim("closer", "crate", "cupboard", value) for value in (0.3, 0.8)),
    *(claim("behind", "stool", "crate", value, comparison="at_least") for value in (0.1, 0.5)),
    *(claim("occludes", "crate", "cupboard", value) for value in (0.1, 0.3, 0.7)),
    claim("between", "cupboard", "stool", other_object="pillar"),
    claim("between", "crate", "stool", other_object="cup"),
    *(
        claim("count", label, value=value, comparison=bound)
        for label, value in (("stool", 1), ("cup", 2))
        for bound in ("about", "at_least", "at_most")
    ),
    *(claim("closer", "cup", "stool", frames=frames) for frames in ((0,), (1, 2), (7,))),
    claim("left_of", "cup", "stool", perspective="stool"),
    claim("occludes", "crate", "cupboard", negated=True),
    claim("closer", "crate", "lamp"),
    *(claim("box_3d", label) for label in BOXES),
)


def of_one(view: Room, depth: Callable[[Room], Any], **regions: Any) -> tuple[Scene, tuple[Region, ...]]:
    return scene([view], [depth(view)]), view.regions(**regions)


def depth(kind: DepthKind, **rest: Any) -> Callable[[Room], Any]:
    return lambda view: view.depth(kind, **rest)


def blurred(view: Room) -> Any:
    """Sensor depth whose steps are blurred over three pixels."""
    import cv2

    smooth = cv2.blur(view.z_m, (3, 3))
    return replace(view, z_m=smooth).depth(METRIC, noise=0.004, **SENSOR)


def without_floor(view: Room) -> Any:
    """Only the boxes are measured, so up is unknown."""
    made = view.depth(METRIC, noise=0.002, **SENSOR)
    return replace(made, valid=made.valid & (view.ids >= 0))


def moved_boxes(view: Room, share: float, **rest: Any) -> tuple[Region, ...]:
    """3D boxes off their places, and without masks where the 2D box is moved too."""
    found = []
    for number, region in enumerate(view.regions(**rest)):
        assert region.box_3d is not None
        centre, size = np.array(region.box_3d.center_m), np.array(region.box_3d.size_m)
        sign = 1 if number % 2 else -1
        box = replace(
            region.box_3d, center_m=tuple(centre + sign * share * size), size_m=tuple(size * (1 + sign * share))
        )
        found.append(replace(region, box_3d=box))
    return tuple(found)


def points_only(view: Room) -> tuple[Region, ...]:
    """A point in the middle of each box, as pointing models give it."""
    middles = [
        ((one.box_px[0] + one.box_px[2]) / 2, (one.box_px[1] + one.box_px[3]) / 2, one) for one in view.regions()
    ]
    return tuple(replace(one, box_px=(x, y, x, y), mask=None, box_3d=None) for x, y, one in middles)


def doubled(view: Room) -> tuple[Region, ...]:
    """A second stool elsewhere, the same crate once more, and the cup under another name."""
    made = view.regions(masks=False)
    by_label = {one.label: one for one in made}
    near = tuple(value + 0.4 for value in by_label["crate"].box_px)
    return (
        *made,
        replace(by_label["pillar"], label="stool"),
        replace(by_label["crate"], box_px=near),
        replace(by_label["cup"], label="mug"),
    )


def several(
    kind: DepthKind, *, posed: bool, noise: float, scales: Sequence[float] = (1.0, 1.0, 1.0), **rest: Any
) -> tuple[Scene, tuple[Region, ...]]:
    """Three views of the room, whose depth may disagree."""
    views = [room(), room(x_m=0.7, yaw_deg=-20.0), room(x_m=-0.6, yaw_deg=15.0, height_m=1.4, pitch_deg=22.0)]
    depths = [
        replace(one, z_m=one.z_m * scale).depth(kind, noise=noise, **rest)
        for one, scale in zip(views, scales, strict=True)
    ]
    regions = tuple(
        region for number, one in enumerate(views) for region in one.regions(frame=number, masks=number != 1)
    )
    return scene(views, depths, posed=posed), regions


def anchored(kind: DepthKind, *plain: dict[str, Any], **rest: Any) -> tuple[Scene, tuple[Region, ...]]:
    """Depth without a scale, with known lengths."""
    view = room()
    made = replace(scene([view], [view.depth(kind, **rest)]), anchors=tuple(map(Anchor.from_plain, plain)))
    return made, view.regions()


STOOL = {"size": "stool", "measure": "height", "value": 0.45, "unit": "m"}
CRATE = {"to_camera": "crate", "measure": "z", "value": 1.85, "unit": "m"}
PILLAR = {"to_camera": "pillar", "value": 2.95, "unit": "m", "error": 0.03}
HEIGHT = {"camera_height": 1.1, "unit": "m"}
APART = {"between": ["crate", "stool"], "measure": "nearest", "value": 0.32, "unit": "m"}

SCENES: dict[str, Callable[[], tuple[Scene, tuple[Region, ...]]]] = {
    "exact depth, masks": lambda: of_one(room(), depth(METRIC, **EXACT)),
    "exact depth, boxes": lambda: of_one(room(), depth(METRIC, **EXACT), masks=False),
    "sensor with noise and holes, masks": lambda: of_one(room(), depth(METRIC, noise=0.004, holes=0.1, **SENSOR)),
    "sensor, boxes that a person gave": lambda: of_one(
        room(), depth(METRIC, noise=0.004, holes=0.1, **SENSOR), masks=False, origin="given"
    ),
    "sensor, masks out of register": lambda: of_one(room(), depth(METRIC, noise=0.004, **SENSOR), shift_px=2),
    "sensor with smeared steps, boxes": lambda: of_one(room(), blurred, masks=False),
    "sensor that sees no floor": lambda: of_one(room(), without_floor),
    "steep view, large image": lambda: of_one(
        room(1.9, 35.0, focal_px=300.0, size_px=(320, 240)), depth(METRIC, noise=0.01, **SENSOR)
    ),
    "assumed focal length, a network's metres": lambda: of_one(
        room(focal_px=170.0, source="assumed"), depth(METRIC, noise=0.01, **MODEL)
    ),
    "a network's metres, boxes": lambda: of_one(
        room(0.6, 2.0, source="exif"), depth(METRIC, noise=0.01, **MODEL), masks=False
    ),
    "depth up to scale, masks": lambda: of_one(room(), depth(SHAPE, noise=0.003, backend="moge")),
    "depth up to scale, boxes": lambda: of_one(room(), depth(SHAPE, noise=0.003), masks=False),
    "affine depth": lambda: of_one(room(), depth(DEPTH, noise=0.003)),
    "affine disparity, masks": lambda: of_one(room(), depth(DISPARITY, noise=0.003, backend="midas")),
    "affine disparity, boxes": lambda: of_one(room(), depth(DISPARITY, noise=0.003, backend="midas"), masks=False),
    "points instead of boxes": lambda: (of_one(room(), depth(METRIC, noise=0.004, **SENSOR))[0], points_only(room())),
    "3D boxes a little off": lambda: (
        of_one(room(), depth(METRIC, noise=0.004, **SENSOR))[0],
        moved_boxes(room(), 0.12),
    ),
    "3D boxes far off, no masks": lambda: (
        of_one(room(), depth(SHAPE, noise=0.004))[0],
        moved_boxes(room(), 0.5, masks=False),
    ),
    "regions of one label": lambda: (of_one(room(), depth(METRIC, noise=0.004, **SENSOR))[0], doubled(room())),
    "other settings": lambda: of_one(room(), depth(METRIC, noise=0.004, holes=0.1, **SENSOR), masks=False),
    "masks far out of register": lambda: of_one(room(), depth(METRIC, noise=0.004, **SENSOR), shift_px=-5),
    "disparity, masks out of register": lambda: of_one(room(), depth(DISPARITY, noise=0.003), shift_px=4),
    "a vague budget": lambda: of_one(room(), depth(METRIC, noise=0.004, **SENSOR)),
    "three frames with poses": partial(several, METRIC, posed=True, noise=0.006, **SENSOR),
    "three frames without poses": partial(several, METRIC, posed=False, noise=0.006, **SENSOR),
    "three frames with poses that disagree": partial(
        several, METRIC, posed=True, noise=0.006, scales=(1.0, 1.15, 0.9), **SENSOR
    ),
    "three frames of disparity": partial(several, DISPARITY, posed=False, noise=0.006, backend="midas"),
    "depth up to scale and a known height": partial(anchored, SHAPE, STOOL, noise=0.003),
    "affine depth and two known distances": partial(anchored, DEPTH, CRATE, PILLAR, noise=0.003),
    "affine disparity, a length and the camera's height": partial(
        anchored, DISPARITY, APART, HEIGHT, noise=0.002, backend="rendered"
    ),
    "a network's metres and three anchors": partial(
        anchored, METRIC, STOOL, CRATE, {"plane": "pillar"}, noise=0.003, **MODEL
    ),
}

VERIFIERS = {
    "other settings": uncalibrated(
        0.2,
        settings=Settings(edge_px=1, min_pixels=200, foreground_share=0.5, tolerance=0.3, max_points=100),
    ),
    "a vague budget": uncalibrated(
        budget=ErrorBudget(
            scale={"sensor": 0.1, "model": 0.3, "anchor": 0.1},
            focal={"given": 0.1, "exif": 0.1, "model": 0.1, "assumed": 0.3, "doubtful": 3.0},
            mask_px=2.0,
            stray_mask=0.1,
        )
    ),
    "three frames of disparity": uncalibrated(frame_correlation=0.1),
}


def judged(name: str) -> tuple[Verdict, ...]:
    """Verdicts on every second claim, in turn the odd and the even ones."""
    made, regions = SCENES[name]()
    verifier = VERIFIERS.get(name, uncalibrated())
    made = with_anchors(made, regions, verifier.budget, verifier.settings)
    return judge_anchored(verifier, made, regions, CLAIMS[list(SCENES).index(name) % 2 :: 2])


def named(one: Claim) -> str:
    """An identifier of a claim that does not depend on its words, which may change."""
    parts = (one.relation, one.subject, one.object, one.other_object, one.value, one.measure, one.comparison[3:])
    return " ".join(str(part) for part in (*parts, *one.frames) if part not in (None, "ut"))


def numbers_of(verdict: Verdict) -> list[float | None]:
    """Probability, margin and all that was measured, frame by frame; six digits, -1 for none."""
    found = [verdict.probability, verdict.margin]
    for item in verdict.evidence:
        found += [item.probability, *(item.numbers[key] for key in sorted(item.numbers))]
        # Points are many; their sum moves with each of them.
        found += [sum(part for parts in item.points.values() for part in parts)] if item.points else []
    return [-1.0 if value is None else float(f"{value:.6g}") for value in found]


@pytest.mark.parametrize("name", SCENES)
def test_the_numbers_of_verdicts_stay(name: str) -> None:
    pinned = json.loads(TABLE.read_text("utf-8"))[name]
    moved = []
    for verdict, (words, status, *numbers) in zip(judged(name), pinned, strict=True):
        assert words == named(verdict.claim)
        found = numbers_of(verdict)
        if verdict.status != status or found != pytest.approx(numbers, rel=1e-5, abs=2e-6, nan_ok=True):
            moved.append(f"{words}: {verdict.status} {found}, not {status} {numbers}")
    assert moved == []


def is_true(one: Claim) -> bool | None:
    """Whether a claim is true of the boxes; None where this is not tested."""
    low, high = (np.array(corner) for corner in BOXES[one.subject])
    if one.value is not None or one.object not in BOXES or one.other_object is not None:
        return None
    other_low, other_high = (np.array(corner) for corner in BOXES[one.object])
    nearer = None if abs(low[1] - other_low[1]) < 0.2 else low[1] < other_low[1]
    answers = {
        "closer": nearer,
        "behind": None if nearer is None else not nearer,
        "taller": (high - low)[2] > (other_high - other_low)[2],
        "on": (one.subject, one.object) == ("radio", "cupboard"),
        "occludes": (one.subject, one.object) == ("crate", "cupboard"),
    }
    found = answers.get(one.relation)
    return None if found is None else bool(found) is not one.negated


@pytest.mark.parametrize(
    "name",
    [
        *("exact depth, masks", "sensor with noise and holes, masks", "depth up to scale, masks"),
        *("affine depth", "affine disparity, masks"),
    ],
)
def test_decided_verdicts_agree_with_the_boxes(name: str) -> None:
    decided = [one for one in judged(name) if one.status is not Status.UNDECIDED and is_true(one.claim) is not None]
    assert [one.claim.in_words() for one in decided if (one.status is Status.SUPPORTED) is not is_true(one.claim)] == []
    assert len(decided) >= 4


if __name__ == "__main__":
    rows = {name: [[named(one.claim), one.status, *numbers_of(one)] for one in judged(name)] for name in SCENES}
    lines = [f"{json.dumps(name)}: [\n" + ",\n".join(map(json.dumps, found)) + "\n]" for name, found in rows.items()]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
