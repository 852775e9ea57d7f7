"""No OCR."""

from __future__ import annotations

from pipeline.models.ocr.base import OcrBackend
from pipeline.records import Frame, Region


class NoOcr(OcrBackend):
    """Reads nothing."""

    loads_model = False

    def read(self, frame: Frame, frame_index: int) -> list[Region]:
        """No lines of text."""
        return []
