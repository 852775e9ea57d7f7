from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scenes
from scenes import thousandths
from stages.doubles import ScriptedModel

from pipeline.models.vlm.base import Generation, Request, Step
from pipeline.models.vlm.budget import DEFAULT_BUDGET, ImageBudget
from pipeline.models.vlm.crops import Crop
from pipeline.records import Answer, Camera, Claim, DepthMap, Frame, Origin, Region, Scene, Status, Verdict
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.errors import ConfigError, GenerationError, InputError
from pipeline.stages.query import QueryStage
from pipeline.stages.reading import Prompt
from pipeline.stages.recheck import Judged, small_regions
from pipeline.verify.rules.base import Settings
from pipeline.verify.verifier import Verifier

QUESTION = "Is the screen in front of the cabinet?"


def photo() -> Scene:
    """A large image without content, metric depth 2 m throughout."""
    rgb = np.random.default_rng(0).integers(0, 256, (2048, 2048, 3), dtype=np.uint8)
    depth = DepthMap.from_values(np.full((2048, 2048), 2.0), "metric", "sensor")
    return Scene("photo", (Frame(rgb, Camera.from_fov(2048, 2048, 60)),), depth=(depth,))


def located(*labels: str) -> str:
    boxes = {label: thousandths(scenes.OBJECTS[label.casefold()][0]) for label in labels}
    return json.dumps([{"label": label, "bbox_2d": box, "picture": 1} for label, box in boxes.items()])


def answering(request: Request) -> str:
    """Grounds two objects; then answers, and locates one of them and another one."""
    if request.step is Step.GROUND:
        return located("screen", "cabinet")
    return f"Yes, the screen is in front of the cabinet.\n```json\n{located('Screen', 'lamp')}\n```"


def ask(stage: QueryStage, scene: Scene, question: str = QUESTION) -> Answer:
    (outcome,) = stage.ask_all([(scene, question)])
    assert isinstance(outcome, Answer), outcome
    return outcome


def steps_of(model: ScriptedModel) -> list[Step]:
    return [request.step for request in model.requests]


@pytest.mark.parametrize(
    "hints, steps, can_ground, expected, images",
    [
        ("table", "auto", True, [Step.GROUND, Step.ANSWER], 1),
        ("both", "auto", True, [Step.GROUND, Step.ANSWER], 2),
        ("image", "auto", True, [Step.ANSWER], 2),
        ("none", "auto", True, [Step.ANSWER], 1),
        ("table", "auto", False, [Step.ANSWER], 1),
        ("table", "one", True, [Step.ANSWER], 1),
        ("none", "two", True, [Step.GROUND, Step.ANSWER], 1),
        ("none", "two", False, [Step.GROUND, Step.ANSWER], 1),
    ],
)
def test_objects_are_grounded_first_where_the_table_needs_them_and_only_image_hints_show_the_depth(
    hints: str, steps: str, can_ground: bool, expected: list[Step], images: int
) -> None:
    model = ScriptedModel(answering, can_ground=can_ground)
    ask(QueryStage(model, hints, steps), scenes.scene())
    assert steps_of(model) == expected
    assert len(model.requests[-1].images) == images


def test_the_table_holds_the_depth_that_was_measured_where_the_model_pointed() -> None:
    model = ScriptedModel(answering)
    ask(QueryStage(model, "table"), scenes.scene())
    ground, answer = (request.prompt_text for request in model.requests)
    rows = [line for line in answer.splitlines() if line.startswith(("| screen", "| cabinet"))]
    assert [row.split("|")[1].strip() for row in rows] == ["screen", "cabinet"], "from near to far"
    for row, metres in zip(rows, ("1.20", "2.00"), strict=True):
        assert [cell.strip() for cell in row.split("|")[3:6]] == [metres] * 3
    assert "1.20" not in ground
    assert answer.rstrip().endswith(QUESTION)
    assert ground.rstrip().endswith(QUESTION)


