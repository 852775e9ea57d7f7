"""Averages of several predictions for one frame: of mirrored images, and of inputs of several sizes.

Predictions are compared and averaged in one space per kind. Affine kinds stay as they are. Depth with a shape is
averaged in its logarithm, that is as a geometric mean: the errors of depth networks grow in proportion to depth, the
result is the same whether depth or its inverse is averaged, and far outliers pull less than in the arithmetic mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.records import DepthKind, DepthMap, Frame

# Spread of a map, as a share of its largest value, below which float32 leaves nothing of its content.
_LEAST_SPREAD = 1e-6


def comparable(values: np.ndarray, kind: DepthKind) -> tuple[np.ndarray, np.ndarray]:
    """Values in the space in which maps of this kind are compared and averaged.

    Args:
        values: float32 (H, W) of the kind.
        kind: What the values mean.

    Returns:
        float32 (H, W), logarithms where the kind has a shape, 0 where unusable; and bool (H, W), where the values are
        finite, and positive where the kind demands it.
    """
    usable = np.isfinite(values)
    if not kind.has_shape:
        return (values if usable.all() else np.where(usable, values, np.float32(0))), usable
    usable &= values > 0
    return np.log(np.where(usable, values, np.float32(1))), usable


def restored(space_values: np.ndarray, usable: np.ndarray, kind: DepthKind) -> np.ndarray:
    """Undo ``comparable``; NaN where unusable, float32 (H, W)."""
    values = np.exp(space_values) if kind.has_shape else space_values
    return values.astype(np.float32, copy=False) if usable.all() else np.where(usable, values, np.float32(np.nan))


@dataclass(frozen=True)
class Fit:
    """The map ``(values - centre) * scale + target`` from one prediction to another, in the space of ``comparable``.

    Taking the centre off first keeps all digits of maps that are far from zero.
    """

    scale: float = 1.0
    centre: float = 0.0
    target: float = 0.0

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Mapped values, float32 of their shape."""
        if self == Fit():
            return values
        moved = values - np.float32(self.centre)
        if self.scale != 1:
            moved *= np.float32(self.scale)
        moved += np.float32(self.target)
        return moved


def fit(values: np.ndarray, reference: np.ndarray, kind: DepthKind) -> Fit | None:
    """The fit that makes values comparable with a reference.

    Affine kinds: least squares of scale and shift. ``scale_invariant``: the median of the logarithms' differences.
    ``metric``: nothing changes.

    Args:
        values: float (N,), in the space of ``comparable``.
        reference: float (N,), the same pixels of the reference.
        kind: What both mean.

    Returns:
        None where they have no common pixel, or the values of an affine kind are constant or fall as the reference
        rises.
    """
    if kind is DepthKind.METRIC:
        return Fit()
    if len(values) == 0:
        return None
    values, reference = values.astype(np.float64), reference.astype(np.float64)
    if kind is DepthKind.SCALE_INVARIANT:
        return Fit(target=float(np.median(reference - values)))
    if is_constant(values):
        return None
    centre, target = float(values.mean()), float(reference.mean())
    centred = values - centre
    scale = float(centred @ (reference - target)) / float(centred @ centred)
    return Fit(scale, centre, target) if scale > 0 else None


def is_constant(values: np.ndarray) -> bool:
    """Whether values have no content that float32 can hold."""
    return bool(values.std() <= _LEAST_SPREAD * np.abs(values).max())


def combine(maps: Sequence[np.ndarray], kind: DepthKind) -> np.ndarray:
    """The average of several predictions of one frame.

    The first usable map is the reference, to which ``fit`` aligns each other; a map that cannot be aligned is left out.
    A pixel that is not usable in some maps is the average of the others.

    Args:
        maps: At least one map, float32 (H, W), all of one size; values that are not finite, or not positive where the
            kind demands it, are unusable.
        kind: What the values mean.

    Returns:
        float32 (H, W); NaN where no map is usable.
    """
    reference: np.ndarray | None = None
    for values in maps:
        space_values, usable = comparable(values, kind)
        if not usable.any():
            continue
        if reference is None:
            reference, known = space_values, usable
            total, count = np.where(usable, space_values, np.float32(0)), usable.astype(np.float32)
            continue
        common = known & usable
        aligned = fit(space_values[common], reference[common], kind)
        if aligned is None:
            continue
        total += np.where(usable, aligned.apply(space_values), np.float32(0))
        count += usable
    if reference is None:
        return np.full_like(maps[0], np.nan, dtype=np.float32)
    return restored(total / np.maximum(count, 1), count > 0, kind)


