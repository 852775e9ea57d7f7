"""Objects of boxes and masks against the exact pixels of rendered worlds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic.worlds import piece
from verifiers import WEIGHTS, uncalibrated
from verify.rules.frames import disparity, exact_depth, objects, predicted, rescaled, seen, sensed

from pipeline.geometry.objects import ObjectPixels
from pipeline.geometry.scattered import depth_of_returns
from pipeline.records import Claim, DepthKind, DepthMap, Origin, Region, Status
from pipeline.synthetic.view import RenderedView
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.cut_out import box_within
from pipeline.verify.rules.object_view import ObjectView, object_views
from pipeline.verify.rules.view import FrameView

BOX = piece("red box", (-0.5, 0.0, 0.0), (0.4, 0.3, 0.4))
BALL = piece("green ball", (0.45, 0.2, 0.0), (0.4, 0.4, 0.4))
CONE = piece("blue cone", (0.0, -0.4, 0.0), (0.25, 0.25, 0.35))


@pytest.fixture(scope="module")
def view() -> RenderedView:
    return seen(BOX, BALL, CONE, height_m=1.1)


def boxed(view: RenderedView, depth: DepthMap | None = None) -> tuple[ObjectView, ...]:
    return objects(view, depth, masks=False)


def in_scene(depth: DepthMap, *regions: Region) -> tuple[ObjectView, ...]:
    return object_views((FrameView(scenes.scene().frames[0], depth),), regions)


def in_frame(found: ObjectPixels, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[found.window.slices] = found.mask
    return mask


def overlaps(found: Sequence[ObjectView], view: RenderedView) -> list[float]:
    """Intersection over union of every object found and its exact pixels."""
    shares = []
    for own, item in zip(found, view.objects, strict=True):
        mask = in_frame(own.pixels, view.ids.shape)
        shares.append(float((mask & item.visible).sum() / (mask | item.visible).sum()))
    return shares


# A sensor leaves holes beside steps, and a network blurs them.
@pytest.mark.parametrize(
    ("depth_of", "least"),
    [
        (exact_depth, 0.85),
        (lambda view: rescaled(view, 0.01), 0.85),
        (lambda view: rescaled(view, 1000.0), 0.85),
        (sensed, 0.7),
        (predicted, 0.6),
    ],
)
def test_floor_and_wall_are_removed_from_boxes(
    view: RenderedView, depth_of: Callable[[RenderedView], DepthMap], least: float
) -> None:
    assert min(overlaps(boxed(view, depth_of(view)), view)) > least


@settings(max_examples=25)
@given(scale=st.floats(0.01, 1000), shift=st.floats(-5, 5))
def test_they_are_removed_from_disparity_of_any_scale_and_shift(view: RenderedView, scale: float, shift: float) -> None:
    plain, changed = (boxed(view, disparity(view, *numbers)) for numbers in ((1.0, 0.0), (scale, scale * shift)))
    assert min(overlaps(plain, view)) > 0.85
    for first, second in zip(plain, changed, strict=True):
        assert (first.pixels.mask != second.pixels.mask).mean() < 0.01


def test_a_box_around_nothing_but_the_wall_keeps_its_pixels(view: RenderedView) -> None:
    image = Region("picture", (20.0, 5.0, 80.0, 30.0))
    (found,) = objects(view, regions=[image])
    assert found.pixels.mask.mean() > 0.9


def test_a_mask_is_the_object(view: RenderedView) -> None:
    for own, item in zip(objects(view), view.objects, strict=True):
        np.testing.assert_array_equal(in_frame(own.pixels, view.ids.shape), item.visible & exact_depth(view).valid)
        assert own.pixels.core.sum() <= item.visible.sum()


@pytest.mark.parametrize(
    "backend, masked, expected", [("rendered", True, 0), ("rendered", False, 2), ("someone's", True, 1)]
)
def test_only_edges_that_depth_mixes_are_eroded(backend: str, masked: bool, expected: int) -> None:
    depth = DepthMap.from_values(scenes.depth_m(), "metric", "sensor", backend=backend)
    mask = scenes.depth_m() == scenes.OBJECTS["cup"][1]
    region = Region("cup", scenes.OBJECTS["cup"][0], mask=mask if masked else None)
    (found,) = in_scene(depth, region)
    assert found.eroded_px == expected
    assert found.pixels.core.sum() == (16 - 2 * expected) * (20 - 2 * expected)


def test_a_refusal_is_repeated() -> None:
    depth = DepthMap.from_values(scenes.depth_m(), "metric", "sensor")
    (crumb,) = in_scene(depth, Region("crumb", (10, 10, 12, 12)))
    for _ in range(2):
        with pytest.raises(CannotMeasure, match="'crumb' has") as caught:
            crumb.pixels  # noqa: B018
        assert caught.value.regions == (0,)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("share, is_enough", [(0.05, False), (0.09, False), (0.11, True), (0.3, True)])
def test_an_object_that_hardly_has_depth_is_not_judged_by_the_rest(share: float, is_enough: bool, masked: bool) -> None:
    left, top, right, bottom = box = scenes.OBJECTS["lamp"][0]
    rows, columns = (slice(top, bottom), slice(left, right))
    valid = np.ones(scenes.depth_m().shape, bool)
    count = (bottom - top) * (right - left)
    valid[rows, columns] = (np.arange(count) < share * count).reshape(bottom - top, right - left)
    mask = np.zeros_like(valid)
    mask[rows, columns] = True
    depth = DepthMap.from_values(np.where(valid, scenes.depth_m(), 0), "metric", "sensor")
    (found,) = in_scene(depth, Region("lamp", box, mask=mask if masked else None))
    if is_enough:
        assert found.pixels.median == pytest.approx(np.log(1.5), abs=1e-3)
        return
    with pytest.raises(CannotMeasure, match=rf"^Only {share:.0%} of 'lamp' has valid depth\.$"):
        found.pixels  # noqa: B018


def test_returns_of_a_scanner_cover_little_of_their_box_and_are_enough() -> None:
    hit = np.zeros(scenes.depth_m().shape, bool)
    hit[::5, ::3] = True
    depth = depth_of_returns(np.where(hit, scenes.depth_m(), 0).astype(np.float32), hit, "lidar")
    (found,) = in_scene(depth, Region("lamp", scenes.OBJECTS["lamp"][0]))
    assert found.pixels.median == pytest.approx(np.log(1.5), abs=1e-3)


def test_text_on_an_object_does_not_take_its_pixels() -> None:
    depth = DepthMap.from_values(scenes.depth_m(), "metric", "sensor")
    box = scenes.OBJECTS["lamp"][0]
    word = Region("40 W", (128, 30, 142, 40), origin=Origin.OCR)
    (alone,), (labelled, text) = in_scene(depth, Region("lamp", box)), in_scene(depth, Region("lamp", box), word)
    np.testing.assert_array_equal(alone.pixels.mask, labelled.pixels.mask)
    assert text.pixels.median == pytest.approx(np.log(1.5), abs=1e-3)


@pytest.mark.parametrize(
    "box, expected",
    [
        ((10, 10, 20, 20), (10, 10, 20, 20)),
        ((-5, -5, 20, 20), (0, 0, 20, 20)),
        ((100, 50, 300, 300), (100, 50, 160, 120)),
        ((200, 10, 220, 20), None),
        ((-20, 10, -5, 20), None),
    ],
)
def test_boxes_end_at_the_frame(box: tuple[float, ...], expected: tuple[float, ...] | None) -> None:
    assert box_within(Region("x", box), (scenes.HEIGHT, scenes.WIDTH)) == expected  # type: ignore[arg-type]


def test_a_mask_has_the_box_of_its_pixels() -> None:
    mask = scenes.inside((50, 30, 70, 40))
    assert box_within(Region("x", (0, 0, 100, 100), mask=mask), mask.shape) == (50, 30, 70, 40)


CARD, CARD_M = (60, 30, 80, 90), 1.0
STONE, STONE_M = (10, 10, 35, 35), 2.0


def beside_wall(right: int, **rest: Any) -> tuple[DepthMap, Region]:
    """Depth of a card and a stone before the wall, and a box of the card that ends that far to the right."""
    depth = scenes.as_kind(scenes.flat((CARD, CARD_M), (STONE, STONE_M)), DepthKind.METRIC)
    return depth, Region("card", (*CARD[:2], right, CARD[3]), **rest)


def likely(depth: DepthMap, *regions: Region) -> list[tuple[float, float]]:
    """Probability and z of every surface that may be the first region's object."""
    (item, *_) = object_views((FrameView(scenes.scene().frames[0], depth, weights=WEIGHTS),), regions)
    return [(share, round(float(np.exp(view.pixels.median)), 2)) for share, view in item.alternatives]


