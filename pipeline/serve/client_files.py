"""What a client sends as files: images and depth, in whatever form the caller has them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.ingest.files import existing_file
from pipeline.records.errors import InputError

FileLike = str | Path | bytes | np.ndarray | Image.Image
"""A path, the content of a file, an array, or a PIL image."""
Part = tuple[str, Any]
"""Name and content of a file."""
_SINGLE = (str, Path, bytes, np.ndarray, Image.Image)


def listed(given: Any) -> list[Any]:
    """One file, or several, as a list.

    Raises:
        InputError: If it is something else.
    """
    if isinstance(given, _SINGLE):
        return [given]
    if not isinstance(given, Sequence):
        raise InputError(f"Give a path, bytes, an array, a PIL image or a list of these, not {type(given).__name__}.")
    return list(given)


def image_part(image: Any, number: int) -> Part:
    """An image as a file.

    Args:
        image: A path, the content of a file, a uint8 (H, W, 3) RGB array, or a PIL image.
        number: Its number, for its name.

    Raises:
        InputError: If it is something else, or missing.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(f"An image must be uint8 (H, W, 3), not {image.dtype} {image.shape}.")
        image = Image.fromarray(image)
    if isinstance(image, Image.Image):
        content = io.BytesIO()
        # A PNG keeps the EXIF block, which has the orientation and the focal length.
        image.save(content, "PNG", exif=image.getexif())
        return f"image-{number}.png", content.getvalue()
    return _file(image, "image", number)


def depth_part(depth: Any, number: int) -> Part:
    """A depth map as a file.

    Args:
        depth: A path, the content of a file, or a float (H, W) array.
        number: Its number, for its name.

    Raises:
        InputError: If it is something else, or missing.
    """
    if isinstance(depth, np.ndarray):
        if depth.ndim != 2 or depth.dtype.kind not in "fiu":
            raise InputError(f"A depth map must be numbers (H, W), not {depth.dtype} {depth.shape}.")
        content = io.BytesIO()
        np.save(content, depth, allow_pickle=False)
        return f"depth-{number}.npy", content.getvalue()
    return _file(depth, "depth", number)


def _file(given: Any, what: str, number: int) -> Part:
    if isinstance(given, bytes):
        return f"{what}-{number}", given
    if isinstance(given, str | Path):
        path = existing_file(given, "a file to send")
        try:
            return path.name, path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    raise InputError(f"A file must be a path, bytes, an array or a PIL image, not {type(given).__name__}.")
