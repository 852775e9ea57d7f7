"""SAM 2 where its weights are on disk, and no masks elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from pipeline.models.hub import model_status
from pipeline.models.segment.base import Segmenter
from pipeline.models.segment.none import NoSegmenter
from pipeline.models.segment.sam import SamSegmenter
from pipeline.records import Frame, Region

logger = logging.getLogger(__name__)


class AutoSegmenter(Segmenter):
    """Segments with SAM where nothing has to be downloaded.

    Args:
        model: Name on the hub or local folder of a checkpoint of SAM or SAM 2.
        **settings: Fields of ``SamSegmenter``.

    Raises:
        ConfigError: If a setting is unknown or out of its range.
    """

    def __init__(self, model: str, **settings: object) -> None:
        sam = SamSegmenter(model, **settings)  # type: ignore[arg-type]
        revision = sam.revision
        there = model_status(model, revision) == "on disk" and find_spec("torch") is not None
        self.chosen: Segmenter = sam if there else NoSegmenter()
        logger.info("Boxes %s.", f"get masks of {model}" if there else f"stay boxes: {model} is not on disk")

    @property
    def identity(self) -> str | None:
        """That of the chosen segmenter."""
        return self.chosen.identity

    @property
    def version(self) -> str | None:
        """That of the chosen segmenter."""
        return self.chosen.version

    @property
    def loads_model(self) -> bool:
        """That of the chosen segmenter."""
        return self.chosen.loads_model

    def check(self) -> None:
        """Check the chosen segmenter."""
        self.chosen.check()

    def masks(self, frame: Frame, regions: Sequence[Region]) -> list[np.ndarray | None]:
        """Masks of the chosen segmenter."""
        return self.chosen.masks(frame, regions)
