"""Everything about a result in one archive, which is also the folder of a run."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.export.files import replacing
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.records import Result, to_json
from pipeline.serve.artefacts.names import REPORT_PAGE
from pipeline.serve.problems import UnfitError

# These are small already.
_PACKED = (".jpg", ".png", ".zip")
_LEVEL = 4
# Artefacts by the key that results have for them; those without are found by their names alone.
_ITEM_KEYS = {"overlay": "overlay.jpg", "ply": "points.ply", "glb": "scene.glb", "scene": "scene.zip"}


def write_download(path: Path, result: Result, made: Callable[[str], Path], assets: Path) -> None:
    """Write the archive: ``result.json``, all artefacts, and the report, which opens from disk.

    Unpacked, it is the folder of a run, so the commands for finished runs read it.

    Args:
        path: Where to write.
        result: The result.
        made: Gives the file or folder of a part, made if needed.
        assets: Folder of the scripts and styles of reports.

    Raises:
        ExportError: If it cannot be written.
    """
    parts: dict[str, Path] = {}
    for name in ("scene.zip", "overlay.jpg", "view.json", "regions.json", "photo", "depth", "points.ply", "scene.glb"):
        try:
            parts[name] = made(name)
        except UnfitError:  # This depth, or none, carries too little for it.
            continue
    report = made("report")
    named = {key: name for key, name in _ITEM_KEYS.items() if name in parts}
    line = to_json(replace(result, artefacts={**named, "page": REPORT_PAGE})) + "\n"
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", compresslevel=_LEVEL) as archive:
        for name in ("result.json", RESULTS_NAME):
            archive.writestr(name, line, zipfile.ZIP_DEFLATED)
        for name, part in parts.items():
            for file in sorted(part.iterdir()) if part.is_dir() else [part]:
                _add(archive, file, file.name if part.is_dir() else name)
        for folder, root in ((report, report.parent), (assets, assets.parent.parent)):
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    _add(archive, file, file.relative_to(root).as_posix())


def _add(archive: zipfile.ZipFile, file: Path, name: str) -> None:
    archive.write(file, name, zipfile.ZIP_STORED if file.suffix in _PACKED else zipfile.ZIP_DEFLATED)