def test_the_more_of_a_box_is_wall_the_likelier_the_wall_is_meant() -> None:
    found = {right: dict((z, share) for share, z in likely(*beside_wall(right))) for right in (80, 110, 120, 140)}
    assert found[80] == {CARD_M: 1.0}
    walls = [shares.get(scenes.WALL_M, 0.0) for shares in found.values()]
    assert walls == sorted(walls) and walls[-1] > walls[1] > 0.02
    for shares in found.values():
        assert sum(shares.values()) == pytest.approx(1.0)
        assert next(iter(shares)) == CARD_M, "the likeliest comes first"


@pytest.mark.parametrize("right", [110, 140])
def test_a_mask_leaves_no_other_surface(right: int) -> None:
    depth, region = beside_wall(right, mask=scenes.inside(CARD))
    assert likely(depth, region) == [(1.0, CARD_M)]
    assert likely(depth, Region("card", (70.0, 50.0, 70.0, 50.0))) == [(1.0, CARD_M)], "nor does a point"


def test_a_surface_that_was_taken_for_the_object_of_another_box_is_less_likely() -> None:
    depth, region = beside_wall(140)
    rival = Region("picture", (85.0, 20.0, 155.0, 100.0))
    alone, contested = (dict((z, share) for share, z in likely(depth, region, *others)) for others in ((), (rival,)))
    assert contested.get(scenes.WALL_M, 0.0) < alone[scenes.WALL_M]


