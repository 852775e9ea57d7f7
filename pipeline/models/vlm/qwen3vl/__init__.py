"""Qwen3-VL in this process: prefixes are reused, questions are answered in batches, and the result stays exact."""

from pipeline.models.vlm.qwen3vl.backend import Qwen3VL

__all__ = ["Qwen3VL"]
