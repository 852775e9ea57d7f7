"""Tiny checkpoints for the depth backends."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny.depth_cases import CASES

collect_ignore = ["stand_ins"]  # Packages that are not to be found unless a test wants them.


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny checkpoint per case; do not change them."""
    return {name: case.save(tmp_path_factory.mktemp(name)) for name, case in CASES.items()}
