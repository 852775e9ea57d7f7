"""Paths of the files that ship with the package: in a checkout, or inside the installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


@cache
def resource_dir(name: str) -> Path:
    """Folder ``conf`` or ``data``: beside the package in a checkout, inside it in a wheel."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
