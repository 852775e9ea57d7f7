"""Errors of depth: one small noise model per backend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from pipeline.records import DepthMap, ScaleSource
from pipeline.records.errors import ConfigError
from pipeline.records.settings import NonNegative, SettingError, checked


@checked
@dataclass(frozen=True)
class NoiseModel:
    """Errors of one depth backend, as standard deviations.

    Neighbours share the smooth error, places far apart do not. Errors are fractions of z
    where depth is known up to scale, and of the disparity or depth above that of the farthest (disparity) or nearest
    (depth) place where a shift is unknown; see ``far_share``.

    Args:
        relative: Smooth error, as a fraction.
        relative_per_m: Growth of the smooth error with z [1/m]; only where depth is metric.
        place_share: Reach of the smooth error in the image, as a share of its longer side: two places that far apart
            share exp(-1/2) = 61 % of it, twice as far 14 %.
        pixel: Error from pixel to pixel, as a fraction.
        pixel_per_m: Growth of it with z [1/m]; only where depth is metric.
        far_share: For unknown shifts: what is below the frame's 2nd percentile, as a share of the frame's range.
        blur_px: Pixels over which a step in depth is smeared out, to either side [px].

    Raises:
        ConfigError: If a number is negative or not finite.
    """

    relative: NonNegative = 0.0
    relative_per_m: NonNegative = 0.0
    place_share: NonNegative = 0.0
    pixel: NonNegative = 0.0
    pixel_per_m: NonNegative = 0.0
    far_share: NonNegative = 0.0
    blur_px: NonNegative = 0.0

    def smooth(self, level: float) -> float:
        """Smooth error at a level: z [m] of metric depth, otherwise anything, as a fraction."""
        return self.relative + self.relative_per_m * level

    def rough(self, level: float) -> float:
        """Error from pixel to pixel at that level, as a fraction."""
        return self.pixel + self.pixel_per_m * level

    def correlation(self, distance_share: float) -> float:
        """Correlation of the smooth errors of two places at a distance, as a share of the image's longer side."""
        return math.exp(-0.5 * (distance_share / self.place_share) ** 2) if self.place_share > 0 else 0.0


EXACT = NoiseModel(relative=0.0005, place_share=0.1, pixel=0.0005)
SENSOR = NoiseModel(relative=0.002, relative_per_m=0.001, place_share=0.2, pixel=0.001, pixel_per_m=0.0015, blur_px=1.0)
SHAPE = NoiseModel(relative=0.08, place_share=0.15, pixel=0.002, blur_px=2.0)
AFFINE = NoiseModel(relative=0.12, place_share=0.15, pixel=0.002, far_share=0.15, blur_px=2.0)
NANO = NoiseModel(relative=0.0645, place_share=0.09, pixel=0.0007, far_share=0.267, blur_px=2.0)
DEFAULTS: Mapping[str, NoiseModel] = {
    "sensor": SENSOR,
    "shape": SHAPE,
    "affine": AFFINE,
    "rendered": EXACT,
    "nano": NANO,
}


class NoiseModels:
    """The noise model of every backend, and of every kind of depth for those without one.

    Args:
        models: By name of the backend; ``sensor``, ``shape`` (a network's depth, known at least up to scale) and
            ``affine`` stand for all others of their kind. In place of a model, a mapping names the numbers in which a
            backend differs from its kind; None leaves a number as it is.

    Raises:
        ConfigError: If one of these three is missing, or a number is out of range.
    """

    def __init__(self, models: Mapping[str, NoiseModel | Mapping[str, float | None]] | None = None) -> None:
        if models is not None and not isinstance(models, Mapping):
            raise ConfigError(f"noise.models must hold one noise model per name, not {models!r}.")
        self.models: dict[str, NoiseModel] = {}
        self.changes: dict[str, dict[str, float]] = {}
        known = [field.name for field in fields(NoiseModel)]
        for name, model in (DEFAULTS if models is None else models).items():
            if isinstance(model, NoiseModel):
                self.models[name] = model
            elif isinstance(model, Mapping) and set(model) <= set(known):
                self.changes[name] = {key: value for key, value in model.items() if value is not None}
                try:
                    NoiseModel(**self.changes[name])
                except SettingError as error:
                    raise error.below(f"models.{name}") from None
            else:
                raise ConfigError(f"noise.models.{name} must hold {', '.join(known)}, not {model!r}.")
        missing = {"sensor", "shape", "affine"} - set(self.models)
        if missing:
            raise ConfigError(f"noise.models lacks {', '.join(sorted(missing))}.")

    def of(self, depth: DepthMap) -> NoiseModel:
        """The model of a map: its backend's own, or else that of its kind with the numbers of its backend."""
        if depth.backend in self.models:
            return self.models[depth.backend]
        is_sensor = depth.scale_source is ScaleSource.SENSOR
        model = self.models["sensor" if is_sensor else "shape" if depth.kind.has_shape else "affine"]
        changes = self.changes.get(depth.backend)
        return replace(model, **changes) if changes else model


def place_distance(first_px: np.ndarray, second_px: np.ndarray, shape: tuple[int, int]) -> float:
    """Distance of two places (u, v) [px] as a share of the longer side of an image of that (height, width)."""
    return float(np.hypot(*(np.asarray(first_px) - second_px))) / max(shape)
