"""How many objects there are, counted by located regions."""

from __future__ import annotations

from pipeline.geometry.regions import boxes_iou
from pipeline.records import Claim, Comparison, Origin, Region
from pipeline.records.message import message
from pipeline.verify.rules.base import CannotMeasure, Finding
from pipeline.verify.rules.cut_out import SAME_IOU
from pipeline.verify.rules.object_view import ObjectView


def judge(claim: Claim, *located: ObjectView) -> Finding:
    """Compare the number with that of the distinct regions.

    A model's boxes give a lower bound; the number is exact only where a person or a data set gave the regions.

    Raises:
        CannotMeasure: If the model's own boxes are too few to refute and cannot prove the number.
    """
    regions = [item.region for item in located]
    count = len(_distinct(regions))
    assert claim.value is not None
    complete = all(region.origin is Origin.GIVEN for region in regions)
    note = message("counted", frame=located[0].view.frame.name, count=count, subject=claim.subject)
    holds = {
        Comparison.ABOUT: count == claim.value,
        Comparison.AT_LEAST: count >= claim.value,
        Comparison.AT_MOST: count <= claim.value,
    }[claim.comparison]
    enough = claim.comparison is Comparison.AT_LEAST and holds
    too_many = claim.comparison is not Comparison.AT_LEAST and count > claim.value
    if not (complete or enough or too_many):
        raise CannotMeasure(note + message("maybe_more"), "needs_all_regions")
    margin = count - claim.value if claim.comparison is Comparison.AT_LEAST else -abs(count - claim.value)
    return Finding(0.99 if holds else 0.01, margin, "count", note, {"count": float(count)})


def _distinct(regions: list[Region]) -> list[Region]:
    kept: list[Region] = []
    for region in regions:
        if all(boxes_iou(region.box_px, other.box_px) <= SAME_IOU for other in kept):
            kept.append(region)
    return kept
