"""Simulated depth of sensors and networks: exact depth with errors.

Convention: exact depth is float32 (H, W), z [m]; values that are not positive or not finite are missing.
The same seed gives the same errors.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from pipeline.geometry.backprojection import back_project
from pipeline.records import Camera, DepthMap

# Random error of structured light, Nguyen et al. 2012: sigma_z = 0.0012 + 0.0019 (z - 0.4)^2 [m].
_NOISE_M, _NOISE_PER_M, _NOISE_FROM_M = 0.0012, 0.0019, 0.4
# Steps of the sensor's numbers: a millimetre, growing with z squared as steps of disparity do [1/m].
_STEP_M, _STEP_PER_M = 0.001, 0.001
# Smallest step in depth with a hole beside it, as a share of z.
_EDGE_SHARE = 0.03
# A surface seen at a smaller angle to its plane gives no depth [deg].
_GRAZING_DEG = 10.0
# Share of pixels that are missing at random.
_LOST_SHARE = 0.003
# Standard deviations of the logarithm of z: errors of a network from place to place, and in scale.
_DISPARITY_ERROR, _METRIC_ERROR, _METRIC_SCALE = 0.11, 0.06, 0.12
# Size of the places, as a share of the image's longer side.
_PLACE_SHARE = 0.12


def sensor_depth(depth_m: np.ndarray, camera: Camera, seed: int) -> DepthMap:
    """Depth of a structured-light camera.

    Noise grows with z squared and is shared by neighbouring pixels, numbers are quantised, and depth is missing
    beside steps, on the far side by one or two pixels, and where the surface is seen at a grazing angle.

    Args:
        depth_m: Exact depth.
        camera: Intrinsics of the same image.
        seed: Seed of the errors.

    Returns:
        Metric depth of a sensor.
    """
    rng = np.random.default_rng(seed)
    z, valid = _filled(depth_m)
    noise = cv2.GaussianBlur(rng.standard_normal(z.shape), (0, 0), 0.7)
    sigma = _NOISE_M + _NOISE_PER_M * (z - _NOISE_FROM_M) ** 2
    noisy = z + sigma * noise / noise.std()
    step = np.maximum(_STEP_M, _STEP_PER_M * z**2)
    quantised = np.round(noisy / step) * step
    nearest = cv2.erode(z, np.ones((3, 3), np.uint8))
    holes = cv2.dilate((z > nearest * (1 + _EDGE_SHARE)).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    holes |= _grazing(z, camera) | (rng.random(z.shape) < _LOST_SHARE)
    valid = valid & ~holes
    values = np.where(valid, quantised, 0).astype(np.float32)
    return DepthMap(values, valid, "metric", "sensor", backend="simulated_sensor")  # type: ignore[arg-type]


def monocular_disparity(depth_m: np.ndarray, seed: int, *, error: float = _DISPARITY_ERROR) -> DepthMap:
    """Disparity of a network like MiDaS: of unknown scale and shift, smoothly distorted, with blurred edges.

    Args:
        depth_m: Exact depth; where it is missing, the network sees something far away.
        seed: Seed of the errors.
        error: Standard deviation of the distortion of log z; the default leaves a mean relative error of about
            8 % after alignment.

    Returns:
        Affine disparity, larger is nearer.
    """
    rng = np.random.default_rng(seed)
    z, _ = _filled(depth_m)
    disparity = 1 / (z * np.exp(error * _smooth_field(rng, z.shape)))
    blurred = cv2.GaussianBlur(disparity, (0, 0), rng.uniform(0.8, 1.6))
    scale, shift = math.exp(rng.uniform(math.log(0.5), math.log(2000))), rng.uniform(-0.3, 1.0)
    values = (scale * (blurred + shift * blurred.mean())).astype(np.float32)
    return DepthMap.from_values(values, "disparity_affine", backend="simulated_disparity")


def monocular_metric(
    depth_m: np.ndarray, seed: int, *, error: float = _METRIC_ERROR, scale_error: float = _METRIC_SCALE
) -> DepthMap:
    """Metric depth of a network: smoothly distorted, wrong in scale, with blurred edges.

    Args:
        depth_m: Exact depth; where it is missing, the network sees something far away.
        seed: Seed of the errors.
        error: Standard deviation of the distortion of log z.
        scale_error: Standard deviation of the logarithm of the scale.

    Returns:
        Metric depth whose scale is the model's.
    """
    rng = np.random.default_rng(seed)
    z, _ = _filled(depth_m)
    distorted = z * np.exp(error * _smooth_field(rng, z.shape) + scale_error * rng.standard_normal())
    # Networks blur disparity rather than depth, so edges lean towards the near side.
    values = 1 / cv2.GaussianBlur(1 / distorted, (0, 0), rng.uniform(0.6, 1.2))
    return DepthMap.from_values(values.astype(np.float32), "metric", "model", backend="simulated_metric")


def _filled(depth_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth as float64 with missing values twice as far as the farthest, and where it is known."""
    z = np.asarray(depth_m, dtype=np.float64)
    valid = np.isfinite(z) & (z > 0)
    return np.where(valid, z, 2 * z[valid].max() if valid.any() else 1.0), valid


def _smooth_field(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A smooth random field of mean 0 and standard deviation 1."""
    cell = max(1.0, _PLACE_SHARE * max(shape))
    # Drawn coarsely and enlarged, as blurring over that many pixels is slow.
    coarse = rng.standard_normal((math.ceil(shape[0] / cell) + 3, math.ceil(shape[1] / cell) + 3))
    field = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    normalised: np.ndarray = (field - field.mean()) / max(float(field.std()), 1e-9)
    return normalised


def _grazing(z: np.ndarray, camera: Camera) -> np.ndarray:
    """Where the ray meets the surface at a flat angle, bool (H, W)."""
    points = back_project(z, camera).reshape(*z.shape, 3)
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    lengths = np.linalg.norm(normals, axis=2) * np.linalg.norm(points, axis=2)
    sines = np.abs(np.einsum("hwc,hwc->hw", normals, points)) / np.maximum(lengths, 1e-12)
    grazing: np.ndarray = sines < math.sin(math.radians(_GRAZING_DEG))
    return grazing
