from __future__ import annotations

import logging

import pytest
import torch

from pipeline.models.device import choose_device, choose_dtype
from pipeline.records.errors import ConfigError


@pytest.fixture
def machine(monkeypatch):
    """Pretends to be a machine with so many CUDA devices of one compute capability, with or without MPS."""

    def pretend(cuda_count: int, mps: bool, capability: tuple[int, int] = (8, 0)) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda_count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda_count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "a GPU")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("requested", "cuda_count", "mps", "expected"),
    [
        ("auto", 0, False, "cpu"),
        ("auto", 0, True, "mps"),
        ("auto", 1, True, "cuda"),
        ("cpu", 1, True, "cpu"),
        ("mps", 1, True, "mps"),
        ("cuda:1", 2, False, "cuda:1"),
    ],
)
def test_the_best_device_is_chosen_unless_one_is_named(machine, requested, cuda_count, mps, expected):
    machine(cuda_count, mps)
    assert choose_device(requested) == torch.device(expected)


@pytest.mark.parametrize(
    ("requested", "cuda_count", "message"),
    [
        ("cuda", 0, "cuda is not available here: set device to auto or one of cpu"),
        ("cuda:2", 2, "cuda:2 is not available"),
        ("mps", 1, "one of cuda, cpu"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_a_remedy(machine, requested, cuda_count, message):
    machine(cuda_count, False)
    with pytest.raises(ConfigError, match=message):
        choose_device(requested)


@pytest.mark.parametrize(
    ("device", "capability", "requested", "expected"),
    [
        ("cuda", (9, 0), "auto", torch.bfloat16),
        ("cuda", (8, 0), "auto", torch.bfloat16),
        ("cuda", (7, 5), "auto", torch.float16),
        ("mps", (0, 0), "auto", torch.float16),
        ("cpu", (0, 0), "auto", torch.float32),
        ("cpu", (0, 0), "bfloat16", torch.bfloat16),
        ("cuda", (9, 0), "float32", torch.float32),
    ],
)
def test_the_number_format_follows_the_device_unless_one_is_named(machine, device, capability, requested, expected):
    machine(1, True, capability)
    assert choose_dtype(torch.device(device), requested) is expected


def test_the_choice_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="pipeline.models.device"):
        choose_dtype(choose_device("cpu"))
    assert "cpu" in caplog.text
    assert "float32" in caplog.text
