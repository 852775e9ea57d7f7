"""How well a depth map lies on its image: the edges of depth are edges of the image, if both show the same view.

The agreement is that of normalised gradient fields (Haber & Modersitzki, "Intensity gradient based registration and
fusion of multi-modal images", MICCAI 2006), where depth has edges. It is stated in standard deviations of what the same
two give if one is shifted far away, so that the busy and the plain compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from pipeline.geometry.orientation import QUARTER_TURNS
from pipeline.records.depth import DepthMap

# Standard deviations that it is worth if nearness rises perfectly towards the lower side.
_FALL_WEIGHT = 1.5
# Longer side of the grid on which gradients are compared [px], and blur before they are taken [px of that grid].
_SIDE_PX, _BLUR_PX = 192, 1.5
# A gradient of depth counts fully at this quantile of all, and not more than that much beyond.
_EDGE_QUANTILE, _MOST_EDGE = 0.9, 1.5
# Orientations that exchange top and bottom, left and right, after a transposition in those that turn.
_FLIPS_DOWN, _FLIPS_RIGHT = frozenset((3, 4, 7, 8)), frozenset((2, 3, 6, 7))
# Quantiles are those of every so many pixels.
_EVERY = 3
# Depth has edges where its strongest gradients are so many times the usual one; slopes and noise have up to 1.6.
_LEAST_EDGES = 2.0
# Depth may lie beside its image by so many pixels of the grid.
_SLACK_PX = 1
# Shifts by more than this share of a side are by chance.
_FAR_SHARE = 0.125
# So many of them are looked at.
_CHANCE_SHIFTS = 4000
# Share of a pixel of the grid that depth must cover.
_LEAST_COVERED = 0.3
# Least sides of the grid [px], and least range of depth, as a share, from which edges can be told.
_LEAST_SIDE_PX, _LEAST_RANGE = 12, 0.02


@dataclass(frozen=True)
class Agreement:
    """How well image and depth agree, in standard deviations.

    Args:
        edges: That of their edges, above chance.
        fall: What it adds that in most pictures the near lies below the far; negative where it does not.
    """

    edges: float
    fall: float = 0.0

    @property
    def total(self) -> float:
        """Both together."""
        return self.edges + self.fall


def orientation_agreements(rgb: np.ndarray, depth: DepthMap, orientations: Sequence[int]) -> dict[int, Agreement]:
    """Agreement of an image with its depth in several orientations.

    Args:
        rgb: uint8 (H, W, 3), upright.
        depth: z-depth or disparity at any resolution, edge to edge with the image once it is oriented; dense.
        orientations: Orientations to compare, see ``geometry.orientation``.

    Returns:
        Agreements by orientation; empty where image or depth are too small or too plain to tell.
    """
    height, width = rgb.shape[:2]
    # Whole blocks of pixels average much faster than parts of them; what is left at two sides is less than a block.
    block = -(-max(height, width) // _SIDE_PX)
    size = width // block, height // block
    if min(size) < _LEAST_SIDE_PX or min(depth.shape) < _LEAST_SIDE_PX or depth.sampling.is_scattered:
        return {}
    # Twice the grid's resolution is enough to average from.
    step = max(1, max(depth.shape) // (2 * max(size)))
    values, valid = _comparable(depth, step)
    if not valid.any() or np.ptp(values[valid]) < _LEAST_RANGE:
        return {}
    image = scipy.fft.rfft2(_image_structure(rgb[: size[1] * block, : size[0] * block], size))
    far = _far_shifts(size)
    spectra: dict[bool, np.ndarray | None] = {}
    heights, spreads = {}, []
    for orientation in orientations:
        turns = orientation in QUARTER_TURNS
        if turns not in spectra:
            spectra[turns] = _depth_spectrum(values, valid, size, turns=turns)
        spectrum = spectra[turns]
        if spectrum is None:
            return {}
        at_shift = _at_shifts(spectrum, orientation, image, size)
        chance = at_shift.ravel()[far]
        near = np.roll(at_shift, (_SLACK_PX, _SLACK_PX), axis=(0, 1))[: 2 * _SLACK_PX + 1, : 2 * _SLACK_PX + 1]
        heights[orientation] = float(near.max()) - float(chance.mean())
        spreads.append(float(chance.std()))
    spread = float(np.mean(spreads))
    if spread <= 1e-9:
        return {}
    falls = _falls(values, valid, nearer=1.0 if depth.kind.larger_is_nearer else -1.0)
    return {
        orientation: Agreement(height / spread, _fall_of(falls, orientation)) for orientation, height in heights.items()
    }


def _falls(values: np.ndarray, valid: np.ndarray, nearer: float) -> tuple[float, float]:
    """Correlations of nearness with the stored rows and columns; 0 where there are none."""
    step = max(1, max(values.shape) // 64)
    rows, columns = np.nonzero(valid[::step, ::step])
    near = nearer * values[::step, ::step][rows, columns]
    if len(near) < 2 or np.ptp(near) == 0 or np.ptp(rows) == 0 or np.ptp(columns) == 0:
        return 0.0, 0.0
    return tuple(float(np.corrcoef(near, places)[0, 1]) for places in (rows, columns))  # type: ignore[return-value]


def _fall_of(falls: tuple[float, float], orientation: int) -> float:
    """What it adds that in most pictures the near lies below the far."""
    fall = falls[1] if orientation in QUARTER_TURNS else falls[0]
    return _FALL_WEIGHT * (-fall if orientation in _FLIPS_DOWN else fall)


def _depth_spectrum(values: np.ndarray, valid: np.ndarray, size: tuple[int, int], *, turns: bool) -> np.ndarray | None:
    """Spectrum of depth's structure, transposed where the orientation turns; None without edges."""
    structure = _depth_structure(values, valid, size[::-1] if turns else size)
    if structure is None:
        return None
    if turns:
        structure = structure[[1, 0, 2]].transpose(0, 2, 1)
    spectrum: np.ndarray = scipy.fft.rfft2(structure)
    return spectrum


