"""The measures of the models that ship, on answers and depth whose quality is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.nano import figures_of
from benchmarks.nano_cases import NanoCase, nano_case
from benchmarks.nano_figures import sample_figure
from benchmarks.nano_measures import (
    Measures,
    Subjects,
    abs_rel,
    is_correct,
    judged,
    located,
    measure,
    pairs_in_order,
    told_scene,
)

from pipeline.models.vlm.base import Generation, Request, Step, VisionLanguageModel
from pipeline.records import Answer, DepthMap, Scene
from pipeline.stages.hints import read_depth
from pipeline.stages.query import QueryStage
from pipeline.stages.verify import VerifyStage
from pipeline.synthetic.questions import SceneQuestion, answer_text, askable, fenced, named
from pipeline.synthetic.questions import located as entry

SEED = 4


@pytest.fixture(scope="module")
def case() -> NanoCase:
    return nano_case(SEED, 2)


@pytest.fixture(scope="module")
def single() -> NanoCase:
    return nano_case(SEED)


def names_zh(case: NanoCase) -> dict[str, str]:
    return {item.label: item.label_zh for item in case.views[0].objects}


def grounding(case: NanoCase, question: SceneQuestion, shift_px: float = 0.0, missing: int = 0) -> str:
    """What a model says that puts all boxes so far to the right, and leaves out so many."""
    names = dict(
        zip(
            (question.statement.subject, question.statement.other),
            named(question.statement, question.language, names_zh(case)),
            strict=True,
        )
    )
    entries = []
    for view in case.views:
        for item in view.objects:
            if item.label in names:
                left, top, right, bottom = item.box_px
                box = [1000 * edge / 256 for edge in (left + shift_px, top, right + shift_px, bottom)]
                entries.append(entry(names[item.label], [round(number) for number in box], view.index + 1))
    return fenced(entries[missing:])


@pytest.mark.parametrize("position", [0, 1])
def test_true_boxes_are_located_exactly_in_both_languages(case: NanoCase, position: int) -> None:
    question = case.questions[position]
    found = located(case, question, grounding(case, question))
    assert len(found) == 4, "two objects in two images"
    assert {one.language for one in found} == {"en" if position == 0 else "zh"}
    assert all(one.iou > 0.95 and one.corner_error_px < 0.13 for one in found), "off by half a thousandth"


def test_shifted_boxes_have_half_of_their_shift_as_error(case: NanoCase) -> None:
    question = case.questions[0]
    found = located(case, question, grounding(case, question, shift_px=8.0))
    # Two of four edges are off.
    assert all(one.corner_error_px == pytest.approx(4.0, abs=0.13) and one.iou < 0.9 for one in found)


@pytest.mark.parametrize("said", ["", None, "[{"])
def test_what_is_not_located_counts_as_far_off(case: NanoCase, said: str | None) -> None:
    found = located(case, case.questions[0], said)
    assert [(one.iou, one.corner_error_px) for one in found] == [(0.0, 256.0)] * 4


def test_one_missing_box_costs_that_object_alone(case: NanoCase) -> None:
    question = case.questions[0]
    found = located(case, question, grounding(case, question, missing=1))
    assert sum(one.iou == 0 for one in found) == 1


def test_each_language_asks_where_every_object_is(single: NanoCase) -> None:
    labels = {item.label for item in askable(single.views[0])}
    for language in ("en", "zh"):
        asked = [one.statement for one in (*single.questions, *single.further) if one.language == language]
        assert {label for one in asked for label in (one.subject, one.other)} == labels


def test_the_scene_holds_no_truth(single: NanoCase) -> None:
    assert single.scene.regions == single.scene.depth == ()
    assert all(frame.given_depth is None and frame.pose is None for frame in single.scene.frames)


def test_right_and_wrong_sentences_are_told_apart(case: NanoCase) -> None:
    for question in case.questions:
        other = replace(question.statement, holds=not question.statement.holds)
        said = [answer_text(one, question.language, names_zh(case)) for one in (question.statement, other)]
        assert [is_correct(question, Answer(text)) for text in said] == [True, False]


def test_the_told_scene_has_one_row_for_each_object_and_image(case: NanoCase) -> None:
    question = case.questions[1]
    scene = told_scene(case, question)
    rows = [(hint.region.frame, hint.reference) for hint in read_depth(scene, scene.regions)]
    names = named(question.statement, "zh", names_zh(case))
    assert sorted(rows) == sorted((frame, name) for name in names for frame in range(2))


class Knowing(VisionLanguageModel):
    """Knows where everything is, and answers rightly only where the prompt holds a table with both objects."""

    identity = None
    can_ground = True

    def __init__(self, cases: list[NanoCase]) -> None:
        self.known = {
            (case.name, question.text): (case, question)
            for case in cases
            for question in (*case.questions, *case.further)
        }

    def generate(self, request: Request) -> Generation:
        case, question = self.known[request.item_id, request.question]
        if request.step is Step.GROUND:
            return Generation(grounding(case, question), "knowing")
        names = named(question.statement, question.language, names_zh(case))
        tables = [line for line in request.prompt_text.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
        is_told = len(tables) == 2 * len(case.views) and all(any(name in line for line in tables) for name in names)
        statement = replace(question.statement, holds=question.statement.holds is is_told)
        return Generation(answer_text(statement, question.language, names_zh(case)), "knowing")


def test_a_model_that_needs_the_table_is_right_in_two_steps_alone(case: NanoCase, single: NanoCase) -> None:
    cases = [single, case]
    exact = {one.name: tuple(disparity(one, view=view) for view in range(len(one.views))) for one in cases}

    def depth(scene: Scene) -> Scene:
        return scene.with_depth(exact[scene.id])

    def asker(hints: str, steps: str) -> QueryStage:
        return QueryStage(Knowing(cases), hints=hints, steps=steps, second_look="off")

    found = Measures()
    subjects = Subjects(depth, VerifyStage(), asker("none", "one"), asker("table", "two"), asker("table", "one"))
    measure(subjects, cases, found)
    figures = {figure.key: figure.value for figure in figures_of(found)}
    assert figures["vl.grounding.iou"] > 0.95 and figures["vl.grounding.three_frames.iou"] > 0.95
    assert figures["vl.answers.one_step"] == figures["vl.answers.one_step.three_frames"] == 0
    assert figures["vl.answers.two_steps"] == figures["vl.answers.two_steps.three_frames"] == 1
    assert figures["vl.answers.told"] == figures["vl.answers.gain"] == 1
    assert figures["depth.object_order"] == figures["depth.claims.accuracy"] == 1
    assert figures["depth.abs_rel"] < 1e-3


def disparity(case: NanoCase, sign: float = 1.0, view: int = 0) -> DepthMap:
    exact = case.views[view].frame.given_depth
    assert exact is not None
    values = np.where(exact.valid, 1 / np.where(exact.valid, exact.values, 1), 0)
    return DepthMap(3 * sign * values + 7, exact.valid, "disparity_affine")  # type: ignore[arg-type]


def test_exact_disparity_has_no_error_and_the_right_order(single: NanoCase) -> None:
    assert abs_rel(disparity(single), single.views[0]) < 1e-3
    ordered = list(pairs_in_order(disparity(single), single.views[0]))
    assert ordered and all(ordered)


def test_reversed_disparity_has_the_wrong_order(single: NanoCase) -> None:
    assert abs_rel(disparity(single, -1), single.views[0]) > 0.1
    assert not any(pairs_in_order(disparity(single, -1), single.views[0]))


def test_exact_disparity_gives_right_verdicts_and_reversed_depth_wrong_ones(single: NanoCase) -> None:
    right, wrong = (
        judged(VerifyStage(), single.scene.with_depth((disparity(single, sign),)), single.views[0]) for sign in (1, -1)
    )
    assert len(right) == len(wrong) > 4
    assert sum(one.error for one in right if one.is_decided) == 0 < sum(one.error for one in wrong if one.is_decided)


def test_intervals_hold_the_figure_and_what_a_small_sample_may_reach() -> None:
    groups = [str(k) for k in range(40)]
    share = sample_figure("key", "name", [1.0] * 36 + [0.0] * 4, groups, 0.93)
    assert share.low is not None and share.high is not None and share.low < 0.9 < share.high
    assert not share.ok and share.may_reach
    assert not sample_figure("key", "name", [1.0] * 20 + [0.0] * 20, groups, 0.93).may_reach
    error = sample_figure(
        "key", "name", [1.0] * 30 + [256.0] * 10, groups, 3.0, statistic="median", larger_is_better=False
    )
    assert error.ok and error.value == 1.0
    assert not sample_figure("key", "name", [0.15, 0.25] * 20, groups, 0.06, larger_is_better=False).may_reach
    for right, low, high in ((0.0, 0.0, 1 - 0.05 ** (1 / 40)), (1.0, 0.05 ** (1 / 40), 1.0)):
        same = sample_figure("key", "name", [right] * 40, groups, 0.93, statistic="share")
        assert (same.low, same.high, same.may_reach) == (pytest.approx(low), pytest.approx(high), right == 1)
    assert math.isnan(sample_figure("key", "name", [], []).value)