@pytest.mark.parametrize("relation, nearer", [("closer", True), ("farther", False)])
def test_a_verdict_about_a_box_is_averaged_over_its_surfaces(relation: str, nearer: bool) -> None:
    depth, region = beside_wall(140)
    ((share, z), (rest, other)) = likely(depth, region)
    assert (z, other) == (CARD_M, scenes.WALL_M)
    stone = Region("stone", STONE, mask=scenes.inside(STONE))
    (verdict,) = uncalibrated().judge(scenes.scene(depth), (region, stone), [Claim(relation, "card", "stone")])
    # The card is nearer than the stone, the wall is not.
    assert verdict.probability == pytest.approx(share if nearer else rest, abs=0.01)
    assert verdict.status is Status.UNDECIDED and "mask" in (verdict.needs or "")


def cards(*, masks: bool) -> tuple[np.ndarray, Region, Region]:
    """Two cards of one depth, whose boxes overlap so much that depth cannot tell whose the pixels are."""
    values = scenes.flat(((30, 30, 110, 90), 1.0))
    left, right = (
        Region(label, box, mask=np.isin(np.arange(scenes.WIDTH), columns)[None] & (values == 1.0) if masks else None)
        for label, box, columns in (
            ("left card", (30, 30, 80, 90), range(30, 56)),
            ("right card", (45, 30, 110, 90), range(56, 110)),
        )
    )
    return values, left, right


def test_what_another_box_shows_too_is_less_likely_the_object() -> None:
    # 35 of its 50 columns lie in the other box.
    values, left, right = cards(masks=False)
    (alone,) = in_scene(values_of(values), left)
    item, _ = in_scene(values_of(values), left, right)
    (cues,) = (one for one in item.surfaces[1] if one["chosen"])
    assert cues["claimed"] == pytest.approx(0.7, abs=0.05)
    assert 0.2 < cues["owned"] < 0.7
    (own,) = (one for one in alone.surfaces[1] if one["chosen"])
    assert (own["claimed"], own["owned"]) == (0.0, 0.0)
    assert [share for share, _ in in_scene(values_of(values), *cards(masks=True)[1:])[0].alternatives] == [1.0]


def values_of(values: np.ndarray) -> DepthMap:
    return DepthMap.from_values(values, "metric", "sensor", backend="rendered")
