from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import exported
import pandas as pd
import pytest
from rich.console import Console

from pipeline.console.query import parsed, query, runs_of
from pipeline.console.sweep_jobs import OUTCOME_NAME
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.records.errors import ConfigError, InputError, TheodoliteError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    scene = exported.stored()
    return exported.run_folder(tmp_path / "run", (scene, exported.result(scene)))


def asked(*arguments: object) -> str:
    text = io.StringIO()
    assert query([str(argument) for argument in arguments], Console(file=text, width=200)) == 0
    return text.getvalue()


def test_rows_are_printed_as_a_table(run: Path) -> None:
    lines = asked(run, "SELECT relation, status, probability FROM verdicts ORDER BY verdict").splitlines()
    assert lines[0].split() == ["relation", "status", "probability"]
    assert lines[2].split() == ["distance_between", "supported", "0.97"]


def test_the_suffix_of_the_output_is_its_format(run: Path, tmp_path: Path) -> None:
    sql = "SELECT item, probability FROM verdicts ORDER BY verdict"
    for name, read in (("a.csv", pd.read_csv), ("a.json", pd.read_json), ("a.parquet", pd.read_parquet)):
        assert asked(run, sql, f"output={tmp_path / name}") == ""
        assert read(tmp_path / name)["probability"].tolist()[0] == 0.97
    assert asked(run, sql, f"output={tmp_path / 'a.txt'}", "format=csv") == ""
    assert (tmp_path / "a.txt").read_text().startswith("item,probability")
    assert json.loads(asked(run, sql, "format=json"))[0] == {"item": "item", "probability": 0.97}


def test_several_runs_and_sweeps_have_names(run: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for number, override in enumerate(("depth=a", "depth=b")):
        scene = exported.stored()
        exported.run_folder(sweep / str(number), (scene, exported.result(scene)))
        (sweep / str(number) / ".hydra").mkdir()
        (sweep / str(number) / ".hydra" / "overrides.yaml").write_text(f"- {override}\n- input=x\n")
    assert list(parsed([str(run), str(sweep), "refuted"]).runs) == ["run", "a", "b"]
    assert list(parsed([str(sweep / "0"), str(run / "results.jsonl"), "refuted"]).runs) == ["0", "run"]
    assert json.loads(asked(sweep, "SELECT DISTINCT run FROM results ORDER BY run", "format=json")) == [
        {"run": "a"},
        {"run": "b"},
    ]
    (sweep / "1" / ".hydra" / "overrides.yaml").write_text("[")
    assert list(parsed([str(sweep), "refuted"]).runs) == ["0", "1"]


def test_runs_that_an_earlier_sweep_left_are_left_out(run: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for number in (0, 1, 2, 10):
        shutil.copytree(run, sweep / str(number))
    assert list(parsed([str(sweep), "refuted"]).runs) == ["0", "1", "2", "10"], "sweeps of before told nothing"
    for number in (10, 1):
        (sweep / str(number) / OUTCOME_NAME).write_text("{}")
    assert list(parsed([str(sweep), "refuted"]).runs) == ["1", "10"]
    for number in (10, 1):
        (sweep / str(number) / RESULTS_NAME).unlink()
    with pytest.raises(InputError, match=r"has no results\.jsonl"):
        parsed([str(sweep), "refuted"])


def test_runs_of_a_sweep_may_lie_in_folders_of_two_keys(run: Path, tmp_path: Path) -> None:
    places = [("depth=a", "9"), ("depth=a", "10"), ("depth=b", "1")]
    for first, second in places:
        shutil.copytree(run, tmp_path / "sweep" / first / second)
    assert [folder.parts[-2:] for folder in runs_of([str(tmp_path / "sweep")]).values()] == places


def test_runs_of_one_name_are_told_apart_by_their_path(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "run"
    other.parent.mkdir()
    exported.run_folder(other, (exported.stored(), exported.result(exported.stored())))
    assert list(parsed([str(run), str(other), "refuted"]).runs) == [str(run), str(other)]
    with pytest.raises(InputError, match="twice"):
        parsed([str(run), str(run), "refuted"])


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "takes a RUN, and SQL or one of refuted"),
        (["{run}"], "takes a RUN, and SQL or one of refuted"),
        (["{run}", "refutd"], r"no query named 'refutd'.*did you mean 'refuted'\?"),
        (["{run}", "SELECT 1", "format=xml"], "format must be one of csv, json, parquet, not 'xml'"),
        (["{run}", "SELECT 1", "output=a.xyz"], "suffix of output must be one of csv, json, parquet, not 'xyz'"),
        (["{run}", "SELECT 1", "output=a"], "format of a is not known"),
        (["{run}", "SELECT 1", "output="], "output= must name a file"),
        (["{run}", "SELECT 1", "format=parquet"], "add output=FILE.parquet"),
        (["{run}", "SELECT 1", "output={run}/results.jsonl", "format=csv"], "is a file of the run"),
        (["{run}", "SELECT 1", "--all"], "no option '--all'"),
        (["{run}/nothing", "SELECT 1"], "There is no folder"),
        (["{run}/scenes", "SELECT 1"], r"has no results\.jsonl"),
    ],
)
def test_a_mistake_is_named(run: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(TheodoliteError, match=said):
        parsed([argument.replace("{run}", str(run)) for argument in arguments])


def test_a_where_clause_is_no_setting(run: Path) -> None:
    assert parsed([str(run), "SELECT 1 WHERE format='csv'"]).format is None
    with pytest.raises(ConfigError):
        parsed([str(run), "format=csv"])


def test_results_of_a_run_that_goes_on_are_asked(run: Path) -> None:
    scene = exported.stored(item="second")
    more = replace(exported.result(scene), item_id="second")
    exported.run_folder(run, (exported.stored(), exported.result(exported.stored())), (scene, more))
    assert json.loads(asked(run, "SELECT count(*) AS n FROM results", "format=json")) == [{"n": 2}]
