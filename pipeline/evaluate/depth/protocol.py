"""Evaluation protocols: a named choice of alignment, caps, crop, aggregation and metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from annotated_types import Interval, MinLen

from pipeline.evaluate.depth.alignment import LEAST_DEPTH_M, Alignment
from pipeline.records.settings import Positive, SettingError, checked

# Far more than any figure needs, and still fits into memory.
_MOST_DRAWN = 10_000_000

_Drawn = Annotated[int, Interval(ge=1, le=_MOST_DRAWN)]
_Ratio = Annotated[float, Interval(gt=1)]


class Crop(StrEnum):
    """Which part of an image counts.

    ``none``: the whole image.
    ``eigen_nyu``: rows 45 to 471, columns 41 to 601 of 640 x 480, in proportion for other sizes (Eigen et al. 2014,
    with the numbers of the evaluation of BTS and its successors).
    ``eigen_kitti``: rows from 0.3324324 to 0.91351351, columns from 0.0359477 to 0.96405229 of the size (the crop that
    reproduces Eigen et al. 2014, from the evaluation of Monodepth).
    ``garg``: rows from 0.40810811 to 0.99189189, columns from 0.03594771 to 0.96405229 (Garg et al. 2016, same source).
    """

    NONE = "none"
    EIGEN_NYU = "eigen_nyu"
    EIGEN_KITTI = "eigen_kitti"
    GARG = "garg"

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns that count in an image of that size; fractions are cut off as in the programs named."""
        top, bottom, left, right = _WINDOWS[self]
        return slice(int(top * height), int(bottom * height)), slice(int(left * width), int(right * width))


_WINDOWS: dict[Crop, Sequence[float | Fraction]] = {
    Crop.NONE: (0, 1, 0, 1),
    Crop.EIGEN_NYU: (Fraction(45, 480), Fraction(471, 480), Fraction(41, 640), Fraction(601, 640)),
    Crop.EIGEN_KITTI: (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    Crop.GARG: (0.40810811, 0.99189189, 0.03594771, 0.96405229),
}


class Aggregate(StrEnum):
    """How the figures of many images become one.

    ``per_image``: mean of the images' figures.
    ``pooled``: the figure of all pixels (pairs, points) together; images with more of them count more.
    """

    PER_IMAGE = "per_image"
    POOLED = "pooled"


class MetricGroup(StrEnum):
    """Metrics that are measured together.

    ``pixels``: errors of single pixels. ``order``: sampled pairs of pixels. ``objects``: pairs of regions.
    ``boundaries``: depth steps. ``clouds``: points in space, if the calibration is given.
    """

    PIXELS = "pixels"
    ORDER = "order"
    OBJECTS = "objects"
    BOUNDARIES = "boundaries"
    CLOUDS = "clouds"


@checked
@dataclass(frozen=True)
class EvaluationProtocol:
    """How predictions are compared with the ground truth.

    Args:
        alignment: How a prediction is converted to metres.
        min_depth_m: Only pixels with a larger true depth count; aligned depth is clamped to it [m].
        max_depth_m: Only pixels with a smaller true depth count; aligned depth is clamped to it [m]. None sets no cap,
            but alignment in disparity clamps to the largest true depth of the image.
        crop: Which part of the image counts, also for the alignment.
        aggregate: How the figures of many images become one.
        flip_average: Whether to average the prediction with that of the mirrored image, mirrored back.
        groups: Metrics to measure.
        seed: Seed of all random draws, the same for each image.
        pair_count: Pairs of pixels drawn per image for the order metrics.
        equal_ratio: WHDR takes two depths as equal if their ratio is at most this.
        clear_ratio: The order of two pixels or objects is clear if the ratio of their true depths is above this.
        edge_ratio: Neighbours are an edge, where points may fly, if the ratio of their true depths is above this.
        cloud_points: Points per cloud, drawn from the pixels.
        cloud_share: Points within this share of the median true depth match in the F-score.

    Raises:
        ConfigError: If a value is out of range.
    """

    alignment: Alignment
    min_depth_m: Positive = LEAST_DEPTH_M
    max_depth_m: float | None = None
    crop: Crop = Crop.NONE
    aggregate: Aggregate = Aggregate.PER_IMAGE
    flip_average: bool = False
    groups: Annotated[tuple[MetricGroup, ...], MinLen(1)] = tuple(MetricGroup)
    seed: Annotated[int, Interval(ge=0, le=_MOST_DRAWN)] = 0
    pair_count: _Drawn = 20_000
    equal_ratio: _Ratio = 1.02
    clear_ratio: _Ratio = 1.1
    edge_ratio: _Ratio = 1.25
    cloud_points: _Drawn = 2000
    cloud_share: Positive = 0.05

    def __post_init__(self) -> None:
        """Check the cap, and sort the groups."""
        object.__setattr__(self, "groups", tuple(group for group in MetricGroup if group in self.groups))
        if self.max_depth_m is not None and self.max_depth_m <= self.min_depth_m:
            raise SettingError("max_depth_m", f"must be a number above {self.min_depth_m:g}, not {self.max_depth_m:g}.")

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON types; equal protocols give equal dictionaries."""
        return dataclasses.asdict(self) | {"groups": [str(group) for group in self.groups]}
