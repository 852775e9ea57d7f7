"""Depth: what metrics and networks cost, and how far the metrics agree with plain ones."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.depth_network import network_figures
from benchmarks.figures import Figure


def figures() -> Iterator[Figure]:
    """Figures of the network."""
    yield from network_figures()
