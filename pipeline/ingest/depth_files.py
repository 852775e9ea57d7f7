"""Reads depth files: PNG, PGM, TIFF, npy, npz, PFM, EXR."""

from __future__ import annotations

import logging
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from pipeline.geometry.far import is_infinity
from pipeline.geometry.scattered import copied_px, depth_of_returns, resized_returns, single_returns
from pipeline.ingest.files import decoding, existing_file, suggestion
from pipeline.ingest.images import open_image
from pipeline.ingest.resampling import Size, resize_depth, resize_nearest, same_aspect, size_of
from pipeline.ingest.tiff_depth import read_tiff
from pipeline.records import DepthKind, DepthMap, Sampling, ScaleSource
from pipeline.records.checks import member
from pipeline.records.depth_values import unlikely_metres
from pipeline.records.errors import InputError

logger = logging.getLogger(__name__)

# More than the pixels of any camera, because a small compressed file may declare any number of values.
MAX_VALUES = 100_000_000
_SCALE_HINT = "give depth_scale in metres per stored number: 0.001 for millimetres, 0.0002 for TUM RGB-D"


def read_depth(
    path: str | Path,
    *,
    kind: DepthKind | str,
    scale_source: ScaleSource | str,
    scale: float | None = None,
    key: str | None = None,
    invalid: Iterable[float] | None = None,
    size: Size | None = None,
    quarter_turn: bool = False,
    trusted: bool = False,
) -> DepthMap:
    """Read the depth of one upright image in the image's size; see ``stored_depth`` and ``fitted_depth``.

    Args:
        path: The file.
        kind: As in ``stored_depth``.
        scale_source: As there.
        scale: As there.
        key: As there.
        invalid: As there.
        size: (width, height) [px] of the upright image; None keeps the file's own.
        quarter_turn: Whether the image's EXIF orientation exchanged its width and height.
        trusted: As in ``stored_depth``.

    Raises:
        InputError, RecordError: As there, or if the file is for the image before it was turned.
    """
    depth = stored_depth(
        path, kind=kind, scale_source=scale_source, scale=scale, key=key, invalid=invalid, trusted=trusted
    )
    if size is None:
        return depth
    level = logging.WARNING if depth.scale_source is ScaleSource.SENSOR else logging.INFO
    _check_aspect(Path(path), size_of(depth.values), size, quarter_turn, level)
    return fitted_depth(depth, size)


