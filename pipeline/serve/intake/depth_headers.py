"""The size of a depth map by the header of its file, before its numbers are read."""

from __future__ import annotations

import math
import re
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pipeline.ingest.files import decoding
from pipeline.records.errors import InputError
from pipeline.serve.intake.pictures import MEGA, check_picture
from pipeline.serve.intake.zip_ends import check_directory
from pipeline.serve.problems import TooLargeError
from pipeline.serve.settings import Limits

_PFM = re.compile(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s")
_MOST_ARRAYS = 64
# Beyond any depth camera. Telling copied values from measured ones takes up to 170 bytes for each.
_MOST_MEGAPIXELS = 8.0


def check_depth(path: Path, suffix: str, name: str, limits: Limits) -> None:
    """Check a depth file by its header.

    Args:
        path: The file.
        suffix: That of its kind.
        name: What to call it.
        limits: ``megapixels`` counts; depth has at most 8 million values.

    Raises:
        TooLargeError: If it has too many values.
        InputError: If its header cannot be read.
    """
    most = min(limits.megapixels, _MOST_MEGAPIXELS)
    count = _COUNTS.get(suffix)
    if count is None:
        check_picture(path, name, replace(limits, megapixels=most))
        return
    if suffix == ".npz":
        check_directory(path, name)
    try:
        with decoding(path, "a depth file"):
            values = count(path)
    except InputError:
        raise InputError(f"{name} is not a depth file that can be read; it may be damaged: send it again.") from None
    if values > most * MEGA:
        raise TooLargeError(f"{name} has more than {most:g} million values; save smaller depth.")


def _of_npy(path: Path) -> int:
    with path.open("rb") as stream:
        return _of_header(stream)


def _of_npz(path: Path) -> int:
    """The values of the largest array."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) > _MOST_ARRAYS:
            raise InputError("There are too many arrays.")
        counts = []
        for name in names:
            with archive.open(name) as stream:
                counts.append(_of_header(stream))
        return max(counts, default=0)


def _of_header(stream: IO[bytes]) -> int:
    version = npy_format.read_magic(stream)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, _ = read(stream)
    return math.prod(shape)


def _of_pfm(path: Path) -> int:
    with path.open("rb") as stream:
        header = _PFM.match(stream.read(64))
    if header is None:
        raise InputError("There is no header.")
    return int(header[1]) * int(header[2])


def _of_tiff(path: Path) -> int:
    """The values of the first image, or of one tile, by their tags (TIFF 6.0, sections 8 and 15); PIL opens not all."""
    with path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = stream.read(16)
        tags = ImageFileDirectory_v2(header if header[2:3] == b"+" else header[:8])
        stream.seek(tags.next)
        tags.load(stream)
        sizes = [[int(np.max(tags.get(tag, 0))) for tag in pair] for pair in ((256, 257), (322, 323))]
        # PIL says nothing of tags that are cut off.
        if 0 in sizes[0]:
            raise InputError("There is no size.")
        return max(width * height for width, height in sizes)


def _of_exr(path: Path) -> int:
    """The values of all parts and channels, which are decoded together."""
    import OpenEXR

    total = 0
    with OpenEXR.File(str(path), header_only=True) as image:
        for part in image.parts:
            lowest, highest = (np.asarray(corner, dtype=np.int64) for corner in part.header["dataWindow"])
            total += math.prod((highest - lowest + 1).tolist()) * len(part.header["channels"])
    return total


_COUNTS: dict[str, Callable[[Path], int]] = {
    ".npy": _of_npy, ".npz": _of_npz, ".pfm": _of_pfm, ".exr": _of_exr, ".tif": _of_tiff,
}  # fmt: skip
