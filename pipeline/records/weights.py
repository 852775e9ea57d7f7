"""Small fitted models that turn several cues into a probability: their weights, and what these were fitted on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.records.errors import ConfigError
from pipeline.records.resources import shipped_option

_MOST = 1e6


@dataclass(frozen=True)
class CueModel:
    """A logistic model of named cues.

    Args:
        weights: Weight of every cue.
        intercept: Log-odds where all cues are 0; not used to choose among several.

    Raises:
        ConfigError: If a number is not finite.
    """

    weights: Mapping[str, float]
    intercept: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, value in (*self.weights.items(), ("intercept", self.intercept)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MOST:
                raise ConfigError(f"The weight of {name} must be a number of at most {_MOST:g}, not {value!r}.")

    def log_odds(self, cues: Mapping[str, float]) -> float:
        """Log-odds of one set of cues."""
        return self.intercept + sum(weight * cues[name] for name, weight in self.weights.items())

    def probability(self, cues: Mapping[str, float]) -> float:
        """Probability that what the model is about holds."""
        # The hyperbolic tangent is the logistic function without its overflow.
        return (1 + math.tanh(self.log_odds(cues) / 2)) / 2

    def shares(self, alternatives: Sequence[Mapping[str, float]]) -> np.ndarray:
        """Probability of each of several alternatives of which one holds, float64 (N,) (softmax)."""
        if not alternatives:
            return np.empty(0)
        scores = np.array([self.log_odds(cues) for cues in alternatives])
        odds = np.exp(scores - scores.max())
        shares: np.ndarray = odds / odds.sum()
        return shares


@dataclass(frozen=True)
class Weights:
    """All fitted models.

    Args:
        models: By name. ``surface_dense`` and ``surface_scattered`` say which surface in a box is its object;
            ``occlusion_masks``, ``occlusion_boxes`` and ``occlusion_scattered`` whether one object hides another;
            ``touching`` and ``standing`` whether two touch, and whether one stands on the other.
        fitted_on: What they were fitted on, in words.

    Raises:
        ConfigError: If a model is missing, or a number is not finite.
    """

    models: Mapping[str, CueModel | Mapping[str, Any]]
    fitted_on: str = ""
    _made: dict[str, CueModel] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the models of plain mappings."""
        for name in NAMES:
            model = self.models.get(name)
            if model is None:
                raise ConfigError(f"weights.models lacks {name}.")
            self._made[name] = model if isinstance(model, CueModel) else CueModel(**model)

    def __getitem__(self, name: str) -> CueModel:
        """The model of that name."""
        return self._made[name]

    @classmethod
    def shipped(cls) -> Weights:
        """The weights that ship with the package."""
        return cls(**shipped_option("weights"))


NAMES: Mapping[str, str] = {
    "surface_dense": "which surface of dense depth in a box is its object",
    "surface_scattered": "the same of a scanner's returns",
    "occlusion_masks": "whether one object hides another, with masks whose shape can be trusted",
    "occlusion_boxes": "the same with boxes, or with masks of GrabCut",
    "occlusion_scattered": "the same on a scanner's returns",
    "touching": "whether two objects touch",
    "standing": "whether one stands on the other",
}
"""What each model says."""
