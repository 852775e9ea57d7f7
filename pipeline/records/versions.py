"""Versions of what a result was made with."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

_PACKAGES = ("numpy", "opencv-python-headless", "torch", "transformers")


@cache
def _fixed() -> tuple[tuple[str, str], ...]:
    from pipeline import __version__

    found = [("theodolite", __version__), ("python", platform.python_version())]
    for package in _PACKAGES:
        try:
            found.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def versions() -> dict[str, str]:
    """Version of this package, of Python and of the packages that the numbers depend on."""
    return dict(_fixed())
