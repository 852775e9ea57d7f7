from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.export.palette import STATUS_COLOURS
from pipeline.export.report.assets import ensure_report_assets, write_report_assets
from pipeline.export.report.photo_svg import css_colour

STATIC = Path(__file__).parents[3] / "pipeline" / "export" / "report" / "static"


def test_all_that_pages_load_is_there(tmp_path: Path) -> None:
    write_report_assets(tmp_path)
    names = {path.name for path in (tmp_path / "report" / "assets").iterdir()}
    assert names == {"report.css", "report.js", "index.js", "item.js", "three.min.js", "viewer.js", "viewer.css"}
    style = (tmp_path / "report" / "assets" / "report.css").read_text(encoding="utf-8")
    assert style.index("--accent:") < style.index(".claim"), "the colours of all pages come first"


def test_assets_that_are_there_stay(tmp_path: Path) -> None:
    ensure_report_assets(tmp_path)
    script = tmp_path / "report" / "assets" / "item.js"
    script.write_text("// older", encoding="utf-8")
    ensure_report_assets(tmp_path)
    assert script.read_text(encoding="utf-8") == "// older"
    write_report_assets(tmp_path)
    assert script.read_text(encoding="utf-8") != "// older"


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_nothing_comes_from_a_network_and_no_text_becomes_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|\burl\(", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_colours_of_verdicts_are_those_of_the_palette() -> None:
    base, signs = ((STATIC / name).read_text(encoding="utf-8") for name in ("base.css", "signs.svg"))
    for status, colour in STATUS_COLOURS.items():
        assert f"--{status}: {css_colour(colour)};" in base
        assert re.search(rf'id="sign-{status}"[^>]*><circle r="1" fill="{css_colour(colour)}"', signs)


def test_both_ways_to_dark_have_the_same_colours() -> None:
    base = (STATIC / "base.css").read_text(encoding="utf-8")
    blocks = re.findall(r"\{\s*color-scheme: dark;(.*?)\}", base, re.S)
    assert len(blocks) == 2 and len({" ".join(block.split()) for block in blocks}) == 1
