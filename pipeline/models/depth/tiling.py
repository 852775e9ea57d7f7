"""Depth of large images in overlapping tiles, which show finer detail than the whole at once.

A network sees the whole image at a low resolution and finds the layout; on tiles it sees detail but lacks the
context. So low frequencies come from the whole and high ones from the tiles. The idea is that of S. M. H.
Miangoleh, S. Dille, L. Mai, S. Paris, Y. Aksoy, "Boosting Monocular Depth Estimation Models to High-Resolution via
Content-Adaptive Multi-Resolution Merging", CVPR 2021, who merge with a network; here a Gaussian splits the two bands,
as in P. Burt, E. Adelson, "A Multiresolution Spline With Application to Image Mosaics", 1983.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import cv2
import numpy as np
from annotated_types import Interval

from pipeline.models.depth.augment import Fit, changed, comparable, fit, is_constant, restored
from pipeline.records import DepthKind, Frame
from pipeline.records.settings import checked

TileSide = Annotated[int, Interval(ge=32)]
"""Side of a tile [px]."""
TileOverlap = Annotated[float, Interval(ge=0, le=0.9)]
"""Share of a tile."""

# Standard deviation of the Gaussian between the two bands, as a share of a tile's side: of a wave two thirds as long
# as the side, half is taken from the whole.
_BAND_SHARE = 1 / 8
_CELLS_PER_SIDE = 16  # A tile is aligned by the means of that many cells along a side.
_CELLS_PER_SIGMA = 4
_THINNEST_STRIP = 16


@checked
@dataclass(frozen=True)
class Tiling:
    """How images are cut into tiles.

    Args:
        side_px: Side of the square tiles [px of the image], at least 32.
        overlap: Least share of a tile that its neighbour covers too, in [0, 0.9]; at 0 seams can show.

    Raises:
        ConfigError: If a number is out of its range.
    """

    side_px: TileSide
    overlap: TileOverlap = 0.25


@dataclass(frozen=True)
class Tile:
    """A part of an image.

    Args:
        x: Column of its left pixels.
        y: Row of its top pixels.
        width: Width [px].
        height: Height [px].
    """

    x: int
    y: int
    width: int
    height: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns in the image."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


def tiles_of(height: int, width: int, tiling: Tiling) -> list[Tile]:
    """Tiles of equal size that cover an image, evenly spread, row by row.

    A tile is no larger than the image, so a small image is one tile; so is a strip of an image that fills less than a
    sixteenth of a tile's side, and would need thousands of tiles that show nothing.

    >>> [(tile.x, tile.y, tile.width, tile.height) for tile in tiles_of(60, 100, Tiling(64))]
    [(0, 0, 64, 60), (36, 0, 64, 60)]
    """
    if min(height, width) * _THINNEST_STRIP < tiling.side_px:
        return [Tile(0, 0, width, height)]
    tile_height, tile_width = min(height, tiling.side_px), min(width, tiling.side_px)
    return [
        Tile(x, y, tile_width, tile_height)
        for y in _starts(height, tile_height, tiling.overlap)
        for x in _starts(width, tile_width, tiling.overlap)
    ]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    most_step = max(1, int(side * (1 - overlap)))
    steps = -(-(length - side) // most_step)
    return [index * (length - side) // max(steps, 1) for index in range(steps + 1)]


def crop(frame: Frame, tile: Tile) -> Frame:
    """The part of a frame within a tile, with the camera and the given depth of that part."""
    given = frame.given_depth
    return replace(
        frame,
        rgb=np.ascontiguousarray(frame.rgb[tile.window]),
        camera=frame.camera.cropped(tile.x, tile.y, tile.width, tile.height),
        given_depth=None if given is None else changed(given, lambda array: array[tile.window]),
    )


def blending_weights(tiles: Sequence[Tile]) -> list[np.ndarray]:
    """Weights of the tiles' pixels, float32 (h, w) each, that sum to one at every pixel of the image.

    They are raised cosines, so they end smoothly at the borders of tiles, except at those of the image.

    Args:
        tiles: All tiles of an image, from ``tiles_of``.
    """
    rows = _axis_weights({tile.y for tile in tiles}, tiles[0].height)
    columns = _axis_weights({tile.x for tile in tiles}, tiles[0].width)
    return [np.outer(rows[tile.y], columns[tile.x]) for tile in tiles]


def _axis_weights(starts: set[int], side: int) -> dict[int, np.ndarray]:
    window = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    total = np.zeros(max(starts) + side)
    for start in starts:
        total[start : start + side] += window
    return {start: (window / total[start : start + side]).astype(np.float32) for start in starts}


def merge(whole: np.ndarray, tiles: Sequence[Tile], values: Sequence[np.ndarray], kind: DepthKind) -> np.ndarray:
    """Detail of the tiles on the layout of the whole image.

    Each tile is aligned to the whole as in ``augment.fit``, by means over cells, so that detail that only the tile has
    does not flatten the fit. Tiles of metric depth are aligned in scale too: a network guesses the scale of a part
    worse than that of the whole. What the aligned tiles add to the whole is blended with ``blending_weights``, and of
    this difference D only the high frequencies are kept: ``whole + D - lowpass(D)``. Depth with a shape is merged in
    its logarithm.

    Args:
        whole: float32 (H, W), prediction for the whole image.
        tiles: Its tiles, from ``tiles_of``.
        values: Prediction for each tile, float32 (h, w).
        kind: What all of them mean.

    Returns:
        float32 (H, W). Where a tile is not usable, constant or falls as the whole rises, the whole counts in its place;
        where the whole is not usable, the tiles alone; NaN where nothing is.
    """
    base, known = comparable(whole, kind)
    parts = []
    for tile, weights, part in zip(tiles, blending_weights(tiles), values, strict=True):
        detail, usable = comparable(part, kind)
        fitted = _fit_to_whole(detail, usable, base[tile.window], known[tile.window], kind)
        if fitted is not None:
            parts.append((tile.window, weights if usable.all() else weights * usable, fitted.apply(detail)))
    if not known.all():
        base, known = _filled(base, known, parts)
    difference = np.zeros_like(base)
    for window, weights, detail in parts:
        difference[window] += weights * (detail - base[window])
    sigma_px = _BAND_SHARE * max(tiles[0].height, tiles[0].width)
    return restored(base + difference - _low_pass(difference, sigma_px), known, kind)


def _fit_to_whole(
    detail: np.ndarray, usable: np.ndarray, base: np.ndarray, known: np.ndarray, kind: DepthKind
) -> Fit | None:
    """The fit of a tile to the same part of the whole; None if the tile has no usable content."""
    common = usable & known
    if not common.any() or is_constant(detail[usable]):
        return None
    cell_px = max(1, max(detail.shape) // _CELLS_PER_SIDE)
    share = _cells(common.astype(np.float32), cell_px)
    filled = share > 0.5 * share.max()
    # Offsets are taken off first, so that sums over cells lose no digits.
    offset, base_offset = np.float32(np.median(detail[common][::97])), np.float32(np.median(base[common][::97]))
    means = _cells(np.where(common, detail - offset, np.float32(0)), cell_px)[filled] / share[filled]
    base_means = _cells(np.where(common, base - base_offset, np.float32(0)), cell_px)[filled] / share[filled]
    aligned_kind = DepthKind.SCALE_INVARIANT if kind is DepthKind.METRIC else kind
    fitted = fit(means, base_means, aligned_kind)
    if fitted is None:
        return None
    return Fit(fitted.scale, fitted.centre + float(offset), fitted.target + float(base_offset))


def _filled(
    base: np.ndarray, known: np.ndarray, parts: Sequence[tuple[tuple[slice, slice], np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """The whole, with the tiles alone where it is not usable; and where there is either."""
    total, weight = np.zeros_like(base), np.zeros_like(base)
    for window, weights, detail in parts:
        total[window] += weights * detail
        weight[window] += weights
    covered = weight > 0
    blended = np.divide(total, weight, out=np.zeros_like(base), where=covered)
    return np.where(known, base, blended), known | covered


def _cells(array: np.ndarray, cell_px: int) -> np.ndarray:
    """Means over cells of about that side."""
    height, width = (max(1, round(side / cell_px)) for side in array.shape)
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)


def _low_pass(array: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur of float32 (H, W), computed on cells that are small against it."""
    cells = _cells(array, max(1, int(sigma_px / _CELLS_PER_SIGMA)))
    sigma_x, sigma_y = (sigma_px * cells.shape[axis] / array.shape[axis] for axis in (1, 0))
    blurred = cv2.GaussianBlur(cells, (0, 0), sigma_x, sigmaY=sigma_y, borderType=cv2.BORDER_REFLECT)
    return cv2.resize(blurred, array.shape[::-1], interpolation=cv2.INTER_LINEAR)
