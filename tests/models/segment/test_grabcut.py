from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from models.segment.images import around, disc, frame, iou, painted, textured

from pipeline.models.segment.grabcut import GrabCutSegmenter
from pipeline.records import Region
from pipeline.synthetic.scenes import rendered_scene

RED = (190, 60, 50)
SHAPE = (240, 320)


@pytest.mark.parametrize("grow_px", [-2, 0, 4])
@pytest.mark.parametrize(
    ("shape", "centre", "radius_px"),
    [
        (SHAPE, (120, 160), 50),
        (SHAPE, (30, 40), 12),  # Hardly larger than the smallest box.
        (SHAPE, (120, 160), 100),  # Its box leaves little of the frame.
        (SHAPE, (10, 160), 50),  # Cut off by the frame.
        ((960, 1280), (480, 640), 250),  # Made smaller before it is cut.
        ((160, 700), (80, 500), 60),
    ],
)
def test_a_disc_on_texture_is_found(shape, centre, radius_px, grow_px):
    truth = disc(shape, centre, radius_px)
    image = frame(painted(textured(shape), truth, RED))
    (mask,) = GrabCutSegmenter().masks(image, [around(truth, grow_px=grow_px)])
    assert mask.shape == shape
    assert mask.dtype == bool
    assert iou(mask, truth) > 0.9


def test_a_hole_stays_a_hole_and_parts_beside_an_occluder_stay():
    ring = disc(SHAPE, (120, 160), 70) & ~disc(SHAPE, (120, 160), 35)
    pole = np.zeros(SHAPE, dtype=bool)
    pole[:, 150:170] = True
    rgb = painted(painted(textured(SHAPE), ring, RED), pole, (60, 70, 200))
    (mask,) = GrabCutSegmenter().masks(frame(rgb), [around(ring)])
    assert iou(mask, ring & ~pole) > 0.9


def test_the_mask_keeps_within_its_box_grown_by_the_given_pixels():
    truth = disc(SHAPE, (120, 160), 60)
    image = frame(painted(textured(SHAPE), truth, RED))
    too_narrow = Region("most of it", (100, 60, 212, 180))
    (mask,) = GrabCutSegmenter(grow_px=2).masks(image, [too_narrow])
    assert mask[:, :214].sum() == mask.sum()
    assert iou(mask, truth & (np.arange(320) < 214)) > 0.9


@pytest.mark.parametrize(
    "box",
    [
        (-30, -30, -5, -5),
        (400, 10, 450, 60),
        (100, 100, 100, 100),
        (100, 100, 105, 180),  # Narrower than the smallest box.
        (0, 0, 320, 240),  # Nothing of the frame surrounds it.
        (-50, -50, 500, 500),
    ],
)
def test_a_box_that_cannot_be_cut_gives_none_and_the_others_their_masks(box):
    truth = disc(SHAPE, (120, 160), 50)
    image = frame(painted(textured(SHAPE), truth, RED))
    refused, found = GrabCutSegmenter().masks(image, [Region("bad", box), around(truth)])
    assert refused is None
    assert iou(found, truth) > 0.9


@pytest.mark.parametrize("rgb", [np.full((*SHAPE, 3), 90, np.uint8), np.zeros((*SHAPE, 3), np.uint8)])
def test_a_box_in_an_even_image_gives_none(rgb):
    assert GrabCutSegmenter().masks(frame(rgb), [Region("nothing", (100, 80, 200, 160))]) == [None]


def test_a_mask_of_the_whole_box_says_nothing_and_is_none():
    truth = np.zeros(SHAPE, dtype=bool)
    truth[80:160, 100:200] = True
    assert GrabCutSegmenter(grow_px=0).masks(frame(painted(textured(SHAPE), truth, RED)), [around(truth)]) == [None]


def test_the_same_box_gives_the_same_mask_in_any_order_and_after_any_other_use_of_the_generator():
    scene = rendered_scene(3).scene
    segmenter, regions = GrabCutSegmenter(), scene.regions
    first = segmenter.masks(scene.frames[0], regions)
    assert sum(mask is not None for mask in first) >= 2
    cv2.setRNGSeed(77)
    second = GrabCutSegmenter().masks(scene.frames[0], regions[::-1])[::-1]
    alone = [segmenter.masks(scene.frames[0], [region])[0] for region in regions]
    for one, other, single in zip(first, second, alone, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, single)


def test_on_rendered_scenes_most_masks_are_nearly_exact():
    values = []
    for seed in range(8):
        scene = rendered_scene(seed, size_px=(320, 240)).scene
        masks = GrabCutSegmenter().masks(scene.frames[0], scene.regions)
        for region, mask in zip(scene.regions, masks, strict=True):
            if mask is not None:
                values.append(iou(mask, region.mask))
    assert len(values) > 20
    assert np.median(values) > 0.95
    assert np.mean(np.array(values) > 0.8) > 0.8


def test_a_large_box_costs_hardly_more_than_a_small_one():
    truth = disc((1200, 1600), (600, 800), 400)
    image, region = frame(painted(textured((1200, 1600)), truth, RED)), around(truth)
    start = time.perf_counter()
    (mask,) = GrabCutSegmenter(max_side_px=96).masks(image, [region])
    assert time.perf_counter() - start < 2
    assert iou(mask, truth) > 0.9


def test_the_identity_changes_with_every_setting():
    settings = [
        {},
        {"iterations": 2},
        {"max_side_px": 100},
        {"margin_share": 0.5},
        {"grow_px": 1},
        {"least_share": 0.1},
    ]
    assert len({GrabCutSegmenter(**given).identity for given in settings}) == len(settings)