def stored_depth(
    path: str | Path,
    *,
    kind: DepthKind | str,
    scale_source: ScaleSource | str,
    scale: float | None = None,
    key: str | None = None,
    invalid: Iterable[float] | None = None,
    trusted: bool = False,
) -> DepthMap:
    """Read a depth file as it is stored.

    Args:
        path: PNG, PGM or TIFF of one channel, npy, npz, PFM or EXR; holds z-depth, not ray length.
        kind: What the numbers mean after multiplication by ``scale``.
        scale_source: Source of the metric scale.
        scale: Metres (or units) per stored number; required for integers of kind ``metric``, else 1.
        key: Name of the array in an npz or of the channel in an EXR.
        invalid: Stored numbers that mean "no depth"; None is 0 for integers, nothing for floats. Numbers that are not
            finite as float32, stored or scaled, never count, nor do those that stand for infinity; see
            ``pipeline.geometry.far``.
        trusted: Whether numbers are taken as they are, however unlikely their unit and kind look.

    Returns:
        The depth map at its own resolution, with backend ``file`` and its sampling. Of a scanner's returns that were
        drawn as squares, one pixel each is valid.

    Raises:
        InputError: If the file is missing, damaged or of another format, holds more than ``MAX_VALUES`` values,
            needs a scale or a key, has no valid pixel, or holds numbers that cannot be of this kind and unit.
        RecordError: If the kind or the scale source is unknown, or if they do not fit together.
    """
    kind, scale_source = member(DepthKind, kind, "Depth kind"), member(ScaleSource, scale_source, "Scale source")
    file = existing_file(path, "a depth file")
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise InputError(f"{file} is not a readable depth file; supported formats are {', '.join(_READERS)}.")
    with decoding(file, "a depth file"):
        stored = _two_dimensional(reader(file, key), file)
    whole = stored.dtype.kind in "iu"
    if scale is None and whole and kind is DepthKind.METRIC:
        raise InputError(f"{file} stores integers without a unit; {_SCALE_HINT}.")
    invalid = ((0,) if whole else ()) if invalid is None else tuple(invalid)
    valid = np.isfinite(stored) & ~np.isin(stored, invalid)
    with np.errstate(over="ignore"):
        values = (np.where(valid, stored, 0) * (1.0 if scale is None else scale)).astype(np.float32)
    valid &= np.isfinite(values)
    if kind is not DepthKind.DISPARITY_AFFINE:
        sky = is_infinity(values, valid, is_metric=kind is DepthKind.METRIC)
        if sky.any():
            logger.info(
                "%s has no depth at %d pixels: %g stands for infinity.", file.name, sky.sum(), values[sky].max()
            )
            valid &= ~sky
    if not trusted:
        _check_numbers(file, values, valid, kind, scale_source)
    depth = _sampled(values, valid, kind, scale_source, file)
    if not depth.valid.any():
        raise InputError(
            f"{file} has no pixel with valid depth: all are zero, negative, not finite or marked as invalid; "
            "check the file, depth_kind and depth_invalid."
        )
    return depth


def _check_numbers(file: Path, values: np.ndarray, valid: np.ndarray, kind: DepthKind, source: ScaleSource) -> None:
    """Refuse numbers that cannot be metres."""
    if kind is not DepthKind.METRIC:
        return
    problem = unlikely_metres(values, valid, is_sensor=source is ScaleSource.SENSOR)
    if problem:
        raise InputError(f"{file} holds no depth in metres: {problem} If it is correct, set input.trust_input=true.")


def _sampled(values: np.ndarray, valid: np.ndarray, kind: DepthKind, scale_source: ScaleSource, file: Path) -> DepthMap:
    """The map with its own sampling: single returns of a scanner, pixels that were enlarged, or plain pixels."""
    if scale_source is ScaleSource.SENSOR and (returns := single_returns(values, valid)) is not None:
        logger.info("%s holds single returns of a scanner.", file.name)
        return depth_of_returns(values, returns, "file")
    sampling = Sampling(*copied_px(values, valid))
    return DepthMap(values, valid, kind, scale_source, backend="file", sampling=sampling)


def fitted_depth(depth: DepthMap, size: Size) -> DepthMap:
    """A depth map of the same view in the size of its image.

    Args:
        depth: z-depth at its own resolution, edge to edge with the image.
        size: (width, height) [px] of the image.

    Returns:
        The map resampled by the nearest pixel if a sensor measured it, otherwise linearly between valid pixels, with
        its sampling. Returns of a scanner stay single pixels.
    """
    stored = size_of(depth.values)
    if stored == size:
        return depth
    logger.info("Depth is resampled from %d x %d to %d x %d px.", *stored, *size)
    if depth.sampling.is_scattered:
        return depth_of_returns(*resized_returns(depth.values, depth.valid, size), depth.backend)
    values, valid = resize_depth(depth.values, depth.valid, size, nearest=depth.scale_source is ScaleSource.SENSOR)
    own_px = (stored[1] / depth.sampling.height_px, stored[0] / depth.sampling.width_px)
    confidence = None if depth.confidence is None else resize_nearest(depth.confidence, size)
    return replace(
        depth, values=values, valid=valid, confidence=confidence, sampling=Sampling.of_resized(own_px, values.shape)
    )


