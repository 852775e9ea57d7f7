"""Anchors on their way through the stages: into the prompt, the verdicts, the result and the point cloud."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scenes
from stages.doubles import ScriptedModel
from stages.runs import make_stages

from pipeline.claims.answer import ParsedAnswer, parse_answer
from pipeline.models.depth.given import GivenDepth
from pipeline.models.vlm.base import Request, TextPart
from pipeline.records import Anchor, DepthKind, Region, Result, Scene, Status
from pipeline.stages.compose import process
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import ExportStage
from pipeline.stages.query import QueryStage
from pipeline.verify.anchors import with_anchors

ANCHOR = Anchor.from_plain({"to_camera": "lamp", "measure": "z", "value": 1.5, "unit": "m"})
LOCATED = [{"label": label, "bbox_2d": scenes.thousandths(box)} for label, (box, _) in scenes.OBJECTS.items()]
CLAIMS = [{"relation": "distance_to_camera", "subject": "lamp", "value": 1.5, "unit": "m", "tolerance": 0.6}]


def answer(request: Request, claims: list[dict[str, Any]]) -> str:
    return json.dumps(LOCATED if request.step == "ground" else {"answer": "1.5 m", "claims": claims})


def ask(
    *regions: Region, folder: Path | None = None, claims: list[dict[str, Any]] = CLAIMS, recheck: int = 0
) -> tuple[Result, str]:
    """The result of one question, and the text of its last prompt."""
    depth = scenes.as_kind(scenes.depth_m(), DepthKind.SCALE_INVARIANT, 3.0)
    frame = replace(scenes.scene().frames[0], given_depth=replace(depth, backend="rendered"))
    scene = Scene("lamp", (frame,), ("How far is the lamp?",), regions, anchors=(ANCHOR,))
    model = ScriptedModel(lambda request: answer(request, claims))
    stages = make_stages(
        depth=DepthStage(GivenDepth()),
        query=QueryStage(model, "table", recheck=recheck),
        export=ExportStage(overlay=False, ply=True),
    )
    (result,) = process(scene, stages, folder, {})
    prompt = "".join(part.text for part in model.requests[-1].parts if isinstance(part, TextPart))
    return result, prompt


def test_an_anchor_of_a_given_region_puts_metres_into_the_prompt() -> None:
    result, prompt = ask(*scenes.regions())
    assert "distance (m)" in prompt
    assert result.verdicts[0].status is Status.SUPPORTED


def test_an_anchor_may_name_what_only_the_model_locates(tmp_path: Path) -> None:
    result, prompt = ask(folder=tmp_path)
    assert "distance (m)" not in prompt, "the prompt was asked before the lamp was located"
    assert result.verdicts[0].status is Status.SUPPORTED
    assert (result.frames[0].depth_kind, result.frames[0].scale_source) == ("metric", "anchor")
    assert result.errors == ()
    assert (tmp_path / result.artefacts["ply"]).is_file()


def test_anchors_are_solved_once_and_again_only_with_what_the_model_locates(monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[int] = []

    def counted(scene: Scene, regions: Sequence[Region], *rest: Any) -> Scene:
        solved.append(len(regions))
        return with_anchors(scene, regions, *rest)

    monkeypatch.setattr("pipeline.verify.anchors.with_anchors", counted)
    ask()
    assert solved == [0, 4], "before the prompt, and once the lamp is located"
    solved.clear()
    ask(*scenes.regions())
    assert solved == [4]


def test_a_grounding_answer_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def counted(raw: str, *rest: Any) -> ParsedAnswer:
        parsed.append(raw)
        return parse_answer(raw, *rest)

    monkeypatch.setattr("pipeline.stages.reading.parse_answer", counted)
    refuted = [{**CLAIMS[0], "value": 9}]
    result, _ = ask(*scenes.regions(), claims=refuted, recheck=1)
    assert len(result.attempts) == 1
    assert len(parsed) == 3, "the grounding, the answer and the second answer"
