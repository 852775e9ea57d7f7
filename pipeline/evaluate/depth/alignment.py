"""Alignments, which convert a prediction to metres before it is compared with the ground truth.

Each alignment is an explicit choice. Unknowns of the prediction's kind (scale, shift, inversion) must be fitted to the
ground truth; known quantities may be fitted too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pipeline.evaluate.depth.alignment_lines import Line, constant_line, least_squares_line
from pipeline.evaluate.depth.alignment_robust import huber_line, ransac_line
from pipeline.records import DepthKind
from pipeline.records.errors import ConfigError

LEAST_DEPTH_M = 1e-3
"""Lower clamp of aligned depth unless a protocol sets one, which keeps its logarithm finite [m]."""


class Alignment(StrEnum):
    """How a prediction is converted to metres.

    ``none``: unchanged.
    ``median_scale``: times the ratio of the medians of truth and prediction (Zhou et al., CVPR 2017).
    ``scale``: times the least-squares factor in depth.
    ``scale_shift_depth``: ``z = s * p + t`` by least squares in depth (Ranftl et al., PAMI 2020, in depth).
    ``scale_shift_disparity``: ``1 / z = s * d + t`` by least squares in disparity, then clamped to the disparity of
    the depth cap: the protocol of MiDaS (Ranftl et al., PAMI 2020, section 6).
    ``huber_*``: the same lines with Huber's loss, for ground truth with outliers; ``ransac_*``: through the largest set
    of inliers, for outliers of either map; both on at most 10 000 seeded pixels.
    """

    NONE = "none"
    MEDIAN_SCALE = "median_scale"
    SCALE = "scale"
    SCALE_SHIFT_DEPTH = "scale_shift_depth"
    SCALE_SHIFT_DISPARITY = "scale_shift_disparity"
    HUBER_DEPTH = "huber_depth"
    HUBER_DISPARITY = "huber_disparity"
    RANSAC_DEPTH = "ransac_depth"
    RANSAC_DISPARITY = "ransac_disparity"

    @property
    def in_disparity(self) -> bool:
        """Whether the line is fitted to 1 / z instead of z."""
        return self.value.endswith("disparity")


_IN_DEPTH = (Alignment.SCALE_SHIFT_DEPTH, Alignment.HUBER_DEPTH, Alignment.RANSAC_DEPTH)
_IN_DISPARITY = (Alignment.SCALE_SHIFT_DISPARITY, Alignment.HUBER_DISPARITY, Alignment.RANSAC_DISPARITY)
ALLOWED: dict[DepthKind, tuple[Alignment, ...]] = {
    DepthKind.METRIC: tuple(Alignment),
    DepthKind.SCALE_INVARIANT: tuple(item for item in Alignment if item is not Alignment.NONE),
    DepthKind.DEPTH_AFFINE: _IN_DEPTH,
    DepthKind.DISPARITY_AFFINE: _IN_DISPARITY,
}
"""The alignments that each kind of prediction allows; alignment in disparity inverts depth first."""

_WHY = {
    DepthKind.SCALE_INVARIANT: "its unit is unknown",
    DepthKind.DEPTH_AFFINE: "its scale and shift are unknown, and it cannot be inverted before the shift is known",
    DepthKind.DISPARITY_AFFINE: "it is a disparity of unknown scale and shift, and both are needed for depth",
}


def check_alignment(kind: DepthKind, alignment: Alignment) -> None:
    """Check that the kind of a prediction allows an alignment.

    Raises:
        ConfigError: If it does not; the message gives the reason and the allowed alignments.
    """
    if alignment not in ALLOWED[kind]:
        raise ConfigError(
            f"The alignment {alignment} does not fit a prediction of kind {kind}, because {_WHY[kind]}; "
            f"allowed are {', '.join(ALLOWED[kind])}."
        )


@dataclass(frozen=True)
class Fit:
    """A fitted alignment, which applies to any value of the prediction.

    Args:
        line: From the prediction (or its inverse) to depth or disparity.
        in_disparity: Whether the line gives 1 / z.
        inverts: Whether to invert the prediction, which is depth, first.
        least_m: Lower clamp of aligned depth [m], positive.
        most_m: Upper clamp of aligned depth [m]; may be infinite for lines in depth.
        note: Problem of the fit, in one sentence; empty if there is none.
    """

    line: Line
    in_disparity: bool
    inverts: bool
    least_m: float
    most_m: float
    note: str = ""

    def depth_m(self, values: np.ndarray) -> np.ndarray:
        """Aligned and clamped depth [m], float64, of valid values of the prediction in any shape."""
        aligned = self.line(1 / values if self.inverts else values)
        if self.in_disparity:
            return np.divide(1, np.clip(aligned, 1 / self.most_m, 1 / self.least_m, out=aligned), out=aligned)
        return np.clip(aligned, self.least_m, self.most_m, out=aligned)


def fit_alignment(
    values: np.ndarray,
    true_m: np.ndarray,
    kind: DepthKind,
    alignment: Alignment,
    *,
    least_m: float = LEAST_DEPTH_M,
    most_m: float | None = None,
    seed: int = 0,
) -> Fit:
    """Fit an alignment to pixels where both depths are known.

    A constant prediction or a single pixel determines no line, and a falling line would reverse the prediction's order.
    Then the fit is the best line of non-negative scale: a constant, which is the mean of the true depth or disparity,
    or its median for robust lines. The note says so.

    Args:
        values: float64 (N,), the prediction, positive where its kind is metric or scale_invariant.
        true_m: float64 (N,), the true depth [m], positive; N is at least one.
        kind: Kind of the prediction.
        alignment: How to align.
        least_m: Lower clamp of the aligned depth [m].
        most_m: Upper clamp of the aligned depth [m]; None sets none in depth, and in disparity, where depth would be
            unbounded, the largest true depth.
        seed: Seed of the draws of robust lines.

    Raises:
        ConfigError: If the kind does not allow the alignment.
    """
    check_alignment(kind, alignment)
    in_disparity = alignment.in_disparity
    inverts = in_disparity and not kind.larger_is_nearer
    if most_m is None:
        most_m = float(true_m.max()) if in_disparity else np.inf
    line, note = Line(1.0), ""
    if alignment is Alignment.MEDIAN_SCALE:
        line = Line(float(np.median(true_m) / np.median(values)))
    elif alignment is Alignment.SCALE:
        line = Line(float(values @ true_m) / float(values @ values))
    elif alignment is not Alignment.NONE:
        x, y = (1 / values if inverts else values), (1 / true_m if in_disparity else true_m)
        line, note = _shifted_line(x, y, alignment, seed)
    return Fit(line, in_disparity, inverts, least_m, most_m, note)


def _shifted_line(x: np.ndarray, y: np.ndarray, alignment: Alignment, seed: int) -> tuple[Line, str]:
    """The line of an alignment with a shift, and the note on its problem."""
    robust_line = {"huber": huber_line, "ransac": ransac_line}.get(alignment.partition("_")[0])
    line = robust_line(x, y, seed) if robust_line and len(x) > 1 else least_squares_line(x, y)
    if len(x) < 2:
        problem = "Only one pixel can be compared"
    elif line is None:
        problem = "The prediction determines no line"
    elif line.scale <= 0:
        problem = "The prediction falls where the ground truth rises"
    else:
        return line, ""
    return constant_line(y, is_robust=robust_line is not None), f"{problem}, so a constant was fitted."
