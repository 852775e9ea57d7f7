"""Archives as ``tarfile``, GNU tar and WebDataset's writer make them, and small images for them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

QUESTION = {"question": "Where is the cup?"}


def image(value: int = 90, suffix: str = "jpg", size: tuple[int, int] = (40, 30)) -> bytes:
    """A picture of one grey."""
    data = io.BytesIO()
    Image.fromarray(np.full((*size[::-1], 3), value, np.uint8)).save(data, {"jpg": "JPEG"}.get(suffix, suffix.upper()))
    return data.getvalue()


def depth_png(millimetres: int = 1500, size: tuple[int, int] = (40, 30)) -> bytes:
    """Depth in whole millimetres."""
    data = io.BytesIO()
    Image.fromarray(np.full(size[::-1], millimetres, np.uint16)).save(data, "PNG")
    return data.getvalue()


def array(value: float = 2.0, size: tuple[int, int] = (40, 30)) -> bytes:
    """Depth as npy."""
    data = io.BytesIO()
    np.save(data, np.full(size[::-1], value, np.float32))
    return data.getvalue()


def encoded(value: Any) -> bytes:
    """A value as JSON, or bytes as they are."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def write_tar(path: Path, members: Mapping[str, Any], format: int = tarfile.USTAR_FORMAT) -> Path:
    """An archive of regular files, in the given order; a ``TarInfo`` is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as tar:
        for name, value in members.items():
            if isinstance(value, tarfile.TarInfo):
                tar.addfile(value)
                continue
            data = encoded(value)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def special(name: str, kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    """A member that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
