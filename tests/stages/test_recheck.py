"""Questions that are asked again because a claim was refuted."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from commands import results_in
from PIL import Image
from rich.console import Console
from stages.doubles import FailingJudge, ScriptedModel
from stages.runs import make_stages, manifest

from pipeline.batch.run import run
from pipeline.console.summary import print_summary
from pipeline.ingest.source import FileSource
from pipeline.models.depth.given import GivenDepth
from pipeline.models.vlm.base import Request, Step
from pipeline.models.vlm.recorded import Recorded
from pipeline.records.errors import GenerationError
from pipeline.records.message import catalog
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import ExportStage
from pipeline.stages.plan import RunPlan
from pipeline.stages.query import QueryStage

# The screen is 1.2 m away and the cabinet 2 m.
OBJECTS = [{"label": label, "bbox_2d": scenes.thousandths(box)} for label, (box, _) in scenes.OBJECTS.items()]
FALSE = {"relation": "behind", "subject": "screen", "object": "cabinet"}
TRUE = {"relation": "in_front_of", "subject": "screen", "object": "cabinet"}
ALSO_TRUE = {"relation": "closer", "subject": "cup", "object": "lamp"}


def saying_that(*claims: dict[str, str]) -> str:
    return f"See below.\n```json\n{json.dumps({'objects': OBJECTS, 'claims': claims})}\n```"


def unasked(request: Request) -> str:
    pytest.fail("this script should not be asked")


def rechecked(folder: Path, second: Callable[[Request], str], *lines: dict[str, Any], **rest: Any) -> Any:
    """A run over the known scene whose first answer holds one false and one true claim."""

    def script(request: Request) -> str:
        return second(request) if request.step is Step.RECHECK else saying_that(FALSE, ALSO_TRUE)

    Image.fromarray(scenes.RGB).save(folder / "scene.png")
    np.save(folder / "depth.npy", scenes.depth_m())
    known = {"frames": ["scene.png"], "depth": ["depth.npy"], "camera": {"fx": 150, "fy": 150, "cx": 79.5, "cy": 59.5}}
    source = manifest(folder, *({**known, **line} for line in lines or ({"id": "a", "question": "Where?"},)))
    model = rest.pop("model", None) or ScriptedModel(script)
    stages = make_stages(model, depth=DepthStage(GivenDepth()))
    stages = replace(stages, query=QueryStage(model, "none", recheck=1), **rest)
    return model, run(source, stages, folder / "out")


def test_a_refuted_answer_is_asked_for_again_and_both_are_kept(tmp_path: Path) -> None:
    model, summary = rechecked(tmp_path, lambda request: saying_that(TRUE, ALSO_TRUE))
    (result,) = results_in(tmp_path / "out")
    (first,) = result.attempts
    assert [request.step for request in model.requests] == [Step.ANSWER, Step.RECHECK]
    assert [str(verdict.status) for verdict in result.verdicts] == ["supported", "supported"]
    assert [str(verdict.status) for verdict in first.verdicts] == ["refuted", "supported"]
    assert first.answer.text == saying_that(FALSE, ALSO_TRUE)
    assert result.answer is not None
    assert result.answer.text == saying_that(TRUE, ALSO_TRUE)
    assert len(first.regions) == len(result.regions) == 4
    assert first.reason == "refuted claims: screen is behind cabinet"
    assert result.errors == ()
    asked = model.requests[1].prompt_text
    assert "screen is behind cabinet: 'screen' is 80.0 cm nearer than 'cabinet'" in asked
    assert summary.rechecks == {"questions": 1, "refuted": 1, "gone": 1, "now": 0, "failed": 0}
    assert summary.verdicts == {"supported": 2}, "only the last answer counts"
    assert summary.tokens["prompt"] == 20, "both answers cost tokens"


def test_an_answer_that_is_not_refuted_stays(tmp_path: Path) -> None:
    model = ScriptedModel(lambda request: saying_that(TRUE))
    _, summary = rechecked(tmp_path, unasked, {"id": "a", "question": "Where?", "claims": [FALSE]}, model=model)
    (result,) = results_in(tmp_path / "out")
    assert [str(verdict.status) for verdict in result.verdicts] == ["supported", "refuted"]
    assert len(model.requests) == 1, "a refuted claim of the item is not the model's"
    assert (result.attempts, summary.rechecks["questions"]) == ((), 0)


def test_claims_of_the_item_are_not_shown_when_asking_again(tmp_path: Path) -> None:
    given = {"relation": "closer", "subject": "cabinet", "object": "cup"}
    model, _ = rechecked(
        tmp_path, lambda request: saying_that(TRUE), {"id": "a", "question": "Where?", "claims": [given]}
    )
    (result,) = results_in(tmp_path / "out")
    assert "cabinet is closer than cup" not in model.requests[-1].prompt_text
    assert [str(verdict.status) for verdict in result.verdicts] == ["supported", "refuted"]
    assert [str(verdict.status) for verdict in result.attempts[0].verdicts] == ["refuted", "supported", "refuted"]


def test_the_first_answer_stays_if_reasons_to_ask_again_cannot_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QueryStage, "reasons_to_ask_again", lambda stage, judged: 1 / 0)
    _, summary = rechecked(tmp_path, unasked, {"id": "a", "question": "1"}, {"id": "b", "question": "2"})
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["a", "b"]
    assert "ZeroDivisionError" in results_in(tmp_path / "out")[0].errors[0]
    assert (summary.rechecks["failed"], summary.failures) == (2, [])


def test_the_first_answer_stays_where_the_second_cannot_be_judged(tmp_path: Path) -> None:
    rechecked(tmp_path, lambda request: "That is odd.", verify=FailingJudge())
    (result,) = results_in(tmp_path / "out")
    assert result.answer is not None
    assert result.answer.text == saying_that(FALSE, ALSO_TRUE)
    assert "ZeroDivisionError" in result.errors[0]


def test_a_second_answer_without_claims_is_kept_and_says_so(tmp_path: Path) -> None:
    rechecked(tmp_path, lambda request: "I do not know.")
    (result,) = results_in(tmp_path / "out")
    assert result.answer is not None
    assert (result.answer.text, result.verdicts) == ("I do not know.", ())
    assert len(result.attempts[0].verdicts) == 2
    assert "The second answer makes no claim that can be checked." in result.errors


def test_a_recording_without_second_answers_keeps_the_first(tmp_path: Path) -> None:
    line = {"id": "a", "response": saying_that(FALSE, ALSO_TRUE), "coordinates": "thousandths"}
    (tmp_path / "answers.jsonl").write_text(json.dumps(line))
    _, summary = rechecked(tmp_path, unasked, model=Recorded(tmp_path / "answers.jsonl"))
    (result,) = results_in(tmp_path / "out")
    assert [str(verdict.status) for verdict in result.verdicts] == ["refuted", "supported"]
    assert "no recorded answer (recheck)" in result.errors[0]
    assert summary.rechecks["failed"] == 1
    recorded = {"id": "a", "step": "recheck", "response": saying_that(TRUE)}
    (tmp_path / "answers.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(recorded)}")
    rechecked(tmp_path, unasked, model=Recorded(tmp_path / "answers.jsonl"))
    (result,) = results_in(tmp_path / "out")
    assert [str(verdict.status) for verdict in result.verdicts] == ["supported"]


def test_questions_of_one_group_are_asked_again_together(tmp_path: Path) -> None:
    def second(request: Request) -> str:
        if request.question == "2":
            raise GenerationError("The model said nothing.")
        return saying_that(TRUE)

    model, summary = rechecked(tmp_path, second, {"id": "a", "questions": ["1", "2"]}, {"id": "b", "question": "3"})
    assert model.batches == [3, 3]
    results = results_in(tmp_path / "out")
    assert [len(result.attempts) for result in results] == [1, 0, 1]
    assert (summary.rechecks["questions"], summary.rechecks["failed"], summary.failures) == (2, 1, [])
    assert [str(verdict.status) for verdict in results[1].verdicts] == ["refuted", "supported"]
    assert results[1].errors == ("The first answer stays, because asking again failed: The model said nothing.",)


CHINESE = {"screen": "屏风", "cabinet": "柜子", "cup": "杯子", "lamp": "台灯"}
HANZI, LATIN_WORD = re.compile(r"[㐀-鿿]"), re.compile(r"[A-Za-z]{3,}")


def translated(text: str) -> str:
    for label, name in CHINESE.items():
        text = text.replace(f'"{label}"', f'"{name}"')
    return text


@pytest.mark.parametrize(("question", "foreign"), [("屏风在柜子后面吗？", LATIN_WORD), ("Is it behind?", HANZI)])
def test_all_that_is_said_of_an_answer_is_in_the_language_of_the_question(
    tmp_path: Path, question: str, foreign: re.Pattern[str]
) -> None:
    is_chinese = foreign is LATIN_WORD

    def script(request: Request) -> str:
        ghost = {"relation": "left_of", "subject": "cup", "object": "X"}
        answer = saying_that(FALSE, ALSO_TRUE, ghost)
        return translated(answer).replace("See below.", "杯子可能在附近。") if is_chinese else answer

    anchor = {"to_camera": "杯" if is_chinese else "mug", "value": 1, "unit": "m"}
    line = {"id": "1", "question": question, "anchors": [anchor]}
    export = ExportStage(overlay=False, scenes=False)
    model, summary = rechecked(tmp_path, script, line, model=ScriptedModel(script), export=export)
    (result,) = results_in(tmp_path / "out")
    assert result.language == ("zh" if is_chinese else "en")
    said = [*result.errors, result.attempts[0].reason]
    for verdict in (*result.verdicts, *result.attempts[0].verdicts):
        said += [verdict.claim_text, verdict.reason, verdict.needs or "", *(found.note for found in verdict.evidence)]
        assert verdict.reason_code in catalog("en")
    assert result.errors and {str(verdict.status) for verdict in result.verdicts} == {
        "supported",
        "refuted",
        "undecided",
    }
    assert not [sentence for sentence in said if foreign.search(sentence)]
    console = Console(file=io.StringIO(), width=200)
    print_summary(console, summary)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(verdict.reason in shown for verdict in result.verdicts)
    page = (tmp_path / "out" / result.artefacts["page"]).read_text(encoding="utf-8")
    words = re.sub(r"<[^>]*>", "", "".join(re.findall(r'<ol class="claims">.*?</ol>', page, re.S)))
    assert not foreign.findall(re.sub(r"[a-z]+(_[a-z]+)+|px|[cm]*m\b|order/measured|default", "", words))
    assert all(verdict.claim_text.split("“")[0] in words for verdict in result.verdicts)
    assert result.attempts[0].verdicts[0].reason in model.requests[1].prompt_text


def test_judging_again_gives_the_same_verdicts_of_both_answers_and_asks_nothing(tmp_path: Path) -> None:
    rechecked(tmp_path, lambda request: saying_that(TRUE, ALSO_TRUE))
    (before,) = results_in(tmp_path / "out")
    (attempt,) = before.attempts
    # What an earlier configuration judged is not looked at.
    old = replace(before, verdicts=(), regions=(), attempts=(replace(attempt, verdicts=(), regions=()),))
    model = ScriptedModel(unasked)
    stages = make_stages(model, depth=DepthStage(GivenDepth()))
    stages = replace(stages, query=QueryStage(model, "none", recheck=1))
    plan = RunPlan(earlier=lambda item_id, question: old)
    run(FileSource(tmp_path / "items.jsonl"), stages, tmp_path / "again", plan=plan)
    (after,) = results_in(tmp_path / "again")
    assert model.requests == []
    assert replace(after, seconds={}) == replace(before, seconds={})


def test_judging_again_keeps_the_note_that_asking_again_failed(tmp_path: Path) -> None:
    def refuse(request: Request) -> str:
        raise GenerationError("The server is busy.")

    rechecked(tmp_path, refuse)
    (before,) = results_in(tmp_path / "out")
    assert "The server is busy." in before.errors[0]
    stages = make_stages(ScriptedModel(unasked), depth=DepthStage(GivenDepth()))
    plan = RunPlan(earlier=lambda item_id, question: before)
    run(FileSource(tmp_path / "items.jsonl"), stages, tmp_path / "again", plan=plan)
    (after,) = results_in(tmp_path / "again")
    assert (after.errors, after.verdicts) == (before.errors, before.verdicts)
