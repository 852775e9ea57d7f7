from __future__ import annotations

import pytest

from pipeline.console.usage import COMMANDS, usage_of

OF_RUN = ["input", "depth", "ocr", "vlm", "query", "segment", "verify", "noise", "export", "experiment", "debug"]
GROUPS = {
    "run": OF_RUN,
    "verify": [group for group in OF_RUN if group not in ("vlm", "query", "experiment")],
    "eval-claims": ["dataset", "depth", "ocr", "vlm", "query", "segment", "verify", "noise", "debug"],
    "eval-depth": ["dataset", "depth", "protocol", "debug"],
}


@pytest.mark.parametrize("command", GROUPS)
def test_a_command_lists_the_groups_that_it_reads_and_no_others(command: str) -> None:
    usage, _, listed = usage_of(command).partition("\n\ninput: " if "input" in GROUPS[command] else "\n\ndataset: ")
    assert f"Usage: python -m pipeline {command}" in usage
    assert f"python -m pipeline {command} " in COMMANDS
    titles = [line.partition(":")[0] for line in listed.splitlines()[1:]]
    assert [title for title in titles if "=" not in title] == GROUPS[command][1:]
    assert "\ndepth=midas/: dpt_beit_base_384, " in listed
    assert "\ndebug: default, small" in listed
    assert "common" not in listed
