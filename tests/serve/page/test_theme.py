"""The look of Gradio's components."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the extra serve is not installed")

from pipeline.serve.page import theme as module
from pipeline.serve.page.theme import page_theme

STYLE = (Path(module.__file__).parent / "static" / "page.css").read_text(encoding="utf-8")


def test_no_font_is_loaded() -> None:
    theme = page_theme()
    assert theme._stylesheets == []
    assert not re.search(r"url\((?!['\"]?data:)|@import|@font-face", theme._get_theme_css())


def test_its_colours_are_those_of_the_style_sheet() -> None:
    used = set(re.findall(r"var\((--td-[\w-]+)\)", page_theme()._get_theme_css()))
    assert used and used <= set(re.findall(r"(--td-[\w-]+):", STYLE))
