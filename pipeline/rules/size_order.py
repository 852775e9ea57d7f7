"""Larger, smaller, taller, wider: two sizes compared, for which depth up to scale is enough."""

from __future__ import annotations

import math

from pipeline.geometry.order import probability_positive
from pipeline.records import Claim
from pipeline.rules.base import CannotMeasure, Finding
from pipeline.rules.size import measured
from pipeline.rules.view import FrameView


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...], *, sign: int, extent: str) -> Finding:
    """Compare heights, widths, or for ``size`` the geometric mean of both.

    Raises:
        CannotMeasure: If an object is cut off by the frame's border and could be larger than it seems.
    """
    first, first_error, first_bound = _log_size(view, subject, extent)
    second, second_error, second_bound = _log_size(view, objects[0], extent)
    gap = first - second
    probability = probability_positive(sign * gap, math.hypot(first_error, second_error))
    note = f"{claim.subject!r} measures {math.exp(gap):.2f} times {claim.object!r} ({extent})."
    if (first_bound and gap < 0) or (second_bound and gap > 0):
        raise CannotMeasure(f"{note} The smaller one is cut off or hidden in part.", "a view of both whole objects")
    return Finding(
        probability,
        sign * gap,
        "relative",
        note,
        {"ratio": math.exp(gap)},
        needs="sizes that differ more, or more precise depth",
    )


def _log_size(view: FrameView, index: int, extent: str) -> tuple[float, float, bool]:
    """Logarithm of a size, its error, and whether it is only a lower bound."""
    sides = ("height", "width") if extent == "size" else (extent,)
    found = [measured(view, index, side) for side in sides]
    logs = [(math.log(max(part.low, 1e-9)), math.log(max(part.high, 1e-9))) for part in found]
    middle = sum(low + high for low, high in logs) / (2 * len(logs))
    error = max(
        math.hypot(part.sigma / max(part.high, 1e-9), (high - low) / 2)
        for part, (low, high) in zip(found, logs, strict=True)
    )
    return middle, error, any(part.is_bound for part in found)
