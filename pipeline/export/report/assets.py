"""The scripts and styles that the pages of a report share."""

from __future__ import annotations

from pathlib import Path

from pipeline.export.files import write_text
from pipeline.export.viewer.assets import write_assets

REPORT = "report"
"""Folder of the report, within that of the results."""

_STATIC = Path(__file__).parent / "static"


def ensure_report_assets(folder: Path) -> None:
    """Write ``report/assets`` if there is none: pages may be written without an index.

    Raises:
        ExportError: If a file cannot be written.
        DependencyError: If the package with three.js is missing.
    """
    if not (folder / REPORT / "assets" / "report.css").is_file():
        write_report_assets(folder)


def write_report_assets(folder: Path) -> None:
    """Write ``report/assets``: the styles, the scripts, and the 3D viewer.

    Args:
        folder: Folder of the results.

    Raises:
        ExportError: If a file cannot be written.
        DependencyError: If the package with three.js is missing.
    """
    assets = folder / REPORT / "assets"
    styles = [(_STATIC / name).read_text(encoding="utf-8") for name in ("base.css", "marks.css", "report.css")]
    for name in ("report.js", "item.js", "index.js"):
        write_text(assets / name, (_STATIC / name).read_text(encoding="utf-8"))
    write_assets(assets)
    # Last, because its presence says that all are there.
    write_text(assets / "report.css", "\n".join(styles))
