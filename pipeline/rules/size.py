"""Size of one object: height, width or depth of what is visible."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.records import Claim, Comparison
from pipeline.rules.base import CannotMeasure, Finding, in_words, number_probability
from pipeline.rules.view import FrameView
from pipeline.rules.visibility import cut_off


@dataclass(frozen=True)
class Extent:
    """One extent of an object, in metres or in the depth's own unit.

    Args:
        low: The smaller of two ways to measure it.
        high: The larger one.
        sigma: Standard deviation.
        is_bound: Whether it is only a lower bound, because a part of the object is hidden or cut off.
    """

    low: float
    high: float
    sigma: float
    is_bound: bool


def measured(view: FrameView, index: int, extent: str) -> Extent:
    """One extent of an object, as the camera sees it.

    Height and width are measured in two ways: from the region's sides at the object's median depth (pinhole
    model), which counts a visible top face as height, and from its points, which lose the edges. Depth is the
    range of the visible surface, and always a lower bound.

    Args:
        view: The frame.
        index: Index of the region.
        extent: ``height``, ``width`` or ``depth``.
    """
    camera = view.camera
    z, noise = view.z(index), view.depth_noise(index)
    axis = {"width": 0, "height": 1, "depth": 2}[extent]
    first, last = (float(value) for value in np.percentile(view.points(index)[:, axis], (1, 99)))
    length_error = view.budget.length(view.depth, camera.source)
    if extent == "depth":
        value = last - first
        return Extent(value, value, math.hypot(noise * z, length_error * value), True)
    box = view.box_px(index)
    side_px, focal = (box[2] - box[0], camera.fx) if axis == 0 else (box[3] - box[1], camera.fy)
    edges = (2 * view.settings.edge_px + 1) * z / focal
    values = sorted((side_px * z / focal, last - first + edges))
    quantiles = view.object(index).quantiles
    quarter = len(quantiles) // 4
    # The silhouette may lie anywhere within the object's own depth.
    own_depth = (quantiles[-quarter - 1] - quantiles[quarter]) / 2
    edge_error = math.sqrt(2) * view.edge_error_px(index, axis) / max(side_px, 1.0)
    relative = math.hypot(noise, own_depth, length_error, edge_error)
    sides = ("left", "right") if axis == 0 else ("top", "bottom")
    return Extent(values[0], values[1], relative * values[1], any(cut_off(view, index, side) for side in sides))


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...]) -> Finding:
    """Compare the claimed size with the measured one; without a named side, height or width fits.

    Raises:
        CannotMeasure: If only a lower bound is known and it does not settle the claim.
    """
    sides = (claim.measure,) if claim.measure else ("height", "width")
    found = {side: measured(view, subject, side) for side in sides}
    low, high = min(part.low for part in found.values()), max(part.high for part in found.values())
    sigma_m = max(part.sigma for part in found.values())
    probability, margin_m = number_probability(claim, low, high, sigma_m, view.settings.tolerance)
    described = ", ".join(f"{side} {in_words(part.low)} to {in_words(part.high)}" for side, part in found.items())
    note = f"{claim.subject!r} has {described} (+/- {in_words(sigma_m)}); the claim says {claim.value:g} {claim.unit}."
    if any(part.is_bound for part in found.values()) and not _settled(claim, low, high, probability):
        raise CannotMeasure(
            f"{note} Only a part of it is visible, so this is a lower bound.", "a view of the whole object"
        )
    return Finding(
        probability,
        margin_m,
        "m",
        note,
        {
            **{f"{side}_low_m": part.low for side, part in found.items()},
            **{f"{side}_high_m": part.high for side, part in found.items()},
            "sigma_m": sigma_m,
        },
        needs="more precise depth, scale or focal length",
    )


def _settled(claim: Claim, low: float, high: float, probability: float) -> bool:
    """Whether a larger true size could not change the verdict."""
    value = claim.value_m
    assert value is not None
    if claim.comparison is Comparison.AT_LEAST:
        return probability > 0.5
    return low > value and probability < 0.5
