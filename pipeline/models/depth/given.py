"""Depth that came with the frames: from a sensor, a file or a renderer."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.models.depth.base import DepthBackend
from pipeline.records import DepthMap, Frame
from pipeline.records.errors import DepthError


class GivenDepth(DepthBackend):
    """Returns each frame's own depth."""

    loads_model = False

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """The depth that came with each frame, in the same order.

        Raises:
            DepthError: If a frame came without depth.
        """
        return [_given_depth(frame) for frame in frames]


def _given_depth(frame: Frame) -> DepthMap:
    if frame.given_depth is None:
        raise DepthError(
            f"The frame {frame.name} came without depth: give input.depth=PATH or the depth key of a manifest line (in "
            "eval-depth, a data set's predictions), or estimate it with depth=midas."
        )
    return frame.given_depth
