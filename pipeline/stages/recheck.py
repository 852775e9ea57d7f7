"""Reasons to ask a question again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.claims.markup import shorten
from pipeline.claims.resolve import unique_names
from pipeline.geometry.regions import boxes_gap
from pipeline.models.vlm.budget import ImageBudget
from pipeline.models.vlm.crops import Crop, SecondLook, choose_crops
from pipeline.records import Answer, Origin, Region, Status, Verdict
from pipeline.records.message import Language, message
from pipeline.stages.reading import Prompt


@dataclass(frozen=True)
class Judged:
    """An answer and the verdicts about its own claims.

    Args:
        prompt: The prompt of the question.
        answer: The answer.
        verdicts: One per claim of the answer; none about claims that came with the item.
        regions: The regions to which the verdicts' indices refer.
    """

    prompt: Prompt
    answer: Answer
    verdicts: tuple[Verdict, ...]
    regions: tuple[Region, ...]


@dataclass(frozen=True)
class Reason:
    """One reason to ask again.

    Args:
        words: Text for the result, such as ``refuted claims: cup is left of lamp``.
        names: The claims or objects concerned.
        crops: Parts of frames to show the model.
    """

    words: str
    names: tuple[str, ...]
    crops: tuple[Crop, ...] = ()


def refuted_claims(judged: Judged, language: Language = "en") -> Reason | None:
    """The refuted claims of the answer; None if there are none."""
    claims = [verdict.claim.in_words(language) for verdict in judged.verdicts if verdict.status is Status.REFUTED]
    return _reason("refuted_claims", language, claims) if claims else None


def small_regions(judged: Judged, budget: ImageBudget, language: Language = "en") -> Reason | None:
    """Objects of the answer with too few pixels to judge a claim, unless the model saw them enlarged; None if none.

    Args:
        judged: The answer.
        budget: Size and number of crops.
        language: Language of the reason.
    """
    names = unique_names(judged.regions)
    sought = [
        index
        for index in sorted({index for verdict in judged.verdicts for index in verdict.small_regions})
        if judged.regions[index].origin is Origin.MODEL and not _is_shown(judged.regions[index], judged.prompt.crops)
    ]
    regions = [judged.regions[index] for index in sought]
    crops = choose_crops(regions, judged.prompt.scene.frames, {}, SecondLook.ALWAYS, budget)
    return _reason("small_regions", language, [names[index] for index in sought], crops) if crops else None


def _is_shown(region: Region, crops: Sequence[Crop]) -> bool:
    return any(crop.frame == region.frame and boxes_gap(crop.box_px, region.box_px) < 0 for crop in crops)


def _reason(code: str, language: Language, names: list[str], crops: tuple[Crop, ...] = ()) -> Reason:
    words = message(code, names=tuple(shorten(name) for name in names)).text(language)
    return Reason(words, tuple(names), crops)
