"""The formats that results can be exported to, by the name of their key.

A format of items writes one file for each result from its scene; a format of runs writes one file, or one folder, for
all results of a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ItemFormat:
    """A format with one file per result.

    Args:
        folder: Folder of the files, within that of the results.
        suffix: Suffix of the files.
        module: Module with ``write(path, stored, result, settings) -> Path | None``; None where the depth carries too
            little for the format. It is imported on first use.
    """

    folder: str
    suffix: str
    module: str

    @property
    def write(self) -> Callable[..., Path | None]:
        """The function that writes a result."""
        function: Callable[..., Path | None] = import_module(self.module).write
        return function


@dataclass(frozen=True)
class RunFormat:
    """A format with one file or folder for all results.

    Args:
        name: Name of the file or folder, within that of the results.
        module: Module with ``write(path, folder, settings) -> Path | None``; None where there is nothing to write.
    """

    name: str
    module: str

    @property
    def write(self) -> Callable[..., Path | None]:
        """The function that writes the results of a folder."""
        function: Callable[..., Path | None] = import_module(self.module).write
        return function


@dataclass(frozen=True)
class FormatSettings:
    """What all formats share.

    Args:
        max_points: Most points of a cloud or vertices of a mesh.
        mesh: Whether GLB holds a mesh instead of points.
    """

    max_points: int = 100_000
    mesh: bool = False


ITEM_FORMATS: dict[str, ItemFormat] = {
    "ply": ItemFormat("clouds", ".ply", "pipeline.export.ply"),
}
RUN_FORMATS: dict[str, RunFormat] = {}


def is_format(name: Any) -> bool:
    """Whether a format has that name."""
    return name in ITEM_FORMATS or name in RUN_FORMATS
