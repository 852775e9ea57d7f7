"""Calibrations of KITTI's object data set and of its raw recordings.

Format: the readmes of the development kits, https://www.cvlibs.net/datasets/kitti (Geiger et al. 2012); one matrix a
line, as ``P2: 7.2e+02 0 ...``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.geometry.projections import pose_of
from pipeline.ingest.text_files import text_lines
from pipeline.records.errors import InputError


def read_calibration(file: Path) -> dict[str, np.ndarray]:
    """Matrices of a calibration file: 3 x 4, ``R0_rect`` 3 x 3.

    Raises:
        InputError: If a required matrix is missing.
    """
    matrices = {}
    for line in text_lines(file, "calibration file"):
        name, _, written = line.partition(":")
        numbers = finite_numbers(written.split())
        if numbers and len(numbers) % 3 == 0:
            matrices[name.strip()] = np.array(numbers).reshape(3, -1)
    shapes = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
    wrong = [name for name, shape in shapes.items() if name not in matrices or matrices[name].shape != shape]
    if wrong:
        raise InputError(f"The calibration file {file} lacks {', '.join(wrong)}, or holds too few of its numbers.")
    return matrices


def velodyne_to_rectified(calibration: Mapping[str, np.ndarray]) -> np.ndarray:
    """Motion, float64 (4, 4), from the scanner's frame to the rectified frame of camera 0."""
    to_camera = calibration["Tr_velo_to_cam"]
    motion: np.ndarray = pose_of(calibration["R0_rect"], np.zeros(3)) @ pose_of(to_camera[:, :3], to_camera[:, 3])
    return motion


@lru_cache(maxsize=16)
def read_projection(file: Path, key: str) -> np.ndarray:
    """Projection of a camera, float64 (3, 4), of a calibration file of the raw recordings.

    Raises:
        InputError: If the file is missing or lacks the projection.
    """
    parts = [line.partition(":") for line in text_lines(file, "calibration")]
    numbers = finite_numbers(next((written.split() for name, _, written in parts if name.strip() == key), ()))
    if numbers is None or len(numbers) != 12:
        raise InputError(f"The calibration {file} lacks the 12 numbers of {key}; copy it again.")
    return np.array(numbers).reshape(3, 4)


def finite_numbers(fields: Sequence[str]) -> list[float] | None:
    """Finite numbers of fields of text, or None where one is not a finite number."""
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None
