"""Depth in the prompt of a vision-language model: a table of objects, or an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import cv2
import numpy as np

from pipeline.models.vlm.templates import one_line, render, thousandths
from pipeline.records import DepthKind, DepthMap, Frame, Region
from pipeline.records.checks import finite_tuple, require
from pipeline.records.message import Language


class HintMode(StrEnum):
    """How the prompt gives the depth."""

    NONE = "none"
    TABLE = "table"
    IMAGE = "image"
    BOTH = "both"

    @property
    def has_table(self) -> bool:
        """Whether the prompt holds the table of depths."""
        return self in (HintMode.TABLE, HintMode.BOTH)

    @property
    def has_image(self) -> bool:
        """Whether the prompt holds one image of the depth per frame."""
        return self in (HintMode.IMAGE, HintMode.BOTH)


@dataclass(frozen=True)
class DepthHint:
    """The depth of one object, in the unit of its depth map: metres only where the kind is metric.

    Args:
        region: The object.
        kind: What the numbers mean.
        near: 10th percentile of the object's depth.
        median: 50th percentile.
        far: 90th percentile.
        nearness: In [0, 1]; 1 is the nearest of the frame.
        reference: Name of the object in the prompt: its label, or ``label#2``.
        distance_m: Straight distance from the camera to the object's middle, by which claims of distance are judged
            [m]; only where the kind is metric.

    Raises:
        RecordError: If a number is not finite, or the nearness is outside [0, 1].
    """

    region: Region
    kind: DepthKind
    near: float
    median: float
    far: float
    nearness: float
    reference: str
    distance_m: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        finite_tuple((self.near, self.median, self.far), 3, f"The depths of {self.reference!r}")
        require(
            0 <= self.nearness <= 1,
            f"The nearness of {self.reference!r} must lie between 0 and 1, not {self.nearness!r}.",
        )


def depth_table(hints: Sequence[DepthHint], language: Language, frames: Sequence[Frame]) -> str:
    """The depths as one table per frame, from near to far, with a sentence that explains the numbers.

    Metric depth is given in metres, with the straight distance beside it; scale-invariant depth as multiples of the
    nearest object's; affine depth and disparity as an order with the nearness alone.

    Args:
        hints: Depths of objects, in any order; the empty sequence gives the empty text.
        language: Language of the sentences.
        frames: All frames of the scene, in order.
    """
    by_name = sorted(hints, key=lambda hint: (_template_of(hint.kind), hint.region.frame))
    blocks = []
    for name, of_kind in groupby(by_name, key=lambda hint: _template_of(hint.kind)):
        tables = [
            render(language, f"{name}_table", number=index + 1, rows=_rows(list(group), frames[index]))
            for index, group in groupby(of_kind, key=lambda hint: hint.region.frame)
        ]
        blocks.append(render(language, name, tables="\n".join(tables)))
    return "\n\n".join(blocks)


def _template_of(kind: DepthKind) -> str:
    return f"depth_{kind}" if kind.has_shape else "depth_affine"


def _rows(hints: list[DepthHint], frame: Frame) -> str:
    kind = hints[0].kind
    rows: list[tuple[str, ...]] = []
    if kind.has_shape:
        ordered = sorted(hints, key=lambda hint: (hint.median, hint.reference))
        unit = 1.0 if kind is DepthKind.METRIC else ordered[0].median
        for hint in ordered:
            depths = [f"{depth / unit:.2f}" for depth in (hint.near, hint.median, hint.far)]
            if kind is DepthKind.METRIC:
                depths.append("?" if hint.distance_m is None else f"{hint.distance_m:.2f}")
            rows.append((one_line(hint.reference), thousandths(hint.region, frame), *depths))
    else:
        sign = -1 if kind.larger_is_nearer else 1
        ordered = sorted(hints, key=lambda hint: (-hint.nearness, sign * hint.median, hint.reference))
        for place, hint in enumerate(ordered, 1):
            box = thousandths(hint.region, frame)
            rows.append((str(place), one_line(hint.reference), box, f"{hint.nearness:.2f}"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _nearness(values: np.ndarray, kind: DepthKind) -> np.ndarray:
    if kind.has_shape:
        return 1 / values
    return values if kind.larger_is_nearer else -values


def depth_image(depth: DepthMap) -> np.ndarray:
    """The depth as an image: bright yellow is near, dark violet is far, black is unknown.

    The colours run evenly over the nearness between its 2nd and 98th percentile. The nearness is ``1/z``
    where z is known up to scale, ``-z`` where a shift is unknown, and the disparity itself; so an unknown
    positive factor, and a shift of affine depth, change nothing.

    Args:
        depth: Depth map of any kind, (H, W).

    Returns:
        uint8 (H, W, 3), RGB.
    """
    image = np.zeros((*depth.shape, 3), dtype=np.uint8)
    if not depth.valid.any():
        return image
    values = depth.values[depth.valid].astype(np.float64)
    nearness = _nearness(values, depth.kind)
    low, high = np.percentile(nearness, (2, 98))
    unit = (nearness - low) / (high - low) if high > low else np.full_like(nearness, 0.5)
    # The darkest fifth of the colour map is left out, so that far never looks like unknown.
    levels = np.round(51 + 204 * np.clip(unit, 0, 1)).astype(np.uint8)
    colours = cv2.applyColorMap(levels.reshape(-1, 1), cv2.COLORMAP_INFERNO).reshape(-1, 3)
    image[depth.valid] = colours[:, ::-1]
    return image