def _check_aspect(file: Path, stored: Size, size: Size, quarter_turn: bool, level: int) -> None:
    """Log another aspect ratio; networks are often fed squares, so only sensor depth deserves a warning."""
    if same_aspect(stored, size):
        return
    text = f"{file} has {stored[0]} x {stored[1]} px, but the upright image has {size[0]} x {size[1]} px"
    if quarter_turn and same_aspect(stored, size[::-1]):
        raise InputError(f"{text}, because its EXIF orientation turned it; turn the depth file in the same way.")
    logger.log(level, "%s, another aspect ratio; the depth is stretched over the whole image.", text)


def _two_dimensional(stored: np.ndarray, file: Path) -> np.ndarray:
    if stored.ndim == 3 and 1 in (stored.shape[0], stored.shape[2]):
        stored = stored[0] if stored.shape[0] == 1 else stored[..., 0]
    if stored.ndim != 2 or stored.size == 0 or stored.dtype.kind not in "fiu":
        raise _no_depth(file, stored.shape, stored.dtype)
    return stored


def _no_depth(file: Path, shape: Sequence[int], dtype: np.dtype) -> InputError:
    return InputError(f"{file} holds {dtype} of shape {shape}, not one depth per pixel; save (H, W).")


def _check_count(file: Path, count: int) -> None:
    if count > MAX_VALUES:
        raise InputError(f"{file} declares {count} values, more than {MAX_VALUES}; save smaller depth.")


# A comment counts as the line break that ends it, as in the reference implementation (libnetpbm's pm_getc).
_COMMENT = rb"#[^\r\n]*[\r\n]"
_PGM = re.compile(rb"(P[25])" + (rb"(?:\s|" + _COMMENT + rb")+(\d+)") * 3 + rb"(?:\s|" + _COMMENT + rb")")
# What writers put before the raster against the format: a line break of two characters, a comment behind the maximum.
_BEFORE_RASTER = re.compile(rb"(?:(?<=\r)\n)?(?:" + _COMMENT + rb")*")


def _read_image(file: Path, _key: str | None) -> np.ndarray:
    with open_image(file) as image:
        if image.mode not in ("L", "I", "F") and not image.mode.startswith("I;16"):
            raise InputError(f"{file} has mode {image.mode}, not one number per pixel; save it with one channel.")
        return np.array(image)


def _read_tiff(file: Path, key: str | None) -> np.ndarray:
    stored = read_tiff(file, MAX_VALUES)
    return _read_image(file, key) if stored is None else stored


def _read_numpy(file: Path, _key: str | None) -> np.ndarray:
    with file.open("rb") as stream:
        return _read_array(file, stream)


def _read_npz(file: Path, key: str | None) -> np.ndarray:
    with zipfile.ZipFile(file) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        with archive.open(members[_choose(file, list(members), key, "depth")]) as stream:
            return _read_array(file, stream)


def _read_array(file: Path, stream: IO[bytes]) -> np.ndarray:
    # The header is short, whatever it declares. Other versions are for structured arrays.
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    version = npy_format.read_magic(stream)
    if version not in readers:
        raise InputError(
            f"{file} contains an array of npy version {version}, not of 1.0 or 2.0; save it with numpy.save."
        )
    shape, _, dtype = readers[version](stream)
    if dtype.kind not in "fiu":
        raise _no_depth(file, shape, dtype)
    _check_count(file, math.prod(shape))
    stream.seek(0)
    # Pickled objects could run arbitrary code.
    array: np.ndarray = npy_format.read_array(stream, allow_pickle=False)
    return array


def _choose(file: Path, names: list[str], key: str | None, preferred: str) -> str:
    if key is not None and key not in names:
        raise InputError(f"{file} has no {key!r}, only {', '.join(names)}{suggestion(key, names) or '.'}")
    if key is None and preferred not in names and len(names) != 1:
        raise InputError(f"{file} holds {', '.join(names) or 'nothing'}; name the one with the depth as depth_key.")
    return key or (preferred if preferred in names else names[0])


