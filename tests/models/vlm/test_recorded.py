from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.models.vlm.base import Request, Step, TextPart
from pipeline.models.vlm.hints import HintMode
from pipeline.models.vlm.none import NoModel
from pipeline.models.vlm.prompt import build_answer_request
from pipeline.models.vlm.recorded import Recorded
from pipeline.records import Camera, Frame, Scene
from pipeline.records.errors import GenerationError, InputError


def request(item_id: str = "a", question: str = "Where?", step: str = "answer", digest: str = "d") -> Request:
    return Request((TextPart(question),), item_id, question, Step(step), (digest,))


def recorded(tmp_path: Path, *entries: dict[str, Any]) -> Recorded:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n\n" for entry in entries), encoding="utf-8")
    return Recorded(path)


def test_an_answer_is_found_by_id_and_stays_verbatim(tmp_path: Path) -> None:
    text = "<think>好</think>\n  ```json\n[]```  "
    model = recorded(tmp_path, {"id": "a", "response": text, "model": "qwen", "completion_tokens": 7})
    generation = model.generate(request())
    assert (generation.text, generation.model, generation.completion_tokens) == (text, "qwen", 7)
    assert generation.settings == {"recorded": "answers.jsonl"}


def test_the_content_counts_before_the_id(tmp_path: Path) -> None:
    same = request("elsewhere")
    by_content = {"content_hash": same.content_hash, "response": "by content"}
    model = recorded(tmp_path, {"id": "elsewhere", "response": "by id"}, by_content)
    assert model.generate(same).text == "by content"
    assert model.generate(request("elsewhere", "Other?")).text == "by id"


@pytest.mark.parametrize(
    ("question", "expected"), [("Where is A?", "first"), (" Where is\nB? ", "second"), ("Where is C?", "any")]
)
def test_among_answers_of_one_item_the_question_decides(tmp_path: Path, question: str, expected: str) -> None:
    model = recorded(
        tmp_path,
        {"id": "a", "prompt": "Where is A?", "response": "first"},
        {"id": "a", "question": "Where is B?", "response": "second"},
        {"id": "a", "response": "any"},
    )
    assert model.generate(request(question=question)).text == expected


def test_a_single_answer_is_given_to_another_question_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = recorded(tmp_path, {"id": "a", "prompt": "A?", "response": "first"})
    assert model.generate(request(question="A?")).text == "first"
    assert not caplog.records
    assert model.generate(request(question="C?")).text == "first"
    assert "another question" in caplog.text


def test_the_steps_are_kept_apart(tmp_path: Path) -> None:
    model = recorded(tmp_path, {"id": "a", "step": "ground", "response": "[]"}, {"id": "a", "response": "left"})
    assert model.can_ground
    assert model.generate(request(step="ground")).text == "[]"
    assert model.generate(request()).text == "left"


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (request("no-such"), "no recorded answer .* 'no-such'"),
        (request(step="ground"), r"no recorded answer \(ground\)"),
        (request("b", "C?"), "none to the question 'C"),
    ],
)
def test_a_missing_answer_is_named(tmp_path: Path, asked: Request, complaint: str) -> None:
    several = [{"id": "b", "prompt": question, "response": "right"} for question in ("A?", "B?")]
    model = recorded(tmp_path, {"id": "a", "response": "left"}, *several)
    assert not model.can_ground
    with pytest.raises(GenerationError, match=complaint):
        model.generate(asked)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{not json", "line 2 is not JSON"),
        ("[" * 200_000, "line 2 is not JSON"),
        ('{"id": "a", "response": "left", "prompt_tokens": "abc"}', "line 2: 'prompt_tokens' must be a whole number"),
        ('{"id": "a", "response": "left", "completion_tokens": -1}', "line 2: 'completion_tokens' must be"),
        ('{"id": "a", "response": "left", "revision": {}}', "line 2: 'revision' must be a text"),
        ('{"id": "a", "response": "left", "model": 7}', "line 2: 'model' must be a text"),
        ('["response"]', "line 2 must be an object"),
        ('{"id": "a"}', "line 2 must be an object with a text 'response'"),
        ('{"id": "a", "response": null}', "line 2 must be"),
        ('{"response": "left"}', "line 2 needs an 'id' or a 'content_hash'"),
        ('{"id": "a", "response": "left", "step": "dance"}', "line 2: 'step' must be one of ground, answer"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": "a", "response": "left"}\n' + line + "\n")
    with pytest.raises(InputError, match=complaint):
        Recorded(path).generate(request())


def test_lone_surrogates_are_replaced_and_other_fields_ignored(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(r'{"id": "a", "response": "left \ud800", "model": "\udfff", "revision": "\ud801", "seed": []}')
    generation = Recorded(path).generate(request())
    assert (generation.text, generation.model, generation.revision) == ("left \ufffd", "\ufffd", "\ufffd")
    assert generation.seed is None


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "answers.jsonl"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="not a regular file"):
        Recorded(pipe).check()


def test_the_file_is_read_when_the_first_answer_is_wanted(tmp_path: Path) -> None:
    model = Recorded(tmp_path / "absent.jsonl")
    assert model.identity is None
    with pytest.raises(InputError, match=r"absent\.jsonl cannot be read"):
        model.generate(request())


@pytest.mark.shared
def test_every_answer_of_the_shared_recordings_is_found_by_id(shared_dir: Path) -> None:
    path = shared_dir / "recorded" / "qwen3vl_recorded.jsonl"
    model = Recorded(path)
    assert not model.can_ground
    entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(entries) == 30
    for entry in entries:
        frame = Frame(np.zeros((4, 5, 3), np.uint8), Camera.from_fov(5, 4, 60))
        asked = build_answer_request(Scene(entry["id"], (frame,)), entry["prompt"] or "Locate.", hints=HintMode.NONE)
        generation = model.generate(asked)
        assert (generation.text, generation.model) == (entry["response"], entry["model"])


def test_no_model_answers_nothing() -> None:
    assert not NoModel().can_ground
    assert NoModel().identity is None
    with pytest.raises(GenerationError, match="vlm=qwen3vl"):
        NoModel().generate(request())
