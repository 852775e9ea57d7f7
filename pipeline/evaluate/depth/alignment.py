"""Bringing a prediction into metres before it is compared with the truth.

Each alignment is an explicit choice. What a prediction's kind leaves open (scale, shift, inversion) may be fitted to
the truth; what it claims to know may be left alone or fitted as well; what it does not know cannot be left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pipeline.evaluate.depth.alignment_lines import Line, constant_line, least_squares_line
from pipeline.evaluate.depth.alignment_robust import huber_line, ransac_line
from pipeline.records import DepthKind, DepthMap
from pipeline.records.errors import ConfigError, InputError

LEAST_DEPTH_M = 1e-3
"""Aligned depth is at least this unless a protocol says otherwise, so that its logarithm exists [m]."""


class Alignment(StrEnum):
    """How a prediction becomes metres.

    ``none``: it stays as it is.
    ``median_scale``: times the ratio of the medians of truth and prediction (Zhou et al., CVPR 2017).
    ``scale``: times the factor of least squares in depth.
    ``scale_shift_depth``: ``z = s * p + t`` by least squares in depth (Ranftl et al., PAMI 2020, in depth).
    ``scale_shift_disparity``: ``1 / z = s * d + t`` by least squares in disparity, then no disparity below that of the
    depth cap: the protocol of MiDaS (Ranftl et al., PAMI 2020, section 6).
    ``huber_*``: the same lines with Huber's loss, for a truth with outliers; ``ransac_*``: through the largest set of
    pixels that agree, for outliers of either map; both on at most 10 000 seeded pixels.
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
"""Which alignments each kind of prediction allows; depth is inverted where a line is fitted in disparity."""

_WHY = {
    DepthKind.SCALE_INVARIANT: "its unit is unknown",
    DepthKind.DEPTH_AFFINE: "its scale and its shift are unknown, and it cannot be inverted before the shift is known",
    DepthKind.DISPARITY_AFFINE: "it is a disparity of unknown scale and shift, which becomes depth only once both are "
    "known",
}


def check_alignment(kind: DepthKind, alignment: Alignment) -> None:
    """Refuse an alignment that the kind of a prediction does not allow.

    Raises:
        ConfigError: If it does not; the message says why and what is allowed.
    """
    if alignment not in ALLOWED[kind]:
        raise ConfigError(
            f"The alignment {alignment} does not fit a prediction of kind {kind}, because {_WHY[kind]}; "
            f"allowed are {', '.join(ALLOWED[kind])}."
        )


@dataclass(frozen=True)
class Fit:
    """A fitted alignment that can be applied to any value of the prediction.

    Args:
        line: From the prediction (or its inverse) to depth or disparity.
        in_disparity: Whether the line gives 1 / z.
        inverts: Whether the prediction is depth and is inverted before.
        least_m: Aligned depth is clamped to this [m], positive.
        most_m: Aligned depth is clamped to this [m]; may be infinite for lines in depth.
        note: What was wrong with the fit, in one sentence; empty where nothing was.
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

    A prediction that is the same everywhere, or fewer than two pixels, determine no line, and a line that turns the
    order of the prediction around is none that its kind allows: then the best line with a scale that is not negative
    is taken, which is a constant (the mean of the truth, in disparity where the line is; for robust lines its median),
    and the note says so.

    Args:
        values: float64 (N,), the prediction, positive where its kind is metric or scale_invariant.
        true_m: float64 (N,), the true depth [m], positive; N is at least one.
        kind: What the prediction means.
        alignment: How to align.
        least_m: Clamp of the aligned depth [m].
        most_m: Clamp of the aligned depth [m]; None sets none in depth, and the largest true depth in disparity,
            where depth would have no end.
        seed: Of what robust lines draw.

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
    """The line of an alignment with a shift, and what was wrong with it."""
    is_robust = alignment not in (Alignment.SCALE_SHIFT_DEPTH, Alignment.SCALE_SHIFT_DISPARITY)
    if len(x) < 2:
        return constant_line(y, is_robust), "Only one pixel can be compared, so a constant was fitted."
    if alignment in (Alignment.HUBER_DEPTH, Alignment.HUBER_DISPARITY):
        line = huber_line(x, y, seed)
    elif is_robust:
        line = ransac_line(x, y, seed)
    else:
        line = least_squares_line(x, y)
    if line is None:
        return constant_line(y, is_robust), "The prediction determines no line, so a constant was fitted."
    if line.scale <= 0:
        return constant_line(y, is_robust), "The prediction falls where the truth rises, so a constant was fitted."
    return line, ""


@dataclass(frozen=True, eq=False)
class Aligned:
    """A prediction in metres.

    Args:
        depth_m: float64 (H, W), NaN where the prediction is not valid.
        valid: bool (H, W), where the prediction is valid.
        scale: Factor of the prediction (of its inverse where depth is aligned in disparity).
        shift: What is added to it [m, or 1/m in disparity].
        note: What was wrong with the fit, in one sentence; empty where nothing was.
    """

    depth_m: np.ndarray
    valid: np.ndarray
    scale: float
    shift: float
    note: str = ""


def align(
    prediction: DepthMap,
    truth: DepthMap,
    mask: np.ndarray,
    alignment: Alignment | str,
    *,
    least_m: float = LEAST_DEPTH_M,
    most_m: float | None = None,
    seed: int = 0,
) -> Aligned:
    """Align a whole map with the truth of the same image.

    Args:
        prediction: Of any kind.
        truth: Metric depth of the same size.
        mask: bool (H, W), the pixels to fit to; those without either depth are left out.
        alignment: How to align; see ``fit_alignment`` for the other arguments.
        least_m: Clamp of the aligned depth [m].
        most_m: Clamp of the aligned depth [m], or None.
        seed: Of what robust lines draw.

    Returns:
        Aligned depth of all valid pixels of the prediction, inside the mask or not.

    Raises:
        ConfigError: If the kind does not allow the alignment.
        InputError: If sizes differ or no pixel can be compared.
    """
    alignment = Alignment(alignment)
    check_alignment(prediction.kind, alignment)
    if not prediction.shape == truth.shape == mask.shape:
        raise InputError(
            f"Prediction {prediction.shape}, truth {truth.shape} and mask {mask.shape} must have one size; "
            "resize the prediction to the truth."
        )
    both = mask & prediction.valid & truth.valid
    if not both.any():
        raise InputError("No pixel has both a predicted and a true depth inside the caps and the crop.")
    values, true_m = prediction.values[both].astype(np.float64), truth.values[both].astype(np.float64)
    fit = fit_alignment(values, true_m, prediction.kind, alignment, least_m=least_m, most_m=most_m, seed=seed)
    depth_m = np.full(prediction.shape, np.nan)
    depth_m[prediction.valid] = fit.depth_m(prediction.values[prediction.valid].astype(np.float64))
    return Aligned(depth_m, prediction.valid, fit.line.scale, fit.line.shift, fit.note)
