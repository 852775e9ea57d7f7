"""What hides what, by who owns the contour that the two share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes
from verifiers import uncalibrated
from verify.rules.frames import BLUE, GREEN, RED, R, S, U, disparity, index, judged, leans, rescaled, sensed

from pipeline.records import Claim, DepthKind, Region, Sampling, Status
from pipeline.synthetic.view import RenderedView

OCCLUSIONS = [
    (Claim("occludes", RED, BLUE), S),
    (Claim("occludes", BLUE, RED), R),
    (Claim("occluded_by", BLUE, RED), S),
    (Claim("occluded_by", RED, BLUE), R),
    (Claim("occludes", RED, GREEN), R),
    (Claim("occluded_by", GREEN, BLUE), R),
]


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("claim, status", OCCLUSIONS, ids=lambda part: getattr(part, "in_words", str)())
def test_who_hides_whom(hiding: RenderedView, claim: Claim, status: Status, masks: bool) -> None:
    for depth in (None, rescaled(hiding, 0.1), disparity(hiding), disparity(hiding, 300.0, -2.0)):
        (verdict,) = judged(hiding, [claim], depth, masks=masks)
        assert verdict.status is status if masks else leans(verdict, status), verdict.reason
    if GREEN in (claim.subject, claim.object):
        assert verdict.reason_code.startswith("no_contour")
        assert verdict.needs_code in (None, "needs_meeting_view")


def test_a_sensor_s_holes_do_not_change_who_hides_whom(hiding: RenderedView) -> None:
    for claim, status in OCCLUSIONS:
        assert judged(hiding, [claim], sensed(hiding))[0].status is status


def test_how_much_is_hidden_is_bounded_by_the_pixels(hiding: RenderedView) -> None:
    red, blue = (hiding.objects[index(hiding, label)] for label in (RED, BLUE))
    hidden = float((red.visible & blue.amodal).sum() / blue.amodal.sum())
    claim = Claim("occludes", RED, BLUE, value=round(hidden, 2), unit="fraction")
    fits, too_much = judged(hiding, [claim, replace(claim, value=0.97, comparison="at_least")])
    assert fits.status is not R
    assert too_much.status is R
    numbers = fits.evidence[0].numbers
    assert numbers["hidden_least"] - 0.02 <= hidden <= numbers["hidden_most"] + 0.02


def test_a_floor_does_not_hide_the_foot_that_stands_on_it(hiding: RenderedView) -> None:
    rows = np.indices(hiding.ids.shape)[0]
    floor = (hiding.ids < 0) & (rows > 130)
    regions = (*hiding.regions(), Region("floor", (0, 130, 320, 240), mask=floor))
    for depth in (None, disparity(hiding)):
        claims = [Claim("occludes", "floor", RED), Claim("occludes", RED, "floor")]
        assert [one.status is R for one in judged(hiding, claims, depth, regions=regions)] == [True, False]


def test_the_upper_of_two_boxes_hides_the_lower_and_not_the_other_way_round(stack: RenderedView) -> None:
    for depth in (None, disparity(stack)):
        claims = [Claim("occludes", RED, BLUE), Claim("occludes", BLUE, RED)]
        assert [one.status is R for one in judged(stack, claims, depth)] == [True, False]


def test_a_contour_that_contradicts_itself_decides_nothing() -> None:
    # The right one leans: above it is nearer than the left one, below farther.
    rows = np.indices((scenes.HEIGHT, scenes.WIDTH))[0].astype(float)
    values = scenes.flat(((30, 20, 80, 100), 2.0), wall_m=4.0)
    values[20:100, 80:130] = 1 / (0.5 + 0.003 * (60 - rows[20:100, 80:130]))
    boxes = {"left": (30, 20, 80, 100), "right": (80, 20, 130, 100)}
    regions = tuple(Region(label, box, mask=scenes.inside(box)) for label, box in boxes.items())
    for kind in (DepthKind.METRIC, DepthKind.DISPARITY_AFFINE):
        scene = scenes.scene(replace(scenes.as_kind(values, kind), backend="rendered"))
        (verdict,) = uncalibrated().judge(scene, regions, [Claim("occludes", "left", "right")])
        assert (verdict.status, verdict.probability) == (U, 0.5)
        assert "contradict" in verdict.reason


@pytest.mark.parametrize("gap_px", [0, 1, 2])
def test_a_small_gap_between_masks_or_boxes_leaves_the_contour(gap_px: int) -> None:
    boxes = {"left": (30, 20, 80 - gap_px, 100), "right": (80, 20, 130, 100)}
    values = scenes.flat((boxes["right"], 1.0), wall_m=2.0)
    for masked in (True, False):
        regions = tuple(Region(label, box, mask=scenes.inside(box) if masked else None) for label, box in boxes.items())
        (verdict,) = uncalibrated().judge(
            scenes.scene(scenes.as_kind(values, DepthKind.METRIC)), regions, [Claim("occludes", "right", "left")]
        )
        assert verdict.status is S if masked else leans(verdict, S), verdict.reason
        assert verdict.evidence[0].numbers["contour_px"] > 0


@pytest.mark.parametrize("factor", [1, 4])
def test_the_contour_lies_where_the_two_meet_in_the_image(factor: int) -> None:
    boxes = {"left": (32, 20, 80, 100), "right": (80, 20, 128, 100)}
    values = scenes.flat((boxes["right"], 1.0), wall_m=2.0)
    # Depth of every factor-th pixel, repeated, is judged on its own grid.
    values = values[::factor, ::factor].repeat(factor, axis=0).repeat(factor, axis=1)
    depth = replace(scenes.as_kind(values, DepthKind.METRIC), sampling=Sampling(factor, factor))
    regions = tuple(Region(label, box) for label, box in boxes.items())
    (verdict,) = uncalibrated().judge(scenes.scene(depth), regions, [Claim("occludes", "right", "left")])
    u, v = np.array(verdict.evidence[0].contour_px).T
    # Pixel 79 is the last of the left one, and 79.5 the edge between the two.
    assert np.abs(u - 79.5).max() <= 1.5 * factor
    assert v.min() >= 19.5 and v.max() <= 99.5 and np.ptp(v) > 60
    assert 20 / factor <= len(u) <= 240


def test_a_contour_of_many_pixels_is_thinned() -> None:
    from pipeline.verify.rules.base import some_pixels

    line = np.stack((np.arange(1000) / 3, np.zeros(1000)), axis=1)
    thinned = some_pixels(line)
    assert 100 <= len(thinned) <= 120 and thinned[0] == (0.0, 0.0) and thinned[-1][0] > 320
    assert some_pixels(np.empty((0, 2))) == ()
