from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import scenes
from models.segment.images import around, disc, iou, painted, textured

from pipeline.models.segment.base import Segmenter
from pipeline.models.segment.grabcut import GrabCutSegmenter
from pipeline.models.segment.sam import SamSegmenter
from pipeline.records import (
    Answer,
    Camera,
    Claim,
    DepthMap,
    Frame,
    Origin,
    Region,
    Scene,
    Status,
)
from pipeline.records.errors import ModelUnavailableError
from pipeline.stages.cache import StageCache
from pipeline.stages.verify import VerifyStage

SHAPE = (scenes.HEIGHT, scenes.WIDTH)


@dataclass
class BoxFilling(Segmenter):
    """A segmenter whose masks are the boxes without their last row, and none for what ``refused`` names."""

    identity: str | None = "filling 1"
    refused: frozenset[str] = frozenset()
    asked: list[list[str]] = field(default_factory=list)

    def masks(self, frame: Frame, regions: Sequence[Region]) -> list[np.ndarray | None]:
        self.asked.append([region.label for region in regions])
        return [None if region.label in self.refused else mask_of(region) for region in regions]


def mask_of(region: Region) -> np.ndarray:
    left, top, right, bottom = map(int, region.box_px)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[top : bottom - 1, left:right] = True
    return mask


def with_regions(*regions: Region, frames: int = 1, text: tuple[Region, ...] = ()) -> Scene:
    return replace(scenes.scene(frames=frames), regions=regions, text_regions=text)


CUP, LAMP = Region("cup", (10.0, 10.0, 26.0, 30.0)), Region("lamp", (125.0, 20.0, 145.0, 60.0))


def test_without_a_segmenter_regions_stay_as_they_are():
    regions = VerifyStage()(with_regions(CUP, LAMP), None).regions
    assert [region is given for region, given in zip(regions, (CUP, LAMP), strict=True)] == [True, True]


def test_boxes_get_masks_and_what_has_one_or_is_no_box_stays():
    given = replace(LAMP, label="given", mask=np.eye(*SHAPE, dtype=bool))
    point = Region("point", (80.0, 60.0, 80.0, 60.0))
    line = Region("EXIT", (30.0, 80.0, 60.0, 95.0), origin=Origin.OCR)
    segmenter = BoxFilling()
    regions = VerifyStage(segmenter=segmenter)(with_regions(given, CUP, point, text=(line,)), None).regions
    assert segmenter.asked == [["cup"]]
    assert [region.label for region in regions] == ["given", "cup", "point", "EXIT"]
    assert (regions[0] is given, regions[2] is point, regions[3] is line) == (True, True, True)
    assert regions[1] == replace(CUP, segmenter="filling 1"), "only the mask and its maker are new"
    np.testing.assert_array_equal(regions[1].mask, mask_of(CUP))


def test_each_frame_is_segmented_with_its_own_regions():
    segmenter = BoxFilling()
    scene = with_regions(CUP, replace(CUP, label="later cup", frame=1), LAMP, frames=2)
    regions = VerifyStage(segmenter=segmenter)(scene, None).regions
    assert segmenter.asked == [["cup", "lamp"], ["later cup"]]
    assert all(region.mask is not None for region in regions)


def test_regions_that_the_answer_adds_get_masks_and_the_answer_stays_verbatim():
    answer = Answer("The lamp is behind the cup.", regions=(LAMP,), claims=(Claim("behind", "lamp", "cup"),))
    verified = VerifyStage(segmenter=BoxFilling())(with_regions(CUP), answer)
    assert [(region.label, region.mask is None) for region in verified.regions] == [("cup", False), ("lamp", False)]
    assert answer.regions[0].mask is None
    assert [verdict.status for verdict in verified.verdicts] == [Status.SUPPORTED]


def test_masks_that_do_not_tell_two_boxes_apart_are_not_used():
    twice = replace(CUP, label="mug")
    scene = replace(with_regions(CUP, twice, LAMP), claims=(Claim("behind", "cup", "mug"),))
    verified = VerifyStage(segmenter=BoxFilling())(scene, None)
    assert [region.mask is None for region in verified.regions] == [True, True, False]
    assert verified.verdicts[0].reason_code == "same_region"


@pytest.mark.parametrize("refused", [frozenset(), frozenset({"cup", "lamp"})])
def test_what_is_known_is_not_segmented_again(tmp_path: Path, refused):
    first, second = BoxFilling(refused=refused), BoxFilling(refused=refused)
    cache = StageCache(tmp_path)
    before = VerifyStage(segmenter=first, cache=cache)(with_regions(CUP, LAMP), None).regions
    screen = Region("screen", (30.0, 50.0, 75.0, 95.0))
    after = VerifyStage(segmenter=second, cache=cache)(with_regions(LAMP, screen, CUP), None).regions
    assert (first.asked, second.asked) == ([["cup", "lamp"]], [["screen"]])
    for one, other in ((before[0], after[2]), (before[1], after[0])):
        assert (one.mask is None) == (other.mask is None) == bool(refused)
        if one.mask is not None and other.mask is not None:
            np.testing.assert_array_equal(one.mask, other.mask)


@pytest.mark.parametrize("change", ["identity", "image", "box", "no identity"])
def test_another_segmenter_image_or_box_is_segmented_again(tmp_path: Path, change: str):
    cache = StageCache(tmp_path)
    VerifyStage(segmenter=BoxFilling(), cache=cache)(with_regions(CUP), None)
    segmenter = BoxFilling(identity={"identity": "filling 2", "no identity": None}.get(change, "filling 1"))
    scene = with_regions(replace(CUP, box_px=(10, 10, 26, 31)) if change == "box" else CUP)
    if change == "image":
        scene = replace(scene, frames=(replace(scene.frames[0], rgb=np.ones((*SHAPE, 3), np.uint8)),))
    VerifyStage(segmenter=segmenter, cache=cache)(scene, None)
    assert segmenter.asked == [["cup"]]


def test_a_missing_model_is_not_hidden():
    stage = VerifyStage(segmenter=SamSegmenter("organisation/no-such-model", device="cpu"))
    stage(with_regions(Region("point", (3.0, 3.0, 3.0, 3.0))), None)  # Needs no mask, so no model.
    with pytest.raises(ModelUnavailableError, match="organisation/no-such-model"):
        stage(with_regions(CUP), None)


def test_colour_finds_the_object_where_depth_finds_another_in_front_of_it():
    """A ring around a post that stands nearer: the box's nearest depth is the post's, the ring's mask is not."""
    shape = (160, 200)
    ring = disc(shape, (80, 100), 60) & ~disc(shape, (80, 100), 42)
    post = disc(shape, (80, 100), 30)
    rgb = painted(textured(shape), ring, (190, 60, 50))  # The post has the colour of what is around the ring.
    depth_m = np.where(post, 1.0, np.where(ring, 2.0, 3.0))
    depth = DepthMap.from_values(depth_m, "metric", "sensor")
    region = around(ring, "ring")
    claim = Claim("distance_to_camera", "ring", value=2.0, unit="m")
    scene = Scene(
        "ring",
        (Frame(rgb, Camera.from_fov(200, 160, 60, "given")),),
        regions=(region,),
        claims=(claim,),
        depth=(depth,),
    )
    (by_depth,) = VerifyStage()(scene, None).verdicts
    segmented = VerifyStage(segmenter=GrabCutSegmenter())(scene, None)
    (masked,), (by_colour,) = segmented.regions, segmented.verdicts
    assert iou(masked.mask, ring) > 0.9
    assert by_depth.status is not Status.SUPPORTED
    assert by_colour.status is Status.SUPPORTED
