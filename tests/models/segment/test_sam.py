from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from models.segment.images import frame
from models.segment.tiny_sam import FAMILIES, MASK_SIDE_PX, SIDE_PX, build_tiny_sam
from tiny.depth_cases import blocks

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.models.segment.sam import SamSegmenter
from pipeline.records import Frame, Region
from pipeline.records.errors import ConfigError

BOXES = [(10.0, 5.0, 50.0, 35.0), (0.0, 0.0, 90.0, 40.0), (60.5, 3.25, 88.0, 30.0)]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """One tiny checkpoint per family."""
    return {family: build_tiny_sam(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


def sam(folder: Path, **settings) -> SamSegmenter:
    return SamSegmenter(str(folder), device="cpu", **{"least_share": 0.0, **settings})


def regions(*boxes) -> list[Region]:
    return [Region(f"object {number}", box) for number, box in enumerate(boxes)]


def noise(height: int, width: int, seed: int = 0) -> Frame:
    return frame(blocks(height, width, seed))


def assert_equal(first, second) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("height", "width"), [(40, 90), (90, 40), (64, 64), (3, 5), (200, 150)])
def test_every_family_gives_one_mask_of_the_frames_size_per_box(checkpoints, family, height, width):
    boxes = [(0, 0, width, height), (1, 1, width, height), (0, 0, width - 1, height - 1), (0, 0, width, height / 2)]
    masks = sam(checkpoints[family]).masks(noise(height, width), regions(*boxes))
    assert len(masks) == 4
    found = [mask for mask in masks if mask is not None]
    assert {(mask.shape, mask.dtype) for mask in found} == {((height, width), np.dtype(bool))}
    assert any(mask.any() for mask in found)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_mask_depends_on_its_box_and_on_the_image(checkpoints, family):
    segmenter = sam(checkpoints[family], grow_px=100)
    one, other = segmenter.masks(noise(40, 90), regions(BOXES[0], BOXES[2]))
    (elsewhere,) = segmenter.masks(noise(40, 90, seed=1), regions(BOXES[0]))
    assert (one != other).any()
    assert (one != elsewhere).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_boxes_together_give_what_they_give_one_by_one_in_any_order(checkpoints, family):
    image = noise(40, 90)
    together = sam(checkpoints[family]).masks(image, regions(*BOXES))
    alone = [sam(checkpoints[family]).masks(image, regions(box))[0] for box in BOXES]
    in_parts = sam(checkpoints[family], batch_size=2).masks(image, regions(*BOXES))
    turned = sam(checkpoints[family]).masks(image, regions(*BOXES[::-1]))[::-1]
    for others in (alone, in_parts, turned):
        assert_equal(together, others)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_frame_is_embedded_once_and_its_boxes_are_decoded_together(checkpoints, family):
    segmenter = sam(checkpoints[family], batch_size=4)
    network = segmenter._loaded()
    embedded, decoded = [], []

    def embed(pixel_values):
        embedded.append(tuple(pixel_values.shape))
        return network.embed(pixel_values)

    def decode(embedding, boxes):
        decoded.append(boxes.shape[1])
        return network.decode(embedding, boxes)

    segmenter._network = dataclasses.replace(network, embed=embed, decode=decode)
    first, second = noise(40, 90), noise(40, 90, seed=1)
    before = segmenter.masks(first, regions(*BOXES))
    segmenter.masks(frame(first.rgb.copy()), regions(*BOXES, *BOXES))
    assert (embedded, decoded) == ([(1, 3, SIDE_PX, SIDE_PX)], [3, 4, 2])
    segmenter.masks(second, regions(*BOXES))
    assert len(embedded) == 2
    assert_equal(before, segmenter.masks(first, regions(*BOXES)))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [(48, 96), (96, 48), (64, 64), (100, 230)])
