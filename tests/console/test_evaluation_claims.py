"""``python -m pipeline eval-claims`` as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import CommandLine, report_in

SMALL = ("eval-claims", "dataset.count=2", "draws=20", "cache_dir=null")


def test_rendered_scenes_are_judged_and_the_figures_shown(success: CommandLine, tmp_path: Path) -> None:
    done = success(*SMALL, "output_dir=out", COLUMNS="160")
    report = report_in(tmp_path / "out")
    assert (report["dataset"]["name"], report["dataset"]["cases"]) == ("rendered", 2)
    assert report["configuration"]["dataset"]["count"] == 2
    assert report["configuration"]["verify"]["verifier"]["risk"] == 0.05
    assert report["versions"]["theodolite"]
    lines = (tmp_path / "out" / "claims.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == report["dataset"]["claims"] > 10
    for name in ("verifier", "box mean", "box centre", "nearest mode"):
        assert name in done.stdout
    for name in ("report.html", "report.json", "claims.jsonl"):
        assert str(tmp_path / "out" / name) in done.stdout or f"out/{name}" in done.stdout


@pytest.mark.slow
def test_the_same_command_gives_the_same_claims_and_figures(command_line: CommandLine, tmp_path: Path) -> None:
    kept = []
    for folder in ("first", "second"):
        assert command_line(*SMALL, f"output_dir={folder}").returncode == 0
        report = report_in(tmp_path / folder)
        kept.append(((tmp_path / folder / "claims.jsonl").read_text(), report["judges"], report["risk_coverage"]))
    assert kept[0] == kept[1]


@pytest.mark.slow
def test_a_sweep_makes_one_report_per_combination(success: CommandLine, tmp_path: Path) -> None:
    success(*SMALL, "-m", "dataset.depth=exact,disparity", "depth=file,none", "output_dir=sweep")
    found = [report_in(tmp_path / "sweep" / str(number)) for number in range(4)]
    sources = [next(iter(report["sources"])) for report in found]
    assert [source.partition(",")[0] for source in sources] == ["metric", "no depth", "disparity_affine", "no depth"]
    carried = [set(report["relations"]) for report in found]
    assert "size" in carried[0] and "size" not in carried[2], "affine depth is asked what it can carry"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("dataset.count=0",), "dataset.count must be a whole number of at least 1, not 0"),
        (("dataset=rgbd",), "dataset.path"),
        (("dataset=rgbd", "dataset.path=nowhere"), "nowhere"),
        (("dataset=tum", "dataset.path=."), "has no claims with ground truth; set dataset to one of arc2017, blink"),
        (("dataset.relations=[leftish]",), "leftish"),
        (("vlm=nano",), "Data set rendered has no questions for a model; leave out vlm"),
        (("limit=some",), "limit must be a whole number of at least 1, or null, not 'some'"),
        (("baselines=perhaps",), "baselines must be true or false"),
        (("question=Where?",), "question"),
        (("vlm=recorded", "dataset.questions=2"), "vlm.path"),
        (("vlm=openai", "vlm.show_prompt=true"), "vlm.show_prompt"),
    ],
)
def test_a_mistake_is_one_clear_line(mistake: Callable[..., str], arguments: tuple[str, ...], words: str) -> None:
    assert words in mistake("eval-claims", *arguments, "output_dir=out")
