"""Memory that the C library keeps."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from pipeline.models import device
from pipeline.models.memory import keep_freed_memory


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)


def library(monkeypatch: pytest.MonkeyPatch, accepts: bool) -> list[tuple[int, int]]:
    """Stand in for glibc; what its mallopt is called with."""
    calls: list[tuple[int, int]] = []

    def mallopt(parameter: int, value: int) -> int:
        calls.append((parameter, value))
        return int(accepts)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    return calls


def test_large_blocks_come_from_the_heap_and_half_a_gigabyte_of_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = library(monkeypatch, accepts=True)
    assert keep_freed_memory.__wrapped__()
    # M_MMAP_THRESHOLD is -3 and M_TRIM_THRESHOLD is -1 in glibc's malloc.h.
    assert calls == [(-3, 32 * 1024 * 1024), (-1, 512 * 1024 * 1024)]


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    library(monkeypatch, accepts=False)
    assert not keep_freed_memory.__wrapped__()


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"])
def test_the_users_own_settings_stay(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    calls = library(monkeypatch, accepts=True)
    monkeypatch.setenv(name, "1000000")
    assert not keep_freed_memory.__wrapped__() and calls == []


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not keep_freed_memory.__wrapped__()


def test_models_on_the_cpu_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(device, "keep_freed_memory", lambda: asked.append("cpu"))
    device.choose_device("cpu")
    assert asked == ["cpu"]
