"""The focal length that the density of a scanner's returns asks for.

A spinning scanner beside the camera samples angles evenly, so that its returns are denser in the middle of the image:
at pixel offsets a along x from the principal point and near the horizon, by the solid angle of a pixel,
(1 + a^2 / f^2) ** -1.5 for a focal length f [px].
"""

from __future__ import annotations

import numpy as np

from pipeline.geometry.self_calibration import FocalEvidence
from pipeline.records.camera import Camera
from pipeline.records.depth import DepthMap

# Rows between these percentiles of the returns: above them lines end in the sky, below them at the image's edge.
_LOWEST_ROW, _HIGHEST_ROW = 40, 97
_FEWEST_RETURNS, _BINS = 2000, 14
# Focal lengths that are tried, as shares of the width.
_SHARES = np.exp(np.linspace(np.log(0.25), np.log(4.0), 81))
# Mean deviation of the density's logarithm up to which the model holds, and by which a focal length must fit worse to
# be contradicted. Nine real frames: the best deviates by 0.01 to 0.03, the true one by 0.01 to 0.04 more.
_MOST_DEVIATION, _CONTRADICTED = 0.04, 0.045
# Both focal lengths that are wrong by this factor must be contradicted, or the image is too narrow to tell.
_TOLD_FACTOR = 1.5


def scan_focal_evidence(depth: DepthMap, camera: Camera) -> FocalEvidence | None:
    """What the returns say about the focal length of their camera.

    Args:
        depth: Single returns of a spinning scanner.
        camera: Intrinsics of the same size.

    Returns:
        Its own focal length, good to about 20 %, with weight 1, and 1 for the given one unless it is contradicted; None
        where nothing can be told.
    """
    rows, columns = np.nonzero(depth.valid)
    if len(rows) < _FEWEST_RETURNS:
        return None
    lowest, highest = np.percentile(rows, (_LOWEST_ROW, _HIGHEST_ROW))
    offsets = np.abs(columns[(rows >= lowest) & (rows <= highest)] - camera.cx)
    all_offsets = np.abs(np.arange(camera.width) - camera.cx)
    edges = np.linspace(0, all_offsets.max(), _BINS + 1)
    found, widths = (np.histogram(some, edges)[0] for some in (offsets, all_offsets))
    if found.min() == 0:
        return None
    density = np.log(found / widths)
    middles = (edges[1:] + edges[:-1]) / 2
    tried = _SHARES * camera.width
    left_over = density + 1.5 * np.log1p((middles / tried[:, None]) ** 2)
    deviations = np.abs(left_over - np.median(left_over, axis=1, keepdims=True)).mean(axis=1)
    best = tried[deviations.argmin()]
    excess = deviations - deviations.min()

    def contradicted(focal_px: float) -> bool:
        return bool(np.interp(np.log(focal_px), np.log(tried), excess) > _CONTRADICTED)

    if deviations.min() > _MOST_DEVIATION or not all(map(contradicted, (best * _TOLD_FACTOR, best / _TOLD_FACTOR))):
        return None
    return FocalEvidence(float(best), 1.0, 0.0 if contradicted(camera.fx) else 1.0)
