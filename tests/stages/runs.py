"""Runs over manifests, and what they wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from stages.doubles import ScriptedModel

from pipeline.ingest.source import FileSource
from pipeline.models.depth.none import NoDepth
from pipeline.models.ocr.none import NoOcr
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import ExportStage
from pipeline.stages.group import Stages
from pipeline.stages.ocr import OcrStage
from pipeline.stages.query import QueryStage
from pipeline.stages.verify import VerifyStage


def make_stages(model: ScriptedModel | None = None, **others: Any) -> Stages:
    query = None if model is None else QueryStage(model, "none")
    stages = Stages(
        DepthStage(NoDepth()),
        OcrStage(NoOcr()),
        query,
        VerifyStage(),
        ExportStage(report=False, overlay=False, scenes=False),
    )
    return replace(stages, **others)


def saying(text: str) -> ScriptedModel:
    return ScriptedModel(lambda request: text)


def manifest(folder: Path, *lines: object) -> FileSource:
    Image.fromarray(np.full((16, 24, 3), 90, np.uint8)).save(folder / "photo.png")
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "items.jsonl").write_text(text, encoding="utf-8")
    return FileSource(folder / "items.jsonl")


def item(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "frames": ["photo.png"], **fields}


def failures_in(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "failures.jsonl").read_text(encoding="utf-8").splitlines()]
