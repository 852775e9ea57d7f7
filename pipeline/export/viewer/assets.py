"""The scripts and the style sheet of the viewer, as files that a page from disk can load.

They are classic scripts, because browsers load no modules from ``file://``: first ``three.min.js``, then ``viewer.js``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from pipeline.export.files import replacing
from pipeline.records.errors import DependencyError

ASSETS = ("three.min.js", "viewer.js", "viewer.css")
"""Names of the files that ``write_assets`` writes."""

_STATIC = Path(__file__).parent / "static"
# In the order of their use: later ones call earlier ones.
_SCRIPTS = (
    "unpack",
    "colours",
    "measure",
    "camera",
    "controls",
    "cloud",
    "overlay",
    "labels",
    "toolbar",
    "picks",
    "viewer",
)


@cache
def three_script() -> str:
    """The script of three.js, release 130, which defines the global ``THREE`` (MIT licence, named in its head).

    Raises:
        DependencyError: If its package is not installed.
    """
    try:
        path = files("jupyter_threejs_sage") / "static" / "r130" / "three.min.js"
        return path.read_text(encoding="utf-8")
    except (ImportError, OSError) as error:
        raise DependencyError(
            "The 3D viewer needs three.js of the package jupyter-threejs-sage: "
            "pip install 'jupyter-threejs-sage>=130,<131'"
        ) from error


@cache
def viewer_script() -> str:
    """The script of the viewer, which defines the global ``Theodolite``."""
    parts = [(_STATIC / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    body = "\n".join(parts)
    names = "createViewer, depthText, unpackedPoints"
    return f'(function () {{\n"use strict";\n{body}\nself.Theodolite = {{ {names} }};\n}})();\n'


@cache
def viewer_style() -> str:
    """The style sheet of the viewer."""
    return (_STATIC / "viewer.css").read_text(encoding="utf-8")


def write_assets(folder: Path) -> tuple[Path, ...]:
    """Write the files that pages with the viewer load; a file that is there already with the same content stays.

    Args:
        folder: Where to write; it is made if needed.

    Returns:
        Paths of ``ASSETS``.

    Raises:
        DependencyError: If three.js is not installed.
        ExportError: If a file cannot be written.
    """
    paths = tuple(folder / name for name in ASSETS)
    for path, text in zip(paths, (three_script(), viewer_script(), viewer_style()), strict=True):
        data = text.encode("utf-8")
        if not (path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data):
            with replacing(path) as temporary:
                temporary.write_bytes(data)
    return paths
