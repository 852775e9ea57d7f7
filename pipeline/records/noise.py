"""Errors of depth: one small noise model per backend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from pipeline.records import DepthMap, ScaleSource
from pipeline.records.errors import ConfigError
from pipeline.records.settings import NonNegative, SettingError, checked

# A smooth error as large as the depth itself leaves nothing to judge.
_USELESS = 1.0
# An image whose predictions are this many times farther apart than usual is unlike those that the network learned from.
_UNFAMILIAR = 2.0


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
        scale: Error of a metric scale that the backend states itself, over frames: the root of the mean square of
            log(true / stated). None leaves it to the error budget.
        typical_disagreement: Median of ``DepthMap.disagreement`` over the frames of the fit; None if unknown.
        unfamiliar: Least smooth error of images whose predictions are more than twice as far apart as usual, as a
            fraction; None where it was not measured.

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
    scale: NonNegative | None = None
    typical_disagreement: NonNegative | None = None
    unfamiliar: NonNegative | None = None

    def of_image(self, depth: DepthMap) -> NoiseModel:
        """The model with the smooth error that one map shows, see ``image_factor``."""
        factor = image_factor(depth, self)
        if factor == 1:
            return self
        relative = min(factor * self.relative, max(_USELESS, self.relative))
        if not self.knows(depth):
            relative = max(relative, self.unfamiliar or 0.0)
        return replace(self, relative=relative, relative_per_m=factor * self.relative_per_m)

    def knows(self, depth: DepthMap) -> bool:
        """Whether a map shows an image like those that its network learned from, as far as that can be told."""
        factor = disagreement_factor(depth.disagreement, self.typical_disagreement)
        return self.unfamiliar is None or factor <= _UNFAMILIAR

    def smooth(self, level: float) -> float:
        """Smooth error at a level: z [m] of metric depth, otherwise anything, as a fraction."""
        return self.relative + self.relative_per_m * level

    def rough(self, level: float) -> float:
        """Error from pixel to pixel at that level, as a fraction."""
        return self.pixel + self.pixel_per_m * level

    def correlation(self, distance_share: float) -> float:
        """Correlation of the smooth errors of two places at a distance, as a share of the image's longer side."""
        return math.exp(-0.5 * (distance_share / self.place_share) ** 2) if self.place_share > 0 else 0.0


def image_factor(depth: DepthMap, noise: NoiseModel) -> float:
    """Smooth error of one map as a multiple of its backend's: the larger of ``disagreement_factor`` and its misfit."""
    return max(disagreement_factor(depth.disagreement, noise.typical_disagreement), depth.misfit)


def disagreement_factor(disagreement: float | None, typical: float | None) -> float:
    """How far the averaged predictions of a frame are apart, as a multiple of what is typical of the backend.

    At least 1, because all predictions of a network can be wrong together; 1 where either is unknown.
    """
    return 1.0 if disagreement is None or not typical else max(1.0, disagreement / typical)


EXACT = NoiseModel(relative=0.0005, place_share=0.1, pixel=0.0005)
SENSOR = NoiseModel(relative=0.002, relative_per_m=0.001, place_share=0.2, pixel=0.001, pixel_per_m=0.0015, blur_px=1.0)
SCANNER = NoiseModel(relative=0.004, place_share=0.2, pixel=0.002)
SHAPE = NoiseModel(relative=0.08, place_share=0.15, pixel=0.002, blur_px=2.0, scale=0.786)
AFFINE = NoiseModel(relative=0.12, place_share=0.15, pixel=0.002, far_share=0.15, blur_px=2.0)
UNKNOWN_SHAPE = NoiseModel(relative=0.249, place_share=0.13, pixel=0.0025, blur_px=2.0, scale=0.786)
UNKNOWN_AFFINE = NoiseModel(relative=0.293, place_share=0.11, pixel=0.003, far_share=0.15, blur_px=2.0)
NANO = NoiseModel(
    relative=0.0537,
    place_share=0.09,
    pixel=0.0007,
    far_share=0.267,
    blur_px=2.0,
    typical_disagreement=0.0095,
    unfamiliar=0.47,
)
KINDS = ("sensor", "scanner", "shape", "affine", "unknown_shape", "unknown_affine")
"""Models of depth whose backend has none of its own."""
ANCHORED = " anchored"
"""What follows the backend's name where anchors made affine depth metric."""
FROM_FILES = ("file", "predicted")
"""Names of maps that come as files, without the network that made them."""
_OF_THEIR_KIND = (
    *("midas", "midas_v21", "zoedepth", "depth_pro", "prompt_depth_anything", "moge", "moge_scale_invariant"),
    *("depth_anything", "depth_anything_metric", "depth_anything_3", "depth_anything_3_metric"),
    *("depth_anything_3_depth_affine", *FROM_FILES, "lidar", "simulated_sensor", "simulated_disparity"),
)
DEFAULTS: Mapping[str, NoiseModel | Mapping[str, float | None]] = {
    "sensor": SENSOR,
    "scanner": SCANNER,
    "shape": SHAPE,
    "affine": AFFINE,
    "unknown_shape": UNKNOWN_SHAPE,
    "unknown_affine": UNKNOWN_AFFINE,
    "rendered": EXACT,
    "nano": NANO,
    **{name: {} for name in _OF_THEIR_KIND},
    "simulated_metric": {"scale": 0.12},
}


class NoiseModels:
    """The noise model of every backend, and of every kind of depth for those without one.

    Args:
        models: By name of the backend. ``sensor``, ``scanner`` (a sensor's scattered returns), ``shape`` (a network's
            depth, known at least up to scale) and ``affine`` stand for all others of their kind that are named here,
            ``unknown_shape`` and ``unknown_affine`` for networks that are not, and for files. In place of a model, a
            mapping names the numbers in which a backend differs from its kind; None leaves a number as it is.

    Raises:
        ConfigError: If one of these six is missing, or a number is out of range.
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
        missing = set(KINDS) - set(self.models)
        if missing:
            raise ConfigError(f"noise.models lacks {', '.join(sorted(missing))}.")

    def of(self, depth: DepthMap) -> NoiseModel:
        """The model of a map: its backend's own, or else that of its kind with the numbers of its backend."""
        if depth.backend in self.models:
            return self.models[depth.backend]
        changes = self.changes.get(depth.backend)
        if depth.scale_source is ScaleSource.SENSOR:
            name = "scanner" if depth.sampling.is_scattered else "sensor"
        else:
            original = depth.backend.removesuffix(ANCHORED)
            is_known = original in {*self.changes, *self.models} - {*FROM_FILES}
            name = ("" if is_known else "unknown_") + ("shape" if depth.kind.has_shape else "affine")
        return replace(self.models[name], **changes) if changes else self.models[name]


def place_distance(first_px: np.ndarray, second_px: np.ndarray, shape: tuple[int, int]) -> float:
    """Distance of two places (u, v) [px] as a share of the longer side of an image of that (height, width)."""
    return float(np.hypot(*(np.asarray(first_px) - second_px))) / max(shape)
