"""All formats of captures, and the one of a path."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from pipeline.ingest.captures.base import Capture

# Modules are imported only where a path may be of their format.
_FOLDERS: tuple[str, ...] = (
    "stray_scanner:StrayScanner",
    "record3d:Record3D",
    "polycam:Polycam",
    "ros_bag:RosBag",
    "nerfstudio:Nerfstudio",
    "colmap:Colmap",
)
_FILES: dict[str, tuple[str, ...]] = {
    ".r3d": ("record3d:Record3D",),
    ".bag": ("ros_bag:RosBag",),
    ".mcap": ("ros_bag:RosBag",),
    ".db3": ("ros_bag:RosBag",),
    ".mkv": ("kinect_mkv:KinectRecording",),
    ".json": ("nerfstudio:Nerfstudio",),
}


def capture_format(path: Path) -> type[Capture] | None:
    """The format of a file or folder; None where it is no capture."""
    names = _FOLDERS if path.is_dir() else _FILES.get(path.suffix.lower(), ())
    for name in names:
        module, _, kind = name.partition(":")
        found: type[Capture] = getattr(import_module(f"pipeline.ingest.captures.{module}"), kind)
        if found.recognises(path):
            return found
    return None
