"""Judges a claim over all surfaces that its boxes may mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from pipeline.geometry.objects import shared_pixels
from pipeline.records import Claim
from pipeline.records.message import message
from pipeline.verify.rules.base import CannotMeasure, Finding
from pipeline.verify.rules.object_view import ObjectView

# Above this probability of the likeliest surfaces, the others are not worth a sentence.
_CLEAR = 0.9
# Two boxes whose objects share more of the smaller one show the same object.
_SAME_SHARE = 0.8


def judge_alternatives(
    rule: Callable[..., Finding], claim: Claim, located: Sequence[ObjectView], **options: object
) -> Finding:
    """The average of a rule's findings over the surfaces that the boxes may show, weighted by their probabilities.

    What cannot be measured counts as one half.

    Args:
        rule: ``judge`` of the rule.
        claim: The claim.
        located: The objects of the claim's regions, in its order.
        **options: The rule's options.

    Returns:
        The finding on the likeliest surfaces, with the averaged probability.

    Raises:
        CannotMeasure: If nothing can be measured on the likeliest surfaces.
    """
    combined = [
        (math.prod(weight for weight, _ in parts), [item for _, item in parts])
        for parts in product(*(item.alternatives for item in located))
    ]
    combined.sort(key=lambda part: -part[0])
    first = rule(claim, *combined[0][1], **options)
    if combined[0][0] == 1 and not _is_one_object(combined[0][1]):
        return first
    probability = combined[0][0] * first.probability
    for weight, items in combined[1:]:
        probability += weight * _probability(rule, claim, items, options)
    probability += 0.5 * (1 - sum(weight for weight, _ in combined))
    if _is_one_object(combined[0][1]):
        first = replace(first, needs="needs_masks")
    if combined[0][0] > _CLEAR:
        return replace(first, probability=probability)
    note = first.note + message("other_surfaces", share=1 - combined[0][0])
    return replace(first, probability=probability, note=note, needs="needs_mask")


def _is_one_object(items: Sequence[ObjectView]) -> bool:
    """Whether two boxes show mostly the same pixels."""
    if len(items) != 2 or any(item.region.mask is not None for item in items):
        return False
    first, second = (item.pixels for item in items)
    smaller = min(int(np.count_nonzero(pixels.mask)) for pixels in (first, second))
    return shared_pixels(first, second) > _SAME_SHARE * smaller


def _probability(
    rule: Callable[..., Finding], claim: Claim, items: Sequence[ObjectView], options: dict[str, object]
) -> float:
    try:
        return rule(claim, *items, **options).probability
    except CannotMeasure:
        return 0.5
