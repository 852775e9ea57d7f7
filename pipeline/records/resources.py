"""Paths of the files that ship with the package: in a checkout, or inside the installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_PACKAGE = Path(__file__).parents[1]


@cache
def resource_dir(name: str) -> Path:
    """Folder ``conf`` or ``data``: beside the package in a checkout, inside it in a wheel."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


@cache
def shipped_option(group: str) -> dict[str, Any]:
    """Values of ``conf/GROUP/default.yaml``, without the keys that only Hydra reads."""
    content = yaml.safe_load((resource_dir("conf") / group / "default.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if not key.startswith("_")}
