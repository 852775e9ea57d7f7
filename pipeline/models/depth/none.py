"""No depth: only what needs none can be judged."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.models.depth.base import DepthBackend
from pipeline.records import DepthMap, Frame


class NoDepth(DepthBackend):
    """Stands where a depth backend would; the depth stage leaves the scene as it is."""

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """No depth maps."""
        return []
