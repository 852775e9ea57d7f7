"""Size of one object: height, width or depth of what is visible."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.records import Claim
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding, number_probability
from pipeline.verify.rules.extents import AXES
from pipeline.verify.rules.object_view import ObjectView

# How far the visible width or height of a whole object, and its depth, are from the true ones, as a share: corners
# turned away, round sides.
SHAPE_ERROR, _DEPTH_ERROR = 0.022, 0.08
# Cutting an object out of a box adds or removes a little.
_BOX_ERROR = 0.03
# Weight of a difference between the width of a box and that of the object found in it.
_UNFILLED = 0.5
# The outermost points of a noisy surface lie this many deviations too far out.
ENDS_NOISE = 2.0
# Where up is unknown, a top face counts as height: this share of the visible depth, or of the height if that is less.
_SLANT_SHARE = 0.5
# Hidden parts add this share of the other visible extents to one, on average.
_HIDDEN_SHARE = 0.4
# The back of an object adds this much to its depth even where its top is visible, on average: logarithm.
_BACK = 0.22


@dataclass(frozen=True)
class Extent:
    """One extent of an object, in metres or in the depth's own unit.

    Args:
        length: Visible length.
        sigma: Standard deviation, as a fraction.
        hidden: Mean of the logarithm by which the true length exceeds it; 0 where all is seen.
    """

    length: float
    sigma: float
    hidden: float


def measured(item: ObjectView, extent: str) -> Extent:
    """One extent of an object, level across the view, along gravity, or level along the view.

    Args:
        item: The object.
        extent: ``height``, ``width`` or ``depth``.

    Raises:
        CannotMeasure: If the depth has no shape or too few of its pixels have depth.
    """
    view, found = item.view, item.extents
    part = found.of(extent)
    axes, _ = view.axes
    z, length = item.z, max(part.length, 1e-9)
    left, top, right, bottom = item.box_px
    axis = AXES.index(extent)
    # A smooth error of depth that changes over the object turns into length as far as the axis points at the camera.
    share = math.hypot(right - left, bottom - top) / max(view.depth.shape)
    uneven = math.sqrt(max(2 - 2 * view.noise.correlation(share), 0.0)) * item.depth_noise
    rough = ENDS_NOISE * item.pixel_noise
    leaked = abs(float(axes[2, axis])) * math.hypot(uneven, rough) * z / length
    # Where an object ends between its last sample and the next is not known.
    ends = math.sqrt(2 / 12) * float(np.hypot(*(item.sample_sides * axes[:2, axis]))) / length
    side_px = (right - left) if axis == 0 else (bottom - top)
    edge = math.sqrt(2) * item.edge_error_px(0 if axis == 0 else 1) / max(side_px, 1.0)
    parts = [
        item.depth_noise,
        leaked,
        ends,
        edge,
        view.budget.length(view.depth, view.camera.source),
        _DEPTH_ERROR if extent == "depth" else SHAPE_ERROR,
        _BOX_ERROR if item.region.mask is None else 0.0,
    ]
    if extent == "width" and item.region.mask is None:
        # The object should fill its box from side to side.
        across = max(side_px * z / view.camera.fx, 1e-9)
        parts.append(_UNFILLED * abs(math.log(length / across)))
    elif extent == "height" and item.region.mask is None:
        rows = np.flatnonzero(item.pixels.mask.any(axis=1))
        filled_px = min(rows[-1] - rows[0] + view.depth.sampling.height_px, side_px)
        parts.append(_UNFILLED * abs(math.log(max(filled_px, 1.0) / max(side_px, 1.0))))
    if not found.is_upright and extent != "width":
        parts.append(_SLANT_SHARE * min(1.0, found.along.length / length))
    elif view.up is not None and extent == "height":
        parts.append(view.up.error_rad * found.along.length / length)
    hidden = _BACK if extent == "depth" else 0.0
    if part.is_open:
        # A table seen from above shows hardly any height, which says little about its legs.
        others = max(found.of(name).length for name in AXES if name != extent)
        hidden = math.log1p(_HIDDEN_SHARE * others / length)
    return Extent(length, float(np.hypot.reduce(parts)), hidden)


def judge(claim: Claim, subject: ObjectView) -> Finding:
    """Compare the claimed size with the measured one; without a named side, anything from height to width fits.

    The visible extent of an object that is hidden in part is a lower bound.
    """
    sides = (claim.measure,) if claim.measure else ("height", "width")
    found = {side: measured(subject, side) for side in sides}
    low, high = (pick(found.values(), key=lambda part: part.length) for pick in (min, max))
    sigma = max(low.sigma, high.sigma)
    probability, margin_m = number_probability(
        claim, low.length, high.length, sigma, subject.view.settings.tolerance, hidden=(low.hidden, high.hidden)
    )
    hidden = any(part.hidden > (_BACK if side == "depth" else 0.0) for side, part in found.items())
    return Finding(
        probability,
        margin_m,
        "m",
        message(
            "visible_sizes" if hidden else "sizes",
            subject=claim.subject,
            sides=tuple(message("side", side=side, length=part.length) for side, part in found.items()),
            interval=HALF_INTERVAL * sigma,
            claimed=claim.number,
        ),
        {
            **{f"{side}_m": part.length for side, part in found.items()},
            "sigma_relative": sigma,
            "is_lower_bound": float(hidden),
        },
        needs="needs_whole_view" if hidden else "needs_depth_scale_focal",
    )