def _at_shifts(spectrum: np.ndarray, orientation: int, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Agreement at all circular shifts, float32 (h, w), of structure that is flipped as the orientation says.

    Of a real array that is read backwards along an axis, the spectrum is that of the opposite frequencies, shifted by a
    pixel; of the opposite frequencies along both axes, it is the conjugate. One flip turns the sign of xy round.

    Args:
        spectrum: Spectrum of depth's structure (3, h, w // 2 + 1), transposed where the orientation turns.
        orientation: From 1 to 8.
        image: Spectrum of the image's structure.
        size: (width, height) of the grid.
    """
    down, right = orientation in _FLIPS_DOWN, orientation in _FLIPS_RIGHT
    if down != right:
        # Row -k, of the opposite frequency, is where reading backwards and one step further leads.
        spectrum = np.roll(spectrum[:, ::-1], 1, axis=1)
        image = image * np.array((1, 1, -1), np.float32)[:, None, None]
    # The product takes the conjugate of depth's spectrum.
    product = np.einsum("chw,chw->hw", spectrum if right else spectrum.conj(), image)
    for axis, flips, length in ((0, down, size[1]), (1, right, size[0])):
        if flips:
            phase = np.exp(-2j * np.pi * np.arange(product.shape[axis]) / length).astype(np.complex64)
            product = product * (phase[:, None] if axis == 0 else phase)
    at_shifts: np.ndarray = scipy.fft.irfft2(product, s=size[::-1])
    return at_shifts


def _comparable(depth: DepthMap, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Values whose steps compare over the whole range, float32: logarithms of depth, shares of the range otherwise."""
    values, valid = depth.values[::step, ::step], depth.valid[::step, ::step]
    if depth.kind.has_shape:
        return np.log(np.where(valid, values, 1)).astype(np.float32), valid
    lowest, highest = np.percentile(values[valid][::7], (2, 98)) if valid.any() else (0.0, 1.0)
    return np.clip((values - lowest) / max(float(highest - lowest), 1e-12), 0, 1).astype(np.float32), valid


def _image_structure(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Products of the image's normalised gradient, float32 (3, h, w): xx, yy, 2 xy."""
    small = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    x, y = _gradient(small.astype(np.float32))
    # Of colours, the products are added (Di Zenzo, "A note on the gradient of a multi-image", 1986).
    ones = np.ones((1, 3), np.float32)
    structure = np.stack([cv2.transform(a * b, ones) for a, b in ((x, x), (y, y), (2 * x, y))])
    squared = structure[0] + structure[1]
    scaled: np.ndarray = structure / (squared + np.median(squared.ravel()[::_EVERY]) + 1e-6)
    return scaled


def _depth_structure(values: np.ndarray, valid: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """Weighted products of the directions of depth's edges, float32 (3, h, w), of sum 1; None without edges."""
    covered = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    known = covered > _LEAST_COVERED
    if not known.any():
        return None
    total = cv2.resize(np.where(valid, values, 0), size, interpolation=cv2.INTER_AREA)
    x, y = _gradient(_filled(np.where(known, total / np.maximum(covered, 1e-6), 0), known))
    squared = x * x + y * y
    inner = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    if not inner.any():
        return None
    usual, edge, strong = (float(part) for part in np.quantile(squared[inner][::_EVERY], (0.5, _EDGE_QUANTILE, 0.97)))
    if edge <= 0 or strong < _LEAST_EDGES**2 * usual:
        return None
    weight = np.where(inner, np.minimum(squared / edge, _MOST_EDGE**2), 0) / np.maximum(squared, 1e-20)
    structure = np.stack((x * x * weight, y * y * weight, x * y * weight))
    return structure / (structure[0] + structure[1]).sum()


def _gradient(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    blurred = cv2.GaussianBlur(values, (0, 0), _BLUR_PX)
    return cv2.Sobel(blurred, cv2.CV_32F, 1, 0), cv2.Sobel(blurred, cv2.CV_32F, 0, 1)


def _filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The values with that of the nearest known pixel where they are unknown."""
    values = values.astype(np.float32)
    if known.all():
        return values
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(nearest.max() + 1, np.float32)
    by_label[nearest[known]] = values[known]
    filled: np.ndarray = by_label[nearest]
    return filled


def _far_shifts(size: tuple[int, int]) -> np.ndarray:
    """Positions of shifts by chance in the flat array of all shifts."""
    rows, columns = np.arange(size[1])[:, None], np.arange(size[0])
    down, right = np.minimum(rows, size[1] - rows), np.minimum(columns, size[0] - columns)
    far = np.flatnonzero((down > _FAR_SHARE * size[1]) | (right > _FAR_SHARE * size[0]))
    return far[:: max(1, len(far) // _CHANCE_SHIFTS)]
