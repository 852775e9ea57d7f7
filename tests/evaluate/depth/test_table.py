from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluate.depth.depth_data import MadeDataset, given, pooled

from pipeline.datasets.base import DepthSample
from pipeline.evaluate.depth.compare import compare_runs, run_names, write_comparison
from pipeline.evaluate.depth.evaluate import evaluate_depth
from pipeline.evaluate.depth.metrics import METRICS, metrics_of
from pipeline.evaluate.depth.protocol import Aggregate, EvaluationProtocol
from pipeline.evaluate.depth.report import worst_images
from pipeline.evaluate.depth.run import DepthSubject, run_depth
from pipeline.evaluate.depth.table import ScoreTable
from pipeline.export.files import only_writer
from pipeline.records.errors import ConfigError, ExportError, InputError

PROTOCOL = EvaluationProtocol("scale_shift_disparity")
CONFIGURATION = {"dataset": {"name": "made"}, "depth": {"name": "simulated"}, "protocol": {}, "limit": None}


def evaluated(folder: Path, dataset: MadeDataset, **settings):
    settings = {"configuration": CONFIGURATION, "draws": 200, **settings}
    return evaluate_depth(dataset, DepthSubject(given), settings.pop("protocol", PROTOCOL), folder, **settings)


def lines_of(dataset: MadeDataset, protocol: EvaluationProtocol = PROTOCOL):
    return list(run_depth(dataset, DepthSubject(given), protocol))


@pytest.mark.parametrize("aggregate", list(Aggregate))
def test_figures_are_those_of_the_aggregate(aggregate: Aggregate) -> None:
    lines = lines_of(MadeDataset(6, broken=[2]))
    scores = [line.score for line in lines if line.score is not None]
    means = {name: np.mean([score.metrics[name] for score in scores]) for name in scores[0].metrics}
    expected = metrics_of(pooled([score.moments for score in scores])) if aggregate is Aggregate.POOLED else means
    found = ScoreTable.of(lines, aggregate).figures()
    assert found == pytest.approx(expected)
    assert list(found) == [name for name in METRICS if name in expected]


def test_an_image_without_a_metric_does_not_count_in_its_mean() -> None:
    lines = lines_of(MadeDataset(2, error=[0.1, 0.3]))
    assert lines[0].score is not None and lines[1].score is not None
    del lines[0].score.metrics["whdr"]
    found = ScoreTable.of(lines, Aggregate.PER_IMAGE)
    assert found.figures()["whdr"] == lines[1].score.metrics["whdr"]
    assert found.counts() == {name: 1 if name == "whdr" else 2 for name in METRICS if name in lines[1].score.metrics}


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    errors = np.random.default_rng(1).uniform(0.02, 0.3, 80)
    table = ScoreTable.of(lines_of(MadeDataset(80, error=errors.tolist())), Aggregate.PER_IMAGE)
    table = replace(table, groups=table.names)
    drawn = table.drawn(3000, seed=0)["abs_rel"]
    assert drawn.std() == pytest.approx(table.values["abs_rel"].std() / math.sqrt(80), rel=0.06)


def test_too_few_places_give_no_interval() -> None:
    for count, has_draws in ((5, False), (6, True)):
        table = ScoreTable.of(lines_of(MadeDataset(count)), Aggregate.PER_IMAGE)
        assert bool(table.drawn(100, seed=0)) is has_draws


def test_the_worst_come_first_whichever_way_the_figure_is_read() -> None:
    lines = lines_of(MadeDataset(4, error=[0.1, 0.4, 0.02, 0.2]))
    for metric in ("abs_rel", "delta1"):
        assert [line.index for line, _ in worst_images(lines, metric, 2)] == [1, 3]


