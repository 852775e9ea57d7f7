"""What the runs of a sweep tell the command that began it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from pipeline.console import depth_report
from pipeline.console.sweep_jobs import OUTCOME_NAME, SweepFolder, concluded, tell
from pipeline.evaluate.depth import compare as depth_compare
from pipeline.export.jsonl import RESULTS_NAME


def begun(folder: Path) -> None:
    """Begin a sweep as Hydra does."""
    SweepFolder().on_multirun_start(OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}}}))


def ended(folder: Path, number: int, code: int = 0, error: str | None = None) -> None:
    """End a run as Hydra does; runs of other processes only leave files, as this one does."""
    folder.mkdir(parents=True)
    run = {"job": {"num": number}, "overrides": {"task": [f"limit={number}"]}, "runtime": {"output_dir": str(folder)}}
    tell(OmegaConf.create(run), code, error)


@pytest.mark.parametrize("codes", [(0, 0), (0, 1, 0), (2, 0), (1, 2)])
def test_the_exit_code_is_the_largest_of_all_runs(tmp_path: Path, codes: tuple[int, ...]) -> None:
    begun(tmp_path)
    for number, code in enumerate(codes):
        ended(tmp_path / str(number), number, code)
    assert concluded(Console(file=io.StringIO()), None) == max(codes)


def test_the_table_has_all_runs_in_the_order_of_the_sweep(tmp_path: Path) -> None:
    begun(tmp_path)
    for number in (10, 2):
        ended(tmp_path / "depth=nano" / str(number), number, 2, f"No {number}.")
    text = io.StringIO()
    assert concluded(Console(file=text, width=80), "results") == 2
    assert text.getvalue().index("No 2.") < text.getvalue().index("No 10.")


@pytest.mark.parametrize("compared", ["results", "depth"])
def test_the_comparison_of_nested_folders_is_written_into_that_of_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: str
) -> None:
    monkeypatch.setattr(depth_compare, "compare_runs", lambda *_, **__: {"runs": {}})
    monkeypatch.setattr(depth_report, "print_comparison", lambda *_: None)
    begun(tmp_path)
    for number, place in enumerate(("depth=a/noise=b", "depth=a/noise=c")):
        ended(tmp_path / place, number)
        (tmp_path / place / RESULTS_NAME).touch()
        (tmp_path / place / ".hydra").mkdir()
        (tmp_path / place / ".hydra" / "overrides.yaml").write_text(f"- limit={number}")
        (tmp_path / place / ".hydra" / "config.yaml").write_text("{draws: 9, seed: 0}")
    concluded(Console(file=io.StringIO(), width=80), compared)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("comparison.csv")] == ["comparison.csv"]


def test_a_sweep_into_the_same_folder_forgets_what_an_earlier_one_told(tmp_path: Path) -> None:
    begun(tmp_path)
    ended(tmp_path / "0", 0, 2, "No.")
    begun(tmp_path)
    assert not (tmp_path / "0" / OUTCOME_NAME).exists()
    assert concluded(Console(file=io.StringIO()), "results") == 0
