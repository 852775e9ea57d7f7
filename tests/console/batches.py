"""Small batches with their own depth and recorded answers, run in this process as the command line runs them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.batch_kills import make_batch
from omegaconf import DictConfig, OmegaConf

from pipeline.api import load_config
from pipeline.config.options import groups_of
from pipeline.console.running import execute
from pipeline.export.run_summary import Summary

GROUPS = frozenset(groups_of("run"))
LIGHT = ("export.report=false", "export.overlay=false", "export.scenes=false")


def quiet(total: int | None, limit: Any) -> Any:
    """No progress bar."""
    return nullcontext(), lambda *_: None


class Batch:
    """A batch in a folder.

    Args:
        folder: Where its files and outputs are.
        items: Number of items; every 13th photo is torn.
        overrides: Further overrides of every run.
    """

    def __init__(self, folder: Path, items: int, *overrides: str) -> None:
        self.folder = folder
        self.overrides = [*make_batch(folder, items), *overrides]
        self._config = load_config(self.overrides)

    def run(self, name: str, *overrides: str, progress: Any = quiet) -> Summary:
        """Run it into a folder."""
        given = [*self.overrides, *overrides]
        return execute(self._composed(overrides), self.folder / name, progress, given)

    def _composed(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration; single keys are set without composing all groups again, which takes most of a run."""
        pairs = [override.partition("=")[::2] for override in overrides]
        if any(key in GROUPS for key, _ in pairs):
            return load_config([*self.overrides, *overrides])
        config = self._config.copy()
        for key, value in pairs:
            OmegaConf.update(config, key, yaml.safe_load(value))
        return config

    def lines(self, name: str, file: str = "results.jsonl") -> list[dict[str, Any]]:
        """What a run wrote."""
        text = (self.folder / name / file).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


def forbid_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model may be asked from here on."""
    from pipeline.models.vlm.recorded import Recorded

    monkeypatch.setattr(Recorded, "generate", lambda *_: pytest.fail("a model was asked"))