def disagreement(maps: Sequence[np.ndarray], average: np.ndarray, kind: DepthKind) -> float:
    """How far predictions of one frame deviate from their average: root of the mean square of all usable pixels.

    Args:
        maps: The predictions, as for ``combine``.
        average: Their average.
        kind: What the values mean.

    Returns:
        A share of z where depth has a shape, else of the average's range from the 2nd to the 98th percentile; 0 for a
        constant map.
    """
    reference, known = comparable(average, kind)
    squares: list[float] = []
    for values in maps:
        space_values, usable = comparable(values, kind)
        common = known & usable
        aligned = fit(space_values[common], reference[common], kind)
        if aligned is not None:
            squares.append(float(np.mean((aligned.apply(space_values[common]) - reference[common]) ** 2)))
    unit = 1.0
    if not kind.has_shape and known.any():
        low, high = np.percentile(reference[known], (2, 98))
        unit = float(high - low)
    return math.sqrt(sum(squares) / len(squares)) / unit if squares and unit > 0 else 0.0


def flipped(frame: Frame) -> Frame:
    """The mirrored frame: column u becomes ``width - 1 - u``.

    Given depth is mirrored too. A pose becomes that in the world mirrored at x = 0, so that several mirrored frames of
    one world still fit together.
    """
    camera = replace(frame.camera, cx=frame.width - 1 - frame.camera.cx)
    pose = None
    if frame.pose is not None:
        mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
        pose = mirror @ frame.pose @ mirror
    given = None if frame.given_depth is None else changed(frame.given_depth, unflipped)
    return replace(frame, rgb=frame.rgb[:, ::-1].copy(), camera=camera, pose=pose, given_depth=given)


def unflipped(values: np.ndarray) -> np.ndarray:
    """Mirror (..., H, W) along its last axis: what was seen in a flipped frame, in the frame itself."""
    # Of a single column, ascontiguousarray would keep the negative stride, which torch refuses.
    return values[..., ::-1].copy()


def changed(depth: DepthMap, change: Callable[[np.ndarray], np.ndarray]) -> DepthMap:
    """The depth map with the same change applied to all its arrays (H, W)."""
    confidence = None if depth.confidence is None else change(depth.confidence)
    return replace(depth, values=change(depth.values), valid=change(depth.valid), confidence=confidence)


def flip_averaged(estimate: Callable[[Sequence[Frame]], list[DepthMap]], frames: Sequence[Frame]) -> list[DepthMap]:
    """Depth averaged over each frame and its mirror image.

    Kind, scale source, backend and focal length are those of the frame itself. Confidences are averaged where both
    are given.

    Args:
        estimate: ``estimate`` of a depth backend.
        frames: Frames of any sizes.

    Returns:
        As many maps as the backend gives; a pixel is valid where it is in one of the two maps.
    """
    maps = estimate(frames)
    mirrored = estimate([flipped(frame) for frame in frames])
    return [_averaged(depth, changed(other, unflipped)) for depth, other in zip(maps, mirrored, strict=True)]


def _averaged(depth: DepthMap, other: DepthMap) -> DepthMap:
    nan = np.float32(np.nan)
    values = combine([np.where(each.valid, each.values, nan) for each in (depth, other)], depth.kind)
    confidence = depth.confidence
    if confidence is not None and other.confidence is not None:
        confidence = (confidence + other.confidence) / 2
    return replace(depth, values=values, valid=np.isfinite(values), confidence=confidence)
