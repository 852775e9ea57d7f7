"""Files of data sets, written by the tests that read them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 160, 120


def image(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    """An image of smooth colours, uint8 (H, W, 3)."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    return np.stack(((rows + seed) % 256, columns % 256, (rows + columns) % 256), axis=2).astype(np.uint8)


def save_image(path: Path, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image(seed, size)).save(path)
    return path


def png(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image(seed, size)).save(stream, "PNG")
    return stream.getvalue()


def stored(seed: int = 0) -> dict[str, Any]:
    """An image as the hub's Parquet files hold it."""
    return {"bytes": png(seed), "path": f"{seed}.png"}


def save_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path, row_group_size=2)
    return path
