"""What exactly is compared, and how: one choice of alignment, caps, crop, aggregation and metrics, with a name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from annotated_types import Interval, MinLen

from pipeline.evaluate.depth.alignment import LEAST_DEPTH_M, Alignment
from pipeline.records.settings import Positive, SettingError, checked

# Far more than any figure needs; keeps what is drawn within memory.
_MOST_DRAWN = 10_000_000

_Drawn = Annotated[int, Interval(ge=1, le=_MOST_DRAWN)]
_Ratio = Annotated[float, Interval(gt=1)]


class Crop(StrEnum):
    """Which part of an image counts, as rows and columns of its size.

    ``none``: all of it.
    ``eigen_nyu``: rows 45 to 471, columns 41 to 601 of 640 x 480, in proportion for other sizes (Eigen et al. 2014; the
    numbers are those of the evaluation of BTS and its successors).
    ``eigen_kitti``: rows from 0.3324324 to 0.91351351, columns from 0.0359477 to 0.96405229 of the size (the crop that
    reproduces Eigen et al. 2014, from the evaluation of Monodepth).
    ``garg``: rows from 0.40810811 to 0.99189189, columns from 0.03594771 to 0.96405229 (Garg et al. 2016, same place).
    """

    NONE = "none"
    EIGEN_NYU = "eigen_nyu"
    EIGEN_KITTI = "eigen_kitti"
    GARG = "garg"

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns that count in an image of that size; fractions are cut off as in the programs named."""
        if self is Crop.NONE:
            return slice(0, height), slice(0, width)
        if self is Crop.EIGEN_NYU:
            return slice(45 * height // 480, 471 * height // 480), slice(41 * width // 640, 601 * width // 640)
        if self is Crop.EIGEN_KITTI:
            rows, columns = (0.3324324, 0.91351351), (0.0359477, 0.96405229)
        else:
            rows, columns = (0.40810811, 0.99189189), (0.03594771, 0.96405229)
        return (
            slice(int(rows[0] * height), int(rows[1] * height)),
            slice(int(columns[0] * width), int(columns[1] * width)),
        )


class Aggregate(StrEnum):
    """How numbers of many images become one.

    ``per_image``: mean over the images of each image's number.
    ``pooled``: the number of all pixels (pairs, points) together, so that images with more of them count more.
    """

    PER_IMAGE = "per_image"
    POOLED = "pooled"


class MetricGroup(StrEnum):
    """Metrics that are measured together.

    ``pixels``: errors of single pixels. ``order``: sampled pairs of pixels. ``objects``: pairs of regions.
    ``boundaries``: steps of depth. ``clouds``: points in space, where a calibration is given.
    """

    PIXELS = "pixels"
    ORDER = "order"
    OBJECTS = "objects"
    BOUNDARIES = "boundaries"
    CLOUDS = "clouds"


@checked
@dataclass(frozen=True)
class EvaluationProtocol:
    """How predictions are compared with the truth.

    Args:
        alignment: How a prediction becomes metres; there is no default.
        min_depth_m: Only pixels with a larger true depth count, and aligned depth is clamped to it [m], positive.
        max_depth_m: Only pixels with a smaller true depth count, and aligned depth is clamped to it [m]; None sets no
            cap, save that alignment in disparity clamps to the largest true depth of the image.
        crop: Which part of the image counts, in the alignment too.
        aggregate: How numbers of many images become one.
        flip_average: Whether a backend's prediction is averaged with that of the mirrored image, mirrored back.
        groups: Metrics to measure.
        seed: Seed of all that is drawn, the same for each image.
        pair_count: Pairs of pixels drawn per image for the metrics of order.
        equal_ratio: Two depths whose ratio is at most this are equal in WHDR, above 1.
        clear_ratio: Two true depths whose ratio is above this have a clear order, of pixels and of objects, above 1.
        edge_ratio: Neighbours whose true depths have a ratio above this are an edge where points may fly, above 1.
        cloud_points: Points per cloud, drawn from the pixels.
        cloud_share: Points within this share of the median true depth count as met in the F-score, positive.

    Raises:
        ConfigError: If a value is none of those allowed.
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
        """Check the cap, and bring the groups into their own order."""
        object.__setattr__(self, "groups", tuple(group for group in MetricGroup if group in self.groups))
        if self.max_depth_m is not None and self.max_depth_m <= self.min_depth_m:
            raise SettingError("max_depth_m", f"must be a number above {self.min_depth_m:g}, not {self.max_depth_m:g}.")

    def to_dict(self) -> dict[str, Any]:
        """All values as JSON holds them; equal protocols give equal dictionaries."""
        return dataclasses.asdict(self) | {"groups": [str(group) for group in self.groups]}
