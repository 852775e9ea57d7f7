"""Whether the boxes of an answer show what their names say, by the model's own second look."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.claims.reasoning import split_reasoning
from pipeline.claims.resolve import resolve, unique_names
from pipeline.models.vlm.base import Generation, Request
from pipeline.models.vlm.budget import ImageBudget
from pipeline.models.vlm.crops import Crop, SecondLook, choose_crops
from pipeline.models.vlm.followups import compare_request, confirm_request
from pipeline.records import Answer, Claim, Origin, Region, Scene
from pipeline.records.errors import TheodoliteError
from pipeline.records.message import Language

# A yes or no in words, where the model gives no probability.
_SAID_YES, _SAID_NO = 0.9, 0.1
# A region that another one surpasses is at most so likely to be what its name says.
_SURPASSED = 0.25
# The smallest regions of a claim are the likeliest to be wrong, but a question must not cost more than an answer.
_MOST_REGIONS = 8
_YES = re.compile(r"\W*(?:yes\b|是|有)", re.IGNORECASE)
_NO = re.compile(r"\W*(?:no\b|否|不|没)", re.IGNORECASE)


@dataclass(frozen=True)
class Questions:
    """The questions about the regions of one answer.

    Args:
        confirm: For each region, by its index, whether its crop shows what its name says.
        compare: For the same regions, which of the frame's crops shows that best; left out where there is one.
        candidates: For those, the indices of the regions in the order of the crops.
    """

    confirm: Mapping[int, Request]
    compare: Mapping[int, Request]
    candidates: Mapping[int, tuple[int, ...]]

    @property
    def requests(self) -> list[Request]:
        """All requests."""
        return [*self.confirm.values(), *self.compare.values()]


def questions_about(
    answer: Answer, claims: Sequence[Claim], scene: Scene, language: Language, budget: ImageBudget
) -> Questions:
    """The questions about the regions on which claims hang.

    Args:
        answer: The answer; only regions that the model gave, and that were not asked about before, are asked about.
        claims: The claims.
        scene: The scene.
        language: Language of the prompts.
        budget: How large a crop is shown, and its margin.
    """
    names = [name for claim in claims for name in claim.things]
    wanted = dict.fromkeys(index for name in names for index in resolve(name, answer.regions).by_frame.values())
    crops = {
        index: crop
        for index in wanted
        if _is_asked(answer.regions[index]) and (crop := _crop(answer.regions[index], scene, budget)) is not None
    }
    crops = dict(list(crops.items())[:_MOST_REGIONS])
    shown = unique_names(answer.regions)
    confirm = {index: confirm_request(scene, shown[index], crop, language, budget) for index, crop in crops.items()}
    compare, candidates = {}, {}
    for index in crops:
        rivals = tuple(other for other in crops if crops[other].frame == crops[index].frame)
        if len(rivals) > 1:
            several = [crops[other] for other in rivals]
            compare[index] = compare_request(scene, answer.regions[index].label, several, language, budget)
            candidates[index] = rivals
    return Questions(confirm, compare, candidates)


def doubted(answer: Answer, questions: Questions, outcomes: Sequence[Generation | TheodoliteError]) -> Answer:
    """The answer whose regions carry the probability that they show what their names say.

    Args:
        answer: The answer.
        questions: The questions about its regions.
        outcomes: What the model answered to ``questions.requests``; a question that failed changes nothing.
    """
    said = iter(outcomes)
    shown: dict[int, float] = {}
    for index in questions.confirm:
        probability = _yes(next(said))
        if probability is not None:
            shown[index] = probability
    for index in questions.compare:
        best = _number(next(said))
        rivals = questions.candidates[index]
        others = best is not None and 0 < best <= len(rivals) and rivals[best - 1] != index
        if others or best == 0:
            shown[index] = min(shown.get(index, _SURPASSED), _SURPASSED)
    regions = [replace(r, shown=shown.get(index, r.shown)) for index, r in enumerate(answer.regions)]
    return replace(answer, regions=tuple(regions))


def _is_asked(region: Region) -> bool:
    return region.origin is Origin.MODEL and not region.is_point and region.shown is None and region.frame_is_certain


def _crop(region: Region, scene: Scene, budget: ImageBudget) -> Crop | None:
    crops = choose_crops([region], scene.frames, {}, SecondLook.ALWAYS, budget)
    return crops[0] if crops else None


def _yes(outcome: Generation | TheodoliteError) -> float | None:
    if not isinstance(outcome, Generation):
        return None
    if outcome.yes_probability is not None:
        return outcome.yes_probability
    text = split_reasoning(outcome.text)[0]
    return _SAID_YES if _YES.match(text) else _SAID_NO if _NO.match(text) else None


def _number(outcome: Generation | TheodoliteError) -> int | None:
    if not isinstance(outcome, Generation):
        return None
    match = re.search(r"\d{1,2}", split_reasoning(outcome.text)[0])
    return int(match.group()) if match else None
