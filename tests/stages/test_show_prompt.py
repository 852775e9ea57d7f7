"""Prompts that are shown instead of a run, as a user sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scenes
from commands import CommandLine
from PIL import Image

QWEN = ("vlm=qwen3vl", "vlm.model=no/such-model", "vlm.show_prompt=true")
PLACE = "| … | [0, 0, 1000, 1000] |"


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    """A photo with depth, and a manifest of items of several kinds."""
    Image.fromarray(scenes.RGB).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", scenes.depth_m())
    regions = [{"label": label, "box_px": box} for label, (box, _) in scenes.OBJECTS.items()]
    claim = {"relation": "left_of", "subject": "cup", "object": "lamp"}
    items = [
        {"id": "two", "frames": ["photo.png"] * 2, "questions": ["Which is nearer?", "杯子在灯的左边吗？"]},
        {"id": "known", "frames": ["photo.png"], "depth": ["depth.npy"], "regions": regions, "question": "Where?"},
        {"id": "judged", "frames": ["photo.png"], "regions": regions, "claims": [claim]},
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    (tmp_path / "answers.jsonl").write_text(json.dumps({"id": "photo", "response": "Left."}))
    lamp = {"label": "lamp", "box_px": scenes.OBJECTS["lamp"][0]}
    (tmp_path / "claims.json").write_text(json.dumps({"regions": [lamp], "claims": []}))


def left_behind(folder: Path) -> set[str]:
    known = {"photo.png", "depth.npy", "items.jsonl", "answers.jsonl", "claims.json"}
    return {path.name for path in folder.iterdir()} - known


def blocks(text: str) -> list[str]:
    """What is printed, prompt by prompt."""
    return [f"Item {part}".strip() for part in f"\n{text}".split("\nItem ")[1:]]


def test_every_prompt_of_every_item_is_shown_and_nothing_is_run_or_left(success: CommandLine, tmp_path: Path) -> None:
    done = success("run", "input=items.jsonl", "depth=midas", "ocr=rapidocr", "query.hints=both", *QWEN)
    assert left_behind(tmp_path) == set()
    found = blocks(done.stdout)
    assert [block.splitlines()[0] for block in found] == [
        "Item two, prompt 1 of 2 (ground):",
        "Item two, prompt 2 of 2 (answer):",
        "Item two, prompt 1 of 2 (ground):",
        "Item two, prompt 2 of 2 (answer):",
        "Item known, prompt 1 of 2 (ground):",
        "Item known, prompt 2 of 2 (answer):",
        "Item judged asks no question.",
    ]
    ground, answer, _, chinese, *_ = found
    assert "Picture 1: <image 160x120 px, 70 tokens>\nPicture 2: <image 160x120 px, 70 tokens>\n" in ground
    assert ground.endswith("Question: Which is nearer?")
    assert answer.endswith("Question: Which is nearer?")
    assert answer.count("<image 160x120 px, 70 tokens>") == 4, "two frames and the depth of each"
    assert answer.count(f"| 1 {PLACE} … |") == 2, "the network's depth is known by its order alone"
    assert "nearness (0-1)" in answer and "(m)" not in answer
    assert '- Picture 2, box [0, 0, 1000, 1000]: "…"' in answer
    assert chinese.count("图1：<image 160x120 px, 70 tokens>") == 1
    assert f"接近度（0-1） |\n| --- | --- | --- | --- |\n| 1 {PLACE} … |" in chinese
    assert chinese.endswith("问题：杯子在灯的左边吗？")


@pytest.mark.parametrize(
    "kind, row, words",
    [
        ("metric", f"{PLACE} … | … | … | … |", "distance (m)"),
        ("scale_invariant", f"{PLACE} … | … | … |", "middle (relative)"),
        ("depth_affine", f"| 1 {PLACE} … |", "nearness (0-1)"),
        ("disparity_affine", f"| 1 {PLACE} … |", "nearness (0-1)"),
    ],
)
def test_the_table_has_the_form_of_the_networks_depth(
    success: CommandLine, tmp_path: Path, kind: str, row: str, words: str
) -> None:
    done = success("run", "input=photo.png", "question=Where?", "depth=midas", f"depth.kind={kind}", *QWEN)
    answer = blocks(done.stdout)[1]
    assert row in answer.splitlines()
    assert words in answer


def test_given_depth_of_given_regions_is_measured(success: CommandLine, tmp_path: Path) -> None:
    done = success("run", "input=photo.png", "input.depth=depth.npy", "claims=claims.json", "question=Where?", *QWEN)
    rows = [line for line in blocks(done.stdout)[1].splitlines() if line.startswith("|")][2:]
    assert rows == ["| lamp | [781, 167, 906, 500] | 1.50 | 1.50 | 1.50 | 1.63 |", f"{PLACE} … | … | … | … |"]
    assert left_behind(tmp_path) == set()


def test_what_is_answered_in_one_step_has_one_prompt_without_a_table(success: CommandLine, tmp_path: Path) -> None:
    recorded = ("vlm=recorded", "vlm.path=answers.jsonl", "vlm.show_prompt=true", "output_dir=out")
    done = success("run", "input=photo.png", "question=Where?", "depth=midas", *recorded)
    (answer,) = blocks(done.stdout)
    assert answer.startswith("Item photo, prompt 1 of 1 (answer):\nPicture 1: <image 160x120 px, 70 tokens>\n")
    assert "| ---" not in answer
    assert left_behind(tmp_path) == set()


def test_an_unreadable_item_is_reported_and_costs_no_other(command_line: CommandLine, tmp_path: Path) -> None:
    lines = [{"id": "bad", "frames": ["none.png"], "question": "?"}, {"id": "good", "frames": ["photo.png"]}]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = command_line("run", "input=items.jsonl", "question=Where?", "depth=none", *QWEN)
    assert done.returncode == 1
    assert "Item good, prompt 1 of 1" in done.stdout
    assert done.stderr.count("\n") == 1 and "none.png" in done.stderr and "(item bad)" in done.stderr
    assert left_behind(tmp_path) == set()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("run", "input=photo.png", "question=Where?", "vlm.show_prompt=true"), "needs a model"),
        (("verify", "input=photo.png", "vlm.show_prompt=true"), "no model is asked"),
        (("run", "input=photo.png", "question=Where?", *QWEN), "came without depth"),
        (("run", "input=photo.png", "depth=none", *QWEN), "There is no question"),
        (("run", "-m", "input=photo.png", "question=Where?", *QWEN), "leave out -m"),
        (("run", "input=none.png", "question=Where?", *QWEN), "none.png does not exist"),
    ],
    ids=["no model", "verify", "no depth", "no question", "sweep", "no file"],
)
def test_what_has_no_prompt_is_reported_in_one_line(
    mistake: Callable[..., str], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert words in mistake(*arguments)
    assert left_behind(tmp_path) == set()


def test_showing_can_be_switched_off_again(success: CommandLine, tmp_path: Path) -> None:
    recorded = ("vlm=recorded", "vlm.path=answers.jsonl", "vlm.show_prompt=false", "output_dir=out", "cache_dir=null")
    success("run", "input=photo.png", "question=Where?", "depth=none", *recorded)
    assert (tmp_path / "out/results.jsonl").is_file()


def test_a_question_cannot_write_to_the_terminal(success: CommandLine, tmp_path: Path) -> None:
    done = success("run", "input=photo.png", "question=Where \x1b[31m :cat: [bold]?", "depth=none", *QWEN)
    assert "\x1b" not in done.stdout
    assert "Where  [31m :cat: [bold]?" in done.stdout


def test_crops_of_given_regions_are_shown_too(command_line: CommandLine, tmp_path: Path) -> None:
    asked = ("run", "input=photo.png", "claims=claims.json", "question=Where?", "depth=none", *QWEN)
    for second_look, shown in (("off", 0), ("always", 1)):
        done = command_line(*asked, f"query.second_look={second_look}")
        assert done.stdout.count("an enlarged part of picture 1") == shown
        assert done.stdout.count("tokens>") == 1 + shown
