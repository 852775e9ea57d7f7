"""Qwen3-VL in this process: it reuses prefixes and answers questions in batches, with exact results."""

from pipeline.models.vlm.qwen3vl.backend import Qwen3VL

__all__ = ["Qwen3VL"]
