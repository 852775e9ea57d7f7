from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import CommandLine
from console.batches import LIGHT
from PIL import Image
from rich.console import Console

from pipeline.cli import main
from pipeline.console.sweep_report import cells_of, compare, markdown
from pipeline.evaluate.sweep import Combination, SweepRow


def figures(correct: float | None) -> dict[str, object]:
    share = {"value": correct, "low": None, "high": None}
    return {
        **{"results": 8, "failures": 1, "answers": 0, "answers_correct": dict.fromkeys(share)},
        **{"claims": 9, "decided": 5, "decided_known": 0 if correct is None else 4, "claims_correct": share},
        "item_s": 0.25,
    }


def test_columns_of_ground_truth_are_left_out_where_none_is_known() -> None:
    head, lines = cells_of([SweepRow("0", {"depth": "a"}, figures(None))], "results")
    assert head == ["run", "depth", "results", "failed", "decided", "s per item"]
    assert lines == [["0", "a", "8", "1", "5 of 9", "0.25"]]
    head, lines = cells_of([SweepRow("0", {}, figures(0.75)), SweepRow("1", {}, {}, "no")], "cases")
    assert head == ["run", "cases", "failed", "decided", "correct", "s per item"]
    assert lines == [["0", "8", "1", "5 of 9", "75.0% of 4", "0.25"], ["1", "–", "failed", "", "", ""]]


@pytest.mark.parametrize(("head", "is_said"), [(["run", "correct"], True), (["run", "decided"], False)])
def test_intervals_are_explained_where_there_are_any(head: list[str], is_said: bool) -> None:
    assert ("the brackets hold 95 % intervals" in markdown(head, [["0", "1"]], [])) is is_said


def test_no_text_breaks_the_table_of_markdown() -> None:
    rows = [SweepRow("0", {"question": "a|b\n<script>\\"}, {}, "no | way\n")]
    text = markdown(*cells_of(rows, "results"), rows)
    table = text.partition("\n\n")[0].splitlines()
    assert len(table) == 3 and len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "<script>" not in text and "- 0: no \\| way" in text


def test_a_sweep_in_which_nothing_could_run_still_ends_in_a_table(tmp_path: Path) -> None:
    text = io.StringIO()
    runs = [Combination(("a=1",), tmp_path / "0", "No."), Combination(("a=[2]",), tmp_path / "1", "No [bold].")]
    compare(runs, tmp_path, Console(file=text, width=80), "results")
    assert "2 combinations" in text.getvalue() and "1: No [bold]." in text.getvalue()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.csv", "comparison.md"]


def test_a_sweep_over_the_verifier_computes_depth_once_and_asks_the_model_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.models.depth.network import NetworkDepth
    from pipeline.models.vlm.recorded import Recorded

    calls: Counter[str] = Counter()

    def count(kind: type, name: str) -> None:
        whole = getattr(kind, name)

        def counted(*args: Any, **more: Any) -> Any:
            calls[name] += 1
            return whole(*args, **more)

        monkeypatch.setattr(kind, name, counted)

    count(NetworkDepth, "estimate")
    count(Recorded, "generate")
    # Recorded answers are not cached; those of a model with weights are.
    monkeypatch.setattr(Recorded, "identity", "recorded 1")
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Image.fromarray(np.random.default_rng(len(name)).integers(0, 255, (60, 80, 3), np.uint8)).save(f"{name}.png")
    Path("answers.jsonl").write_text("".join(f'{{"id": "{name}", "response": "The cup."}}\n' for name in "ab"))
    arguments = ["input=[a.png]", "vlm=recorded", "vlm.path=answers.jsonl", "depth=nano", "question=Where?", *LIGHT]
    code = main(["run", "-m", "verify.verifier.risk=0.01,0.1,0.7", "output_dir=out", "cache_dir=cache", *arguments])
    assert code == 2 and calls == {"estimate": 1, "generate": 1}
    shown = capsys.readouterr()
    assert "3 combinations" in shown.out and "2: verify.verifier.risk must be" in shown.out
    with Path("out/comparison.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verify.verifier.risk"] for row in rows] == ["0.01", "0.1", "0.7"]
    assert [row["results"] for row in rows] == ["1", "1", ""]


def test_a_sweep_of_evaluations_ends_in_a_table_too(success: CommandLine, tmp_path: Path) -> None:
    done = success(
        *("eval-claims", "-m", "verify.verifier.risk=0.01,0.2", "limit=3", "draws=20", "baselines=false"),
        *("output_dir=out", "cache_dir=null"),
        COLUMNS="160",
    )
    assert "2 combinations" in done.stdout and "comparison.md" in done.stdout
    with (tmp_path / "out" / "comparison.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["results"] == "3" and int(first["decided"]) <= int(second["decided"]) <= int(second["claims"])
    assert float(second["item_s"]) > 0 and second["error"] == ""
