"""No segmentation: boxes stay boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.models.segment.base import Segmenter
from pipeline.records import Frame, Region


class NoSegmenter(Segmenter):
    """Makes no masks; the verifier finds the object in a box by depth alone."""

    loads_model = False

    def masks(self, frame: Frame, regions: Sequence[Region]) -> list[np.ndarray | None]:
        """No masks."""
        return [None] * len(regions)
