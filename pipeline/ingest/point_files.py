"""Files of a scanner's points.

``.bin`` has rows of little-endian float32 without a header: x, y, z, reflectance in KITTI
(https://www.cvlibs.net/datasets/kitti), and the ring as a fifth number in nuScenes, whose files end in ``.pcd.bin``
(https://github.com/nutonomy/nuscenes-devkit, ``LidarPointCloud.from_file``).
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from pipeline.ingest.files import decoding, existing_file
from pipeline.ingest.pcd_files import MAX_POINTS, read_pcd
from pipeline.ingest.ply_files import read_ply
from pipeline.records.errors import InputError

_TEXT_SUFFIXES = (".xyz", ".pts", ".txt", ".csv")
_MOST_BYTES = 2_000_000_000
_COLUMNS = (4, 5)
# Farther than any scanner sees, and above any intensity of 16 bits [m, -].
_FARTHEST, _BRIGHTEST, _MOST_RINGS = 1e5, 65535.0, 255


def read_point_file(path: str | Path, *, columns: int | None = None) -> np.ndarray:
    """Points of a scanner's file, told apart by its content and, without a header, by its suffix.

    Args:
        path: ``.bin``, ``.pcd``, ``.ply``, ``.npy`` or ``.npz`` of (N, 3) or more columns, or text with x, y and z at
            the beginning of each line.
        columns: Numbers per row of a ``.bin``; None finds out whether there are 4 or 5.

    Returns:
        float64 (N, 3), x, y and z in the scanner's frame, in metres if the file follows its format. Points that are
        not finite are left out.

    Raises:
        InputError: If the file is missing, empty, damaged or of another format, or declares too many points.
    """
    file = existing_file(path, "a file of points")
    if file.stat().st_size > _MOST_BYTES:
        raise InputError(f"{file} is larger than {_MOST_BYTES // 10**9} GB; write fewer points.")
    with decoding(file, "a file of points"):
        points = _reader(file, columns)(file, file.read_bytes())
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise InputError(f"{file} holds no finite point; write it again.")
    return points


def _reader(file: Path, columns: int | None) -> Callable[[Path, bytes], np.ndarray]:
    with file.open("rb") as stream:
        start = stream.read(256)
    if start.startswith(b"ply") and start[3:4].isspace():
        return read_ply
    if start.startswith(b"\x93NUMPY"):
        return _read_npy
    if start.startswith(b"PK\x03\x04"):
        return _read_npz
    words = start.lstrip(b"# ")
    if words.startswith((b".PCD", b"VERSION", b"FIELDS")) or file.suffix.lower() == ".pcd":
        return read_pcd
    if file.suffix.lower() == ".bin":
        return lambda where, content: _read_rows(where, content, columns)
    if file.suffix.lower() in _TEXT_SUFFIXES:
        return _read_text
    raise InputError(f"{file} is not a file of points; supported are .bin, .pcd, .ply, .npy, .npz, .xyz and .txt.")


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


def _read_rows(file: Path, content: bytes, columns: int | None) -> np.ndarray:
    if columns is None and file.name.lower().endswith(".pcd.bin"):
        columns = 5
    fitting = [count for count in (_COLUMNS if columns is None else (columns,)) if len(content) % (4 * count) == 0]
    if not fitting:
        needed = " or ".join(map(str, _COLUMNS if columns is None else (columns,)))
        raise InputError(f"{file} is cut short: its {len(content)} bytes are not rows of {needed} float32; copy it.")
    rows = [np.frombuffer(content, "<f4").reshape(-1, count) for count in fitting]
    likely = rows if columns is not None else [each for each in rows if _is_plausible(each)]
    if len(likely) != 1:
        raise InputError(
            f"{file} does not tell whether its rows have 4 numbers (x, y, z, reflectance) or 5 (and the ring); "
            "save x, y and z alone with numpy.save."
        )
    return likely[0][:, :3].astype(np.float64)


def _is_plausible(rows: np.ndarray) -> bool:
    """Whether the columns after x, y and z look like a reflectance and a ring's number, and not like coordinates."""
    rows = rows[np.isfinite(rows).all(axis=1)]
    brightness, rings = rows[:, 3], rows[:, 4:]
    near = bool((np.abs(rows[:, :3]) < _FARTHEST).all())
    bright = bool(((brightness >= 0) & (brightness <= _BRIGHTEST)).all())
    return near and bright and bool(((rings >= 0) & (rings <= _MOST_RINGS) & (rings == np.round(rings))).all())


def _read_text(file: Path, content: bytes) -> np.ndarray:
    if b"\0" in content[:4096]:
        raise InputError(f"{file} is not text; give points as x, y and z in each line.")
    lines = [line.partition("#")[0] for line in content.decode("utf-8-sig", "replace").splitlines()]
    if any(";" in line and "," in line for line in lines):
        raise InputError(f"{file} seems to have decimal commas; write the numbers with points.")
    rows: list[tuple[float, float, float]] = []
    columns = (0, 1, 2)
    for number, line in enumerate(lines):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or (len(words) == 1 and not rows):
            # Some files begin with the number of their points.
            continue
        try:
            x, y, z = (float(words[column]) for column in columns)
        except (ValueError, IndexError):
            if not rows:
                columns = _named_columns(file, words)
                continue
            raise InputError(f"{file} has no x, y and z in line {number + 1}; mend that line.") from None
        rows.append((x, y, z))
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _named_columns(file: Path, words: Sequence[str]) -> tuple[int, int, int]:
    """Positions of x, y and z among names of columns.

    Raises:
        InputError: If one is missing.
    """
    names = [word.strip("/\"'").lower() for word in words]
    try:
        return names.index("x"), names.index("y"), names.index("z")
    except ValueError:
        raise InputError(f"{file} has no columns named x, y and z; give points as x, y and z in each line.") from None


def _read_npz(file: Path, content: bytes) -> np.ndarray:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        chosen = next((name for name in ("points", "xyz") if name in members), None)
        if chosen is None and len(members) != 1:
            raise InputError(f"{file} holds {', '.join(members)[:80] or 'nothing'}; name the array of points points.")
        member = members[chosen] if chosen is not None else next(iter(members.values()))
        if member.file_size > _MOST_BYTES:
            raise InputError(f"{file} holds more than {_MOST_BYTES // 10**9} GB; write fewer points.")
        return _read_npy(file, archive.read(member))


def _read_npy(file: Path, content: bytes) -> np.ndarray:
    stream = BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if len(shape) != 2 or shape[1] < 3 or dtype.kind != "f":
        raise InputError(f"{file} holds {dtype} of shape {shape}, not points (N, 3) in floating-point numbers.")
    if shape[0] > MAX_POINTS or math.prod(shape) * dtype.itemsize > len(content) - stream.tell():
        raise InputError(f"{file} declares {shape[0]} points, more than it holds; write it again.")
    stream.seek(0)
    array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return array[:, :3].astype(np.float64)
