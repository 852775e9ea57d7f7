"""Boxes are shown to the model again, and its doubt about them enters the verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from commands import results_in
from PIL import Image
from stages.doubles import ScriptedModel
from stages.runs import make_stages, manifest
from verifiers import uncalibrated

from pipeline.batch.run import run
from pipeline.models.depth.given import GivenDepth
from pipeline.models.vlm.base import Generation, Request, Step
from pipeline.models.vlm.recorded import Recorded
from pipeline.records import Status
from pipeline.records.errors import GenerationError
from pipeline.stages.depth import DepthStage
from pipeline.stages.query import QueryStage
from pipeline.stages.verify import VerifyStage

OBJECTS = [{"label": label, "bbox_2d": scenes.thousandths(box)} for label, (box, _) in scenes.OBJECTS.items()]
FALSE = {"relation": "behind", "subject": "screen", "object": "cabinet"}
TRUE = {"relation": "closer", "subject": "cup", "object": "lamp"}
ANSWER = f"See below.\n```json\n{json.dumps({'objects': OBJECTS, 'claims': [FALSE, TRUE]})}\n```"


def judged(folder: Path, model: Any, **settings: Any) -> Any:
    Image.fromarray(scenes.RGB).save(folder / "scene.png")
    np.save(folder / "depth.npy", scenes.depth_m())
    camera = {"fx": 150, "fy": 150, "cx": 79.5, "cy": 59.5}
    line = {"id": "a", "frames": ["scene.png"], "depth": ["depth.npy"], "camera": camera, "question": "Where?"}
    stages = make_stages(
        None,
        depth=DepthStage(GivenDepth()),
        query=QueryStage(model, "none", **settings),
        verify=VerifyStage(uncalibrated()),
    )
    run(manifest(folder, line), stages, folder / "out")
    (result,) = results_in(folder / "out")
    return result


def saying(**said: str) -> ScriptedModel:
    """A model that answers by step; a confirmation by the name that is asked about, else yes."""

    def script(request: Request) -> str:
        if request.step is Step.ANSWER:
            return ANSWER
        if request.step is Step.CONFIRM:
            return said.get(request.question, "Yes")
        return said.get("compare", "maybe")

    return ScriptedModel(script, takes_followups=True)


def test_every_box_of_a_claim_is_asked_about_with_its_own_crop(tmp_path: Path) -> None:
    model = saying()
    result = judged(tmp_path, model, confirm="always")
    asked = {request.question: request for request in model.requests if request.step is Step.CONFIRM}
    assert set(asked) == {"screen", "cabinet", "cup", "lamp"}
    assert all(len(request.images) == 1 for request in asked.values())
    assert "show this: screen" in asked["screen"].prompt_text
    compared = [request for request in model.requests if request.step is Step.COMPARE]
    assert len(compared) == 4 and all(len(request.images) == 4 for request in compared)
    assert len({tuple(image.digest for image in request.images) for request in compared}) == 1, "they share a prefix"
    assert {region.label: region.shown for region in result.regions} == dict.fromkeys(asked, 0.9)


def test_a_denied_box_leaves_its_claims_undecided_with_that_reason(tmp_path: Path) -> None:
    result = judged(tmp_path, saying(screen="No, that is a wall."), confirm="always")
    about_screen, about_cup = result.verdicts
    assert about_screen.status is Status.UNDECIDED
    assert "the box of 'screen' does not show it" in about_screen.reason
    assert about_screen.needs == "a box of the object that is meant"
    assert "screen" not in about_cup.reason


@pytest.mark.parametrize(("probability", "status"), [(0.99, Status.REFUTED), (0.7, Status.UNDECIDED)])
def test_the_probability_of_yes_is_doubt_that_the_verdict_averages_over(
    tmp_path: Path, probability: float, status: Status
) -> None:
    lines: list[dict[str, Any]] = [{"id": "a", "response": ANSWER}]
    lines += [
        {"id": "a", "step": "confirm", "question": name, "response": "yes", "yes_probability": sure}
        for name, sure in {"screen": probability, "cabinet": 1.0, "cup": 1.0, "lamp": 1.0}.items()
    ]
    (tmp_path / "turns.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    plain = judged(tmp_path, Recorded(tmp_path / "turns.jsonl"), confirm="off").verdicts[0]
    (tmp_path / "again").mkdir()
    verdict = judged(tmp_path / "again", Recorded(tmp_path / "turns.jsonl"), confirm="always").verdicts[0]
    assert plain.status is Status.REFUTED and plain.probability is not None
    assert verdict.probability == pytest.approx(probability * plain.probability + (1 - probability) / 2, abs=1e-6)
    assert verdict.status is status
    assert ("only 70% sure" in verdict.reason) is (status is Status.UNDECIDED)


@pytest.mark.parametrize(("best", "shown"), [("1", 0.25), ("0", 0.25), ("4", 0.9), ("9", 0.9), ("none of them", 0.9)])
def test_a_box_that_another_one_surpasses_is_doubted(tmp_path: Path, best: str, shown: float) -> None:
    # The crops stand in the order of the claims' things: screen, cabinet, cup, lamp.
    result = judged(tmp_path, saying(compare=best), confirm="always")
    assert {region.label: region.shown for region in result.regions}["lamp"] == shown


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, set()),
        ({"confirm": "off", "recheck": 1}, set()),
        ({"confirm": "auto", "recheck": 1}, {"screen", "cabinet"}),
    ],
)
def test_auto_asks_about_refuted_claims_and_only_where_the_question_may_be_asked_again(
    tmp_path: Path, settings: dict[str, Any], asked: set[str]
) -> None:
    model = saying()
    judged(tmp_path, model, **settings)
    assert {request.question for request in model.requests if request.step is Step.CONFIRM} == asked


def test_a_claim_whose_box_is_denied_is_not_asked_again_as_refuted(tmp_path: Path) -> None:
    model = saying(screen="no")
    result = judged(tmp_path, model, recheck=1)
    assert Step.RECHECK not in [request.step for request in model.requests]
    assert result.attempts == ()


def test_a_model_that_knows_its_own_prompts_only_is_not_asked(tmp_path: Path) -> None:
    model = saying()
    model.takes_followups = False
    judged(tmp_path, model, confirm="always")
    assert [request.step for request in model.requests] == [Step.ANSWER]


def test_a_question_about_a_box_that_fails_changes_nothing(tmp_path: Path) -> None:
    class Failing(ScriptedModel):
        def generate(self, request: Request) -> Generation:
            if request.step is not Step.ANSWER:
                raise GenerationError("no answer")
            return super().generate(request)

    result = judged(tmp_path, Failing(lambda request: ANSWER, takes_followups=True), confirm="always")
    assert [region.shown for region in result.regions] == [None] * 4
    assert [verdict.status for verdict in result.verdicts] == [Status.REFUTED, Status.SUPPORTED]