def _read_pgm(file: Path, _key: str | None) -> np.ndarray:
    """The numbers of a PGM as they are stored; see https://netpbm.sourceforge.net/doc/pgm.html."""
    # PIL would stretch values with a maximum below 65535 to the full range.
    data = _read_bytes(file)
    header = _PGM.match(data)
    width, height, highest = map(int, header.groups()[1:]) if header else (0, 0, 0)
    if header is None or not 0 < highest < 65536:
        raise InputError(f"{file} has no PGM header (P5 or P2, width, height, maximum to 65535); save it as PNG.")
    _check_count(file, width * height)
    if header[1] == b"P2":
        numbers = re.sub(_COMMENT, b" ", data[header.end() :]).split(None, width * height)[: width * height]
        if len(numbers) < width * height:
            raise InputError(f"{file} is cut off: it has {len(numbers)} numbers for {width} x {height} px.")
        return np.array([int(number) for number in numbers], np.int64).reshape(height, width)
    dtype, start = np.dtype(">u2" if highest > 255 else "u1"), header.end()
    # The size of the file tells whether the raster begins behind it.
    before = _BEFORE_RASTER.match(data, start)
    if before and len(data) - before.end() == width * height * dtype.itemsize:
        start = before.end()
    return _pixels(file, data[start:], dtype, width, height)


def _read_pfm(file: Path, _key: str | None) -> np.ndarray:
    # The sign of the third number is the byte order; writers do not mean its magnitude as a factor of the values.
    data = _read_bytes(file)
    header = re.match(rb"(P[Ff])\s+(\d+)\s+(\d+)\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)[ \t]*\r?\n", data)
    if header is None:
        raise InputError(f"{file} has no PFM header (Pf, width height, scale); write it again.")
    if header[1] == b"PF":
        raise InputError(f"{file} is a PFM of three channels; save the depth with one channel (Pf).")
    order = "<" if header[4].startswith(b"-") else ">"
    pixels = _pixels(file, data[header.end() :], np.dtype(order + "f4"), int(header[2]), int(header[3]))
    return pixels[::-1].copy()


def _read_bytes(file: Path) -> bytes:
    """The header and at most 4 bytes per allowed value; the rest of a larger file is not read."""
    with file.open("rb") as stream:
        return stream.read(min(file.stat().st_size, 4 * MAX_VALUES + 65536))


def _pixels(file: Path, data: bytes, dtype: np.dtype, width: int, height: int) -> np.ndarray:
    _check_count(file, width * height)
    needed = width * height * dtype.itemsize
    if len(data) < needed or needed == 0:
        raise InputError(f"{file} is cut off: {width} x {height} px need {needed} bytes, it has {len(data)}.")
    return np.frombuffer(data, dtype, width * height).reshape(height, width)


def _read_exr(file: Path, key: str | None) -> np.ndarray:
    import OpenEXR

    with OpenEXR.File(str(file), header_only=True) as image:
        _check_count(file, sum(_values_of(part.header) for part in image.parts))
    with OpenEXR.File(str(file), separate_channels=True) as image:
        channels = image.channels()
        return np.array(channels[_choose(file, list(channels), key, "Z")].pixels)


def _values_of(header: Mapping[str, Any]) -> int:
    """Number of values of one part of an EXR, over all its channels."""
    lowest, highest = (np.asarray(corner, dtype=np.int64) for corner in header["dataWindow"])
    return math.prod((highest - lowest + 1).tolist()) * len(header["channels"])


_READERS: dict[str, Callable[[Path, str | None], np.ndarray]] = {
    ".png": _read_image,
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
    ".pgm": _read_pgm,
    ".npy": _read_numpy,
    ".npz": _read_npz,
    ".pfm": _read_pfm,
    ".exr": _read_exr,
}

DEPTH_SUFFIXES = frozenset(_READERS)
