"""The processes of this machine."""

from __future__ import annotations

import os

import pytest

from pipeline.batch.local import LocalEngine, Work
from pipeline.records.errors import ConfigError


def never() -> Work:
    raise AssertionError("no process may start")


@pytest.mark.parametrize("cores", [1, 4])
def test_a_mistyped_number_of_workers_starts_none(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    engine = LocalEngine(workers=8 * cores + 1)
    with pytest.raises(ConfigError, match=f"too many for {cores} cores, .* at most {8 * cores}"), engine.pool(never):
        pass


@pytest.mark.parametrize(("workers", "factory"), [(0, never), (2, None)])
def test_without_workers_or_what_they_need_there_is_no_pool(workers: int, factory: object) -> None:
    with LocalEngine(workers=workers).pool(factory) as pool:  # type: ignore[arg-type]
        assert pool is None
