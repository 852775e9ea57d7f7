"""Why a question is asked once more, and what for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.claims.markup import shorten
from pipeline.claims.resolve import unique_names
from pipeline.records import Answer, Region, Scene, Status, Verdict
from pipeline.vlm.base import ImagePart, TextPart


@dataclass(frozen=True)
class Judged:
    """An answer and what the verifier says about its own claims.

    Args:
        scene: What the question is about.
        question: The question.
        answer: The answer.
        verdicts: One per claim of the answer; none about claims that came with the item.
        regions: What the verdicts' indices point at.
    """

    scene: Scene
    question: str
    answer: Answer
    verdicts: tuple[Verdict, ...]
    regions: tuple[Region, ...]


@dataclass(frozen=True)
class Reason:
    """One reason to ask again.

    Args:
        words: For the result, as in ``refuted claims: cup is left of lamp``.
        parts: Pictures and texts that the model is shown because of it.
    """

    words: str
    parts: tuple[ImagePart | TextPart, ...] = ()


FindReason = Callable[[Judged], Reason | None]


def refuted_claims(judged: Judged) -> Reason | None:
    """Claims of the answer that are refuted."""
    claims = [verdict.claim.in_words() for verdict in judged.verdicts if verdict.status is Status.REFUTED]
    return Reason(f"refuted claims: {_listed(claims)}") if claims else None


def small_regions(judged: Judged) -> Reason | None:
    """Regions with too few pixels to judge a claim of the answer."""
    indices = sorted({index for verdict in judged.verdicts for index in verdict.small_regions})
    names = unique_names(judged.regions)
    return Reason(f"small regions: {_listed([names[index] for index in indices])}") if indices else None


def _listed(names: list[str]) -> str:
    return "; ".join(shorten(name) for name in names)
