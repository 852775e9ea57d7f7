"""Lens distortion: its models, and images and depth without it.

Convention: OpenCV's models and order of coefficients (https://docs.opencv.org/4.x/d9/d0c/group__calib3d.html and
.../db/d58/group__calib3d__fisheye.html). With x and y in the plane z = 1 of the camera frame:
``brown_conrady`` (k1, k2, p1, p2, k3, k4, k5, k6), radial and tangential (Brown 1966), rational from k4 on;
``fisheye`` (k1, k2, k3, k4), by the angle from the axis (Kannala & Brandt 2006). The image without distortion keeps
the size and the intrinsics of the one with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np

from pipeline.records.camera import Camera
from pipeline.records.checks import finite, member, require
from pipeline.records.depth import DepthMap

# Displacement below which undoing the distortion changes nothing that could be measured [px].
_NEGLIGIBLE_PX = 0.1


class LensModel(StrEnum):
    """What the coefficients of a lens mean."""

    BROWN_CONRADY = "brown_conrady"
    FISHEYE = "fisheye"


@dataclass(frozen=True)
class Lens:
    """Distortion of a lens.

    Args:
        model: What the coefficients mean.
        coefficients: At most 8 of ``brown_conrady``, at most 4 of ``fisheye``; missing ones are 0.

    Raises:
        RecordError: If the model is unknown, or there are too many coefficients or one that is not finite.
    """

    model: LensModel
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check and complete the coefficients."""
        model = member(LensModel, self.model, "Lens model")
        most = 8 if model is LensModel.BROWN_CONRADY else 4
        numbers = tuple(finite(number, "A coefficient of lens distortion") for number in self.coefficients)
        require(len(numbers) <= most, f"A lens of model {model} has at most {most} coefficients, not {len(numbers)}.")
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "coefficients", numbers + (0.0,) * (most - len(numbers)))

    def distorted(self, rays: np.ndarray) -> np.ndarray:
        """Where the lens shows rays.

        Args:
            rays: float (N, 2), x and y at z = 1.

        Returns:
            float64 (N, 2), x and y at z = 1 of the pinhole camera that would show them there.
        """
        x, y = np.asarray(rays, dtype=np.float64).T
        squared = x * x + y * y
        if self.model is LensModel.FISHEYE:
            radius = np.sqrt(squared)
            angle = np.arctan(radius)
            k1, k2, k3, k4 = self.coefficients
            power = angle * angle
            bent = angle * (1 + power * (k1 + power * (k2 + power * (k3 + power * k4))))
            scale = np.divide(bent, radius, out=np.ones_like(radius), where=radius > 1e-12)
            return np.stack((x * scale, y * scale), axis=1)
        k1, k2, p1, p2, k3, k4, k5, k6 = self.coefficients
        above = 1 + squared * (k1 + squared * (k2 + squared * k3))
        below = 1 + squared * (k4 + squared * (k5 + squared * k6))
        radial = above / below
        return np.stack(
            (
                x * radial + 2 * p1 * x * y + p2 * (squared + 2 * x * x),
                y * radial + p1 * (squared + 2 * y * y) + 2 * p2 * x * y,
            ),
            axis=1,
        )


def pixel_maps(camera: Camera, lens: Lens, source: Camera | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of the image without distortion lie in the one with it.

    Args:
        camera: Intrinsics of the image without distortion.
        lens: The lens.
        source: Intrinsics of the image with distortion; None is the same.

    Returns:
        Columns and rows [px], float32 (H, W) each.
    """
    source = source or camera
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack(((columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy), axis=-1).reshape(-1, 2)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        x, y = lens.distorted(rays).T
    shape = (camera.height, camera.width)
    maps = (x * source.fx + source.cx).reshape(shape), (y * source.fy + source.cy).reshape(shape)
    return tuple(np.nan_to_num(part, nan=-1e6, posinf=1e6, neginf=-1e6).astype(np.float32) for part in maps)


def is_negligible(camera: Camera, lens: Lens) -> bool:
    """Whether the lens moves no pixel of the image by as much as a tenth of a pixel."""
    small = camera.resized(min(camera.width, 64), min(camera.height, 64))
    columns, rows = pixel_maps(small, lens)
    moved = np.hypot(
        (columns - np.arange(small.width)) * camera.width / small.width,
        (rows - np.arange(small.height)[:, None]) * camera.height / small.height,
    )
    return bool(moved.max() < _NEGLIGIBLE_PX)


def undistorted_rgb(rgb: np.ndarray, camera: Camera, lens: Lens) -> np.ndarray:
    """An image uint8 (H, W, 3) without distortion; black where the lens saw nothing."""
    return cv2.remap(rgb, *pixel_maps(camera, lens), interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def undistorted_depth(depth: DepthMap, camera: Camera, lens: Lens) -> DepthMap:
    """A depth map without distortion: each pixel takes the measurement nearest to it, and its confidence.

    Args:
        depth: z-depth, seen through the lens.
        camera: Intrinsics of the depth map's own size.
        lens: The lens.
    """
    columns, rows = (np.rint(part).astype(np.intp) for part in pixel_maps(camera, lens))
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    at = np.where(inside, rows, 0), np.where(inside, columns, 0)
    confidence = None if depth.confidence is None else depth.confidence[at]
    return replace(depth, values=depth.values[at], valid=depth.valid[at] & inside, confidence=confidence)


def lens_of(coefficients: Sequence[float], model: LensModel = LensModel.BROWN_CONRADY) -> Lens | None:
    """The lens of these coefficients; None where all are 0."""
    return Lens(model, tuple(coefficients)) if any(coefficients) else None
