"""PP-OCR through rapidocr: English and Chinese, with the models in its package."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from pipeline.models.ocr.base import OcrBackend
from pipeline.records import Frame, Origin, Region
from pipeline.records.errors import DependencyError
from pipeline.records.settings import Share, checked

_MISSING = (
    "Reading text needs rapidocr and onnxruntime: install them with bash scripts/setup.sh ocr, or with "
    "pip install rapidocr onnxruntime where Theodolite is used as a library."
)
_LONGEST_ASPECT = 4


class RapidOcr(OcrBackend):
    """Lines of text with their boxes.

    Args:
        min_score: Least confidence of a line, in [0, 1]; lines below it are left out.

    Raises:
        ConfigError: If the score is out of its range.
    """

    @checked
    def __init__(self, min_score: Share = 0.5) -> None:
        self.min_score = min_score
        self._engine: Any = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Package version, which fixes the models, and the smallest score.

        Raises:
            DependencyError: If the OCR package is not installed.
        """
        return f"rapidocr {_installed()} min_score={self.min_score:g}"

    @property
    def version(self) -> str:
        """Package and version, which fixes the models.

        Raises:
            DependencyError: If the OCR package is not installed.
        """
        return f"rapidocr@{_installed()}"

    def check(self) -> None:
        """See ``OcrBackend``."""
        if find_spec("rapidocr") is None or find_spec("onnxruntime") is None:
            raise DependencyError(_MISSING)

    def read(self, frame: Frame, frame_index: int) -> list[Region]:
        """Text lines from top to bottom, then from left to right; a box encloses the line's quadrilateral.

        Raises:
            DependencyError: If the OCR package is not installed.
        """
        bgr = _not_too_thin(np.ascontiguousarray(frame.rgb[:, :, ::-1]))  # rapidocr takes arrays as OpenCV reads them.
        with self._lock:  # The engine keeps the settings of a call in itself.
            output = self._load()(bgr)
        if getattr(output, "boxes", None) is None or getattr(output, "txts", None) is None:
            return []
        lines = (
            Region(text, _enclosing_box(corners, frame), frame_index, score=float(score), origin=Origin.OCR)
            for corners, text, score in zip(output.boxes, output.txts, output.scores, strict=True)
            if text.strip()
        )
        return reading_order(line for line in lines if not line.is_point)  # A box beyond the frame has no area.

    def _load(self) -> Any:
        """The engine, made at the first call."""
        if self._engine is None:
            try:
                import onnxruntime  # noqa: F401
                from rapidocr import RapidOCR
            except ImportError:
                raise DependencyError(_MISSING) from None
            self._engine = RapidOCR(params={"Global.log_level": "error", "Global.text_score": self.min_score})
        return self._engine


def _installed() -> str:
    try:
        return metadata.version("rapidocr")
    except metadata.PackageNotFoundError:
        raise DependencyError(_MISSING) from None


def reading_order(lines: Iterable[Region]) -> list[Region]:
    """Lines from top to bottom, and those of one row from left to right.

    A line belongs to a row while its centre lies above the lower edge of the row's highest line.
    """
    rows: list[list[Region]] = []
    for line in sorted(lines, key=lambda line: line.box_px[1]):
        _, top, _, bottom = line.box_px
        if rows and (top + bottom) / 2 < rows[-1][0].box_px[3]:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box_px[0])]


def _not_too_thin(image: np.ndarray) -> np.ndarray:
    """The image, padded at its right or bottom edge until its short side is a quarter of the long one.

    The text detector enlarges the short side to 736 px, which takes minutes for an image three pixels wide.
    """
    height, width = image.shape[:2]
    shortest = max(height, width) // _LONGEST_ASPECT
    padding = ((0, max(shortest - height, 0)), (0, max(shortest - width, 0)), (0, 0))
    return np.pad(image, padding, mode="edge")


def _enclosing_box(corners: np.ndarray, frame: Frame) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge [px] of a quadrilateral (4, 2), within the frame."""
    points = np.clip(np.asarray(corners, dtype=np.float64), 0, (frame.width, frame.height))
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom
