"""The protocol of depth backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.records import DepthMap, Frame


class DepthBackend(Protocol):
    """Estimates the depth of frames."""

    @property
    def identity(self) -> str:
        """Name, model and revision: everything besides the frames that the output depends on."""
        ...

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """One depth map per frame, of the frame's size, in the same order.

        Raises:
            DepthError: If a frame's depth cannot be given.
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        ...
