from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import scenes
from commands import CommandLine, results_in
from PIL import Image

from pipeline import __version__
from pipeline.cli import main
from pipeline.console.usage import COMMANDS
from pipeline.export.run_summary import Summary
from pipeline.ingest.arc2017 import Arc2017Source
from pipeline.records import Status, json_schema

LIGHT = ("export.overlay=false", "export.scenes=false", "export.report=false")
ANSWERED = ("vlm=recorded", "vlm.path=answers.jsonl", "depth=none", *LIGHT)
CLAIMS = {
    "regions": [{"label": label, "box_px": box} for label, (box, _) in scenes.OBJECTS.items()],
    "claims": [
        {"relation": "closer", "subject": "screen", "object": "cabinet"},
        {"relation": "occludes", "subject": "cabinet", "object": "screen"},
        {"relation": "left_of", "subject": "cup", "object": "lamp"},
        {"relation": "distance_to_camera", "subject": "lamp", "value": 1.5, "unit": "m"},
        {"relation": "distance_to_camera", "subject": "lamp", "value": 4, "unit": "m"},
        {"relation": "above", "subject": "cup", "object": "bed"},
    ],
}
VERDICTS = ["supported", "refuted", "supported", "supported", "refuted", "undecided"]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    """Good and bad input in the folder in which commands are typed."""
    for name in ("photo.png", "it's a (photo), really.png", "2024"):
        Image.fromarray(scenes.RGB).save(tmp_path / name, "PNG")
    millimetres = np.round(scenes.depth_m() * 1000).astype(np.uint16)
    Image.fromarray(millimetres).save(tmp_path / "depth.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "photo.png").read_bytes()[:60])
    (tmp_path / "text.jpg").write_text("I am no image.")
    (tmp_path / "empty").mkdir()
    (tmp_path / "claims.json").write_text(json.dumps(CLAIMS))
    (tmp_path / "half.json").write_text('{"claims": [')
    (tmp_path / "odd.json").write_text('[{"relation": "leftish", "subject": "cup"}]')
    answers = [{"id": name, "response": "The cup is left of the lamp."} for name in ("photo", "a", "c")]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    items = [{"id": "a", "frames": ["photo.png"]}, {"id": "b", "frames": ["torn.png"]}, {"id": "c", "frames": ["2024"]}]
    (tmp_path / "items.jsonl").write_text("\n".join(json.dumps({**item, "question": "Where?"}) for item in items))
    (tmp_path / "file").write_text("")


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["-h"], ["help"], ["--version"], ["schema", "--help"], ["doctor", "-h"]]
)
def test_the_commands_or_the_version_are_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"{__version__ if arguments == ['--version'] else COMMANDS}\n"


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_a_real_photo_with_given_claims_is_judged_and_no_decided_verdict_is_wrong(
    success: CommandLine, tmp_path: Path
) -> None:
    done = success("run", "input=arc2017")
    (folder,) = [path.parent for path in (tmp_path / "outputs").rglob("results.jsonl")]
    assert str(folder / "results.jsonl") in done.stdout, "the whole path, to be copied"
    (result,) = results_in(folder)
    source = Arc2017Source()
    truths = [claim.truth for claim in source.scene(next(source.items())).claims]
    assert len(result.verdicts) == len(truths) == 30
    decided = [(verdict, truth) for verdict, truth in zip(result.verdicts, truths, strict=True) if not verdict.needs]
    assert len(decided) >= 15
    assert all((verdict.status is Status.SUPPORTED) == truth for verdict, truth in decided)
    assert f"{len(decided)} of {len(decided)} decided" in done.stdout
    assert set(result.artefacts) == {"overlay", "scene", "page"}
    assert all((folder / path).stat().st_size > 10_000 for path in result.artefacts.values())
    assert (folder / "failures.jsonl").read_text() == ""


def test_given_claims_about_an_rgbd_photo_get_the_known_verdicts(success: CommandLine, tmp_path: Path) -> None:
    camera = "{fx: 150, fy: 150, cx: 79.5, cy: 59.5}"
    done = success(
        *("verify", "input=photo.png", "claims=claims.json", "input.depth=depth.png", "input.depth_scale=0.001"),
        *(f"input.camera={camera}", "output_dir=out", "export.report=false", "export.ply=true"),
    )
    (result,) = results_in(tmp_path / "out")
    assert [str(verdict.status) for verdict in result.verdicts] == VERDICTS
    assert "6: 3 supported, 2 refuted, 1 undecided" in done.stdout
    assert "Claim    screen is closer than cabinet\nVerdict  supported: " in done.stdout
    assert result.frames[0].camera.fx == 150
    assert (tmp_path / "out" / result.artefacts["overlay"]).is_file()


