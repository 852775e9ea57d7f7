"""The protocol of depth backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.models.base import Backend
from pipeline.records import DepthKind, DepthMap, Frame


class DepthBackend(Backend, Protocol):
    """Estimates the depth of frames."""

    @property
    def kind(self) -> DepthKind | None:
        """What the values of its depth maps mean, known before any is made.

        None if each map says it itself, because ``estimate`` only looks depth up, or if there is no depth.
        """
        return None

    def frame_key(self, frame: Frame) -> str:
        """Key for the cache: all parts of a frame that its depth depends on. Unused without an identity."""
        return frame.digest

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """One depth map per frame, of the frame's size, in the same order; an empty list if there is no depth.

        Raises:
            DepthError: If a frame has no depth.
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        ...
