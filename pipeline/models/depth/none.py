"""No depth: only what needs none can be judged."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.records import DepthMap, Frame


class NoDepth:
    """Stands where a depth backend would; the depth stage leaves the scene as it is."""

    @property
    def identity(self) -> None:
        """There is nothing to keep."""
        return None

    @property
    def kind(self) -> None:
        """There is no depth."""
        return None

    def frame_key(self, frame: Frame) -> str:
        """The image; nothing is kept under it."""
        return frame.digest

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """No depth maps."""
        return []
