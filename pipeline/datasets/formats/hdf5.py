"""Checks of HDF5 files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pipeline.ingest.depth_files import MAX_VALUES
from pipeline.records.errors import InputError


def check_size(file: Path, stored: Any, shape: tuple[int, ...]) -> None:
    """Make sure that a part of an array is small enough to be read; unwritten values take no space in a file.

    Args:
        file: The file, for the message.
        stored: An array of it, as ``h5py.Dataset``.
        shape: Sides of the part that is to be read.

    Raises:
        InputError: If it, or a block that is unpacked for it, holds more than ``MAX_VALUES`` values.
    """
    values = max(math.prod(shape), math.prod(stored.chunks or ()))
    if values > MAX_VALUES:
        raise InputError(f"{file} claims to hold {values} values in one image, more than {MAX_VALUES}; copy it again.")
