"""Checks claims by which a model restates its own prose, against that prose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipeline.claims.names import head_words, normal_name
from pipeline.claims.spatial_words import spatial_tags
from pipeline.records import Claim
from pipeline.records.relations import RELATIONS

_DENIALS = re.compile(r"\b(?:not|no|never|neither|nor|without)\b|n't\b|不|没|未", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


def supported_claims(claims: Iterable[Claim], sentences: Sequence[str]) -> tuple[Claim, ...]:
    """The claims that one of the sentences supports.

    A sentence supports a claim if it names the claim's things, has a spatial word of its relation, or of its converse
    with the things in the other order, denies it where the claim does, and holds its number.

    Args:
        claims: Claims by which the model restates the sentences.
        sentences: Sentences of its answer.
    """
    return tuple(claim for claim in claims if any(_supports(sentence, claim) for sentence in sentences))


def _supports(sentence: str, claim: Claim) -> bool:
    if claim.value is not None and not _has_number(sentence, claim.value):
        return False
    if claim.negated != bool(_DENIALS.search(sentence)):
        return False
    at = [_place(sentence, name) for name in claim.things]
    if any(place < 0 for place in at):
        return False
    if claim.value is not None:
        return True
    return any(_says(tag.relation, claim, at) for tag in spatial_tags(sentence) if tag.relation is not None)


def _says(word: str, claim: Claim, at: Sequence[int]) -> bool:
    """Whether a spatial word states the claim's relation of its things, whose places in the sentence are given."""
    said, relation = RELATIONS[word], RELATIONS[claim.relation]
    if said.rule != relation.rule or said.options.get("axis") != relation.options.get("axis"):
        return False
    if said.options.get("extent") != relation.options.get("extent"):
        return False
    if len(at) != 2 or relation.symmetric or "sign" not in relation.options:
        return said.name == relation.name
    is_forward = at[0] < at[1]
    return (said.options["sign"] == relation.options["sign"]) == is_forward


def _place(sentence: str, name: str) -> int:
    """Where a sentence names a thing, by all of its words or by its head noun; -1 if it does not."""
    words = sentence.casefold()
    if (at := words.find(name.casefold())) >= 0:
        return at
    heads = head_words(name) or (normal_name(name),)
    match = re.search(rf"(?<!\w){re.escape(heads[-1])}(?:es|s)?(?!\w)", words)
    return match.start() if match else -1


def _has_number(sentence: str, value: float) -> bool:
    from pipeline.claims.quantities import NUMBER_WORDS

    numbers = {float(number) for number in _NUMBERS.findall(sentence)}
    numbers |= {number for word, number in NUMBER_WORDS.items() if re.search(rf"\b{word}\b", sentence, re.IGNORECASE)}
    return any(abs(number - value) < 1e-6 for number in numbers)
