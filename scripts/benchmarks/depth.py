"""Depth: what its metrics and networks cost, how exact the metrics are, and what an evaluation takes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.depth_memory import memory_figures
from benchmarks.depth_metrics import metric_figures
from benchmarks.depth_network import network_figures
from benchmarks.figures import Figure


def figures() -> Iterator[Figure]:
    """Memory first, then metrics and networks."""
    import cv2

    cv2.setNumThreads(1)
    yield from memory_figures()
    yield from metric_figures()
    yield from network_figures()
