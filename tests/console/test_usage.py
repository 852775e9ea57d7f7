from __future__ import annotations

import pytest

from pipeline.config.build_evaluation import datasets_that_yield
from pipeline.console.usage import COMMANDS, usage_of
from pipeline.datasets.base import ClaimDataset, DepthDataset

OF_RUN = [
    "input",
    "depth",
    "ocr",
    "vlm",
    "query",
    "segment",
    "verify",
    "noise",
    "weights",
    "calibration",
    "export",
    "engine",
    "experiment",
    "debug",
]
GROUPS = {
    "run": OF_RUN,
    "verify": [group for group in OF_RUN if group not in ("vlm", "query", "experiment")],
    "eval-claims": [
        "dataset",
        *(group for group in OF_RUN if group not in ("input", "export", "engine", "experiment")),
    ],
    "eval-depth": ["dataset", "depth", "protocol", "debug"],
    "fit": ["sets", "verify", "noise", "weights", "calibration", "debug"],
}


@pytest.mark.parametrize("command", GROUPS)
def test_a_command_lists_the_groups_that_it_reads_and_no_others(command: str) -> None:
    usage, _, listed = usage_of(command).rpartition("\n\n")
    assert f"Usage: python -m pipeline {command}" in usage
    assert f"python -m pipeline {command} " in COMMANDS
    titles = [line.partition(":")[0] for line in listed.splitlines()]
    assert [title for title in titles if "=" not in title] == GROUPS[command]
    assert ("\ndepth=midas/: dpt_beit_base_384, " in listed) is ("depth" in GROUPS[command])
    assert "\ndebug: default, small" in listed
    assert "common" not in listed


@pytest.mark.parametrize("command, wanted", [("eval-claims", ClaimDataset), ("eval-depth", DepthDataset)])
def test_a_command_lists_the_data_sets_that_it_can_use(command: str, wanted: type) -> None:
    assert f"\ndataset: {', '.join(datasets_that_yield(wanted))}\n" in usage_of(command)


def test_view_reads_no_groups_and_lists_its_keys() -> None:
    assert "viewer=open3d" in usage_of("view") and "python -m pipeline view " in COMMANDS
    assert "\ndepth" not in usage_of("view")
