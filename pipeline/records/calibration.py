"""Calibration: how often verdicts of a stated probability proved correct, by family of relations and kind of depth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.records.depth import DepthMap, ScaleSource
from pipeline.records.errors import ConfigError
from pipeline.records.resources import shipped_option

FAMILIES: Mapping[str, str] = {
    "depth_order": "order",
    "same_depth": "order",
    "occlusion": "occlusion",
    "contact": "contact",
    "distance_between": "separation",
    "distance_to_camera": "distance",
    "size": "size",
    "size_order": "size",
}
"""Family of the relations that a rule judges. Rules without one depend on no depth."""

# Probability that is never exceeded where nothing comparable was judged.
_UNKNOWN = 0.9
_FINITE = 1e-9
# Most values that a range is read from.
_SAMPLED = 5000


def class_of(depth: DepthMap) -> str:
    """Class of a depth map: ``scattered``, ``measured`` or ``predicted``."""
    if depth.sampling.is_scattered:
        return "scattered"
    is_measured = depth.scale_source is ScaleSource.SENSOR
    return "measured" if is_measured else "predicted"


def features_of(depth: DepthMap) -> dict[str, float]:
    """Numbers that tell how far a depth map is from those of a calibration.

    Returns:
        samples: logarithm of the number of measurements; holes: share of dense depth without a value; range: logarithm
        of the ratio of its 95th to its 5th percentile, where depth has a shape.
    """
    sampling, count = depth.sampling, max(int(np.count_nonzero(depth.valid)), 1)
    if sampling.is_scattered:
        features = {"samples": math.log(count)}
    else:
        features = {
            "samples": math.log(max(count / (sampling.width_px * sampling.height_px), 1.0)),
            "holes": 1 - count / depth.valid.size,
        }
    if depth.kind.has_shape:
        values = depth.values[depth.valid][:: 1 + count // _SAMPLED]
        low, high = np.percentile(values, (5, 95)) if values.size else (1.0, 1.0)
        features["range"] = math.log(float(high / low))
    return features


def _is_number(*values: object) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


@dataclass(frozen=True)
class Curve:
    """The map from the stated to the calibrated probability of comparable verdicts: monotone and symmetric.

    Args:
        slope: Factor of the log-odds, positive: below 1 where stated probabilities were too certain.
        most: Largest probability, in (0.5, 1): 1 less the share of verdicts that are wrong however certain they are.
        verdicts: Number of judged claims behind it.
        scenes: Number of their scenes.
        missing_scenes: How many more scenes without an error the guarantee needs; 0 where it holds: see
            ``pipeline.evaluate.fit.calibration``. None without data.
        features: Mean and standard deviation of every feature of their depth maps, see ``features_of``.

    Raises:
        ConfigError: If a number is out of range.
    """

    slope: float = 1.0
    most: float = _UNKNOWN
    verdicts: int = 0
    scenes: int = 0
    missing_scenes: int | None = None
    features: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the numbers."""
        pairs = self.features.values() if isinstance(self.features, Mapping) else [()]
        if not all(_is_number(*pair) and len(pair) == 2 and pair[1] > 0 for pair in pairs):
            raise ConfigError("The features of a calibration need a mean and a positive standard deviation each.")
        counts = self.verdicts, self.scenes, self.missing_scenes or 0
        if not (_is_number(self.slope, self.most, *counts) and min(counts) >= 0):
            raise ConfigError("The numbers of a calibration's curve must be finite, and its counts not negative.")
        if not (0 < self.slope < math.inf and 0.5 < self.most < 1):
            raise ConfigError(
                f"A calibration needs a slope > 0 and a largest probability in (0.5, 1), not {self.slope!r} and "
                f"{self.most!r}."
            )

    def apply(self, probability: float) -> float:
        """The calibrated probability."""
        clipped = min(max(probability, _FINITE), 1 - _FINITE)
        # The hyperbolic tangent is the logistic function without its overflow.
        lead = math.tanh(self.slope * math.log(clipped / (1 - clipped)) / 2)
        return 0.5 + (self.most - 0.5) * lead

    def distance(self, features: Mapping[str, float]) -> float | None:
        """How far a depth map is from those of the curve: its largest deviation, in standard deviations."""
        apart = [
            abs(features[name] - mean) / deviation
            for name, (mean, deviation) in self.features.items()
            if name in features
        ]
        return max(apart, default=None)

    def bounded(self, probability: float) -> float:
        """The probability, no surer than the verdicts behind the curve support."""
        return min(max(probability, 1 - self.most), self.most)


@dataclass(frozen=True)
class Calibration:
    """The curves of all families and classes of depth.

    Args:
        curves: By ``family/class``, or ``family/class/backend`` where a backend has its own.
        name: Name of the calibration.
        fitted_on: What it was fitted on, in words.
        risk: The share of wrong verdicts that the guarantee bounds.
        confidence: The confidence of that bound.

    Raises:
        ConfigError: If a number is out of range.
    """

    curves: Mapping[str, Curve | Mapping[str, Any]]
    name: str = "default"
    fitted_on: str = ""
    risk: float = 0.05
    confidence: float = 0.9
    _made: dict[str, Curve] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the curves of plain mappings."""
        for what, value in (("risk", self.risk), ("confidence", self.confidence)):
            if not (isinstance(value, int | float) and 0 < value < 1):
                raise ConfigError(f"calibration.{what} must be a number above 0 and below 1, not {value!r}.")
        if not isinstance(self.name, str) or not isinstance(self.curves, Mapping):
            raise ConfigError("A calibration needs a name and a table of curves; `python -m pipeline fit` makes both.")
        for key, curve in self.curves.items():
            self._made[key] = curve if isinstance(curve, Curve) else Curve(**curve)

    @staticmethod
    def key(rule: str, depth: DepthMap, is_familiar: bool = True) -> str | None:
        """Family of relations and class of depth of a rule's verdicts; None where the rule depends on no depth.

        Args:
            rule: Name of the rule.
            depth: The depth map.
            is_familiar: Whether its network knows such images; if not, ``unfamiliar`` is the class.
        """
        family = FAMILIES.get(rule)
        return None if family is None else f"{family}/{class_of(depth) if is_familiar else 'unfamiliar'}"

    def of(self, rule: str, depth: DepthMap, is_familiar: bool = True) -> tuple[str, Curve] | None:
        """Key and curve for verdicts of a rule on a depth map; None where the rule depends on no depth. See ``key``."""
        key = self.key(rule, depth, is_familiar)
        if key is None:
            return None
        own = f"{key}/{depth.backend}"
        return (own, self._made[own]) if own in self._made else (key, self._made.get(key, Curve()))

    @classmethod
    def shipped(cls) -> Calibration:
        """The calibration that ships with the package."""
        return cls(**shipped_option("calibration"))

    @staticmethod
    def none() -> NoCalibration:
        """Probabilities as the rules state them."""
        return NoCalibration()


@dataclass(frozen=True)
class NoCalibration(Calibration):
    """No calibration: probabilities stay as the rules state them."""

    curves: Mapping[str, Curve | Mapping[str, Any]] = field(default_factory=dict)
    name: str = "none"

    def of(self, rule: str, depth: DepthMap, is_familiar: bool = True) -> tuple[str, Curve] | None:
        """No curve."""
        return None
