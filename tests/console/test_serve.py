"""The command ``serve``."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'theodolite[serve]'")

from rich.console import Console

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.console import serve as command
from pipeline.console.serve import Said, parse
from pipeline.records.errors import ConfigError

# Ten seconds on a machine of its own; tests share theirs.
START_S = 20


@contextmanager
def served(folder: Path, repository: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a folder of its own."""
    words = [sys.executable, "-m", "pipeline", "serve", "serve.port=0", "cache_dir=null", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(repository), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        words, cwd=folder, env={**variables, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://[\d.:]+", line)
    assert found, line
    return found[0]


@pytest.mark.slow
def test_it_starts_fast_says_where_and_ends_cleanly(tmp_path: Path, repository: Path) -> None:
    start = time.monotonic()
    with served(tmp_path, repository, "serve.page=false") as process:
        address = address_of(process)
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        assert "small models that ship" in said and "depth=midas vlm=qwen3vl" in said
        with urllib.request.urlopen(f"{address}/healthz") as answer:
            assert answer.status == 200 and "uvicorn" not in str(answer.headers).lower()
        assert time.monotonic() - start < START_S
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
    assert "Stopping." in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs"]
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == ["serve"], "Hydra leaves no folder"


def test_a_port_in_use_is_one_sentence(mistake: Callable[..., str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert mistake("serve", f"serve.port={port}").startswith(f"Error: Port {port} is in use; choose another")


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["serve.host=0.0.0.0"], "Other machines can reach 0.0.0.0: set THEODOLITE_TOKEN"),
        (["serve.host=203.0.113.7", "serve.page=false"], "Other machines can reach 203.0.113.7"),
        (["serve.prot=1"], "There is no key serve.prot; did you mean serve.port?"),
        (["serve.port=99999"], "serve.port must be"),
        (["serve.limits.frames=0"], "serve.limits.frames must be a whole number of at least 1"),
        (["depth=midsa"], "There is no depth=midsa; did you mean depth=midas"),
        (["image.png"], "'image.png' is not KEY=VALUE"),
        (["-m"], "serve runs one configuration"),
        (["--port"], "serve has no option --port; there are --open"),
        (["--cfg", "all"], "serve shows its configuration with --cfg job"),
    ],
)
def test_mistakes_are_one_sentence(
    mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
) -> None:
    monkeypatch.delenv("THEODOLITE_TOKEN", raising=False)
    assert mistake("serve", *arguments).startswith(f"Error: {line}")


def test_an_address_of_another_machine_is_one_sentence(
    mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEODOLITE_TOKEN", "0123456789abcdef0123")
    line = mistake("serve", "serve.host=203.0.113.7", "serve.page=false")
    assert line.startswith("Error: The server cannot listen on 203.0.113.7")


def test_missing_packages_name_the_extra(mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_PACKAGES", ("no_such_package",))
    assert mistake("serve").startswith(
        "Error: The package no_such_package is not installed: pip install 'theodolite[serve]'"
    )


def test_the_configuration_is_shown_without_serving(capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.cli import main

    assert main(["serve", "--cfg", "job", "serve.port=81"]) == 0
    shown = capsys.readouterr().out
    assert "port: 81" in shown and "client_per_minute: 240" in shown


@pytest.mark.parametrize(
    "arguments, overrides, shows",
    [
        ([], [], False),
        (["--open", "vlm=openai"], ["serve.open=true", "vlm=openai"], False),
        (["serve.port=0", "--cfg=job"], ["serve.port=0"], True),
    ],
)
def test_arguments_become_overrides(arguments: list[str], overrides: list[str], shows: bool) -> None:
    assert parse(arguments) == (overrides, shows)


@pytest.mark.parametrize(
    "overrides, token, words, small",
    [
        ([], False, "The web app and the HTTP API are at http://127.0.0.1:81 for browsers and programs of this", True),
        (["serve.page=false", "depth=midas", "vlm=qwen3vl"], True, "The HTTP API is at http://127.0.0.1:81", False),
        (
            ["serve.host=0.0.0.0", "vlm=qwen3vl"],
            True,
            "all machines that reach it, with the token in THEODOLITE_",
            True,
        ),
    ],
)
def test_it_says_where_it_is_and_what_small_models_are(
    overrides: list[str], token: bool, words: str, small: bool
) -> None:
    config = load_config(overrides, "serve")
    console = Console(file=io.StringIO(), soft_wrap=True)
    Said(console, build(config.serve), config, 81, has_token=token).started()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert words in text and ("rendered scenes; not for photos" in text) == small
    assert ("with the token" in text) == token


@pytest.mark.parametrize(
    "is_busy, line", [(True, "Stopping; running work has a few seconds to finish."), (False, "Stopping.")]
)
def test_it_says_that_work_may_finish_only_where_some_runs(is_busy: bool, line: str) -> None:
    config = load_config([], "serve")
    console = Console(file=io.StringIO(), soft_wrap=True)
    Said(console, build(config.serve), config, 81, has_token=False).stopping(is_busy=is_busy)
    assert console.file.getvalue() == f"{line}\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("has_display", [True, False])
def test_a_browser_opens_where_there_is_a_display(monkeypatch: pytest.MonkeyPatch, has_display: bool) -> None:
    opened: list[str] = []
    done = threading.Event()

    class Browser:
        def open(self, address: str) -> None:
            opened.append(address)
            done.set()

    monkeypatch.setattr("pipeline.console.view.find_browser", lambda: Browser() if has_display else None)
    config = load_config(["serve.open=true"], "serve")
    console = Console(file=io.StringIO(), soft_wrap=True)
    Said(console, build(config.serve), config, 81, has_token=False).started()
    assert done.wait(5 * has_display) == has_display and opened == ["http://127.0.0.1:81"] * has_display
    assert ("no browser opens" in console.file.getvalue()) != has_display  # type: ignore[attr-defined]


def test_a_flag_of_hydra_is_refused() -> None:
    with pytest.raises(ConfigError):
        parse(["--config-dir", "x"])


def test_help_lists_the_groups(capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.cli import main

    assert main(["serve", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--open" in shown and "THEODOLITE_TOKEN" in shown and "vlm: " in shown and "depth=midas/" in shown


@pytest.mark.slow
def test_work_that_runs_when_the_server_stops_ends_cleanly(tmp_path: Path, repository: Path) -> None:
    import httpx

    photo = sorted((repository / "data" / "samples" / "images").iterdir())[0]
    with served(tmp_path, repository, "serve.page=false") as process:
        address = address_of(process)
        with photo.open("rb") as file:
            data = {
                "work": "ask",
                "question": [f"Is the brown box left of the red ball? {number}" for number in range(8)],
            }
            job = httpx.post(f"{address}/v1/jobs", files={"images": file}, data=data, timeout=30).json()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0 and "Traceback" not in errors
    with served(tmp_path, repository, "serve.page=false") as process:
        address = address_of(process)
        state = httpx.get(f"{address}/v1/jobs/{job['id']}", timeout=30).json()["state"]
        assert state in ("done", "interrupted")
