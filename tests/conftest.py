"""Settings of every test: no model hub, threads that leave room for child processes, shared frames."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import hypothesis
import pytest

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
