"""Comparison of one prediction with its ground truth: all metrics of a protocol, and the sums for pooled metrics."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.datasets.base import DepthSample
from pipeline.evaluate.depth.alignment import Fit, check_alignment, fit_alignment
from pipeline.evaluate.depth.alignment_robust import sampled_pixels
from pipeline.evaluate.depth.boundaries import boundary_moments, is_dense
from pipeline.evaluate.depth.clouds import cloud_moments, pixel_clouds
from pipeline.evaluate.depth.metrics import metrics_of
from pipeline.evaluate.depth.moments import DepthBins, Moments, pixel_moments
from pipeline.evaluate.depth.order import object_moments, order_moments, sampled_pairs
from pipeline.evaluate.depth.pixels import Pixels, compared_pixels
from pipeline.evaluate.depth.protocol import EvaluationProtocol, MetricGroup
from pipeline.records import DepthMap
from pipeline.records.camera import CameraSource


@dataclass(frozen=True)
class ImageScore:
    """The result of comparing one image.

    Args:
        metrics: Figures by name, in the order of ``METRICS``, without those that cannot be measured.
        moments: Sums from which pooled figures follow, see ``pipeline.evaluate.depth.moments``.
        bins: Error by true depth.
        scale: Factor of the prediction, or of its inverse if depth was aligned in disparity. None without pixels.
        shift: Shift after scaling [m, or 1/m in disparity]; None without pixels.
        note: Problem of the alignment, in one sentence; empty if there is none.
    """

    metrics: dict[str, float]
    moments: Moments
    bins: DepthBins = field(default_factory=DepthBins)
    scale: float | None = None
    shift: float | None = None
    note: str = ""


def score(sample: DepthSample, prediction: DepthMap, protocol: EvaluationProtocol) -> ImageScore:
    """Compare a prediction with the ground truth.

    Metrics that cannot be measured are absent: object order without regions of clearly different depth, boundaries if
    the truth is sparse (less than 80 % of the neighbours of known pixels are known) or without a step, clouds without
    a given calibration, everything but the coverage if no pixel can be compared.

    Args:
        sample: The image with its ground truth.
        prediction: Depth of the image's size, of any kind.
        protocol: How to compare.

    Raises:
        ConfigError: If the kind of the prediction does not allow the protocol's alignment.
        InputError: If prediction and truth differ in size.
    """
    check_alignment(prediction.kind, protocol.alignment)
    pixels = compared_pixels(prediction, sample.truth, protocol)
    moments: Moments = {"true_pixels": float(np.count_nonzero(pixels.wanted)), "pixels": float(len(pixels.values))}
    if not len(pixels.values):
        note = "No pixel has both a predicted and a true depth inside the caps and the crop."
        return ImageScore(metrics_of(moments), moments, note=note)
    fit = fit_pixels(pixels, prediction, protocol)
    predicted_m = fit.depth_m(pixels.values)
    bins, groups = DepthBins(), protocol.groups
    if MetricGroup.PIXELS in groups:
        errors, bins = pixel_moments(predicted_m, pixels.true_m)
        moments |= errors
    farness = -pixels.values if prediction.kind.larger_is_nearer else pixels.values
    if MetricGroup.ORDER in groups:
        moments |= order_moments(
            farness,
            predicted_m,
            pixels.true_m,
            sampled_pairs(len(predicted_m), protocol.pair_count, protocol.seed),
            equal_ratio=protocol.equal_ratio,
            clear_ratio=protocol.clear_ratio,
        )
    if MetricGroup.OBJECTS in groups and sample.regions:
        moments |= _objects(pixels, farness, sample, protocol)
    if MetricGroup.BOUNDARIES in groups and is_dense(pixels.wanted):
        moments |= boundary_moments(
            pixels.spread(predicted_m), pixels.spread(pixels.true_m), edge_ratio=protocol.edge_ratio
        )
    if MetricGroup.CLOUDS in groups and sample.frame.camera.source is CameraSource.GIVEN:
        moments |= _clouds(pixels, predicted_m, sample, protocol)
    return ImageScore(metrics_of(moments), moments, bins, fit.line.scale, fit.line.shift, fit.note)


def fit_pixels(pixels: Pixels, prediction: DepthMap, protocol: EvaluationProtocol) -> Fit:
    """Fit a protocol's alignment to the pixels that it compares."""
    return fit_alignment(
        pixels.values,
        pixels.true_m,
        prediction.kind,
        protocol.alignment,
        least_m=protocol.min_depth_m,
        most_m=protocol.max_depth_m,
        seed=protocol.seed,
    )


def _objects(pixels: Pixels, farness: np.ndarray, sample: DepthSample, protocol: EvaluationProtocol) -> Moments:
    """Order of the sample's regions, whose boxes and masks refer to the whole image."""
    shape = sample.truth.shape
    known = np.zeros(shape, dtype=bool)
    known[pixels.window] = pixels.known
    theirs = np.zeros(shape)
    theirs[known] = farness
    return object_moments(theirs, sample.truth.values, known, sample.regions, clear_ratio=protocol.clear_ratio)


def _clouds(pixels: Pixels, predicted_m: np.ndarray, sample: DepthSample, protocol: EvaluationProtocol) -> Moments:
    chosen = sampled_pixels(len(predicted_m), protocol.seed, protocol.cloud_points)
    rows, columns = pixels.places(chosen)
    true_m = pixels.true_m[chosen]
    predicted, true = pixel_clouds(columns, rows, predicted_m[chosen], true_m, sample.frame.camera)
    return cloud_moments(predicted, true, protocol.cloud_share * float(np.median(true_m)))