def test_the_answer_keeps_what_both_steps_gave() -> None:
    answer = ask(QueryStage(ScriptedModel(answering), "table"), scenes.scene())
    assert [region.label for region in answer.regions] == ["Screen", "lamp", "cabinet"], "each object once"
    assert {region.origin for region in answer.regions} == {Origin.MODEL}
    assert answer.grounding == located("screen", "cabinet")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.seconds) == (20, 4, 1.0)
    assert (answer.model, answer.revision, answer.seed) == ("scripted", "r1", 7)
    assert answer.generation == {"t": 0, "coordinates": "thousandths"}
    assert [(claim.relation, claim.subject, claim.object) for claim in answer.claims] == [
        ("in_front_of", "screen", "cabinet")
    ]
    assert answer.text.startswith("Yes, the screen is in front of")
    answer = ask(QueryStage(ScriptedModel(answering), "none"), scenes.scene())
    assert (answer.grounding, answer.prompt_tokens, answer.seconds) == (None, 10, 0.5), "one step alone"


@pytest.mark.parametrize(
    "name, value",
    [
        ("hints", "tables"),
        ("steps", "three"),
        ("language", "de"),
        ("second_look", True),
        ("batch_size", 0),
        ("recheck", 2),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be"):
        QueryStage(ScriptedModel(answering), **{name: value})


def test_hints_that_the_scene_cannot_give_are_refused_before_the_model_is_asked() -> None:
    model = ScriptedModel(answering)
    with pytest.raises(ConfigError, match="no depth"):
        QueryStage(model, "image").ask_all([(replace(scenes.scene(), depth=()), QUESTION)])
    assert model.requests == []


def test_questions_go_together_step_by_step_and_come_back_in_order() -> None:
    model = ScriptedModel(lambda request: f"{request.step}: {request.question}")
    scene, flat = scenes.scene(), replace(scenes.scene(), id="flat", depth=())
    answers = QueryStage(model, "table").ask_all([(scene, "One?"), (flat, "Two?"), (scene, "Three?")])
    assert [(answer.text, answer.grounding) for answer in answers if isinstance(answer, Answer)] == [
        ("answer: One?", "ground: One?"),
        ("answer: Two?", None),
        ("answer: Three?", "ground: Three?"),
    ], "without depth nothing is grounded for a table that cannot be"
    assert model.batches == [2, 3]
    assert [request.item_id for request in model.requests] == ["analytic", "analytic", "analytic", "flat", "analytic"]


def test_an_error_of_one_question_stays_with_it() -> None:
    def script(request: Request) -> str:
        if request.question == "Silent?" and request.step is Step.ANSWER:
            raise GenerationError("The model said nothing.")
        if request.question == "Lost?":
            raise GenerationError("It cannot find it.")
        return answering(request)

    model = ScriptedModel(script)
    questions = ["One?", "Silent?", " ", "Lost?", "Two?"]
    outcomes = QueryStage(model, "table").ask_all([(scenes.scene(), question) for question in questions])
    assert [type(outcome) for outcome in outcomes] == [Answer, GenerationError, InputError, GenerationError, Answer]
    assert model.batches == [4, 3], "what failed to be grounded is not asked"
    assert "empty" in str(outcomes[2]) and str(outcomes[3]) == "It cannot find it."


def test_the_table_is_measured_with_the_settings_of_the_verifier() -> None:
    scene = replace(scenes.scene(), regions=(Region("cup", (10.0, 10.0, 14.0, 14.0)),))
    for min_pixels, told in ((20, False), (5, True)):
        model = ScriptedModel(answering, can_ground=False)
        ask(QueryStage(model, error_budget=ErrorBudget(), settings=Settings(min_pixels=min_pixels)), scene)
        assert ("| cup |" in model.requests[0].prompt_text) == told


def prompt_of(stage: QueryStage, scene: Scene, grounding: str, question: str = QUESTION) -> Prompt:
    return stage.prompt(scene, question, Generation(grounding, "scripted"))


def judged(*statuses: str, question: str = QUESTION) -> Judged:
    """An answer with one claim per status, about the cup and the lamp."""
    claims = tuple(Claim("left_of", "cup", f"lamp {number}") for number in range(len(statuses)))
    verdicts = tuple(
        Verdict(
            claim,
            status,  # type: ignore[arg-type]
            "Seen.",
            probability=0.01,
            needs="more" if status == "undecided" else None,
            small_regions=(1,) if status == "undecided" else (),
        )
        for claim, status in zip(claims, statuses, strict=True)
    )
    prompt = prompt_of(QueryStage(ScriptedModel(answering)), scenes.scene(), located("screen", "cabinet"), question)
    return Judged(prompt, Answer("The cup is left.", claims=claims), verdicts, scenes.regions())


@pytest.mark.parametrize(
    "recheck, second_look, statuses, words",
    [
        (0, "auto", ["refuted"], []),
        (1, "auto", [], []),
        (1, "off", ["undecided"], []),
        (0, "auto", ["supported", "undecided"], ["small regions: screen"]),
        (1, "auto", ["undecided", "refuted"], ["refuted claims: cup is left of lamp 1", "small regions: screen"]),
        (1, "auto", ["refuted", "refuted"], ["refuted claims: cup is left of lamp 0; cup is left of lamp 1"]),
    ],
)
def test_refuted_claims_and_small_regions_are_reasons_to_ask_again(
    recheck: int, second_look: str, statuses: list[str], words: list[str]
) -> None:
    stage = QueryStage(ScriptedModel(answering), recheck=recheck, second_look=second_look)
    assert [reason.words for reason in stage.reasons_to_ask_again(judged(*statuses))] == words


@pytest.mark.parametrize("origin", [Origin.GIVEN, Origin.OCR])
def test_only_what_the_model_located_is_looked_at_again(origin: Origin) -> None:
    first = judged("undecided")
    given = replace(first, regions=tuple(replace(region, origin=origin) for region in first.regions))
    assert small_regions(given, DEFAULT_BUDGET) is None
    assert small_regions(first, DEFAULT_BUDGET) is not None


def test_what_was_enlarged_already_is_not_looked_at_again() -> None:
    first = judged("undecided")
    reason = small_regions(first, DEFAULT_BUDGET)
    assert reason is not None
    assert [crop.frame for crop in reason.crops] == [0]
    seen = replace(first, prompt=replace(first.prompt, crops=reason.crops))
    assert small_regions(seen, DEFAULT_BUDGET) is None


def test_asking_again_goes_on_where_the_first_prompt_ended() -> None:
    model = ScriptedModel(answering)
    stage = QueryStage(model, "table", recheck=1)
    ask(stage, scenes.scene())
    first = model.requests[-1]
    again = judged("undecided", "refuted")
    (answer,) = stage.ask_again([(again, stage.reasons_to_ask_again(again))])
    second = model.requests[-1]
    assert isinstance(answer, Answer)
    assert (second.step, len(model.requests)) == (Step.RECHECK, 3), "the objects are not grounded again"
    assert second.prompt_text.startswith(first.prompt_text + "\nPicture 2, an enlarged part of picture 1 ")
    assert "too small in the pictures to be measured: screen." in second.prompt_text
    assert "- cup is left of lamp 1: Seen." in second.prompt_text
    assert [image.digest for image in second.images][:1] == [image.digest for image in first.images]
    assert (answer.prompt_tokens, answer.grounding) == (10, located("screen", "cabinet"))
    assert [region.label for region in answer.regions] == ["Screen", "lamp", "cabinet"]


@pytest.mark.parametrize(
    "second_look, enlarged",
    [("off", []), (False, []), ("auto", ["dot"]), ("always", ["dot", "screen"])],
)
def test_small_objects_are_shown_enlarged_and_boxes_in_them_are_mapped_back(
    second_look: str, enlarged: list[str]
) -> None:
    scene = photo()
    dot = Region("dot", (1204.0, 900.0, 1228.0, 924.0))
    found: dict[str, Crop] = {}

    def script(request: Request) -> str:
        if request.step is Step.GROUND:
            # Coarse, as the model sees little of it.
            boxes = {"dot": (1195, 890, 1235, 930), "screen": (300, 300, 900, 900)}
            return json.dumps(
                [{"label": name, "bbox_2d": thousandths(box, (2048, 2048))} for name, box in boxes.items()]
            )
        for crop in prompt_of(stage, scene, script(replace(request, step=Step.GROUND))).crops:
            found["screen" if crop.box_px[0] < 900 else "dot"] = crop
        crop = found.get("dot")
        if crop is None:
            return "Yes."
        left, top, *_ = crop.box_px
        seen = (dot.box_px[0] - left, dot.box_px[1] - top, dot.box_px[2] - left, dot.box_px[3] - top)
        number = 2 + sorted(found, key=lambda name: found[name].box_px).index("dot")
        return json.dumps({
            "objects": [{"label": "dot", "bbox_2d": thousandths(seen, crop.size_px), "picture": number}],
            "claims": [{"relation": "right_of", "subject": "dot", "object": "screen", "pictures": [number]}],
        })  # fmt: skip

    model = ScriptedModel(script)
    stage = QueryStage(model, "table", second_look=second_look)
    answer = ask(stage, scene, "Is the dot right of the screen?")
    assert sorted(found) == enlarged
    assert len(model.requests[-1].images) == 1 + len(enlarged)
    assert all(region.frame == 0 for region in answer.regions)
    if enlarged:
        (region,) = [region for region in answer.regions if region.label == "dot"]
        half_step_px = max(found["dot"].size_px) / 2000
        np.testing.assert_allclose(region.box_px, dot.box_px, atol=half_step_px + 1e-6)
        assert answer.claims[0].frames == (0,)
        assert np.array_equal(model.requests[-1].pixels[1], found[sorted(found, key=lambda name: found[name].box_px)[0]]
                              .image(scene.frames[0]))  # fmt: skip


def test_the_distance_in_the_table_is_the_one_that_claims_are_judged_by() -> None:
    model = ScriptedModel(answering, can_ground=False)
    scene = replace(scenes.scene(), regions=scenes.regions())
    ask(QueryStage(model, "table"), scene)
    (row,) = [line for line in model.requests[0].prompt_text.splitlines() if line.startswith("| cup")]
    told_m = float(row.split("|")[-2])
    claim = Claim("distance_to_camera", "cup", value=told_m, unit="m")  # type: ignore[arg-type]
    (verdict,) = Verifier().judge(scene, scene.regions, [claim])
    assert verdict.evidence[0].numbers["middle_m"] == pytest.approx(told_m, abs=0.006)
    assert verdict.status is Status.SUPPORTED


def test_the_answer_tells_how_it_was_asked() -> None:
    stage = QueryStage(ScriptedModel(answering), "table", second_look="always")
    prompting = ask(stage, scenes.scene(frames=2)).prompting
    assert (prompting["hints"], prompting["steps"], prompting["frames"]) == ("table", 2, {"0": None, "1": None})
    assert [crop["frame"] for crop in prompting["crops"]] == [0]


def test_the_model_own_limit_counts_as_what_it_sees() -> None:
    class Coarse(ScriptedModel):
        max_pixels = 100 * 1024

    box = thousandths((300, 300, 500, 500), (2048, 2048))
    grounding = json.dumps([{"label": "screen", "bbox_2d": box}])
    assert prompt_of(QueryStage(ScriptedModel(answering)), photo(), grounding).crops == ()
    assert len(prompt_of(QueryStage(Coarse(answering)), photo(), grounding).crops) == 1


def test_many_frames_share_the_budget_and_keep_their_numbers() -> None:
    one = scenes.scene()
    scene = replace(one, frames=one.frames * 40, depth=one.depth * 40)
    model = ScriptedModel(answering)
    ask(QueryStage(model, "table", budget=ImageBudget(max_frames=3)), scene)
    for request in model.requests:
        assert len(request.pixels) == 3
        assert "Picture 40: " in request.prompt_text


@pytest.mark.parametrize(
    "kind, takes_metres, hints",
    [("metric", True, "table"), ("metric", False, "none"), ("disparity_affine", False, "table")],
)
def test_a_model_that_knows_no_metres_is_told_none(kind: str, takes_metres: bool, hints: str) -> None:
    class Model(ScriptedModel):
        @property
        def takes_metres(self) -> bool:
            return takes_metres

    depth = DepthMap.from_values(np.full((48, 64), 2.0), kind, "sensor" if kind == "metric" else "none")
    scene = Scene("item", (Frame(np.zeros((48, 64, 3), np.uint8), Camera.from_fov(64, 48, 60)),), depth=(depth,))
    stage = QueryStage(Model(lambda request: "Fine."), "table")
    assert stage.hints_for(scene) == hints
    assert stage.grounds_first(scene) is (hints == "table")
    (answer,) = stage.ask_all([(scene, "Where is the cup?")])
    assert isinstance(answer, Answer)
    assert answer.prompting["hints"] == hints
