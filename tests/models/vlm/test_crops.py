from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.claims.answer import ParsedAnswer, parse_answer
from pipeline.claims.regions import Images
from pipeline.geometry.regions import boxes_iou
from pipeline.models.vlm.budget import ImageBudget, pixels_within, shown_scale
from pipeline.models.vlm.crops import Crop, SecondLook, choose_crops, claims_in_frames, regions_in_frames
from pipeline.records import Box, Box3D, Camera, Claim, Frame, Origin, Region
from pipeline.records.errors import RecordError
from pipeline.records.relations import RelationName

BUDGET = ImageBudget()
AUTO, ALWAYS, OFF = SecondLook.AUTO, SecondLook.ALWAYS, SecondLook.OFF
LABELS = ("cup", "the cup", "Cups", "table", "杯子")


def frame(width: int, height: int) -> Frame:
    return Frame(np.zeros((height, width, 3), np.uint8), Camera.from_fov(width, height, 60))


def square(centre: tuple[float, float], side: float, label: str = "cup", index: int = 0, **rest: object) -> Region:
    x, y = centre
    return Region(label, (x - side / 2, y - side / 2, x + side / 2, y + side / 2), index, **rest)  # type: ignore[arg-type]


def boxes(crops: Sequence[Crop]) -> list[tuple[int, Box]]:
    return [(crop.frame, crop.box_px) for crop in crops]


@st.composite
def crops(draw: st.DrawFn, width: int = 3000, height: int = 2000) -> Crop:
    """A crop of a frame of that size."""
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return Crop(draw(st.integers(0, 3)), (left, top, right, bottom))


@st.composite
def regions(draw: st.DrawFn, frames: int = 3, reach: float = 3000) -> Region:
    """A region in one of so many frames, which may lie outside of it."""
    x1, x2 = sorted(draw(st.tuples(*[st.floats(-10, reach)] * 2)))
    y1, y2 = sorted(draw(st.tuples(*[st.floats(-10, reach)] * 2)))
    return Region(draw(st.sampled_from(LABELS)), (x1, y1, x2, y2), draw(st.integers(0, frames - 1)))


# The crop itself


@pytest.mark.parametrize(
    "box_px",
    [(0, 0, 0.5, 1), (0, 0, 0, 1), (2, 0, 1, 1), (0, 1, 1, 1), (-1, 0, 1, 1), (0, 0, float("nan"), 1), (0, 0, 1)],
)
def test_a_crop_is_a_block_of_whole_pixels(box_px: Box) -> None:
    with pytest.raises(RecordError, match="box of a crop"):
        Crop(0, box_px)


def test_a_crop_shows_the_original_pixels() -> None:
    rgb = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    whole = Frame(rgb, Camera.from_fov(8, 6, 60))
    crop = Crop(0, (2, 1, 7, 5))
    assert crop.size_px == (5, 4)
    np.testing.assert_array_equal(crop.image(whole), rgb[1:5, 2:7])
    with pytest.raises(RecordError, match="beyond its frame of 4 x 4"):
        crop.image(frame(4, 4))


def test_the_camera_of_a_crop_sees_the_same_points() -> None:
    camera = Camera(500, 510, 319.5, 239.5, 640, 480)
    cropped = Crop(0, (100, 50, 260, 210)).camera(camera)
    assert (cropped.width, cropped.height) == (160, 160)
    point = np.array([0.2, -0.1, 2.0])
    before, after = (k.matrix @ point / point[2] for k in (camera, cropped))
    np.testing.assert_allclose(before[:2] - after[:2], (100, 50))


@given(crops(), st.data())
def test_a_box_in_thousandths_of_a_crop_comes_back_within_half_a_thousandth(crop: Crop, data: st.DataObject) -> None:
    width, height = crop.size_px
    x1, x2 = sorted(data.draw(st.tuples(*[st.floats(0, width)] * 2)))
    y1, y2 = sorted(data.draw(st.tuples(*[st.floats(0, height)] * 2)))
    seen = Region("cup", (x1, y1, x2, y2))
    numbers = [round(1000 * edge / side) for edge, side in zip(seen.box_px, (width, height) * 2, strict=True)]
    assume(numbers != [0, 0, 1, 1])  # That is the whole image in fractions.
    raw = f"```json\n{json.dumps([{'label': 'cup', 'bbox_2d': numbers, 'picture': 5}])}\n```"
    cameras = [frame(3000, 2000).camera] * 4 + [crop.camera(frame(3000, 2000).camera)]
    (found,) = regions_in_frames(parse_answer(raw, Images(cameras)).regions, [crop], 4)
    error_px = np.abs(np.subtract(found.box_px, np.add(seen.box_px, crop.box_px[:2] * 2)))
    assert found.frame == crop.frame
    assert (error_px <= np.array([width, height] * 2) * 0.0005 + 1e-9).all()


