from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import cv2
import numpy as np
import pytest
from models.segment.images import frame

from pipeline.models.ocr.none import NoOcr
from pipeline.models.ocr.rapid import RapidOcr, reading_order
from pipeline.records import Frame, Origin, Region
from pipeline.records.errors import DependencyError


def sign() -> Frame:
    rgb = np.full((240, 420, 3), (20, 90, 40), np.uint8)
    font = cv2.FontFace("uni")
    cv2.putText(rgb, "EXIT 42", (40, 80), (255, 255, 255), font, 44)
    cv2.putText(rgb, "出口", (240, 190), (255, 240, 200), font, 60)
    return frame(rgb)


@pytest.fixture(scope="module")
def ocr() -> RapidOcr:
    pytest.importorskip("rapidocr")
    return RapidOcr()


def test_english_and_chinese_are_read_from_top_to_bottom_where_they_stand(ocr):
    english, chinese = ocr.read(sign(), 3)
    assert english.label.replace(" ", "") == "EXIT42"
    assert chinese.label == "出口"
    for line in (english, chinese):
        assert (line.origin, line.frame) == (Origin.OCR, 3)
        assert line.score > 0.5
    left, top, right, bottom = english.box_px
    assert left == pytest.approx(40, abs=15)
    assert (top, bottom) == pytest.approx((47, 82), abs=15)
    assert 150 < right < 300
    left, top, right, bottom = chinese.box_px
    assert left == pytest.approx(240, abs=15)
    assert right == pytest.approx(360, abs=20)
    assert (top, bottom) == pytest.approx((138, 198), abs=20)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (64, 64)], ids=["one pixel", "low", "narrow", "small"])
def test_images_without_text_give_nothing_whatever_their_size(ocr, shape):
    assert ocr.read(frame(np.full((*shape, 3), 127, np.uint8)), 0) == []


@pytest.mark.timeout(60)
def test_text_on_a_long_strip_is_read_where_it_stands(ocr):
    rgb = np.full((40, 1200, 3), 240, np.uint8)
    cv2.putText(rgb, "Platform", (900, 30), (0, 0, 0), cv2.FontFace("uni"), 26)
    (line,) = ocr.read(frame(rgb), 0)
    assert line.label == "Platform"
    assert line.box_px[0] == pytest.approx(900, abs=12)
    assert line.box_px[3] <= 40


def test_a_demanding_score_leaves_out_what_is_read_badly():
    pytest.importorskip("rapidocr")
    assert RapidOcr(min_score=1.0).read(sign(), 0) == []


def test_reading_writes_nothing_to_the_terminal(ocr, capfd):
    RapidOcr().read(sign(), 0)
    assert capfd.readouterr() == ("", "")


def test_lines_of_one_row_are_read_from_left_to_right_although_they_do_not_start_level():
    boxes = {"second": (100, 8, 150, 28), "first": (10, 10, 60, 30), "third": (5, 40, 60, 60)}
    lines = [Region(label, box, origin=Origin.OCR) for label, box in boxes.items()]
    assert [line.label for line in reading_order(lines)] == ["first", "second", "third"]


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(DependencyError, match=r"bash scripts/setup\.sh ocr.*pip install rapidocr onnxruntime"):
        RapidOcr().read(sign(), 0)


def test_no_ocr_reads_nothing():
    assert NoOcr().read(sign(), 0) == []


def test_the_identity_names_the_package_and_the_score():
    pytest.importorskip("rapidocr")
    assert RapidOcr(0.5).identity == RapidOcr(0.5).identity != RapidOcr(0.6).identity
    assert RapidOcr().version == f"rapidocr@{metadata.version('rapidocr')}" != NoOcr().version is None


def test_the_ocr_package_is_not_imported_before_it_is_needed(repository):
    program = "import sys, pipeline.models.ocr.rapid as rapid; rapid.RapidOcr(); sys.exit('rapidocr' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=repository).returncode == 0
