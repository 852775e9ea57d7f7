"""The scripts and styles of the workbench, as files that a server hands out.

A page loads ``workbench.css`` and ``workbench.js``; that script loads the 3D viewer from beside it when it is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.export.report import assets as report_assets
from pipeline.export.viewer.assets import three_script, viewer_script, viewer_style
from pipeline.serve.problems import UnknownError

ASSETS = ("workbench.js", "workbench.css", "three.min.js", "viewer.js", "viewer.css")
"""Names of the files."""

_STATIC = Path(__file__).parent / "static"
_REPORT = Path(report_assets.__file__).parent / "static"
# In the order of their use: later ones call earlier ones.
_SCRIPTS = (
    *("elements", "data", "selection", "marks", "readout", "wipe", "handles", "box", "points", "strip", "picture"),
    *("space", "links", "layout", "workbench", "public"),
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
    made = {
        "workbench.js": workbench_script,
        "workbench.css": workbench_style,
        "three.min.js": three_script,
        "viewer.js": viewer_script,
        "viewer.css": viewer_style,
    }.get(name)
    if made is None:
        raise UnknownError("There is no such file.")
    kind = "text/javascript" if name.endswith(".js") else "text/css"
    return StaticFile(made().encode(), f"{kind}; charset=utf-8")


@cache
def workbench_script() -> str:
    """The script, which defines the global ``TheodoliteWorkbench``."""
    signs = "".join(_read(_REPORT / "signs.svg").splitlines())
    parts = [f"const SIGNS = `{signs}`;", *(_read(_STATIC / f"{name}.js") for name in _SCRIPTS)]
    body = "\n".join(parts)
    return f'(function () {{\n"use strict";\n{body}\nself.TheodoliteWorkbench = publicWorkbench();\n}})();\n'


@cache
def workbench_style() -> str:
    """The style sheet: the colours and marks of reports, within the workbench alone, and its own rules."""
    light, *_, dark = re.findall(
        r"^\s*:root[^{]*\{(.*?)\}", _read(_REPORT / "base.css").split("@media print")[0], re.S | re.M
    )
    marks = _read(_REPORT / "marks.css")
    return f".tw-root {{{light}}}\n.tw-root[data-theme='dark'] {{{dark}}}\n.tw-root {{\n{marks}\n}}\n" + _read(
        _STATIC / "workbench.css"
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
