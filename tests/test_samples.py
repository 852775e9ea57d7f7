"""The samples that ship: they are what their program writes, small, and judged as their ground truth says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import make_samples
import numpy as np
import pytest
from PIL import Image

from pipeline.synthetic.scenes import rendered_sequence

FOLDER = Path("data/samples")


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


def test_they_are_small_and_whole(lines: list[dict[str, Any]]) -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 5e6
    named = {FOLDER / "manifest.jsonl", FOLDER / "answers.jsonl", FOLDER / "README.md"}
    for line in lines:
        named |= {FOLDER / path for path in (*line["frames"], *line["depth"], *(r["mask"] for r in line["regions"]))}
    assert set(files) == named
    assert "Apache-2.0" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_question_has_its_answer_in_its_language(lines: list[dict[str, Any]]) -> None:
    answers = [json.loads(line) for line in (FOLDER / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["id"], question) for line in lines for question in line["questions"]] == [
        (answer["id"], answer["question"]) for answer in answers
    ]
    for answer in answers:
        yes, no = ("Yes, ", "No, ") if answer["question"].isascii() else ("是的，", "不是，")
        assert answer["response"].startswith(yes if answer["holds"] else no)


def test_every_name_in_a_scene_is_in_the_language_of_its_questions(lines: list[dict[str, Any]]) -> None:
    for line, (_, _, language) in zip(lines, make_samples.SAMPLES, strict=True):
        names = [region["label"] for region in line["regions"]]
        names += [claim[key] for claim in line["claims"] for key in ("subject", "object") if key in claim]
        assert {name.isascii() for name in (*names, *line["questions"])} == {language == "en"}


def test_they_are_what_their_program_writes(lines: list[dict[str, Any]], tmp_path: Path) -> None:
    seed, count, _ = make_samples.SAMPLES[0]
    view = rendered_sequence(seed, count, size_px=(make_samples.SIDE_PX,) * 2, tidy=True).view
    assert np.array_equal(view.frame.rgb, np.array(Image.open(FOLDER / lines[0]["frames"][0])))
    stored = np.array(Image.open(FOLDER / lines[0]["depth"][0])) * lines[0]["depth_scale"]
    depth = view.frame.given_depth
    assert depth is not None
    assert np.abs(stored - depth.values)[depth.valid].max() <= 0.5 * lines[0]["depth_scale"] + 1e-6
    assert [region["box_px"] for region in lines[0]["regions"]] == [list(item.box_px) for item in view.objects]
