"""Claims that an answer implies by its 3D boxes and by the option that it chose."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from pipeline.claims.options import options_of
from pipeline.claims.resolve import unique_names
from pipeline.records import Claim, Origin, Region
from pipeline.records.relations import RelationName

# 3D boxes whose centres differ less in depth state no order.
_LEAST_RATIO = 1.05
_SUPERLATIVES = (
    ("farther", re.compile(r"\b(?:farthest|furthest|most\s+distant)\b|最远", re.IGNORECASE)),
    ("closer", re.compile(r"\b(?:closest|nearest)\b|最近", re.IGNORECASE)),
)
# "Closest to the sofa" is not about the camera.
_TO_SOMETHING = re.compile(
    r"\b(?:closest|nearest|farthest|furthest)\s+(?:to|from)\s+(?!(?:the\s+)?(?:camera|viewer|observer)\b|you\b|us\b|me\b)",
    re.IGNORECASE,
)


def order_of_boxes(regions: Sequence[Region]) -> tuple[Claim, ...]:
    """The order in depth of 3D boxes, from near to far.

    Args:
        regions: Regions of an answer.

    Returns:
        One claim ``closer`` for each pair of neighbours in depth within a frame.
    """
    boxes: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for region, name in zip(regions, unique_names(regions), strict=True):
        if region.box_3d is not None and region.box_3d.center_m[2] > 0:
            boxes[region.frame].append((region.box_3d.center_m[2], name))
    return tuple(
        Claim(RelationName("closer"), nearer, farther, frames=(frame,), origin=Origin.MODEL)
        for frame, found in boxes.items()
        for (z_near, nearer), (z_far, farther) in pairwise(sorted(found))
        if z_far >= _LEAST_RATIO * z_near
    )


def places_of_boxes(regions: Sequence[Region]) -> tuple[Claim, ...]:
    """One claim ``box_3d`` for each region with a 3D box: the object is where, and as large as, the box says.

    Args:
        regions: Regions of an answer.
    """
    return tuple(
        Claim(RelationName("box_3d"), name, frames=(region.frame,), origin=Origin.MODEL)
        for region, name in zip(regions, unique_names(regions), strict=True)
        if region.box_3d is not None
    )


def chosen_extreme(question: str, choice: str | None) -> tuple[Claim, ...]:
    """Claims that the choice of the farthest or nearest option makes about the other options.

    Args:
        question: A multiple-choice question.
        choice: The chosen letter, if any.

    Returns:
        One claim for each option that was not chosen; none if the question does not ask for an extreme.
    """
    options = options_of(question)
    if choice not in options or _TO_SOMETHING.search(question):
        return ()
    stated = [relation for relation, words in _SUPERLATIVES if words.search(question)]
    if len(stated) != 1:
        return ()
    chosen = options[choice]
    return tuple(
        Claim(RelationName(stated[0]), chosen, other, origin=Origin.MODEL)
        for letter, other in options.items()
        if letter != choice and other and chosen and other != chosen
    )
