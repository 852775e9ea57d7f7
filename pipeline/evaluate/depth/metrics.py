"""The depth metrics: their names, and how they follow from moments.

``metrics_of`` turns the moments of one image into its figures, and the sum of the moments of many images into pooled
figures. A metric that the moments do not determine is absent, not zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.evaluate.depth.boundaries import boundary_f1
from pipeline.evaluate.depth.moments import Moments
from pipeline.evaluate.depth.protocol import MetricGroup

Figure = Callable[[Moments], float | None]


@dataclass(frozen=True)
class Metric:
    """One figure.

    Args:
        name: Key in tables and files.
        label: Heading of its column.
        meaning: Its definition in half a sentence, with its source.
        figure: Computes it from moments; None if they do not determine it.
        unit: Unit; empty for ratios and shares.
        group: The group it is measured with.
        higher_is_better: Whether a larger figure is better.
    """

    name: str
    label: str
    meaning: str
    figure: Figure
    unit: str = ""
    group: MetricGroup = MetricGroup.PIXELS
    higher_is_better: bool = False


def _number(moments: Moments, name: str) -> float:
    value = moments.get(name, 0.0)
    return 0.0 if isinstance(value, tuple) else value


def _share(part: str, whole: str = "pixels", change: Callable[[float], float] = float) -> Figure:
    """``change`` of the ratio of two sums; None if either is absent or the denominator is zero."""

    def figure(moments: Moments) -> float | None:
        total = _number(moments, whole)
        return change(_number(moments, part) / total) if total and part in moments else None

    return figure


def _si_log(moments: Moments) -> float | None:
    """SILog from squared deviations within images and between their means, which keeps its digits under any factor."""
    pixels = _number(moments, "pixels")
    if not pixels or "log_within" not in moments:
        return None
    between = max(_number(moments, "log_between") - _number(moments, "log") ** 2 / pixels, 0.0)
    return 100 * math.sqrt((_number(moments, "log_within") + between) / pixels)


def _chamfer(moments: Moments) -> float | None:
    points = _number(moments, "points")
    return (_number(moments, "cloud_predicted") + _number(moments, "cloud_true")) / (2 * points) if points else None


def _f_score(moments: Moments) -> float | None:
    """Harmonic mean of precision and recall, whose clouds have equally many points; 0 if both are 0."""
    points = _number(moments, "points")
    if not points:
        return None
    precise, recalled = _number(moments, "cloud_precise"), _number(moments, "cloud_recalled")
    return 2 * precise * recalled / (points * (precise + recalled)) if precise + recalled else 0.0


_ALL = (
    Metric("abs_rel", "AbsRel", "mean of |p - t| / t; Eigen et al. 2014", _share("abs_rel")),
    Metric("sq_rel", "SqRel", "mean of (p - t)^2 / t; Eigen et al. 2014", _share("sq_rel"), unit="m"),
    Metric(
        "rmse", "RMSE", "root of the mean of (p - t)^2; Eigen et al. 2014", _share("sq", change=math.sqrt), unit="m"
    ),
    Metric("mae", "MAE", "mean of |p - t|", _share("abs"), unit="m"),
    Metric(
        "rmse_log",
        "RMSE log",
        "root of the mean of (ln p - ln t)^2; Eigen et al. 2014",
        _share("sq_log", change=math.sqrt),
    ),
    Metric(
        "log10",
        "log10",
        "mean of |log10 p - log10 t|; Saxena et al. 2009",
        _share("abs_log", change=lambda mean: mean / math.log(10)),
    ),
    Metric(
        "si_log",
        "SILog",
        "100 times the standard deviation of ln p - ln t; KITTI depth benchmark, Uhrig et al. 2017",
        _si_log,
        unit="×100",
    ),
    Metric(
        "delta1",
        "δ < 1.25",
        "share of max(p / t, t / p) < 1.25; Ladicky et al. 2014",
        _share("delta1"),
        higher_is_better=True,
    ),
    Metric("delta2", "δ < 1.25²", "share of max(p / t, t / p) < 1.25^2", _share("delta2"), higher_is_better=True),
    Metric("delta3", "δ < 1.25³", "share of max(p / t, t / p) < 1.25^3", _share("delta3"), higher_is_better=True),
    Metric(
        "midas_error_rate",
        "δ > 1.25",
        "share of max(p / t, t / p) > 1.25, which MiDaS publishes in per cent as its delta; Ranftl et al. 2020",
        _share("above1"),
    ),
    Metric(
        "whdr",
        "WHDR",
        "share of sampled pairs whose relation (farther, nearer, equal) is wrong; Chen et al. 2016",
        _share("whdr", "pairs"),
        group=MetricGroup.ORDER,
    ),
    Metric(
        "pair_order",
        "Pair order",
        "share of sampled pairs of clearly different true depth in the correct order",
        _share("clear_right", "clear_pairs"),
        group=MetricGroup.ORDER,
        higher_is_better=True,
    ),
    Metric(
        "object_order",
        "Object order",
        "share of pairs of objects of clearly different true depth in the correct order, by medians",
        _share("objects_right", "objects_clear"),
        group=MetricGroup.OBJECTS,
        higher_is_better=True,
    ),
    Metric(
        "boundary_f1",
        "Boundary F1",
        "weighted F1 of steps of depth between neighbours; Bochkovskii et al. 2024",
        boundary_f1,
        group=MetricGroup.BOUNDARIES,
        higher_is_better=True,
    ),
    Metric(
        "edge_fly",
        "Flying points",
        "share of points at true edges that lie between the two surfaces and away from both",
        _share("edge_flying", "edge_points"),
        group=MetricGroup.BOUNDARIES,
    ),
    Metric(
        "chamfer",
        "Chamfer",
        "mean distance of sampled points to the other cloud, both ways; Fan et al. 2017",
        _chamfer,
        unit="m",
        group=MetricGroup.CLOUDS,
    ),
    Metric(
        "cloud_f",
        "Cloud F",
        "F-score of sampled points at a share of the median true depth; Knapitsch et al. 2017",
        _f_score,
        group=MetricGroup.CLOUDS,
        higher_is_better=True,
    ),
    Metric(
        "coverage",
        "Coverage",
        "share of the compared true pixels that have a prediction; the other metrics ignore the rest",
        _share("pixels", "true_pixels"),
        higher_is_better=True,
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""All metrics by name, in display order."""


def metrics_of(moments: Moments) -> dict[str, float]:
    """The metrics of the moments of one image, or of the sum over many, in the order of ``METRICS``."""
    found = {name: metric.figure(moments) for name, metric in METRICS.items()}
    return {name: value for name, value in found.items() if value is not None}
