"""The protocol of depth backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.records import DepthKind, DepthMap, Frame


class DepthBackend(Protocol):
    """Estimates the depth of frames."""

    @property
    def identity(self) -> str | None:
        """Name, model and revision: everything besides the frames that the output depends on.

        None where keeping the output gains nothing, because it is only looked up.
        """
        return None

    @property
    def kind(self) -> DepthKind | None:
        """What the numbers of its depth maps mean, told without making one.

        None where ``estimate`` only looks depth up, so that each map says it, or where there is none.
        """
        return None

    def check(self) -> None:
        """Find, without computing anything, what it cannot work without: its package, its model.

        Raises:
            TheodoliteError: If something is missing.
        """
        _ = self.identity

    def frame_key(self, frame: Frame) -> str:
        """Everything of a frame that its depth depends on, as a text for the cache; without an identity unused."""
        return frame.digest

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """One depth map per frame, of the frame's size, in the same order; an empty list where there is none.

        Raises:
            DepthError: If a frame's depth cannot be given.
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        ...
