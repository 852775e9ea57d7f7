"""The scripts and styles of the workbench, as files that a server hands out.

A page loads ``workbench.css`` and ``workbench.js``; that script loads the 3D viewer from beside it when it is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pipeline.export.report import assets as report_assets
from pipeline.export.viewer.assets import three_script, viewer_script, viewer_style
from pipeline.serve.problems import UnknownError

ASSETS = ("workbench.js", "workbench.css", "three.min.js", "viewer.js", "viewer.css")
"""Names of the files."""

_STATIC = Path(__file__).parent / "static"
_REPORT = Path(report_assets.__file__).parent / "static"
# The workbench, as specific as an id: Gradio styles whatever stands in a page by its tag.
_ROOT = ".tw-root:is(.tw-root, #tw)"
_RESET = (
    ":where(:is(b, bdi, button, canvas, div, img, input, label, li, p, select, span, ul):not(.tw-empty *)) "
    "{ all: revert; }"
)
# In the order of their use: later ones call earlier ones.
_SCRIPTS = (
    *(
        "elements",
        "data",
        "selection",
        "marks",
        "readout",
        "wipe",
        "handles",
        "box",
        "points",
        "strip",
        "picture",
        "hand",
    ),
    *("space", "links", "jump", "layout", "workbench", "public"),
)


@dataclass(frozen=True)
class StaticFile:
    """A file for browsers.

    Args:
        content: Its bytes.
        media_type: Its media type.
    """

    content: bytes
    media_type: str


@cache
def static_file(name: str) -> StaticFile:
    """One of ``ASSETS``.

    Raises:
        UnknownError: If there is no file of that name.
        DependencyError: If three.js is not installed.
    """
    makers: dict[str, Callable[[], str]] = {
        "workbench.js": workbench_script,
        "workbench.css": workbench_style,
        "three.min.js": three_script,
        "viewer.js": viewer_script,
        "viewer.css": lambda: _within(viewer_style()),
    }
    if name not in makers:
        raise UnknownError("There is no such file.")
    kind = "text/javascript" if name.endswith(".js") else "text/css"
    return StaticFile(makers[name]().encode(), f"{kind}; charset=utf-8")


@cache
def workbench_script() -> str:
    """The script, which defines the global ``TheodoliteWorkbench``."""
    parts = [f"const SIGNS = {json.dumps(_signs())};", *(_read(_STATIC / f"{name}.js") for name in _SCRIPTS)]
    body = "\n".join(parts)
    return f'(function () {{\n"use strict";\n{body}\nself.TheodoliteWorkbench = publicWorkbench();\n}})();\n'


@cache
def workbench_style() -> str:
    """The style sheet: the colours and marks of reports, and its own rules, within the workbench alone."""
    base = _read(_REPORT / "base.css").partition("@media print")[0]
    light, *_, dark = re.findall(r"^\s*:root[^{]*\{(.*?)\}", base, re.S | re.M)
    colours = f"& {{{light}}}\n&[data-theme='dark'] {{{dark}}}\n"
    rules = [_RESET, colours, _read(_REPORT / "marks.css"), _read(_STATIC / "workbench.css")]
    return _within("\n".join(rules)) + _read(_STATIC / "page.css")


def _within(rules: str) -> str:
    """The rules for elements within the workbench alone, where they outdo those of the page around it."""
    return f"{_ROOT} {{\n{rules}\n}}\n"


def _signs() -> list[Any]:
    """The signs of verdicts of the reports: name and attributes of each symbol and of its parts."""
    symbols = ElementTree.fromstring(_read(_REPORT / "signs.svg"))
    return [[symbol.attrib, [[part.tag, part.attrib] for part in symbol]] for symbol in symbols]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
