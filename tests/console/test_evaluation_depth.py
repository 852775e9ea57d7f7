"""``python -m pipeline eval-depth`` as a user calls it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import CommandLine, report_in
from omegaconf import OmegaConf

from pipeline.api import load_config

SMALL = ("eval-depth", "dataset.count=6", "draws=50", "worst=0", "num_workers=0")


def test_rendered_scenes_are_measured_and_the_figures_shown(success: CommandLine, tmp_path: Path) -> None:
    done = success(*SMALL, "worst=1", "output_dir=out", COLUMNS="160")
    report = report_in(tmp_path / "out")
    assert (report["dataset"]["name"], report["dataset"]["scored"]) == ("rendered", 6)
    assert report["protocol"]["alignment"] == "scale_shift_disparity"
    assert "alignment scale_shift_disparity" in done.stdout
    for words in ("AbsRel", "Object order", "95%", "report.html", "images.csv"):
        assert words in done.stdout
    with (tmp_path / "out" / "summary.csv").open() as file:
        figures = {row["figure"]: row for row in csv.DictReader(file)}
    assert 0 < float(figures["abs_rel"]["low"]) < float(figures["abs_rel"]["value"]) < 0.3
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page and report["worst"][0]["image"] in page


def test_the_verifier_takes_the_noise_model_that_was_measured(command_line: CommandLine, tmp_path: Path) -> None:
    done = command_line(*SMALL, "output_dir=out")
    assert "noise=simulated_disparity 'hydra.searchpath=[" in done.stdout
    assert "Smooth error of simulated_disparity at 6 places, each by the fit to the others: spread" in done.stdout
    found = report_in(tmp_path / "out")["noise"]["simulated_disparity"]
    assert found["places"] == 6 and 0.3 < found["left_out"]["smooth"]["spread"] < 3
    measured = found["model"]
    config = load_config(["noise=simulated_disparity", f"hydra.searchpath=[{tmp_path / 'out'}]"])
    model = config.noise.models.simulated_disparity
    assert (model.relative, model.far_share) == (measured["relative"], measured["far_share"])
    assert "sensor" in config.noise.models, "the defaults are still there"


def test_the_error_of_a_network_s_scale_is_fitted_tested_and_saved(success: CommandLine, tmp_path: Path) -> None:
    done = success(*SMALL, "dataset.prediction=metric", "output_dir=out", COLUMNS="200")
    assert "Scale of simulated_metric at 6 places, each by the fit to the others: spread" in done.stdout
    found = report_in(tmp_path / "out")["noise"]["simulated_metric"]
    assert 0.75 <= found["left_out"]["scale"]["within"] <= 1
    noise = load_config(["noise=simulated_metric", f"hydra.searchpath=[{tmp_path / 'out'}]"]).noise
    assert 0.02 < noise.models.simulated_metric.scale == found["model"]["scale"] < 0.5


@pytest.mark.slow
def test_a_sweep_ends_in_one_table_and_paired_differences(success: CommandLine, tmp_path: Path) -> None:
    done = success(*SMALL, "-m", "dataset.prediction=metric,disparity", "output_dir=sweep", COLUMNS="160")
    comparison = json.loads((tmp_path / "sweep" / "comparison.json").read_text())
    assert (comparison["baseline"], comparison["images"]) == ("metric", 6)
    difference = comparison["runs"]["disparity"]["differences"]["abs_rel"]
    assert 0 < difference["low"] < difference["value"]
    assert "disparity less metric, image by image" in done.stdout and "worse" in done.stdout


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(command_line: CommandLine, repository: Path, tmp_path: Path) -> None:
    arguments = ("eval-depth", "dataset.count=16", "draws=50", "worst=0", "output_dir=out")
    lines = tmp_path / "out" / "images.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    process = subprocess.Popen([sys.executable, "-m", "pipeline", *arguments], cwd=tmp_path, env=environment)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (lines.is_file() and lines.read_bytes().count(b"\n") >= 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = lines.read_bytes().splitlines()[:3]
    assert not (tmp_path / "out" / "report.json").exists()
    done = command_line(*arguments, "resume=true")
    assert done.returncode == 0, done.stderr
    assert lines.read_bytes().splitlines()[:3] == kept, "what was done is not done again"
    assert report_in(tmp_path / "out")["dataset"]["scored"] == 16


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dataset=cvbench",), "has no images with true depth; set dataset to one of arc2017, diode"),
        (("dataset=rgbd", "dataset.path=.", "output_dir=."), "The data set is in "),
        (("dataset=tum",), "dataset.path"),
        (("dataset=nyu_v2", "dataset.path=nowhere"), "nowhere"),
        (("dataset.count=0",), "dataset.count must be a whole number of at least 1"),
        (("protocol=plain",), "Choose protocol.alignment: none, median_scale"),
        (("protocol.alignment=affine",), "protocol.alignment must be one of none"),
        (("num_workers=-1",), "num_workers must be a whole number from 0"),
        (("protocol=plain", "protocol.alignment=scale"), "disparity_affine"),
        (("depth=none",), "choose depth=NAME"),
        (("~dataset._target_",), "dataset has no _target_"),
        (("dataset.prediction=null",), "No image of rendered could be scored"),
        (("resume=perhaps",), "resume must be true or false"),
    ],
)
def test_a_mistake_is_one_clear_line(mistake: Callable[..., str], arguments: tuple[str, ...], words: str) -> None:
    assert words in mistake("eval-depth", "limit=2", "output_dir=out", *arguments)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{{", "is not valid YAML"),
        ("models: 5", "a file of the group noise begins with"),
        ("defaults: [default]\nmodels: {file: 5}", "noise.models.file must hold"),
    ],
)
def test_a_damaged_noise_file_is_refused_plainly(
    mistake: Callable[..., str], tmp_path: Path, body: str, words: str
) -> None:
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "bad.yaml").write_text(body)
    told = mistake("run", "noise=bad", f"hydra.searchpath=[{tmp_path}]", "output_dir=out")
    assert words in told and "Unexpected" not in told


def test_keys_of_a_swept_group_wait_for_its_options(command_line: CommandLine, tmp_path: Path) -> None:
    keys = ("depth.flip=true", "depth.input_scales=[1.0,1.5]", "output_dir=out", "limit=1")
    done = command_line("eval-depth", "-m", "depth=midas,midas/dpt_large", *keys)
    assert "Intel/dpt-hybrid-midas" in done.stderr and "Intel/dpt-large" in done.stderr, "both were tried"
    for number in (0, 1):
        config = OmegaConf.load(tmp_path / "out" / str(number) / ".hydra" / "config.yaml")
        assert (config.depth.flip, list(config.depth.input_scales)) == (True, [1.0, 1.5])
