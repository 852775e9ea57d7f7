"""No OCR."""

from __future__ import annotations

from pipeline.records import Frame, Region


class NoOcr:
    """Reads nothing."""

    @property
    def identity(self) -> None:
        """There is nothing to keep."""
        return None

    def read(self, frame: Frame, frame_index: int) -> list[Region]:
        """No lines of text."""
        return []
