"""Settings of every test: no model hub, threads that leave room for child processes, shared frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import hypothesis
import pytest
from commands import CommandLine, call
from random_qwen3vl import build_random_qwen3vl
from tiny.dpt import build_tiny_dpt
from tiny.serve import serving

hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.load_profile("repeatable")

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


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """The command line as a user calls it, in a folder that is not the checkout."""
    return lambda *arguments, **environment: call(REPOSITORY, tmp_path, *arguments, **environment)