def test_a_box_goes_to_its_place_in_the_networks_input_and_its_mask_comes_back_there(checkpoints, family, size):
    """With a network that fills the box that it is given, masks must be the boxes."""
    height, width = size
    box = (0.25 * width, 0.5 * height, 0.75 * width, 0.875 * height)
    given = []

    def fill(_embedding, boxes):
        given.append(boxes[0, 0].numpy())
        left, top, right, bottom = (boxes[0, 0] * MASK_SIDE_PX / SIDE_PX).tolist()
        centres = torch.arange(MASK_SIDE_PX) + 0.5
        # How far inside each edge a pixel lies: the zero line of the logits is the box, at any resolution.
        inside_x = torch.minimum(centres - left, right - centres)
        inside_y = torch.minimum(centres - top, bottom - centres)
        return torch.minimum(inside_y[:, None], inside_x[None, :])[None, None, None]

    segmenter = sam(checkpoints[family], grow_px=1000)
    segmenter._network = dataclasses.replace(segmenter._loaded(), decode=fill)
    (mask,) = segmenter.masks(noise(height, width), regions(box))
    # SAM 2 stretches a frame to the square; SAM keeps its shape and pads it at the right or the bottom.
    scale = SIDE_PX / max(size) if family == "sam" else None
    expected = [
        scale * edge if scale else SIDE_PX * edge / side for edge, side in zip(box, (width, height) * 2, strict=True)
    ]
    np.testing.assert_allclose(given[0], expected, rtol=0.02)
    rows, columns = np.indices(size) + 0.5
    truth = (columns > box[0]) & (columns < box[2]) & (rows > box[1]) & (rows < box[3])
    # Masks have 16 pixels a side, and the rounding of their corners is all that may be lost.
    assert np.count_nonzero(mask != truth) < 0.06 * np.count_nonzero(truth)
    extent = np.flatnonzero(mask.any(axis=0))[[0, -1]], np.flatnonzero(mask.any(axis=1))[[0, -1]]
    np.testing.assert_allclose(extent[0], (box[0], box[2] - 1), atol=1.5)
    np.testing.assert_allclose(extent[1], (box[1], box[3] - 1), atol=1.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_lies_outside_the_frame_gets_none_and_costs_the_others_nothing(checkpoints, family):
    image, inside = noise(40, 90), regions(*BOXES)
    outside = regions((-30, -30, -5, -5), (95, 5, 120, 20), (10, 10, 10, 10))
    segmenter = sam(checkpoints[family])
    masks = segmenter.masks(image, [outside[0], *inside, *outside[1:]])
    assert [masks[0], *masks[4:]] == [None, None, None]
    assert_equal(masks[1:4], segmenter.masks(image, inside))


def test_only_boxes_outside_the_frame_load_nothing():
    segmenter = sam(Path("/nowhere"))
    assert segmenter.masks(noise(8, 8), []) == []
    assert segmenter.masks(noise(8, 8), regions((20, 20, 30, 30))) == [None]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_box_that_leaves_the_frame_means_its_part_within_it(checkpoints, family):
    segmenter = sam(checkpoints[family])
    beyond, within = (segmenter.masks(noise(40, 90), regions(box)) for box in ((-9, -9, 50, 30), (0, 0, 50, 30)))
    np.testing.assert_array_equal(beyond[0][:30, :50], within[0][:30, :50])


@pytest.mark.parametrize("family", FAMILIES)
def test_masks_keep_within_their_boxes_and_are_refused_where_they_fill_too_little(checkpoints, family):
    image = noise(40, 90)
    (mask,) = sam(checkpoints[family], grow_px=0).masks(image, regions(BOXES[0]))
    assert mask[5:35, 10:50].sum() == mask.sum() > 0
    share = mask.sum() / (30 * 40)
    for least_share, kept in ((share, True), (share + 0.001, False)):
        (again,) = sam(checkpoints[family], grow_px=0, least_share=least_share).masks(image, regions(BOXES[0]))
        assert (again is not None) == kept


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_other_number_formats_give_nearly_the_same_masks(checkpoints, family, dtype):
    image = noise(40, 90)
    exact = sam(checkpoints[family]).masks(image, regions(*BOXES))
    coarse = sam(checkpoints[family], dtype=dtype)
    for one, other in zip(exact, coarse.masks(image, regions(*BOXES)), strict=True):
        assert np.count_nonzero(one != other) < 0.03 * one.size
    assert coarse._network.dtype == getattr(torch, dtype)


def test_a_video_checkpoint_of_sam_2_is_read_without_a_word(checkpoints, caplog, capfd):
    sam(checkpoints["sam2_video"])._loaded()
    captured = capfd.readouterr()
    assert "instantiate a model of type" not in captured.out + captured.err + caplog.text


def test_masks_that_are_not_finite_are_none_and_a_warning_names_the_key(checkpoints, caplog):
    segmenter = sam(checkpoints["sam2"])
    segmenter._network = dataclasses.replace(
        segmenter._loaded(), decode=lambda embedding, boxes: torch.full((1, boxes.shape[1], 1, 16, 16), torch.nan)
    )
    assert segmenter.masks(noise(40, 90), regions(*BOXES)) == [None, None, None]
    assert "set segment.dtype=float32" in caplog.text


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), ConfigError, r"lower segment\.batch_size \(now 7\)"),
        (RuntimeError("shapes cannot be multiplied"), RuntimeError, "^shapes cannot be multiplied$"),
    ],
)
def test_too_little_memory_names_the_key_to_lower_and_other_errors_pass(checkpoints, raised, expected, message):
    def fail(_embedding, _boxes):
        raise raised

    segmenter = sam(checkpoints["sam2"], batch_size=7)
    segmenter._network = dataclasses.replace(segmenter._loaded(), decode=fail)
    with pytest.raises(expected, match=message):
        segmenter.masks(noise(40, 90), regions(*BOXES))


def test_the_identity_names_all_that_a_mask_depends_on(checkpoints):
    folder = checkpoints["sam2"]
    identities = {
        sam(folder).identity,
        sam(checkpoints["sam"]).identity,
        sam(folder, dtype="bfloat16").identity,
        sam(folder, grow_px=1).identity,
        sam(folder, least_share=0.5).identity,
    }
    assert len(identities) == 5
    assert sam(folder, batch_size=1).identity in identities
    assert sam(folder).version.startswith(f"{folder}@") and sam(folder).version in sam(folder).identity


@pytest.mark.parametrize(
    ("option", "model"), [("sam", "facebook/sam-vit-base"), ("sam2", "facebook/sam2.1-hiera-small")]
)
def test_every_configuration_builds_a_segmenter_without_loading_it(option, model):
    segmenter = build(load_config([f"segment={option}"]).segment)
    assert isinstance(segmenter, SamSegmenter)
    assert (segmenter.model, segmenter._network) == (model, None)