def test_a_region_of_a_crop_keeps_everything_but_its_3d_box() -> None:
    region = Region("cup", (2, 1, 3, 2), 7, None, Box3D((0, 0, 1), (1, 1, 1), (0, 0, 0)), 0.5, attributes={"a": "red"})
    found = Crop(1, (2, 1, 6, 4)).to_frame(region)
    assert found == replace(region, frame=1, box_px=(4, 2, 5, 3), box_3d=None)


# Which crops are chosen


@pytest.mark.parametrize(
    ("side", "shown", "expected"),
    [
        (40, None, (260, 176, 380, 304)),  # Seen whole, but its crop is enlarged to twice the size.
        (60, None, (230, 150, 410, 330)),
        (90, None, None),  # 7.9 tokens are enough.
        (75, None, None),  # 5.5 tokens, but the crop of 225 px is enlarged 1.14 times only.
        (75, 640 * 480 // 4, (207, 127, 433, 353)),
        (150, 640 * 480 // 4, (95, 15, 545, 465)),
        (170, 640 * 480 // 4, None),  # 6.6 tokens.
        (150, 640 * 480 // 2, None),
    ],
)
def test_auto_takes_what_the_model_sees_small_and_a_crop_shows_larger(
    side: float, shown: int | None, expected: Box | None
) -> None:
    chosen = choose_crops([square((320, 240), side)], [frame(640, 480)], {0: shown}, AUTO, BUDGET)
    if expected is None:
        assert chosen == ()
    else:
        assert len(chosen) == 1
        assert np.abs(np.subtract(chosen[0].box_px, expected)).max() <= 4


@pytest.mark.parametrize(
    ("margin", "expected"), [(0, (300, 200, 500, 400)), (0.5, (200, 100, 600, 500)), (1, (100, 0, 700, 600))]
)
def test_the_margin_is_counted_in_sides_of_the_region(margin: float, expected: Box) -> None:
    budget = ImageBudget(crop_margin=margin)
    assert boxes(choose_crops([square((400, 300), 200)], [frame(800, 600)], {0: None}, ALWAYS, budget)) == [
        (0, expected)
    ]


@pytest.mark.parametrize(
    ("centre", "expected"),
    [
        ((0, 0), (0, 0, 128, 128)),
        ((640, 480), (512, 352, 640, 480)),
        ((320, 240), (256, 176, 384, 304)),
        ((5, 240), (0, 176, 128, 304)),
    ],
)
def test_a_crop_has_a_least_side_and_is_shifted_inwards_at_the_edge(centre: tuple[float, float], expected: Box) -> None:
    assert boxes(choose_crops([square(centre, 10)], [frame(640, 480)], {0: None}, AUTO, BUDGET)) == [(0, expected)]


@pytest.mark.parametrize(("mode", "count"), [(OFF, 0), (AUTO, 1), (ALWAYS, 2), ("off", 0), ("auto", 1), ("always", 2)])
def test_the_mode_says_which_regions_are_seen_again(mode: SecondLook, count: int) -> None:
    found = [square((100, 100), 20), square((1200, 900), 600)]
    assert len(choose_crops(found, [frame(1600, 1200)], {0: None}, mode, BUDGET)) == count


@pytest.mark.parametrize("mode", [AUTO, ALWAYS])
@pytest.mark.parametrize(
    "region",
    [
        Region("point", (50, 50, 50, 50)),
        Region("line", (50, 50, 90, 50)),
        square((50, 50), 20, origin=Origin.OCR),
        square((-50, 50), 20),
        square((50, 900), 20),
        square((50, 50), 20, index=1),
    ],
    ids=lambda region: f"{region.label}-{region.origin}-{region.box_px}-{region.frame}",
)
def test_points_text_and_what_lies_outside_are_skipped(mode: SecondLook, region: Region) -> None:
    assert choose_crops([region], [frame(640, 480)], {0: None}, mode, BUDGET) == ()


def test_a_small_frame_that_would_be_the_whole_crop_is_not_shown_twice() -> None:
    assert choose_crops([square((60, 60), 20)], [frame(120, 120)], {0: None}, AUTO, BUDGET) == ()


def test_a_region_of_a_frame_that_is_not_shown_is_shown_as_a_crop() -> None:
    found = [square((800, 600), 400, index=index) for index in (0, 1)]
    chosen = choose_crops(found, [frame(1600, 1200)] * 2, {0: None}, AUTO, BUDGET)
    assert boxes(chosen) == [(1, (200, 0, 1400, 1200))]


@pytest.mark.parametrize(
    ("other", "count"),
    [
        (square((1000, 1000), 100), 1),
        (square((1030, 1000), 60, "saucer"), 1),
        (square((1200, 1100), 100), 1),  # Apart, but one crop shows both at full resolution.
        (square((1020, 1000), 380, "table"), 2),  # Its crop would show the small one less than half as large.
        (square((3000, 1000), 100), 2),
        (square((1000, 1000), 100, index=1), 2),
    ],
)
def test_crops_that_show_nearly_the_same_become_one(other: Region, count: int) -> None:
    first = square((1000, 1000), 100)
    for found in ([first, other], [other, first]):
        chosen = choose_crops(found, [frame(4000, 3000)] * 2, {0: 500_000, 1: 500_000}, AUTO, BUDGET)
        assert len(chosen) == count
        assert all(any(_holds(crop, region) for crop in chosen) for region in found)


def test_enlarged_neighbours_stay_apart_and_large_regions_that_nearly_coincide_share_a_crop() -> None:
    small = [square((100, 100), 20), square((300, 100), 20)]
    for mode in (AUTO, ALWAYS):
        # In a frame that is shown whole, a crop of both would be enlarged less.
        assert len(choose_crops(small, [frame(640, 480)], {0: None}, mode, BUDGET)) == 2
    large = [square((700, 600), 500), square((720, 600), 500, "box")]
    assert len(choose_crops(large, [frame(1600, 1200)], {0: None}, ALWAYS, BUDGET)) == 1


def test_the_smallest_regions_count_and_stand_in_the_order_of_the_frames() -> None:
    centres_and_sides = [((2000, 1500), 60), ((3600, 300), 10), ((300, 300), 50), ((300, 2700), 20)]
    found = [square(centre, side, index=side // 20 % 2) for centre, side in centres_and_sides]
    frames = [frame(4000, 3000)] * 2
    chosen = choose_crops(found, frames, {0: 10**6, 1: 10**6}, AUTO, replace(BUDGET, max_crops=3))
    assert [crop.frame for crop in chosen] == [0, 0, 1]
    assert all(any(_holds(crop, region) for crop in chosen) for region in found[1:])
    assert not any(_holds(crop, found[0]) for crop in chosen)


def _holds(crop: Crop, region: Region) -> bool:
    left, top, right, bottom = region.box_px
    within = crop.box_px[0] <= left and crop.box_px[1] <= top and right <= crop.box_px[2] and bottom <= crop.box_px[3]
    return crop.frame == region.frame and within


@given(
    st.lists(regions(), max_size=8),
    st.lists(st.tuples(st.integers(20, 3000), st.integers(20, 3000)), min_size=3, max_size=3),
    st.dictionaries(st.integers(0, 2), st.none() | st.integers(65_536, 2_000_000), max_size=3),
    st.sampled_from(SecondLook),
    st.randoms(),
)
def test_crops_hold_their_regions_magnify_and_are_few(
    found: list[Region],
    sizes: list[tuple[int, int]],
    shown: dict[int, int | None],
    mode: SecondLook,
    random: object,
) -> None:
    frames = [frame(*size) for size in sizes]
    chosen = choose_crops(found, frames, shown, mode, BUDGET)
    assert len(chosen) <= BUDGET.max_crops
    assert list(chosen) == sorted(set(chosen), key=lambda crop: (crop.frame, crop.box_px))
    shuffled = found.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose_crops(shuffled, frames, shown, mode, BUDGET) == chosen
    for crop in chosen:
        whole = frames[crop.frame]
        assert crop.image(whole).shape == (*crop.size_px[::-1], 3)
        assert all(side >= min(128, full) for side, full in zip(crop.size_px, (whole.width, whole.height), strict=True))
        assert any(boxes_iou(crop.box_px, region.box_px) > 0 and region.frame == crop.frame for region in found)
        if mode is AUTO and crop.frame in shown:
            seen = shown_scale((whole.width, whole.height), shown[crop.frame], BUDGET)
            limit = pixels_within(crop.size_px, BUDGET.crop_tokens, BUDGET)
            assert shown_scale(crop.size_px, limit, BUDGET) > 1.2 * seen


# The way back


def answer(*objects: tuple[str, list[int], int], claims: Sequence[dict[str, object]] = ()) -> ParsedAnswer:
    """A parsed answer about two frames of 1000 x 1000 px and two crops of the second, of 200 x 100 px each."""
    entries = [{"label": label, "bbox_2d": box, "picture": image} for label, box, image in objects]
    raw = f"It is there.\n```json\n{json.dumps({'objects': entries, 'claims': claims})}\n```"
    camera = Camera.from_fov(1000, 1000, 60)
    return parse_answer(raw, Images([camera, camera, *(crop.camera(camera) for crop in CROPS)], 2))


CROPS = (Crop(1, (400, 500, 600, 600)), Crop(1, (0, 0, 200, 100)))


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        # Only in a crop.
        ([("cup", [500, 500, 750, 1000], 3)], [("cup", 1, (500, 550, 550, 600))]),
        ([("cup", [500, 500, 750, 1000], 4)], [("cup", 1, (100, 50, 150, 100))]),
        # In the frame and, finer, in its crop; the place in the order is the frame's.
        (
            [("cup", [450, 540, 490, 560], 3), ("cup", [490, 540, 560, 590], 2), ("box", [0, 0, 9, 9], 1)],
            [("cup", 1, (490, 540, 560, 590)), ("box", 0, (0, 0, 9, 9)), ("cup", 1, (490, 554, 498, 556))],
        ),
        (
            [("the cup", [500, 400, 750, 900], 3), ("Cup", [490, 530, 560, 600], 2)],
            [("Cup", 1, (500, 540, 550, 590))],
        ),
        # Another name, another frame, another place.
        (
            [("cup", [490, 540, 560, 590], 2), ("box", [500, 400, 750, 900], 3)],
            [("cup", 1, (490, 540, 560, 590)), ("box", 1, (500, 540, 550, 590))],
        ),
        (
            [("cup", [490, 540, 560, 590], 1), ("cup", [500, 400, 750, 900], 3)],
            [("cup", 0, (490, 540, 560, 590)), ("cup", 1, (500, 540, 550, 590))],
        ),
        # An object that goes on beyond the crop keeps the frame's edges there.
        (
            [("table", [300, 550, 700, 900], 2), ("table", [0, 550, 1000, 1000], 3)],
            [("table", 1, (300, 555, 700, 900))],
        ),
        # Two of one kind: each is refined by its own.
        (
            [
                ("cup", [420, 540, 470, 590], 2),
                ("cup", [520, 540, 570, 590], 2),
                ("cup", [610, 400, 840, 880], 3),
                ("cup", [110, 420, 340, 900], 3),
            ],
            [("cup", 1, (422, 542, 468, 590)), ("cup", 1, (522, 540, 568, 588))],
        ),
        # One box of the frame is refined by one of the crop only.
        (
            [("cup", [420, 540, 570, 590], 2), ("cup", [100, 400, 500, 900], 3), ("cup", [520, 400, 850, 900], 3)],
            [("cup", 1, (420, 540, 500, 590)), ("cup", 1, (504, 540, 570, 590))],
        ),
    ],
)
def test_the_finer_box_of_a_crop_counts(
    objects: list[tuple[str, list[int], int]], expected: list[tuple[str, int, Box]]
) -> None:
    parsed = answer(*objects)
    assert parsed.problems == ()
    found = regions_in_frames(parsed.regions, CROPS, 2)
    assert [(region.label, region.frame) for region in found] == [(label, index) for label, index, _ in expected]
    np.testing.assert_allclose([region.box_px for region in found], [box for *_, box in expected], atol=1e-9)


def test_a_refined_region_keeps_the_other_fields_of_the_frame() -> None:
    box_3d = Box3D((0, 0, 2), (1, 1, 1), (0, 0, 0))
    coarse = Region("cup", (490, 540, 560, 590), 1, None, box_3d, 0.4, attributes={"colour": "red"})
    finer = Region("cup", (100, 40, 150, 90), 2, None, box_3d, 0.9)
    (found,) = regions_in_frames([finer, coarse], CROPS, 2)
    assert found == replace(coarse, box_px=(500, 540, 550, 590), score=0.9)
    assert regions_in_frames([replace(finer, score=None), coarse], CROPS, 2)[0].score == 0.4


@given(st.lists(regions(frames=4, reach=400), max_size=8))
def test_every_region_ends_in_a_frame_and_none_of_a_frame_is_lost(found: list[Region]) -> None:
    mapped = regions_in_frames(found, CROPS, 2)
    of_frames = [region for region in found if region.frame < 2]
    assert all(region.frame < 2 for region in mapped)
    assert len(of_frames) <= len(mapped) <= len(found)
    assert [region.label for region in mapped[: len(of_frames)]] == [region.label for region in of_frames]
    assert regions_in_frames(mapped, CROPS, 2) == mapped


def test_claims_about_crops_are_claims_about_their_frames() -> None:
    objects = [("cup", [490, 540, 560, 590], 2), ("box", [100, 540, 160, 590], 2)]
    claim = {"relation": "left_of", "subject": "box", "object": "cup"}
    parsed = answer(*objects, claims=[{**claim, "pictures": named} for named in ([3], [4, 2, 3, 1], [2], [])])
    assert parsed.problems == ()
    mapped = claims_in_frames(parsed.claims, CROPS, 2)
    expected = [Claim(RelationName("left_of"), "box", "cup", frames=frames) for frames in ((1,), (0, 1), ())]
    assert list(mapped) == expected
