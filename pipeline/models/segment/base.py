"""The protocol of segmenters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipeline.models.base import Backend
from pipeline.records import Frame, Region


class Segmenter(Backend, Protocol):
    """Finds which pixels of a box are its object."""

    def masks(self, frame: Frame, regions: Sequence[Region]) -> list[np.ndarray | None]:
        """One mask per region of a frame, in the same order.

        A mask depends only on the frame and on the region's own box.

        Args:
            frame: The frame.
            regions: Regions of it that have a box with an area.

        Returns:
            bool (H, W) of the frame's size, or None where no mask can be trusted.

        Raises:
            ModelUnavailableError: If the model is neither on disk nor reachable.
            ConfigError: If this machine cannot run the segmenter as configured.
        """
        ...
