"""Size of one object: height, width or depth of what is visible."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.regions import mask_box
from pipeline.records import Claim, Comparison
from pipeline.rules.base import CannotMeasure, Finding, number_probability
from pipeline.rules.view import FrameView

_BORDER_PX = 2.0


def measured(view: FrameView, index: int, extent: str) -> tuple[float, float, bool]:
    """One extent of an object, as the camera sees it.

    Height and width are the sides of the region at the object's median depth (pinhole model); depth is
    the range of the visible surface.

    Args:
        view: The frame.
        index: Index of the region.
        extent: ``height``, ``width`` or ``depth``.

    Returns:
        (extent, its error, whether it is only a lower bound), in metres or in the depth's own unit. It
        is a lower bound where the region reaches the border of the frame, and always for depth.
    """
    region, camera = view.regions[index], view.camera
    z, noise = view.z(index), view.depth_noise(index)
    if extent == "depth":
        low, high = np.percentile(view.points(index)[:, 2], (2, 98))
        value = float(high - low)
        return value, math.hypot(noise * z, view.budget.length(view.depth, camera.source) * value), True
    box = region.box_px
    if region.mask is not None:
        box = mask_box(region.mask) or box
    horizontal = extent == "width"
    low_px, high_px = (box[0], box[2]) if horizontal else (box[1], box[3])
    limit, focal = (camera.width, camera.fx) if horizontal else (camera.height, camera.fy)
    side_px = high_px - low_px
    value = side_px * z / focal
    quantiles = view.object(index).quantiles
    quarter = len(quantiles) // 4
    # The silhouette may lie anywhere within the object's own depth.
    own_depth = (quantiles[-quarter - 1] - quantiles[quarter]) / 2
    relative = math.hypot(
        noise,
        own_depth,
        view.budget.length(view.depth, camera.source),
        math.sqrt(2) * view.budget.box_edge_px(side_px) / max(side_px, 1.0),
    )
    return value, relative * value, low_px < _BORDER_PX or high_px > limit - _BORDER_PX


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...]) -> Finding:
    """Compare the claimed size with the measured one; without a named side, height or width fits.

    Raises:
        CannotMeasure: If only a lower bound is known and it does not settle the claim.
    """
    sides = (claim.measure,) if claim.measure else ("height", "width")
    values = {side: measured(view, subject, side) for side in sides}
    low = min(value for value, _, _ in values.values())
    high = max(value for value, _, _ in values.values())
    sigma_m = max(sigma for _, sigma, _ in values.values())
    bounded_below = any(bound for _, _, bound in values.values())
    probability, margin_m = number_probability(claim, low, high, sigma_m, view.settings.tolerance)
    described = ", ".join(f"{side} {value:.2f} m" for side, (value, _, _) in values.items())
    note = f"{claim.subject!r} has {described} (+/- {sigma_m:.2f} m); the claim says {claim.value:g} {claim.unit}."
    if bounded_below and not _settled(claim, low, high, probability):
        raise CannotMeasure(
            f"{note} Only a part of it is visible, so this is a lower bound.", "a view of the whole object"
        )
    return Finding(
        probability,
        margin_m,
        "m",
        note,
        {**{f"{side}_m": value for side, (value, _, _) in values.items()}, "sigma_m": sigma_m},
        needs="more precise depth, scale or focal length",
    )


def _settled(claim: Claim, low: float, high: float, probability: float) -> bool:
    """Whether a larger true size could not change the verdict."""
    value = claim.value_m
    assert value is not None
    if claim.comparison is Comparison.AT_LEAST:
        return probability > 0.5
    return low > value and probability < 0.5
