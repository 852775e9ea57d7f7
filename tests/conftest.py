"""Settings of every test: no model hub, threads that leave room for child processes, shared frames."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["THEODOLITE_CONF"] = "no folder"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import hypothesis
import numpy as np
import pytest
from commands import CommandLine, call
from random_qwen3vl import build_random_qwen3vl
from tiny.dpt import build_tiny_dpt
from tiny.serve import serving
from warm import WarmCommand

hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.load_profile("repeatable")


def pytest_collection_finish() -> None:
    """Keep the collected tests, which live to the end, out of every collection of garbage."""
    gc.collect()
    gc.freeze()


REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of shared frames and recordings; the test is skipped where it is absent."""
    folder = Path(os.environ.get("THEODOLITE_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "rgbd").is_dir():
        pytest.skip("the shared frames and recordings are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def tiny_qwen3vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen3-VL checkpoint with random weights."""
    return build_random_qwen3vl(tmp_path_factory.mktemp("qwen3vl") / "tiny")


@pytest.fixture(scope="session")
def tiny_dpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny DPT checkpoint with random weights."""
    return build_tiny_dpt(tmp_path_factory.mktemp("dpt") / "tiny", "vit")


@pytest.fixture(scope="session")
def transformers_serve(tiny_qwen3vl: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real ``transformers serve`` on this machine, which knows ``tiny_qwen3vl``."""
    with serving(tiny_qwen3vl, tmp_path_factory.mktemp("serve")) as url:
        yield url


@pytest.fixture(autouse=True)
def same_logging() -> Iterator[None]:
    """Commands set up the logs of their process; in this one, the next test must not find them."""
    loggers = [logging.getLogger(name) for name in ("", "pipeline", "torchao", "torch.utils._pytree")]
    levels = [logger.level for logger in loggers]
    handlers = list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in loggers[0].handlers[:]:
        if handler not in handlers and not type(handler).__module__.startswith("_pytest"):
            loggers[0].removeHandler(handler)


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmCommand]:
    """The process whose copies run commands."""
    command = WarmCommand(REPOSITORY)
    yield command
    command.close()


@pytest.fixture
def command_line(request: pytest.FixtureRequest, tmp_path: Path) -> CommandLine:
    """The command line in a process of its own, in a folder that is not the checkout."""
    if not hasattr(os, "fork"):
        return request.getfixturevalue("cold_command_line")
    warm = request.getfixturevalue("warm")
    path = {"PYTHONPATH": str(REPOSITORY)}
    return lambda *arguments, **environment: warm(arguments, tmp_path, {**os.environ, **path, **environment})


@pytest.fixture
def cold_command_line(tmp_path: Path) -> CommandLine:
    """The same in a process that starts Python, as a user's does; for what the start must be."""
    return lambda *arguments, **environment: call(REPOSITORY, tmp_path, *arguments, **environment)


@pytest.fixture
def success(command_line: CommandLine) -> CommandLine:
    """The command line, of a command that succeeds without a word on standard error."""

    def called(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = command_line(*arguments, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return done

    return called


@pytest.fixture
def mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """The one line that a wrong command gives; in this process, which takes a tenth of the time."""

    def told(*arguments: str) -> str:
        from pipeline.cli import main

        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "60")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        capsys.readouterr()
        assert main(arguments) == 2
        output, line = capsys.readouterr()
        assert line.endswith("\n") and line.count("\n") == 1
        assert "Traceback" not in line and output == "", "it is said once, and nothing else"
        return line

    # The command line sets up logging for its whole process.
    loggers = {name: logging.getLogger(name) for name in (None, "pipeline")}
    before = {name: (logger.level, list(logger.handlers)) for name, logger in loggers.items()}
    yield told
    for name, logger in loggers.items():
        logger.level, logger.handlers = before[name]


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video whose frame at t milliseconds is grey 10 + index * step, with a bright top left corner."""

    def write(
        name: str = "clip.mp4",
        times_ms: object = range(0, 1000, 100),
        codec: str = "libx264",
        rotation_deg: int = 0,
        step: float = 20,
        gop: int = 5,
        matrix: Sequence[int] | None = None,
        pixel_aspect: Fraction | None = None,
        b_frames: int = 0,
    ) -> Path:
        import av

        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.options = {"g": str(gop)} | ({"bf": str(b_frames)} if b_frames else {})
            stream.codec_context.time_base = Fraction(1, 1000)
            if rotation_deg:
                stream.set_display_rotation(rotation_deg)
            if matrix is not None:
                stream.set_display_matrix(list(matrix))
            if pixel_aspect is not None:
                stream.sample_aspect_ratio = stream.codec_context.sample_aspect_ratio = pixel_aspect
            for index, time_ms in enumerate(times_ms):
                rgb = np.full((48, 64, 3), 10 + index * step, np.uint8)
                rgb[:12, :16] = 255
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
