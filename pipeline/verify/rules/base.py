"""The arguments and the result of every rule.

A rule is a module with ``judge(claim, *objects, **options) -> Finding``, the subject first; the registry of
relations names it and gives its options. It looks at one frame, never at the claim's ground truth, and says what it
cannot know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from pipeline.geometry.lengths import length_probability, share_probability
from pipeline.records import Claim, Comparison, Pixels, Point
from pipeline.records.errors import MessageError
from pipeline.records.message import Message, message
from pipeline.records.settings import Count, NonNegative, Share, checked

# Enough to draw a contour; a result holds one per claim and frame.
_MOST_PIXELS = 120


class CannotMeasure(MessageError):
    """This frame cannot say anything about the claim.

    Args:
        reason: Why, or the code of that message.
        needs: Code of what would change that.
        regions: Indices of the regions that would need more pixels, where that is the reason.
        **values: What the two messages name.
    """

    def __init__(self, reason: Message | str, needs: str, /, regions: tuple[int, ...] = (), **values: Any) -> None:
        self.reason = message(reason, **values) if isinstance(reason, str) else reason
        self.needs = message(needs, **values)
        self.regions = regions


@dataclass(frozen=True)
class Finding:
    """The finding of one frame about a claim, negation disregarded.

    Args:
        probability: Probability that the relation holds.
        margin: How clearly, in ``unit``; negative where it fails.
        unit: Unit of the margin.
        note: What was measured.
        numbers: Named measurements.
        points: Named points of the camera frame.
        needs: Code of what would decide the claim where the probability does not.
        contour_px: Pixels (u, v) of the image along the contour that was read, where one was.
    """

    probability: float
    margin: float
    unit: str
    note: Message
    numbers: dict[str, float] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    needs: str = "needs_precision"
    contour_px: Pixels = ()


@checked
@dataclass(frozen=True)
class Settings:
    """Options of the rules.

    Args:
        edge_px: Edge of an object whose depth is not trusted [px].
        min_pixels: Fewest valid pixels of an object.
        min_returns: Fewest returns of an object, where depth is that of a scanner's single returns.
        foreground_share: Share of a box's centre-weighted pixels that its object must hold.
        point_radius_px: Half side of the window around a point [px].
        tolerance: Accepted relative deviation of a claim's number, at most 10.
        max_points: Most points of one object that distances are measured on.

    Raises:
        SettingError: If a number is out of its range.
    """

    edge_px: Annotated[int, Interval(ge=0, le=50)] = 2
    min_pixels: Count = 6
    min_returns: Count = 4
    foreground_share: Share = 0.3
    point_radius_px: NonNegative = 4.0
    tolerance: Annotated[float, Interval(ge=0, le=10)] = 0.15
    max_points: Annotated[int, Interval(ge=10)] = 1500


def require_camera_view(claim: Claim) -> None:
    """Require that a claim takes the camera's view.

    Raises:
        CannotMeasure: If it takes the view of an object, whose orientation is unknown.
    """
    if claim.perspective != "camera":
        raise CannotMeasure("own_perspective", "needs_orientation", perspective=claim.perspective)


def some_pixels(pixels: np.ndarray) -> Pixels:
    """Pixels of a contour, float (N, 2), thinned evenly to what shows its course."""
    stride = max(1, -(-len(pixels) // _MOST_PIXELS))
    return tuple((round(float(u), 1), round(float(v), 1)) for u, v in pixels[::stride])


def point(values: np.ndarray) -> Point:
    """Three floats of an array."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def allowed(claim: Claim, value: float, unit: float, tolerance: float) -> tuple[float, float]:
    """Least and largest number that a claim allows.

    Args:
        claim: A claim with a number.
        value: The number in the unit of the result.
        unit: What one unit of the claim's tolerance is in that unit.
        tolerance: Relative tolerance where the claim names none; it holds for "about" alone.
    """
    slack = claim.tolerance * unit if claim.tolerance is not None else tolerance * value
    if claim.comparison is not Comparison.ABOUT and claim.tolerance is None:
        slack = 0.0
    least = 0.0 if claim.comparison is Comparison.AT_MOST else max(value - slack, 0.0)
    most = math.inf if claim.comparison is Comparison.AT_LEAST else value + slack
    return least, most


def number_probability(
    claim: Claim,
    low: float,
    high: float,
    sigma: float | tuple[float, float],
    tolerance: float,
    *,
    hidden: tuple[float, float] = (0.0, 0.0),
    covered: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float]:
    """Probability that a claim's length is correct, and by how much it fits.

    Args:
        claim: A claim with a length.
        low: Smallest measured value that the claim's words may mean [m].
        high: Largest one [m]; equal to ``low`` where the words are clear.
        sigma: Standard deviation of the measurement, as a fraction; or one of either value.
        tolerance: Relative tolerance where the claim names none.
        hidden: See ``length_probability``; how much longer the true lengths of both may be.
        covered: How much shorter they may be.

    Returns:
        (probability, margin [m]); the margin is what is left of the tolerance, negative outside.
    """
    value = claim.value_m
    assert value is not None and claim.unit is not None
    least, most = allowed(claim, value, claim.unit.metres, tolerance)
    sigmas = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    ends = [
        length_probability(least, most, max(end, 1e-6), error, hidden=more, covered=less)
        for end, error, more, less in zip((low, high), sigmas, hidden, covered, strict=True)
    ]
    if claim.comparison is Comparison.ABOUT:
        inside = low < value < high
        nearest = min(max(value, low), high)
        probability = max(ends)
        if inside:
            # The lower reading may actually lie beyond the value where a part is hidden.
            stays = 1 - (low / most) ** (1 / hidden[0]) if hidden[0] > 0 else 1.0
            probability = length_probability(least, most, max(nearest, 1e-6), min(sigmas)) * stays
        return probability, most - value - abs(value - nearest)
    # A bound is correct if every reading satisfies it, and wrong if none does.
    margin = low - least if claim.comparison is Comparison.AT_LEAST else most - high
    return sum(ends) / 2, margin


def fraction_probability(claim: Claim, low: float, high: float, sigma: float, tolerance: float) -> tuple[float, float]:
    """Probability that a claimed share is correct when the true one lies between two bounds, and by how much it fits.

    Args:
        claim: A claim whose value is a share.
        low: Least share.
        high: Largest share.
        sigma: Error of both bounds.
        tolerance: Relative tolerance where the claim names none.
    """
    assert claim.value is not None
    least, most = allowed(claim, claim.value, 1.0, tolerance)
    most = min(most, 1.0 + sigma)
    middle = (low + high) / 2
    return share_probability(least - 1e-9, most, low, high, sigma), min(middle - least, most - middle)
