from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.serve.problems import UnknownError
from pipeline.serve.workbench import ASSETS, static_file
from pipeline.serve.workbench.assets import workbench_script, workbench_style

STATIC = Path(__file__).parents[3] / "pipeline" / "serve" / "workbench" / "static"


@pytest.mark.parametrize("name", ASSETS)
def test_every_file_has_its_media_type(name: str) -> None:
    found = static_file(name)
    assert len(found.content) > 1000
    assert found.media_type == ("text/css" if name.endswith(".css") else "text/javascript") + "; charset=utf-8"


@pytest.mark.parametrize("name", ["", "item.js", "../assets.py", "/etc/passwd", "workbench.js/", "WORKBENCH.JS"])
def test_no_other_file_is_handed_out(name: str) -> None:
    with pytest.raises(UnknownError):
        static_file(name)


def test_the_script_holds_every_part_once() -> None:
    script = workbench_script()
    for path in STATIC.glob("*.js"):
        assert script.count(path.read_text(encoding="utf-8")) == 1, path.name
    assert "sign-refuted" in script and script.count("self.TheodoliteWorkbench") == 1


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_nothing_comes_from_a_network_and_no_text_becomes_markup_or_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|\burl\(", text)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|parseFromString", text
    )
    assert not re.search(r"""setAttribute\(\s*["'](style|on\w+)["']""", text)


def test_the_style_reaches_the_workbench_alone() -> None:
    style = re.sub(r"/\*.*?\*/", "", workbench_style(), flags=re.S)
    assert style.count("{") == style.count("}")
    depth, selectors, start = 0, [], 0
    for at, character in enumerate(style):
        if character == "{":
            if depth == 0:
                selectors.append(style[start:at].strip())
            depth += 1
        elif character == "}":
            depth -= 1
            start = at + 1
    assert selectors == [
        ".tw-root:is(.tw-root, #tw)",
        "[data-claim], [data-claims], [data-regions]",
        "@keyframes tw-run",
    ]
    assert style.count("--paper:") == 2, "the colours of light and dark"
