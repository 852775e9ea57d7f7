from __future__ import annotations

import json

import pytest
import scenes

from pipeline.claims.regions import Images
from pipeline.models.vlm.base import Generation
from pipeline.stages.reading import Prompt, grounded_regions, read_answer

IMAGES = Images([frame.camera for frame in scenes.scene().frames])
BOXES = json.dumps([{"label": "cup", "bbox_2d": [60, 80, 160, 250]}])


def prompt(ground: Generation) -> Prompt:
    return Prompt(scenes.scene(), "Where?", ground, grounded_regions(BOXES, IMAGES))


def generation(text: str = "Yes.", **rest: object) -> Generation:
    return Generation(text, "scripted", "r1", **rest)  # type: ignore[arg-type]


def test_seconds_of_both_steps_add_up_and_of_all_else_the_largest_counts() -> None:
    ground = generation(seconds=0.5, timings={"prefill_s": 0.25, "peak_mb": 90.0, "hit_ratio": 0.1})
    ask = generation(seconds=1.0, timings={"prefill_s": 0.5, "peak_mb": 70.0, "decode_s": 2.0})
    answer = read_answer(prompt(ground), ask, IMAGES)
    assert answer.timings == {"prefill_s": 0.75, "peak_mb": 90.0, "hit_ratio": 0.1, "decode_s": 2.0}
    assert answer.seconds == 1.5


@pytest.mark.parametrize(
    "first, second, total",
    [(None, None, None), (3, None, 3), (None, 0, 0), (3, 4, 7)],
    ids=["none", "one", "0", "two"],
)
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens", "cached_tokens"])
def test_tokens_are_the_sum_of_what_is_known(name: str, first: object, second: object, total: object) -> None:
    ground, ask = generation(**{name: first}), generation(**{name: second})
    assert getattr(read_answer(prompt(ground), ask, IMAGES), name) == total


def test_the_last_generation_is_the_answer_and_the_first_step_adds_its_objects() -> None:
    answer = read_answer(prompt(generation(BOXES)), generation("The cup is left of it."), IMAGES)
    assert (answer.text, answer.grounding) == ("The cup is left of it.", BOXES)
    assert [region.label for region in answer.regions] == ["cup"]


@pytest.mark.parametrize(
    "ground, said, cut",
    [(False, False, []), (False, True, ["The answer"]), (True, False, ["The list of objects"]),
     (True, True, ["The answer", "The list of objects"])],
)  # fmt: skip
def test_what_was_cut_off_is_reported(ground: bool, said: bool, cut: list[str]) -> None:
    problems = read_answer(prompt(generation(truncated=ground)), generation(truncated=said), IMAGES).problems
    assert [problem.partition(" was cut off")[0] for problem in problems] == cut
