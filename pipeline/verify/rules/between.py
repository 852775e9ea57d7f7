"""Between two objects, as the camera sees it."""

from __future__ import annotations

import math

from pipeline.geometry.order import probability_positive
from pipeline.records import Box, Claim
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding
from pipeline.verify.rules.object_view import ObjectView


def judge(claim: Claim, subject: ObjectView, *ends: ObjectView) -> Finding:
    """The subject's centre, projected on the line from one object's centre to the other's, lies inside.

    Only the image counts: an object between two others in space is also between them in the image, so a refutation is
    certain, while support speaks of the image alone.
    """
    middle, first, second = (_centre(item.box_px) for item in (subject, *ends))
    line = (second[0] - first[0], second[1] - first[1])
    length = math.hypot(*line)
    errors = [max(item.edge_error_px(axis) for axis in (0, 1)) / math.sqrt(2) for item in (subject, *ends)]
    sigma = math.hypot(*errors) / max(length, 1e-9)
    share = ((middle[0] - first[0]) * line[0] + (middle[1] - first[1]) * line[1]) / max(length**2, 1e-9)
    off_line = abs((middle[0] - first[0]) * line[1] - (middle[1] - first[1]) * line[0]) / max(length**2, 1e-9)
    probability = math.prod(probability_positive(part, sigma) for part in (share, 1 - share, 0.5 - off_line))
    return Finding(
        probability,
        min(share, 1 - share, 0.5 - off_line),
        "of the distance between the two",
        message(
            "between",
            subject=claim.subject,
            object=claim.object,
            other_object=claim.other_object,
            share=share,
            beside=off_line,
        ),
        {"share_of_way": share, "share_beside": off_line},
        needs="needs_clear_regions",
    )


def _centre(box_px: Box) -> tuple[float, float]:
    left, top, right, bottom = box_px
    return (left + right) / 2, (top + bottom) / 2
