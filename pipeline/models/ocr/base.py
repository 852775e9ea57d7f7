"""The protocol of OCR backends."""

from __future__ import annotations

from typing import Protocol

from pipeline.models.base import Backend
from pipeline.records import Frame, Region


class OcrBackend(Backend, Protocol):
    """Reads the lines of text in a frame."""

    def read(self, frame: Frame, frame_index: int) -> list[Region]:
        """Text lines from top to bottom, as regions of origin ``ocr`` whose label is the text.

        Raises:
            DependencyError: If the OCR package is not installed.
        """
        ...
