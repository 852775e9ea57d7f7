"""No depth: only claims that need none can be judged."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.models.depth.base import DepthBackend
from pipeline.records import DepthMap, Frame


class NoDepth(DepthBackend):
    """Gives no depth; the depth stage leaves the scene unchanged."""

    loads_model = False

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """No depth maps."""
        return []
