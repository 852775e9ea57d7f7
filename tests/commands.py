"""The command line as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import jsonschema

from pipeline.export.timed_results import read_results
from pipeline.records import Result, json_schema


class CommandLine(Protocol):
    """Runs ``python -m pipeline`` with arguments and variables of the environment."""

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What it wrote, and its exit code."""
        ...


def call(repository: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of a checkout in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(repository), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def results_in(folder: Path) -> list[Result]:
    """The results of a folder, each checked against the published schema."""
    lines = (folder / "results.jsonl").read_bytes().splitlines()
    for line in lines:
        jsonschema.validate(json.loads(line), json_schema())
    return list(read_results(folder / "results.jsonl"))


def report_in(folder: Path) -> dict[str, Any]:
    """The report of an evaluation."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report
