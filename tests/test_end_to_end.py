"""From files to results, with the real parts: models are tiny and random, or recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from benchmarks.serve_clients import scene_of
from commands import CommandLine, results_in
from PIL import Image
from tiny.serve import serving

from pipeline import Pipeline
from pipeline.records import Origin, Result, json_schema, to_plain

TINY_QWEN3VL = ("vlm.max_new_tokens=16", "vlm.min_pixels=1024", "vlm.max_pixels=65536", "vlm.device=cpu")


def sign(*lines: str) -> np.ndarray:
    """An image (240, 420) with lines of text from top to bottom."""
    rgb = np.full((240, 420, 3), (20, 90, 40), np.uint8)
    for number, line in enumerate(lines):
        cv2.putText(rgb, line, (40, 80 + 110 * number), (255, 255, 255), cv2.FontFace("uni"), 40)
    return rgb


def words(result: Result) -> set[str]:
    """Names of the answer."""
    assert result.answer is not None
    return set(re.findall(r"\w+", result.answer.text))


@pytest.mark.slow
def test_real_architectures_answer_about_frames_with_depth_and_text(
    tiny_qwen3vl: Path, tiny_dpt: Path, tmp_path: Path
) -> None:
    pytest.importorskip("rapidocr")
    models = [f"vlm.model={tiny_qwen3vl}", f"depth.model={tiny_dpt}", "depth.device=cpu"]
    cache = f"cache_dir={tmp_path / 'cache'}"
    common = ["vlm=qwen3vl", "depth=midas", "query.hints=both", *TINY_QWEN3VL, *models, cache]
    frames = [sign("EXIT"), sign("PLATFORM", "SEVEN")]
    question = "Is the exit to the left of the platform?"
    result = Pipeline.from_config([*common, "ocr=rapidocr"]).ask(frames, question, output_dir=tmp_path / "out")

    jsonschema.validate(to_plain(result), json_schema())
    lines = [(region.label, region.frame) for region in result.regions if region.origin is Origin.OCR]
    assert lines == [("EXIT", 0), ("PLATFORM", 1), ("SEVEN", 1)]
    assert [frame.depth_kind for frame in result.frames] == ["disparity_affine"] * 2
    assert list(result.seconds) == ["depth", "ocr", "query", "verify", "export"]
    assert (tmp_path / "out" / result.artefacts["overlay"]).is_file()
    assert "ply" not in result.artefacts, "disparity up to scale and shift has no shape"
    answer = result.answer
    assert answer is not None
    assert answer.model == str(tiny_qwen3vl)
    assert answer.grounding is not None, "the objects were asked for first"
    assert answer.text or answer.problems

    unread = Pipeline.from_config([*common, "ocr=none"]).ask(frames, question)
    assert unread.answer is not None
    assert answer.prompt_tokens is not None and unread.answer.prompt_tokens is not None
    assert answer.prompt_tokens > unread.answer.prompt_tokens, "the model was told what is written"
    again = Pipeline.from_config([*common, "ocr=rapidocr"]).ask(frames, question)
    assert (again.answer, again.verdicts) == (answer, result.verdicts)


@pytest.mark.slow
def test_the_command_line_asks_a_real_server(
    transformers_serve: str, tiny_qwen3vl: Path, success: CommandLine, tmp_path: Path
) -> None:
    for name in ("left", "right"):
        Image.fromarray(sign(name)).save(tmp_path / f"{name}.png")
    success(
        *("run", "input=[left.png,right.png]", "question=Where's the sign, please?", "depth=none", "query.hints=none"),
        *("vlm=openai", f"vlm.base_url={transformers_serve}", f"vlm.model={tiny_qwen3vl}", "vlm.max_new_tokens=12"),
        *("vlm.max_retries=0", "output_dir=out", "cache_dir=cache"),
        no_proxy="127.0.0.1",
    )
    (result,) = results_in(tmp_path / "out")
    assert result.answer is not None
    assert (result.answer.model, result.answer.completion_tokens) == (str(tiny_qwen3vl), 12)
    assert result.answer.prompt_tokens is not None and result.answer.prompt_tokens > 100
    assert result.question == "Where's the sign, please?"
    assert len(result.frames) == 2


@pytest.mark.slow
def test_a_real_server_that_is_asked_about_many_scenes_at_once_mixes_none_up(
    success: CommandLine, repository: Path, tmp_path: Path
) -> None:
    lines: list[dict[str, Any]] = []
    for seed in range(70_000, 70_006):
        scene = scene_of(seed, 2)
        (tmp_path / f"{seed}.png").write_bytes(scene.png)
        lines.append({"id": str(seed), "frames": [f"{seed}.png"], "question": list(scene.questions)})
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, lines)))
    model = repository / "data" / "models" / "theodolite-vl-nano"
    asked = ["depth=none", "query.hints=none", "cache_dir=null", "vlm.max_new_tokens=256"]
    own = Pipeline.from_config([*asked, "vlm=nano", "vlm.device=cpu"])
    expected = {
        (line["id"], question): result.answer and result.answer.text
        for line in lines
        for question, result in zip(
            line["question"], own.ask_all(tmp_path / line["frames"][0], line["question"]), strict=True
        )
    }
    with serving(model, tmp_path) as url:
        server = ["vlm=openai", f"vlm.base_url={url}", f"vlm.model={model}", "vlm.max_concurrency=4"]
        success("run", "input=items.jsonl", *asked, *server, "query.steps=one", "output_dir=out", no_proxy="127.0.0.1")
    found = {(each.item_id, each.question): each.answer and each.answer.text for each in results_in(tmp_path / "out")}
    assert found == expected
    assert len(set(found.values())) == 12, "every scene and question has an answer of its own"


@pytest.mark.slow
def test_a_video_of_many_frames_is_asked_about_within_the_token_budget(
    tiny_qwen3vl: Path, command_line: CommandLine, video: Callable[..., Path], tmp_path: Path
) -> None:
    video("clip.mp4", times_ms=range(0, 8000, 200), step=4)
    asked = ["run", "input=clip.mp4", "input.video_frames=40", "question=Does it move?", "depth=none"]
    asked += [
        "query.hints=none",
        "query.formalise=off",
        "vlm=qwen3vl",
        f"vlm.model={tiny_qwen3vl}",
        "vlm.device=cpu",
        "vlm.max_new_tokens=8",
    ]

    shown = command_line(*asked, "vlm.show_prompt=true")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("<image 64x48 px, ") == 32
    assert "Picture 1: <0.0 seconds><image" in shown.stdout
    assert "Picture 40: <7.8 seconds><image" in shown.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "clip.mp4"], "nothing is written"

    asked += ["output_dir=out", "cache_dir=null", "export.overlay=false"]
    done = command_line(*asked, "vlm.min_pixels=1024", "query.budget.min_frame_tokens=1", "query.budget.tokens=64")
    assert done.returncode == 0, done.stderr
    assert "32 of 40 frames of item clip are shown to the model" in done.stderr
    (result,) = results_in(tmp_path / "out")
    assert len(result.frames) == 40
    assert result.answer is not None and result.answer.completion_tokens == 8


@pytest.mark.shared
@pytest.mark.slow
def test_real_answers_about_real_photos_go_through_offline(
    shared_dir: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    recorded = shared_dir / "recorded"
    done = command_line(
        *("run", f"input={recorded / 'manifest.jsonl'}", "depth=file", "vlm=recorded", "export.ply=false"),
        *(f"vlm.path={recorded / 'qwen3vl_recorded.jsonl'}", "output_dir=out"),
        http_proxy="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = results_in(tmp_path / "out")
    manifest = [json.loads(line) for line in (recorded / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = [json.loads(line) for line in (recorded / "qwen3vl_recorded.jsonl").read_text("utf-8").splitlines()]
    responses = {answer["id"]: answer["response"] for answer in answers}
    assert [result.item_id for result in results] == [item["id"] for item in manifest]
    assert len(results) == 10
    for result, item in zip(results, manifest, strict=True):
        assert result.answer is not None
        assert result.answer.text == responses[result.item_id]
        assert result.question == item["question"]
        assert result.frames[0].depth_kind == item["depth_kind"]
        with Image.open(tmp_path / "out" / result.artefacts["overlay"]) as overlay:
            assert min(overlay.size) > 200
    pointing = [result.item_id for result in results if {"bbox_2d", "bbox_3d", "point_2d"} & words(result)]
    assert [result.item_id for result in results if result.regions] == pointing
    assert len(pointing) == 6
    assert any(region.box_3d is not None for result in results for region in result.regions)


@pytest.mark.parametrize(
    "answer",
    [
        'The sign that says "EXIT" is to the left of the door.\n```json\n[{"label": "door", "bbox_2d": BOX}]\n```',
        '```json\n{"objects": [{"label": "door", "bbox_2d": BOX}], "claims": [{"relation": "left_of", '
        '"subject": "the sign that says EXIT", "object": "door"}]}\n```',
        '```json\n{"objects": [{"label": "door", "bbox_2d": BOX}], "claims": [{"relation": "right_of", '
        '"subject": "door", "object": "EXIT"}]}\n```',
    ],
    ids=["prose", "described", "quoted"],
)
def test_a_line_of_text_can_be_what_a_claim_speaks_of(answer: str, tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    line = json.dumps({"id": "item", "response": answer.replace("BOX", "[700, 100, 950, 900]")})
    (tmp_path / "answers.jsonl").write_text(line)
    overrides = ["vlm=recorded", f"vlm.path={tmp_path / 'answers.jsonl'}", "ocr=rapidocr", "depth=none"]
    pipeline = Pipeline.from_config([*overrides, "cache_dir=null"])
    result = pipeline.ask(sign("EXIT"), "What is left of the door?")
    (verdict,) = result.verdicts
    assert verdict.status == "supported", verdict.reason
    (evidence,) = verdict.evidence
    origins = {result.regions[index].origin for index in evidence.regions}
    assert origins == {Origin.MODEL, Origin.OCR}
