"""Points of one frame as a short text: chosen evenly, quantised, in planes of bytes, deflated, in base64.

Format of ``packed``, in the order of its planes; N is the number of points, which go row by row through the frame, and
numbers of several bytes have one plane per byte, the lowest first:

- four planes: distance of the pixel's index ``v * width + u`` from that of the point before, from -1 at first;
- two planes: level of depth minus that of the point before (0 at first), in 16 bits, folded so that small distances of
  either sign are small: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4;
- three planes: red, green and blue minus those of the point before (0 at first), in 8 bits;
- two planes: index of the region plus one, 0 for none;
- one plane: error of depth beside a step, as code k: 0 is none, else ``10 ** (-4 + 4 (k - 1) / 254)`` of z;
- one plane, only with confidence: confidence times 255.

A level is ``round(65535 (f(z) - f(least)) / (f(largest) - f(least)))``, where f is the logarithm or, in ``linear``
frames, z itself. A point lies at ``z ((u - cx) / fx, (v - cy) / fy, 1)``; pixel (0, 0) is the centre of the top-left
pixel, so that each point knows its pixel exactly. The bytes are deflated as in RFC 1950.
"""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass

import numpy as np

LEVELS = 65535
# The step of linear levels stays below this share of the least depth.
_LINEAR_RATIO = 256.0
# Fractions of the plastic number: multiples of these fill a plane most evenly (Roberts, "The unreasonable
# effectiveness of quasirandom sequences", 2018, extremelearning.com.au).
_STEP_U, _STEP_V = (np.uint64(round(step * 2**64)) for step in (0.7548776662466927, 0.5698402909980532))
_LEAST_EDGE_LOG10 = -4.0
# Level 9 of zlib takes five times as long for 3 % less.
_EFFORT = 4


@dataclass(frozen=True, eq=False)
class FramePoints:
    """Points of one frame.

    Args:
        pixels: int64 (N,), ``v * width + u``, ascending.
        z: float64 (N,), depth, positive.
        colours: uint8 (N, 3), RGB.
        regions: int32 (N,), index of the region, -1 for none.
        edges: float64 (N,), error of depth beside a step, as a fraction of z.
        confidence: Optional float (N,), in [0, 1].
    """

    pixels: np.ndarray
    z: np.ndarray
    colours: np.ndarray
    regions: np.ndarray
    edges: np.ndarray
    confidence: np.ndarray | None = None


@dataclass(frozen=True)
class Quantisation:
    """What the levels of depth mean.

    Args:
        least: Depth of level 0.
        largest: Depth of level 65535.
        linear: Whether levels are even in depth, not in its logarithm.
    """

    least: float
    largest: float
    linear: bool

    @classmethod
    def of(cls, z: np.ndarray) -> Quantisation:
        """The quantisation of depths (N,), positive; any for none."""
        least, largest = (float(z.min()), float(z.max())) if z.size else (1.0, 1.0)
        return cls(least, largest, largest <= _LINEAR_RATIO * least)

    def levels(self, z: np.ndarray) -> np.ndarray:
        """Levels of depths, int64 (N,)."""
        if self.largest <= self.least:
            return np.zeros(len(z), dtype=np.int64)
        if self.linear:
            shares = (z - self.least) / (self.largest - self.least)
        else:
            shares = np.log(z / self.least) / math.log(self.largest / self.least)
        levels: np.ndarray = np.rint(np.clip(shares, 0, 1) * LEVELS).astype(np.int64)
        return levels

    def depths(self, levels: np.ndarray) -> np.ndarray:
        """Depths of levels, float64 (N,)."""
        shares = np.asarray(levels, dtype=np.float64) / LEVELS
        if self.linear:
            return self.least + shares * (self.largest - self.least)
        depths: np.ndarray = self.least * (self.largest / self.least) ** shares
        return depths


def evenly(mask: np.ndarray, count: int) -> np.ndarray:
    """Pixels of a mask, spread evenly over it, the same ones every time.

    Args:
        mask: bool (H, W).
        count: Most pixels.

    Returns:
        int64 (N,), indices in the flat mask, ascending; N is the smaller of ``count`` and the pixels of the mask.
    """
    if np.count_nonzero(mask) <= count:
        return np.flatnonzero(mask)
    # Whole numbers that wrap around are fractions of one turn, and no two pixels have the same.
    rows, columns = (np.arange(side, dtype=np.uint64) for side in mask.shape)
    order = columns * _STEP_U + (rows * _STEP_V)[:, None]
    return np.flatnonzero(mask & (order < np.partition(order[mask], count)[count]))


