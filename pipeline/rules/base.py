"""What every rule is given and what it returns.

A rule is a module with ``judge(claim, view, subject, objects, **options) -> Finding``; the registry of
relations names it and gives its options. It looks at one frame, never at the claim's truth, and says
what it cannot know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from pipeline.errors import ConfigError
from pipeline.geometry.order import probability_about, probability_within
from pipeline.records import Claim, Comparison, Point


class CannotMeasure(Exception):
    """This frame cannot say anything about the claim.

    Args:
        reason: One sentence on why.
        needs: What would change that.
        regions: Indices of the regions that would need more pixels, where that is the reason.
    """

    def __init__(self, reason: str, needs: str, regions: tuple[int, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.needs = needs
        self.regions = regions


@dataclass(frozen=True)
class Finding:
    """What one frame shows about a claim that is not negated.

    Args:
        probability: Probability that the relation holds.
        margin: How clearly, in ``unit``; negative where it fails.
        unit: Unit of the margin.
        note: What was measured, as a sentence.
        numbers: Named measurements.
        points: Named points of the camera frame.
        needs: What would decide it if the probability does not.
    """

    probability: float
    margin: float | None
    unit: str | None
    note: str
    numbers: dict[str, float] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    needs: str = "more precise depth or boxes"


@dataclass(frozen=True)
class Settings:
    """What the rules let a user choose.

    Args:
        edge_px: Edge of an object whose depth is not trusted [px].
        min_pixels: Fewest valid pixels of an object.
        foreground_share: Share of a box's centre-weighted pixels that its object must hold.
        spread_weight: How much of an object's own depth range counts as doubt about its order.
        point_radius_px: Half side of the window around a point [px].
        tolerance: Accepted relative deviation of a claim's number.
        contour_share: Least share of a shared contour that must show a step in depth for an occlusion.
        max_points: Most points of one object that distances are measured on.
    """

    edge_px: int = 2
    min_pixels: int = 20
    foreground_share: float = 0.3
    spread_weight: float = 0.5
    point_radius_px: float = 4.0
    tolerance: float = 0.15
    contour_share: float = 0.2
    max_points: int = 1500

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: If a number is outside its range.
        """
        ranges = {
            "edge_px": (0, 50),
            "min_pixels": (1, math.inf),
            "foreground_share": (0, 1),
            "spread_weight": (0, 1),
            "point_radius_px": (0, math.inf),
            "tolerance": (0, math.inf),
            "contour_share": (0, 1),
            "max_points": (10, math.inf),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            whole = not isinstance(getattr(type(self), name), int) or isinstance(value, int)
            if isinstance(value, bool) or not isinstance(value, int | float) or not whole or not low <= value <= high:
                kind = "a whole number" if isinstance(getattr(type(self), name), int) else "a number"
                raise ConfigError(
                    f"verify.verifier.settings.{name} must be {kind} from {low} to {high}, not {value!r}."
                )


def require_camera_view(claim: Claim) -> None:
    """Make sure that a claim is meant as the camera sees it.

    Raises:
        CannotMeasure: If it takes the view of an object, whose orientation is unknown.
    """
    if claim.perspective != "camera":
        raise CannotMeasure(
            f"The claim takes the view of {claim.perspective!r}, whose orientation is not known.",
            f"the orientation of {claim.perspective!r}",
        )


def in_words(length_m: float) -> str:
    """A length as people write it.

    >>> in_words(1.234), in_words(0.0621), in_words(0.0042)
    ('1.23 m', '6.2 cm', '4.2 mm')
    """
    size = abs(length_m)
    if size >= 0.995:
        return f"{length_m:.2f} m"
    return f"{100 * length_m:.1f} cm" if size >= 0.00995 else f"{1000 * length_m:.1f} mm"


def point(values: np.ndarray) -> Point:
    """Three floats of an array."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def number_probability(claim: Claim, low: float, high: float, sigma: float, tolerance: float) -> tuple[float, float]:
    """Probability that a claim's length is right, and by how much it fits.

    Args:
        claim: A claim with a length.
        low: Smallest measured value that the claim's words may mean [m].
        high: Largest one [m]; equal to ``low`` where the words are clear.
        sigma: Standard deviation of the measurement [m].
        tolerance: Relative tolerance where the claim names none.

    Returns:
        (probability, margin [m]); the margin is what is left of the tolerance, negative outside.
    """
    value = claim.value_m
    assert value is not None and claim.unit is not None
    # Scale and focal length err by a factor, so a claim of more is judged by the error of that much.
    sigma *= max(1.0, value / high) if high > 0 else 1.0
    slack = claim.tolerance * claim.unit.metres if claim.tolerance is not None else tolerance * value
    if claim.comparison is Comparison.AT_LEAST:
        slack = slack if claim.tolerance is not None else 0.0
        return probability_within(high, sigma, value - slack, math.inf), high - (value - slack)
    if claim.comparison is Comparison.AT_MOST:
        slack = slack if claim.tolerance is not None else 0.0
        return probability_within(low, sigma, -math.inf, value + slack), value + slack - low
    nearest = min(max(value, low), high)
    return probability_about(nearest, sigma, value - slack, value + slack), slack - abs(value - nearest)


def fraction_probability(claim: Claim, low: float, high: float, sigma: float) -> tuple[float | None, float]:
    """Probability that a claimed share is right when the true one lies between two bounds, and by how much it fits.

    Args:
        claim: A claim whose value is a share.
        low: Least share.
        high: Largest share.
        sigma: Error of both bounds.

    Returns:
        (probability, margin); the probability is None where the bounds do not settle it.
    """
    value = claim.value
    assert value is not None
    slack = claim.tolerance if claim.tolerance is not None else Settings().tolerance * value
    if claim.comparison is not Comparison.ABOUT and claim.tolerance is None:
        slack = 0.0
    least, most = value - slack, value + slack
    above, below = low - most, least - high
    if claim.comparison is Comparison.AT_LEAST:
        holds, fails = low - least, least - high
    elif claim.comparison is Comparison.AT_MOST:
        holds, fails = most - high, low - most
    else:
        holds, fails = min(low - least, most - high), max(above, below)
    if holds > 0:
        return probability_within(holds, sigma, 0.0, math.inf), holds
    if fails > 0:
        return 1 - probability_within(fails, sigma, 0.0, math.inf), -fails
    return None, max(holds, -abs(fails))
