"""The protocol of OCR backends."""

from __future__ import annotations

from typing import Protocol

from pipeline.records import Frame, Region


class OcrBackend(Protocol):
    """Reads the lines of text in a frame."""

    @property
    def identity(self) -> str | None:
        """Name, model and settings: everything besides the frame that the output depends on.

        None if caching the output gains nothing.
        """
        return None

    def check(self) -> None:
        """Check, without computing anything, that its package and its model are there.

        Raises:
            TheodoliteError: If something is missing.
        """
        _ = self.identity

    def read(self, frame: Frame, frame_index: int) -> list[Region]:
        """Text lines from top to bottom, as regions of origin ``ocr`` whose label is the text.

        Raises:
            DependencyError: If the OCR package is not installed.
        """
        ...
