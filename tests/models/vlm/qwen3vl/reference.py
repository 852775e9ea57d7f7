"""The tested backend, and transformers' own path that it must equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.plain import PlainQwen3VL

from pipeline.models.vlm.qwen3vl import Qwen3VL

NEW_TOKENS = 16

Reference = Callable[..., str]


def small(folder: Path, **settings: Any) -> Qwen3VL:
    """A backend on the CPU that takes small images and gives short answers."""
    options = {"device": "cpu", "max_new_tokens": NEW_TOKENS, "min_pixels": 1024, "max_pixels": 65_536, **settings}
    return Qwen3VL(str(folder), **options)


def reference_of(folder: Path) -> Reference:
    """A function that returns the text of transformers' own greedy ``generate`` for one request alone."""
    return PlainQwen3VL(str(folder), NEW_TOKENS).answer
