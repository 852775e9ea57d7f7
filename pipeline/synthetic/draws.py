"""Claims drawn at random from candidates whose ground truth is known: true and false ones in equal numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.records import Claim, Comparison, Origin, Unit
from pipeline.records.relations import Relation, ValueUse
from pipeline.synthetic.truth import Truth

Pool = tuple[list[tuple[Claim, Truth]], list[tuple[Claim, Truth]]]
"""Clearly true and clearly false claims of one relation, the hardest first."""

_NEGATED_SHARE = 0.1
# The hard claims of a pool are this share of it, those with the smallest margins.
_HARDEST = 0.3
_WITH_VALUE_SHARE = 0.25
_COMPARISONS = (Comparison.ABOUT, Comparison.ABOUT, Comparison.ABOUT, Comparison.AT_LEAST, Comparison.AT_MOST)


def pool_of(candidates: Iterable[Claim], truth: Callable[[Claim], Truth]) -> Pool:
    """The candidates that are clearly true, and those that are clearly false."""
    judged = sorted(((claim, truth(claim)) for claim in candidates), key=lambda item: abs(item[1].margin))
    true, false = ([item for item in judged if item[1].holds is holds] for holds in (True, False))
    return true, false


def balanced(pools: Mapping[str, Pool], rng: np.random.Generator, count: int, hard_share: float) -> tuple[Claim, ...]:
    """Claims in pairs of a true and a false one of the same relation, drawn from relation after relation.

    The order of the relations is random. A relation that has only true or only false claims gives none. A tenth of
    the claims is negated.

    Args:
        pools: Candidates by relation; the claims that are drawn are taken out of them.
        rng: Draws the claims.
        count: Most claims; one less where it is odd.
        hard_share: Share of the claims that come from the hardest of their pool.

    Returns:
        Claims with their ``truth``.
    """

    def draw(size: int) -> int:
        return int(rng.integers(max(1, math.ceil(_HARDEST * size)) if rng.random() < hard_share else size))

    claims: list[Claim] = []
    while len(claims) + 2 <= count and (ready := [name for name, pair in pools.items() if all(pair)]):
        for name in rng.permutation(ready)[: (count - len(claims)) // 2]:
            negated = bool(rng.random() < _NEGATED_SHARE)
            for pool in pools[name]:
                claim, truth = pool.pop(draw(len(pool)))
                claims.append(replace(claim, negated=negated, truth=bool(truth.holds) is not negated))
    return tuple(claims)


def fields_of(relation: Relation, labels: Iterable[str], frame: int) -> dict[str, Any]:
    """Fields of a claim that relates the objects of these labels in a frame."""
    names = dict(zip(("subject", "object", "other_object"), labels, strict=False))
    return {"relation": relation.name, **names, "frames": (frame,), "origin": Origin.GIVEN}


def has_value(relation: Relation, rng: np.random.Generator) -> bool:
    """Whether a claim of the relation states a number: every one that must, and some that may."""
    return relation.value is ValueUse.REQUIRED or (
        relation.value is ValueUse.OPTIONAL and bool(rng.random() < _WITH_VALUE_SHARE)
    )


def varied(actual: float, spread: float, rng: np.random.Generator) -> float:
    """A number off by a random factor of at most ``exp(spread)``."""
    return float(actual * math.exp(spread * rng.uniform(0.2, 1.0) * rng.choice((-1, 1))))


def in_unit(length_m: float, unit: Unit) -> dict[str, Any]:
    """A length as people write it, with two digits: value and unit."""
    value = length_m / unit.metres
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 2
    return {"value": round(value, digits), "unit": unit}


def comparison(rng: np.random.Generator) -> Comparison:
    """How a claim compares its number with the actual one."""
    found: Comparison = picked(rng, _COMPARISONS)
    return found


def picked(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    """One of the choices, all equally likely."""
    return choices[int(rng.integers(len(choices)))]