def edge_errors(values: np.ndarray, valid: np.ndarray, blur_px: float, noise: float) -> np.ndarray:
    """Error of the depth of each pixel where a step is smeared over it, as a fraction of z, float64 (H, W).

    It is half of how far the depth of a pixel is from the middle of its two neighbours at ``blur_px``, in rows and in
    columns. That is 0 on planes, whatever their slope, and a quarter of a step beside it.

    Args:
        values: float (H, W), z.
        valid: bool (H, W).
        blur_px: Reach of the smear [px]; 0 gives no errors.
        noise: Error from pixel to pixel, as a fraction; what three of it explain is no step.
    """
    found = np.zeros(values.shape, dtype=values.dtype)
    reach = math.ceil(blur_px)
    for step in range(1, min(reach, 8) + 1):
        for axis in (0, 1):
            if values.shape[axis] <= 2 * step:
                continue
            z, known = (np.moveaxis(array, axis, 0) for array in (values, valid))
            target = np.moveaxis(found, axis, 0)[step:-step]
            both = known[: -2 * step] & known[2 * step :] & known[step:-step]
            middle = z[step:-step]
            with np.errstate(invalid="ignore", over="ignore"):
                bend = np.abs((z[: -2 * step] - middle) + (z[2 * step :] - middle)) / 4
            share = np.divide(bend, middle, out=np.zeros_like(bend), where=both)
            np.maximum(target, share, out=target)
    errors: np.ndarray = np.where(found > 3 * noise, np.minimum(found, 1.0), 0.0)
    return errors


def edge_codes(edges: np.ndarray) -> np.ndarray:
    """Codes of errors beside steps, uint8 (N,)."""
    with np.errstate(divide="ignore"):
        codes = 1 + 254 * (np.log10(edges) - _LEAST_EDGE_LOG10) / -_LEAST_EDGE_LOG10
    coded: np.ndarray = np.where(edges > 0, np.clip(np.rint(codes), 1, 255), 0).astype(np.uint8)
    return coded


def edges_of_codes(codes: np.ndarray) -> np.ndarray:
    """Errors beside steps of codes, float64 (N,), the inverse of ``edge_codes``."""
    errors = 10 ** (_LEAST_EDGE_LOG10 * (1 - (np.asarray(codes, dtype=np.float64) - 1) / 254))
    return np.where(np.asarray(codes) > 0, errors, 0.0)


def packed(points: FramePoints, quantisation: Quantisation) -> str:
    """The points in the format above."""
    gaps = np.diff(points.pixels, prepend=-1).astype("<u4")
    levels = quantisation.levels(points.z)
    steps = np.diff(levels, prepend=0).astype(np.int16).astype(np.int32)
    folded = np.where(steps >= 0, 2 * steps, -2 * steps - 1).astype("<u2")
    colours = np.diff(points.colours, axis=0, prepend=np.zeros((1, 3), np.uint8)).astype(np.uint8)
    planes = [_planes(gaps), _planes(folded), colours.T, _planes((points.regions + 1).astype("<u2"))]
    planes.append(edge_codes(points.edges)[None])
    if points.confidence is not None:
        planes.append(np.rint(np.clip(points.confidence, 0, 1) * 255).astype(np.uint8)[None])
    data = b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
    return base64.b64encode(zlib.compress(data, _EFFORT)).decode("ascii")


def unpacked(text: str, count: int, quantisation: Quantisation, has_confidence: bool = False) -> FramePoints:
    """The points of a packed text, the inverse of ``packed`` but for what its steps round off.

    Args:
        text: Text that ``packed`` gave.
        count: Number of points.
        quantisation: That of its levels.
        has_confidence: Whether it has a plane of confidence.
    """
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(12 + has_confidence, count)
    pixels = np.cumsum(_number(planes[:4])) - 1
    folded = _number(planes[4:6])
    levels = np.cumsum(np.where(folded % 2, -(folded + 1) // 2, folded // 2)) % (LEVELS + 1)
    return FramePoints(
        pixels,
        quantisation.depths(levels),
        np.cumsum(planes[6:9].T, axis=0, dtype=np.uint8),
        (_number(planes[9:11]) - 1).astype(np.int32),
        edges_of_codes(planes[11]),
        planes[12] / 255 if has_confidence else None,
    )


def _planes(numbers: np.ndarray) -> np.ndarray:
    """Bytes of little-endian numbers (N,), one row per byte."""
    return numbers.view(np.uint8).reshape(len(numbers), -1).T


def _number(planes: np.ndarray) -> np.ndarray:
    """Numbers (N,) of rows of bytes, the inverse of ``_planes``."""
    weights = 256 ** np.arange(len(planes), dtype=np.int64)
    return weights @ planes.astype(np.int64)
