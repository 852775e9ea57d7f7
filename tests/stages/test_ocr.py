from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stages.doubles import CountingOcr

from pipeline.records import Camera, Frame, Origin, Scene
from pipeline.stages.cache import StageCache
from pipeline.stages.ocr import OcrStage


def scene(*widths: int) -> Scene:
    frames = (Frame(np.zeros((8, width, 3), np.uint8), Camera.from_fov(width, 8, 60)) for width in widths)
    return Scene("item", tuple(frames))


def test_lines_lie_in_the_frame_in_which_they_were_read() -> None:
    found = OcrStage(CountingOcr())(scene(16, 24)).text_regions
    assert [(line.label, line.frame, line.origin) for line in found] == [
        ("SIGN 16", 0, Origin.OCR),
        ("SIGN 24", 1, Origin.OCR),
    ]


def test_a_known_frame_is_not_read_again_wherever_it_stands(tmp_path: Path) -> None:
    backend, cache = CountingOcr(), StageCache(tmp_path)
    OcrStage(backend, cache)(scene(16))
    found = OcrStage(backend, cache)(scene(24, 16)).text_regions
    assert backend.asked == [0, 0]
    assert [(line.label, line.frame, line.score) for line in found] == [("SIGN 24", 0, 0.9), ("SIGN 16", 1, 0.9)]


@pytest.mark.parametrize("identity", ["counting 2", None])
def test_another_identity_and_none_at_all_read_again(tmp_path: Path, identity: str | None) -> None:
    cache = StageCache(tmp_path)
    OcrStage(CountingOcr(), cache)(scene(16))
    backend = CountingOcr(identity)
    OcrStage(backend, cache)(scene(16))
    assert backend.asked == [0]


def test_a_frame_without_text_is_remembered_too(tmp_path: Path) -> None:
    class Blind(CountingOcr):
        def read(self, frame: Frame, frame_index: int) -> list:
            super().read(frame, frame_index)
            return []

    backend = Blind()
    for _ in range(2):
        assert OcrStage(backend, StageCache(tmp_path))(scene(16)).text_regions == ()
    assert backend.asked == [0]
