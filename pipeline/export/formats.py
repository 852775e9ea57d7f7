"""The formats that results can be exported to, by the name of their key.

A format of items writes one file for each result from its scene; a format of runs writes one file, or one folder, for
all results of a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.records.errors import DependencyError


class _Writing:
    """What a format's module writes."""

    module: str

    @property
    def write(self) -> Callable[..., Path | None]:
        """The function of the module, which is imported on first use."""
        function: Callable[..., Path | None] = import_module(self.module).write
        return function


@dataclass(frozen=True)
class ItemFormat(_Writing):
    """A format with one file per result.

    Args:
        folder: Folder of the files, within that of the results.
        suffix: Suffix of the files.
        module: Module with ``write(path, stored, result, settings) -> Path | None``; None where the depth carries too
            little for the format.
        words: What the files are, for people.
        package: A package that the format needs and that does not come with this one; it is an extra of that name.
    """

    folder: str
    suffix: str
    module: str
    words: str
    package: str | None = None


@dataclass(frozen=True)
class RunFormat(_Writing):
    """A format with one file or folder for all results.

    Args:
        name: Name of the file or folder, within that of the results.
        module: Module with ``write(path, folder, settings) -> Path | None``; None where there is nothing to write.
        words: What it is, for people.
        needs_scenes: Whether it cannot be made from results alone.
        package: See ``ItemFormat``.
    """

    name: str
    module: str
    words: str
    needs_scenes: bool = True
    package: str | None = None


@dataclass(frozen=True)
class FormatSettings:
    """What all formats share.

    Args:
        max_points: Most points of a cloud or vertices of a mesh.
        mesh: Whether GLB holds a mesh instead of points.
        view_points: Most points of a frame in the 3D view of a page; several frames have at most three times as many.
        item: The item that formats of runs are restricted to; None takes all.
        region_depth: Whether Parquet holds the depth of regions, which takes about 15 ms for each result.
    """

    max_points: int = 100_000
    mesh: bool = False
    view_points: int = 66_000
    item: str | None = None
    region_depth: bool = True


ITEM_FORMATS: dict[str, ItemFormat] = {
    "ply": ItemFormat("clouds", ".ply", "pipeline.export.ply", "point clouds"),
    "glb": ItemFormat("models", ".glb", "pipeline.export.glb", "3D models"),
    "rrd": ItemFormat("recordings", ".rrd", "pipeline.export.rrd", "recordings for rerun", "rerun"),
}
RUN_FORMATS: dict[str, RunFormat] = {
    "report": RunFormat("report", "pipeline.export.report.build", "report"),
    "coco": RunFormat("coco", "pipeline.export.coco", "COCO data set"),
    "csv": RunFormat("tables", "pipeline.export.csv_tables", "tables", needs_scenes=False),
    "parquet": RunFormat("tables", "pipeline.export.parquet_tables", "tables", needs_scenes=False),
    "label_studio": RunFormat("label_studio", "pipeline.export.label_studio", "tasks for Label Studio"),
    "fiftyone": RunFormat("fiftyone", "pipeline.export.fiftyone", "FiftyOne data set"),
}


def is_format(name: Any) -> bool:
    """Whether a format has that name."""
    return name in ITEM_FORMATS or name in RUN_FORMATS


def require_packages(name: str) -> None:
    """Require that the packages of a format are installed.

    Raises:
        DependencyError: If one is missing.
    """
    package = (ITEM_FORMATS.get(name) or RUN_FORMATS[name]).package
    if package is not None and find_spec(package) is None:
        raise DependencyError(
            f"The format {name} needs the package {package}, which is not installed: run "
            f"pip install 'theodolite[{package}]'."
        )
