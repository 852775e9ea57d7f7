"""Small images with true depth that tests write, and what every data set must do with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.datasets.depth_base import DepthDataset, DepthSample, Skipped

WIDTH, HEIGHT = 16, 12
SIZE = (WIDTH, HEIGHT)


def depth_m() -> np.ndarray:
    """Depth that differs at every pixel, float64 (H, W): row 3, column 5 is 4.05 m."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(1 + rows + columns / 100, dtype=np.float64)


def write_pfm(file: Path, values: np.ndarray) -> None:
    """Little-endian, rows from the bottom, as Middlebury writes it."""
    header = f"Pf\n{values.shape[1]} {values.shape[0]}\n-1.0\n".encode()
    file.write_bytes(header + np.ascontiguousarray(values[::-1], dtype="<f4").tobytes())


def only(data: DepthDataset) -> DepthSample:
    """The one sample of a data set."""
    assert len(data) == 1
    sample = data.read(0)
    assert isinstance(sample, DepthSample), sample
    assert sample.name == data.names()[0]
    return sample


def reason(data: DepthDataset, index: int = 0) -> str:
    """Why an entry is skipped, which must be one sentence."""
    skipped = data.read(index)
    assert isinstance(skipped, Skipped), skipped
    assert skipped.name == data.names()[index]
    assert "\n" not in skipped.reason and skipped.reason.endswith((".", "?"))
    return skipped.reason
