"""What was not read of an answer's prose is restated by the model itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import results_in
from stages.doubles import ScriptedModel
from stages.runs import item, make_stages, manifest

from pipeline.batch.run import run
from pipeline.models.vlm.base import Request, Step
from pipeline.models.vlm.recorded import Recorded
from pipeline.records import Origin
from pipeline.stages.query import QueryStage

SAID = "The mug is left of the lamp. Half of the mug lurks behind the laptop."
RESTATED = {"relation": "behind", "subject": "mug", "object": "laptop"}
INVENTED = {"relation": "above", "subject": "mug", "object": "laptop"}


def asked(folder: Path, said: str, *claims: dict[str, str], **settings: object) -> tuple[ScriptedModel, object]:
    def script(request: Request) -> str:
        if request.step is Step.FORMALISE:
            return f"```json\n{json.dumps({'claims': claims})}\n```"
        return said

    model = ScriptedModel(script, takes_followups=True)
    stages = make_stages(model, query=QueryStage(model, "none", **settings))  # type: ignore[arg-type]
    run(manifest(folder, item("a", question="Where is the mug?")), stages, folder / "out")
    (result,) = results_in(folder / "out")
    return model, result


def test_a_sentence_that_was_not_read_is_restated_once_without_images(tmp_path: Path) -> None:
    model, result = asked(tmp_path, SAID, RESTATED)
    assert [request.step for request in model.requests] == [Step.ANSWER, Step.FORMALISE]
    asked_again = model.requests[1]
    assert asked_again.images == []
    assert "lurks behind the laptop" in asked_again.prompt_text
    assert "left of the lamp" not in asked_again.prompt_text, "what was read is not asked about"
    claims = [(claim.subject, str(claim.relation), claim.object, claim.origin) for claim in result.answer.claims]  # type: ignore[attr-defined]
    assert claims == [
        ("mug", "left_of", "lamp", Origin.PROSE),
        ("mug", "behind", "laptop", Origin.RESTATED),
    ]
    assert any("restated its own words as 1 claim" in problem for problem in result.errors)  # type: ignore[attr-defined]
    assert result.answer.completion_tokens == 4, "the tokens of both steps count"  # type: ignore[attr-defined]


def test_a_claim_that_the_prose_does_not_support_is_dropped_and_said(tmp_path: Path) -> None:
    _, result = asked(tmp_path, SAID, INVENTED)
    assert [str(claim.relation) for claim in result.answer.claims] == ["left_of"]  # type: ignore[attr-defined]
    assert any("not supported" in problem for problem in result.errors)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        (SAID, {"formalise": "off"}),
        ("The mug is left of the lamp.", {}),
        ("The mug may be behind the laptop.", {}),
        (f'{SAID}\n```json\n{{"claims": []}}\n```', {}),
    ],
)
def test_an_answer_that_was_read_or_hedged_or_has_claims_in_json_is_not_restated(
    tmp_path: Path, said: str, settings: dict[str, object]
) -> None:
    model, _ = asked(tmp_path, said, RESTATED, **settings)
    assert [request.step for request in model.requests] == [Step.ANSWER]


def test_recorded_turns_restate_an_answer(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "response": SAID},
        {"id": "a", "step": "formalise", "response": json.dumps({"claims": [RESTATED, INVENTED]})},
    ]
    (tmp_path / "turns.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    model = Recorded(tmp_path / "turns.jsonl")
    assert model.takes_followups
    stages = make_stages(None, query=QueryStage(model, "none"))
    run(manifest(tmp_path, item("a", question="Where is the mug?")), stages, tmp_path / "out")
    (result,) = results_in(tmp_path / "out")
    assert [str(claim.origin) for claim in result.answer.claims] == ["prose", "restated"]