def test_a_run_writes_all_documented_files(tmp_path: Path) -> None:
    report = evaluated(tmp_path, MadeDataset(7, broken=[2]), worst=2)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"images.jsonl", "images.csv", "summary.csv", "report.json", "report.html", "worst", "noise"} <= names
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(json.dumps(report))
    assert (report["dataset"]["scored"], report["dataset"]["unreadable"]) == (6, 1)
    assert report["problems"]["first"][0]["reason"] == "Picture 2 is cut short; copy it again."
    assert 0 < report["metrics"]["abs_rel"]["low"] < report["metrics"]["abs_rel"]["value"]
    assert len(report["worst"]) == 2
    for item in report["worst"]:
        assert (tmp_path / item["image"]).read_bytes().startswith(b"\x89PNG")
        assert item["image"] in (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = (tmp_path / "images.csv").read_text().splitlines()
    assert len(rows) == 8 and rows[0].startswith("index,name,group,outcome,reason,seconds,abs_rel")
    assert sum(bin_["pixels"] for bin_ in report["by_depth"]) == 6 * 48 * 64


def test_a_resumed_run_ends_like_one_that_was_not_stopped(tmp_path: Path) -> None:
    whole = evaluated(tmp_path / "whole", MadeDataset(6, broken=[2]))
    evaluated(tmp_path / "part", MadeDataset(6, broken=[2]), limit=3)
    lines = tmp_path / "part" / "images.jsonl"
    # A killed run leaves an incomplete line.
    lines.write_bytes(lines.read_bytes() + b'{"index":3,"name":"pict')
    dataset = MadeDataset(6, broken=[2])
    resumed = evaluated(tmp_path / "part", dataset, resume=True)
    assert set(dataset.reads) == {3, 4, 5}
    for key in ("dataset", "metrics", "by_depth", "noise", "problems"):
        assert resumed[key] == whole[key]


def test_lines_of_another_run_damaged_lines_and_repeated_ones_do_not_count(tmp_path: Path) -> None:
    whole = evaluated(tmp_path / "whole", MadeDataset(4))
    folder = tmp_path / "part"
    evaluated(folder, MadeDataset(4))
    lines = (folder / "images.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    records[1]["run"] = "another"
    records[2]["score"] = None
    records[3]["index"] = 99
    damaged = [records[0], records[0], *records[1:]]
    (folder / "images.jsonl").write_text("".join(json.dumps(record) + "\n" for record in damaged))
    dataset = MadeDataset(4)
    resumed = evaluated(folder, dataset, resume=True, worst=4)
    assert sorted(set(dataset.reads[:2])) == [1, 2], "only these are measured again"
    for name, figure in whole["metrics"].items():
        assert resumed["metrics"][name] == pytest.approx(figure), name
    assert len(resumed["worst"]) == 4


def test_a_new_run_replaces_the_files_of_an_earlier_run_and_no_others(tmp_path: Path) -> None:
    for name in ("worst/01_mine.png", "noise/mine.yaml", "images.csv.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    evaluated(tmp_path, MadeDataset(6), worst=3)
    report = evaluated(tmp_path, MadeDataset(3), worst=1)
    assert report["dataset"]["images"] == 3
    assert (tmp_path / "worst" / "01_mine.png").read_text() == (tmp_path / "noise" / "mine.yaml").read_text() == "mine"
    assert len(list((tmp_path / "worst").glob("*.png"))) == 2


def test_reversed_and_constant_predictions_are_counted_and_do_not_end_a_run(tmp_path: Path) -> None:
    class Moody(MadeDataset):
        def sample(self, entry: int) -> DepthSample:
            sample = super().sample(entry)
            depth = sample.frame.given_depth
            assert depth is not None
            factor = {0: 0.0, 1: -1.0}.get(entry, 1.0)
            return replace(
                sample, frame=replace(sample.frame, given_depth=replace(depth, values=factor * depth.values))
            )

    report = evaluated(tmp_path, Moody(6))
    assert report["dataset"]["scored"] == 6
    assert sum(report["notes"].values()) == 2
    found = report["noise"]["simulated"]
    assert (found["images"], found["reversed"]) == (6, 2)
    assert found["model"]["relative"] > 0.5, "a third of the maps is useless"
    text = (tmp_path / "noise" / "simulated.yaml").read_text()
    assert "fitted to 6 images of made, 6 places; depth is reversed or useless in 2." in text


def test_names_that_are_not_utf_8_are_shown_with_question_marks(tmp_path: Path) -> None:
    class Odd(MadeDataset):
        def entry_name(self, entry: int) -> str:
            return f"bad\udcff {entry}"

    data = Odd(3, broken=[1])
    data.unreadable = {"odd\udcfe": "The file odd\udcfe has no partner."}
    evaluated(tmp_path, data, worst=1)
    assert "bad? 0" in (tmp_path / "images.csv").read_text(encoding="utf-8")
    assert "bad? 1" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_texts_in_tables_are_not_formulas_for_spreadsheets(tmp_path: Path) -> None:
    class Named(MadeDataset):
        def __init__(self) -> None:
            super().__init__(3)
            self.unreadable = {"=1+1": "@SUM(1)"}

    report = evaluated(tmp_path, Named())
    assert "\n,'=1+1,,unreadable,'@SUM(1)," in (tmp_path / "images.csv").read_text()
    assert (report["dataset"]["images"], report["dataset"]["scored"]) == (4, 3)


def test_a_run_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    evaluated(tmp_path, MadeDataset(3))
    with pytest.raises(ConfigError, match="another depth; set resume=false"):
        evaluated(tmp_path, MadeDataset(3), resume=True, configuration={**CONFIGURATION, "depth": {"name": "other"}})
    evaluated(tmp_path, MadeDataset(3), resume=True, configuration={**CONFIGURATION, "limit": 5})


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(ExportError, match="Another run writes"):
        evaluated(tmp_path, MadeDataset(2))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"limit": 0}, "limit must be a whole number of at least 1, or null, not 0"),
        ({"worst": 1001}, "worst must be a whole number from 0 to 1000"),
        ({"draws": -1}, "draws must be a whole number from 0"),
        ({"draws": 2}, "draws must be 0 or at least 40"),
        ({"worst_by": "absrel"}, "worst_by must be one of abs_rel"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path: Path, settings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        evaluated(tmp_path, MadeDataset(2), **settings)


def test_a_run_without_scored_images_is_an_error_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No image of made could be scored; the first: image 0: Picture 0 is cut"):
        evaluated(tmp_path, MadeDataset(2, broken=[0, 1]))


@pytest.mark.parametrize("aggregate", ["per_image", "pooled"])
def test_paired_differences_show_what_single_intervals_hide(tmp_path: Path, aggregate: str) -> None:
    """Images differ far more than the two runs, but one run is slightly worse on every image."""
    errors = np.random.default_rng(0).uniform(0.02, 0.3, 12)
    protocol = EvaluationProtocol("scale_shift_disparity", aggregate=aggregate)  # type: ignore[arg-type]
    runs = {}
    for name, factor in (("good", 1.0), ("worse", 1.15)):
        runs[name] = tmp_path / name
        evaluated(runs[name], MadeDataset(12, error=(factor * errors).tolist()), protocol=protocol)
    comparison = compare_runs(runs, draws=300)
    good, worse = (comparison["runs"][name]["figures"]["abs_rel"] for name in runs)
    difference = comparison["runs"]["worse"]["differences"]["abs_rel"]
    assert difference["value"] == pytest.approx(worse["value"] - good["value"])
    assert worse["low"] < good["high"], "alone, their intervals overlap"
    assert difference["low"] > 0
    write_comparison(tmp_path, comparison)
    assert json.loads((tmp_path / "comparison.json").read_text())["baseline"] == "good"
    rows = (tmp_path / "comparison.csv").read_text().splitlines()
    assert rows[0] == "run,figure,value,low,high,difference_value,difference_low,difference_high"
    assert any(row.startswith("worse,abs_rel,") for row in rows)


def test_runs_are_compared_on_the_images_that_all_scored(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", MadeDataset(6, broken=[0]))
    evaluated(tmp_path / "b", MadeDataset(6, broken=[3]))
    assert compare_runs({"a": tmp_path / "a", "b": tmp_path / "b"}, draws=0)["images"] == 4


def test_equal_names_of_different_images_are_not_compared(tmp_path: Path) -> None:
    class Other(MadeDataset):
        def sample(self, entry: int) -> DepthSample:
            sample = super().sample(entry)
            return replace(sample, truth=replace(sample.truth, values=2 * sample.truth.values))

    evaluated(tmp_path / "a", MadeDataset(3))
    evaluated(tmp_path / "b", Other(3))
    with pytest.raises(InputError, match="against the same truth"):
        compare_runs({"a": tmp_path / "a", "b": tmp_path / "b"})


def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", MadeDataset(2))
    pooled = EvaluationProtocol("scale_shift_disparity", aggregate="pooled")  # type: ignore[arg-type]
    evaluated(tmp_path / "b", MadeDataset(2), protocol=pooled)
    with pytest.raises(InputError, match=r"different protocol\.aggregate"):
        compare_runs({"a": tmp_path / "a", "b": tmp_path / "b"})
    with pytest.raises(InputError, match="two runs"):
        compare_runs({"a": tmp_path / "a"})


def test_runs_with_equal_overrides_have_distinct_names() -> None:
    assert run_names([["depth=a"], ["depth=a"]]) == ["run (0)", "run (1)"]
