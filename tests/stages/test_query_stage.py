from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scenes
from stages.doubles import ScriptedModel

from pipeline.errors import ConfigError, InputError
from pipeline.records import DepthKind, DepthMap, Origin, Region, Scene
from pipeline.stages.cache import StageCache
from pipeline.stages.query import QueryStage, Steps, read_depth
from pipeline.vlm.base import Request, Step
from pipeline.vlm.hints import depth_table

QUESTION = "Is the screen in front of the cabinet?"


def thousandths(label: str) -> list[int]:
    left, top, right, bottom = scenes.OBJECTS[label.casefold()][0]
    sides = (scenes.WIDTH, scenes.HEIGHT) * 2
    return [round(1000 * edge / side) for edge, side in zip((left, top, right, bottom), sides, strict=True)]


def located(*labels: str) -> str:
    return json.dumps([{"label": label, "bbox_2d": thousandths(label), "picture": 1} for label in labels])


def answering(request: Request) -> str:
    """Grounds two objects; then answers, and locates one of them and another one."""
    if request.step is Step.GROUND:
        return located("screen", "cabinet")
    return f"Yes, the screen is in front of the cabinet.\n```json\n{located('Screen', 'lamp')}\n```"


def steps_of(model: ScriptedModel) -> list[Step]:
    return [request.step for request in model.requests]


@pytest.mark.parametrize(
    "hints, steps, can_ground, expected",
    [
        ("table", "auto", True, [Step.GROUND, Step.ANSWER]),
        ("both", "auto", True, [Step.GROUND, Step.ANSWER]),
        ("image", "auto", True, [Step.ANSWER]),
        ("none", "auto", True, [Step.ANSWER]),
        ("table", "auto", False, [Step.ANSWER]),
        ("table", "one", True, [Step.ANSWER]),
        ("none", "two", True, [Step.GROUND, Step.ANSWER]),
        ("none", "two", False, [Step.GROUND, Step.ANSWER]),
    ],
)
def test_objects_are_grounded_first_where_the_table_needs_them(
    hints: str, steps: str, can_ground: bool, expected: list[Step]
) -> None:
    model = ScriptedModel(answering, can_ground=can_ground)
    QueryStage(model, hints, steps)(scenes.scene(), QUESTION)
    assert steps_of(model) == expected


def test_the_table_holds_the_depth_that_was_measured_where_the_model_pointed() -> None:
    model = ScriptedModel(answering)
    QueryStage(model, "table")(scenes.scene(), QUESTION)
    ground, ask = (request.prompt_text for request in model.requests)
    rows = [line for line in ask.splitlines() if line.startswith(("| screen", "| cabinet"))]
    assert [row.split("|")[1].strip() for row in rows] == ["screen", "cabinet"], "from near to far"
    for row, metres in zip(rows, ("1.20", "2.00"), strict=True):
        assert [cell.strip() for cell in row.split("|")[3:6]] == [metres] * 3
    assert "1.20" not in ground
    assert ask.rstrip().endswith(QUESTION)
    assert ground.rstrip().endswith(QUESTION)


def test_given_regions_are_measured_without_a_grounding_step() -> None:
    model = ScriptedModel(answering, can_ground=False)
    QueryStage(model, "table")(replace(scenes.scene(), regions=scenes.regions()), QUESTION)
    (request,) = model.requests
    assert all(f"| {label} |" in request.prompt_text for label in scenes.OBJECTS)


@pytest.mark.parametrize("hints, pictures", [("none", 1), ("table", 1), ("image", 2), ("both", 2)])
def test_only_picture_hints_show_the_depth(hints: str, pictures: int) -> None:
    model = ScriptedModel(answering)
    QueryStage(model, hints)(scenes.scene(), QUESTION)
    assert len(model.requests[-1].images) == pictures


def test_the_answer_keeps_what_both_steps_gave() -> None:
    answer = QueryStage(ScriptedModel(answering), "table")(scenes.scene(), QUESTION)
    assert [region.label for region in answer.regions] == ["Screen", "lamp", "cabinet"], "each object once"
    assert answer.grounding == located("screen", "cabinet")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.seconds) == (20, 4, 1.0)
    assert (answer.model, answer.revision, answer.generation, answer.seed) == ("scripted", "r1", {"t": 0}, 7)
    assert [(claim.relation, claim.subject, claim.object) for claim in answer.claims] == [
        ("in_front_of", "screen", "cabinet")
    ]
    assert answer.text.startswith("Yes, the screen is in front of")


def test_one_step_has_no_grounding() -> None:
    answer = QueryStage(ScriptedModel(answering), "none")(scenes.scene(), QUESTION)
    assert answer.grounding is None
    assert (answer.prompt_tokens, answer.seconds) == (10, 0.5)


def test_a_cut_off_answer_says_so(tmp_path: Path) -> None:
    class Chatty(ScriptedModel):
        def generate(self, request: Request):  # type: ignore[no-untyped-def]
            return replace(super().generate(request), truncated=True)

    answer = QueryStage(Chatty(answering), "none")(scenes.scene(), QUESTION)
    assert any("max_new_tokens" in problem for problem in answer.problems)


def test_a_generation_is_kept_for_the_same_prompt_only(tmp_path: Path) -> None:
    model = ScriptedModel(answering, identity="scripted 1")
    stage = QueryStage(model, "table", cache=StageCache(tmp_path))
    first, second = stage(scenes.scene(), QUESTION), stage(scenes.scene(), QUESTION)
    assert first == second
    assert len(model.requests) == 2
    stage(scenes.scene(), "Is it behind the cabinet?")
    assert len(model.requests) == 4
    deeper = scenes.scene(scenes.as_kind(scenes.depth_m() * 2, DepthKind.METRIC))
    stage(deeper, QUESTION)
    assert steps_of(model)[4:] == [Step.ANSWER], "the grounding prompt holds no depth"


def test_a_model_without_identity_is_asked_every_time(tmp_path: Path) -> None:
    model = ScriptedModel(answering)
    stage = QueryStage(model, "none", cache=StageCache(tmp_path))
    stage(scenes.scene(), QUESTION)
    stage(scenes.scene(), QUESTION)
    assert len(model.requests) == 2


@pytest.mark.parametrize(
    "settings, name",
    [({"hints": "tables"}, "query.hints"), ({"steps": "three"}, "query.steps"), ({"language": "de"}, "query.language")],
)
def test_an_option_that_does_not_exist_is_named(settings: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        QueryStage(ScriptedModel(answering), **settings)  # type: ignore[arg-type]


def test_an_empty_question_is_refused_before_the_model_is_asked() -> None:
    model = ScriptedModel(answering)
    with pytest.raises(InputError, match="empty"):
        QueryStage(model)(scenes.scene(), "  ")
    assert model.requests == []


def test_picture_hints_without_depth_are_refused() -> None:
    with pytest.raises(ConfigError, match="no depth"):
        QueryStage(ScriptedModel(answering), "image")(replace(scenes.scene(), depth=()), QUESTION)


def test_steps_are_what_the_configuration_offers() -> None:
    assert list(Steps) == ["auto", "one", "two"]


def test_metric_depth_is_read_in_metres() -> None:
    hints = read_depth(scenes.scene(), scenes.regions())
    assert [hint.reference for hint in hints] == list(scenes.OBJECTS)
    for hint, (_, metres) in zip(hints, scenes.OBJECTS.values(), strict=True):
        assert (hint.near, hint.median, hint.far) == pytest.approx((metres,) * 3, rel=1e-5)
        assert hint.kind is DepthKind.METRIC


@pytest.mark.parametrize("kind", list(DepthKind))
def test_every_kind_of_depth_is_read_in_its_own_unit_and_order(kind: DepthKind) -> None:
    scale, shift = (1.0, 0.0) if kind is DepthKind.METRIC else (3.0, 0.5)
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), kind, scale, shift))
    found = {hint.reference: hint for hint in read_depth(scene, scenes.regions())}
    for label, (_, metres) in scenes.OBJECTS.items():
        expected = {
            DepthKind.METRIC: metres,
            DepthKind.SCALE_INVARIANT: scale * metres,
            DepthKind.DEPTH_AFFINE: scale * metres + shift,
            DepthKind.DISPARITY_AFFINE: scale / metres + shift,
        }[kind]
        assert found[label].median == pytest.approx(expected, rel=1e-5)
    nearness = [found[label].nearness for label in ("cup", "screen", "lamp", "cabinet")]
    assert nearness == sorted(nearness, reverse=True)
    rows = [line for line in depth_table(tuple(found.values()), "en", scene.frames).splitlines() if "| [" in line]
    order = [cell.strip() for row in rows for cell in row.split("|") if cell.strip() in scenes.OBJECTS]
    assert order == ["cup", "screen", "lamp", "cabinet"], "from near to far"


def test_the_percentiles_of_a_slope_run_from_near_to_far() -> None:
    columns = np.linspace(1.0, 3.0, scenes.WIDTH)
    depth = scenes.as_kind(np.tile(columns, (scenes.HEIGHT, 1)), DepthKind.METRIC)
    mask = np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)
    mask[20:100, 40:120] = True
    (hint,) = read_depth(scenes.scene(depth), (Region("ramp", (40, 20, 120, 100), mask=mask),))
    assert hint.median == pytest.approx(columns[80], rel=0.02)
    assert hint.near == pytest.approx(np.percentile(columns[40:120], 10), rel=0.04)
    assert hint.far == pytest.approx(np.percentile(columns[40:120], 90), rel=0.04)


def test_namesakes_are_numbered_frame_by_frame_and_the_unmeasurable_left_out() -> None:
    cup, lamp = scenes.regions()[3], scenes.regions()[2]
    tiny = Region("speck", (0.0, 0.0, 1.0, 1.0))
    regions = (cup, tiny, replace(lamp, label="cup"), replace(cup, frame=1))
    hints = read_depth(scenes.scene(frames=2), regions)
    assert [(hint.reference, hint.region.frame) for hint in hints] == [("cup#1", 0), ("cup#2", 0), ("cup", 1)]


@pytest.mark.parametrize("depth", [(), "invalid"])
def test_without_usable_depth_there_is_nothing_to_tell(depth: object) -> None:
    scene = scenes.scene()
    if depth == "invalid":
        nowhere = DepthMap.from_values(np.full((scenes.HEIGHT, scenes.WIDTH), math.nan), "metric", "sensor")
        scene = Scene(scene.id, scene.frames, depth=(nowhere,))
    else:
        scene = replace(scene, depth=())
    assert read_depth(scene, scenes.regions()) == ()


def test_constant_depth_has_no_nearest_object() -> None:
    depth = scenes.as_kind(np.full((scenes.HEIGHT, scenes.WIDTH), 2.0), DepthKind.METRIC)
    assert {hint.nearness for hint in read_depth(scenes.scene(depth), scenes.regions())} == {0.5}


def test_grounded_regions_come_from_the_model() -> None:
    answer = QueryStage(ScriptedModel(answering))(scenes.scene(), QUESTION)
    assert {region.origin for region in answer.regions} == {Origin.MODEL}
