"""Files of a scanner's points."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.records.errors import InputError


def read_points(file: Path, values: int, what: str = "file of points") -> np.ndarray:
    """Points of a binary file of little-endian float32, float32 (N, ``values``).

    Args:
        file: The file.
        values: Numbers per point; the first three are x, y and z.
        what: What the file is, for the message.

    Raises:
        InputError: If it is empty or ends within a point.
    """
    content = file.read_bytes()
    if not content or len(content) % (4 * values):
        raise InputError(f"The {what} {file} is {'cut short' if content else 'empty'}; copy it again.")
    return np.frombuffer(content, dtype="<f4").reshape(-1, values)
