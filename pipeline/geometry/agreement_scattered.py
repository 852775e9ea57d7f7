"""How well the returns of a scanner lie on their image.

Convention: as in ``geometry.agreement``. Where two neighbouring returns of a line jump in depth, the image has an
edge; and a scanner that stands on the ground sees the near below the far.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.stats import spearmanr

from pipeline.geometry.orientation import oriented
from pipeline.records.depth import DepthMap

# Two returns of a line are neighbours up to this many spacings, and jump beyond this ratio of depth (a logarithm).
_MOST_APART, _LEAST_JUMP = 3, 0.12
_FEWEST_JUMPS = 40
# An edge may lie beside the middle of the jump by this share of a window [px], and is compared at so many shifts.
_WINDOW_PX, _SHIFTS = (7, 3), 48
# Upside down, depth falls from top to bottom less than this rank correlation, and returns lie in the upper part.
_RISING, _UPPER_SHARE = 0.2, 0.45


def is_upside_down(depth: DepthMap) -> bool:
    """Whether the returns fill the upper part of the image and get nearer towards its top.

    Args:
        depth: Single returns.
    """
    rows = np.nonzero(depth.valid)[0]
    if len(rows) < _FEWEST_JUMPS or rows.mean() > _UPPER_SHARE * depth.shape[0]:
        return False
    return bool(spearmanr(rows, depth.values[depth.valid]).statistic > _RISING)


def mirror_agreements(rgb: np.ndarray, depth: DepthMap) -> dict[int, float]:
    """Agreement of an image with returns as they are (1), and mirrored from left to right (2).

    Args:
        rgb: uint8 (H, W, 3), upright.
        depth: Single returns, of the same size.

    Returns:
        Standard deviations above chance by orientation; empty where there are too few jumps to tell.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    strength = cv2.dilate(np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)), np.ones(_WINDOW_PX[::-1], np.uint8))
    # Ranks, because a few strong edges must not decide.
    levels = np.sort(strength[::5, ::5], axis=None)
    ranks = np.searchsorted(levels, strength) / len(levels)
    width = depth.shape[1]
    shifts = np.linspace(width / 8, width * 7 / 8, _SHIFTS).astype(np.intp)
    heights, spreads = {}, []
    for orientation in (1, 2):
        rows, columns = _jumps(oriented(depth.values, orientation), oriented(depth.valid, orientation), depth)
        if len(rows) < _FEWEST_JUMPS:
            return {}
        chance = ranks[rows, (columns + shifts[:, None]) % width].mean(axis=1)
        heights[orientation] = float(ranks[rows, columns].mean() - chance.mean())
        spreads.append(float(chance.std()))
    spread = float(np.mean(spreads))
    return {orientation: height / spread for orientation, height in heights.items()} if spread > 1e-9 else {}


def _jumps(values: np.ndarray, valid: np.ndarray, depth: DepthMap) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns half-way between neighbouring returns of a row that jump in depth."""
    rows, columns = np.nonzero(valid)
    logs = np.log(values[rows, columns])
    gap = np.diff(columns)
    jump = (np.diff(rows) == 0) & (gap <= _MOST_APART * depth.sampling.width_px) & (np.abs(np.diff(logs)) > _LEAST_JUMP)
    return rows[:-1][jump], (columns[:-1][jump] + columns[1:][jump]) // 2