def cpu_seconds(call: Callable[[], object]) -> float:
    before = os.times()
    call()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_help_shows_the_groups_at_once(cold_command_line: CommandLine) -> None:
    done = cold_command_line("run", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("depth: depth_anything_3,", "vlm: nano, none, openai, qwen3vl", "ocr: none, rapidocr"):
        assert line in done.stdout
    assert min(cpu_seconds(lambda: cold_command_line("run", "--help")) for _ in range(3)) < 1.5


def test_the_whole_configuration_can_be_printed(success: CommandLine) -> None:
    done = success("run", "depth=none", "--cfg", "job", "verify.verifier.risk=0.2")
    assert "risk: 0.2" in done.stdout
    assert "pipeline.models.depth.none.NoDepth" in done.stdout


def test_a_sweep_writes_one_folder_per_combination(success: CommandLine, tmp_path: Path) -> None:
    overrides = [f"input={tmp_path / 'photo.png'}", "claims=claims.json", *ANSWERED, *LIGHT]
    sweep = ["verify.verifier.risk=0.01,0.1", "question=Which, of these?", "output_dir=out"]
    success("run", *overrides, *sweep, "-m")
    folders = sorted(path.parent for path in (tmp_path / "out").rglob("results.jsonl"))
    assert [folder.name for folder in folders] == ["0", "1"]
    for folder, risk in zip(folders, ("0.01", "0.1"), strict=True):
        assert len(results_in(folder)) == 1
        assert f"verify.verifier.risk={risk}" in (folder / ".hydra/overrides.yaml").read_text()


def test_a_sweep_goes_on_after_a_combination_that_cannot_work(command_line: CommandLine, tmp_path: Path) -> None:
    done = command_line("run", "-m", "input=none.png,photo.png", "question=Where?", *ANSWERED, "output_dir=out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "none.png" in done.stderr
    assert len(results_in(tmp_path / "out/1")) == 1


def test_a_bad_item_is_reported_and_resume_computes_only_what_is_missing(
    command_line: CommandLine, tmp_path: Path
) -> None:
    command = ("run", "input=items.jsonl", *ANSWERED, "output_dir=out", "resume=true")
    done = command_line(*command)
    assert done.returncode == 1, "one item of the batch failed"
    assert "Traceback" not in done.stdout + done.stderr
    (failure,) = [json.loads(line) for line in (tmp_path / "out/failures.jsonl").read_text().splitlines()]
    assert (failure["item_id"], failure["stage"]) == ("b", "ingest")
    assert "torn.png" in failure["reason"] and "torn.png" in done.stdout
    (tmp_path / "torn.png").write_bytes((tmp_path / "photo.png").read_bytes())
    with (tmp_path / "answers.jsonl").open("a") as file:
        file.write('\n{"id": "b", "response": "It is below the cup."}\n')
    done = command_line(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 (and 2 kept)" in done.stdout
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["a", "c", "b"]


def test_a_run_in_parts_is_joined_reproduced_and_its_failures_are_tried_again(
    command_line: CommandLine, tmp_path: Path
) -> None:
    for number in (1, 2):
        command_line("run", "input=items.jsonl", *ANSWERED, f"output_dir=part{number}", f"shard={number}/2")
    done = command_line("merge", "part1", "part2", "output_dir=out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 results and 1 failures in out\n", "")
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["a", "c"]
    done = command_line("reproduce", "out", "a")
    assert (done.returncode, done.stdout, done.stderr) == (0, "same: 1\n", "")
    (tmp_path / "answers.jsonl").write_text(
        "\n".join(json.dumps({"id": name, "response": "The cup is above the lamp."}) for name in "abc")
    )
    done = command_line("reproduce", "out", "a")
    assert done.returncode == 1
    assert done.stdout.startswith(
        'different: answer.text: "The cup is left of the lamp.", "The cup is above the lamp."\n'
    )
    assert "Failed   1" in (done := command_line("retry", "out")).stdout and done.returncode == 1
    (tmp_path / "torn.png").write_bytes((tmp_path / "photo.png").read_bytes())
    done = command_line("retry", "out")
    assert (done.returncode, done.stderr) == (0, "") and "It is" not in done.stdout
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["a", "c", "b"]
    assert command_line("retry", "out").stdout == "Nothing failed.\n"


def test_a_retry_that_is_stopped_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = Summary(tmp_path, is_stopped=True)
    monkeypatch.setattr("pipeline.console.retry.retry", lambda folder, progress: stopped)
    assert main(["retry", str(tmp_path)]) == 130
    assert "Results so far are kept; retry once more to continue." in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["it's a (photo), really.png", "2024"])
def test_any_file_name_may_be_typed(success: CommandLine, tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / name).with_suffix(".png").write_bytes((tmp_path / name).read_bytes())
    path = "here" if name == "2024" else f"here/{name}"
    (tmp_path / "answers.jsonl").write_text(json.dumps({"id": Path(name).stem, "response": "Left."}))
    success("run", f"input={path}", "question=What's left, then: a=b or c?", *ANSWERED, "output_dir=out")
    (result,) = results_in(tmp_path / "out")
    assert result.question == "What's left, then: a=b or c?"


def test_several_questions_are_asked_of_the_first_item_alone_while_debugging(
    command_line: CommandLine, tmp_path: Path
) -> None:
    questions = 'questions=[What is left?, "the cup, or the lamp?"]'
    done = command_line("run", "input=photo.png", questions, *ANSWERED, "output_dir=out")
    assert (done.returncode, done.stderr) == (0, "")
    assert [result.question for result in results_in(tmp_path / "out")] == ["What is left?", "the cup, or the lamp?"]
    done = command_line("run", "input=items.jsonl", *ANSWERED, "output_dir=one", "debug=default")
    assert done.returncode == 0, done.stderr
    assert [result.item_id for result in results_in(tmp_path / "one")] == ["a"]


Q = "question=Where?"
BAD: Mapping[str, tuple[tuple[str, ...], str]] = {
    "missing file": (("run", "input=nofile.png", Q, *ANSWERED), "nofile.png does not exist"),
    "corrupt image": (("run", "input=torn.png", Q, *ANSWERED), "torn.png cannot be read as an image"),
    "model that ships": (("run", "input=torn.png", Q, *ANSWERED, "depth=nano"), "torn.png cannot be read as an image"),
    "empty folder": (("run", "input=empty", Q, *ANSWERED), "empty contains no images"),
    "text as image": (("run", "input=text.jpg", Q, *ANSWERED), "text.jpg is not an image"),
    "unknown suffix": (("run", "input=file", Q, *ANSWERED), "file is not named like an image"),
    "empty question": (("run", "input=photo.png", "question=", *ANSWERED), "question"),
    "question twice": (("run", "input=photo.png", Q, "questions=[Why?]", *ANSWERED), "not both"),
    "odd limit of prompts": (
        ("run", "input=photo.png", Q, "limit=-1", "vlm.show_prompt=true", *ANSWERED), "limit must be "
    ),
    "huge number": (("run", f"limit={'9' * 5000}"), "limit must be "),
    "odd limit": (("run", "input=photo.png", Q, "limit=0", *ANSWERED), "limit must be "),
    "no question": (("run", "input=photo.png", *ANSWERED), "no question"),
    "unknown option": (("run", "depth=midass"), "There is no depth=midass; did you mean depth=midas or"),
    "wrong truth value": (("run", "resume=flase"), "resume must be true or false, not 'flase'"),
    "nothing to do": (("run", "input=photo.png", "depth=none"), "no model is asked and no claims are given"),
    "missing recording": (("run", "input=photo.png", Q, *ANSWERED, "vlm.path=no.jsonl"), "no.jsonl cannot be read"),
    "no recorded answer": (("run", "input=depth.png", Q, *ANSWERED), "no recorded answer"),
    "no depth": (("verify", "input=photo.png", "claims=claims.json"), "depth=midas"),
    "broken claims": (("verify", "input=photo.png", "claims=half.json", "depth=none"), "half.json is not a JSON file"),
    "odd claims": (("verify", "input=photo.png", "claims=odd.json", "depth=none"), "odd.json: claim 1"),
    "file as folder": (("run", "output_dir=file"), "Cannot write"),
    "no folder possible": (("run", "output_dir=/proc/nowhere/out"), "Cannot write /proc/nowhere"),
    "unknown command": (("rnu",), "no command 'rnu'; choose one of run, verify"),
    "positional": (("run", "photo.png"), "'photo.png' is not KEY=VALUE; for a path, type input=photo.png"),
    "shard beyond": (("run", "input=photo.png", Q, *ANSWERED, "shard=3/2"), "shard must be i/n with i from 1 to n"),
    "unknown item": (("run", "input=photo.png", Q, *ANSWERED, "only=[001]"), "no item '001', which only= names"),
    "no run": (("retry", "empty"), "empty has no run.json"),
    "no folder of a run": (("reproduce", "none", "a"), "There is no folder"),
    "two arguments": (("retry", "a", "b"), "retry takes RUN: python -m pipeline retry RUN."),
    "one run to merge": (("merge", "a", "output_dir=b"), "merge takes several RUNs and a new folder"),
    "argument too many": (("schema", "please"), "schema takes no arguments"),
    "odd group override": (("run", "input@package=3"), "must be a string"),
    "interpolation": (("run", "output_dir=${nope}"), "nope"),
    "no server": (
        ("run", "input=photo.png", Q, "depth=none", "vlm=openai", "vlm.max_retries=0", "vlm.base_url=http://127.0.0.1:9/v1"),
        "127.0.0.1:9",
    ),
}  # fmt: skip


@pytest.mark.parametrize("arguments, words", BAD.values(), ids=BAD)
def test_a_mistake_gives_one_line_and_the_exit_code_two(
    mistake: Callable[..., str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in mistake(*arguments)


@pytest.mark.parametrize(
    "arguments, model",
    [
        (("verify", "input=photo.png", "claims=claims.json", "depth=midas"), "Intel/dpt-hybrid-midas (about 0.49 GB)"),
        (("run", "input=photo.png", Q, "depth=none", "vlm=qwen3vl"), "Qwen/Qwen3-VL-2B-Instruct (about 4.3 GB)"),
    ],
    ids=["depth", "vlm"],
)
@pytest.mark.timeout(60)
def test_a_missing_model_is_reported_quickly(
    cold_command_line: CommandLine, arguments: tuple[str, ...], model: str
) -> None:
    found = []

    def call() -> None:
        found.append(cold_command_line(*arguments, HF_HUB_OFFLINE="1", HF_HUB_CACHE="nowhere", cache_dir="null"))

    assert cpu_seconds(call) < 8
    (done,) = found
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and model in done.stderr and "hf download" in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    done = command_line("run", "output_dir=locked/out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "locked" in done.stderr


@pytest.mark.parametrize("arguments", [("-v", "run", "input=no.png"), ("run", "input=torn.png", "--verbose")])
def test_verbose_shows_the_traceback(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    done = command_line(*arguments, Q, *ANSWERED)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("Error: ")


def test_a_folder_is_run_to_its_end_and_counts_what_cannot_be_read(command_line: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("good.png", "noending", "torn.png", "raw.dng", "clip.mp4", "depth.npy"):
        (folder / name).write_bytes((tmp_path / ("torn.png" if name == "torn.png" else "photo.png")).read_bytes())
    (folder / "notes.txt").write_text("A note.")
    settings = ("depth=none", "claims=claims.json", "output_dir=out", *LIGHT)
    done = command_line("verify", "input=photos", *settings)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "Skipped, because they are not images: notes.txt." in done.stderr
    failures = [json.loads(line) for line in (tmp_path / "out/failures.jsonl").read_text().splitlines()]
    assert [failure["item_id"] for failure in failures] == ["clip.mp4", "depth.npy", "raw.dng", "torn"]
    assert all(failure["reason"] in done.stdout for failure in failures)
    assert {result.item_id for result in results_in(tmp_path / "out")} == {"good", "noending"}
    scene = command_line("verify", "input=photos/*", "input.frames_are=scene", *settings)
    assert (scene.returncode, scene.stderr.count("Error: ")) == (2, 1)
    assert "The scene would lack a frame" in scene.stderr
