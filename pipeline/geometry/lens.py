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
from functools import cached_property

import cv2
import numpy as np

from pipeline.records.camera import Camera
from pipeline.records.checks import finite, member, require
from pipeline.records.depth import DepthMap

# Displacement below which undoing the distortion changes nothing that could be measured [px].
_NEGLIGIBLE_PX = 0.1
# Radii at z = 1 at which it is tried how far a lens is one-to-one; the last is 89.4 degrees from the axis.
_RADII = np.tan(np.linspace(0.0, 1.56, 1561))
# Steps of Newton's method, its steps for the derivatives, and the largest error that it may leave, at z = 1.
_STEPS, _DELTA, _TOLERANCE = 20, 1e-6, 1e-7
# Where a pixel lies that no ray of the image without distortion reaches [px].
_NOWHERE = -1e6
# Pixels whose rays are in memory together, and the sides from which OpenCV resamples no image [px].
_PIXELS_AT_ONCE, _REMAP_SIDE_PX = 1_000_000, 32_767


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

    @cached_property
    def reach(self) -> float:
        """Largest radius at z = 1 up to which the radial part of the lens is one-to-one; farther rays show nothing.

        A polynomial that was fitted within the image turns back beyond it, and would show the image's margin again.
        """
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            shown = self._radial(_RADII)
        falls = ~(np.diff(shown) > 0)
        return float(_RADII[np.argmax(falls)]) if falls.any() else float(_RADII[-1])

    def undistorted(self, rays: np.ndarray) -> np.ndarray:
        """The rays that the lens shows at these places; the inverse of ``distorted``.

        Args:
            rays: float (N, 2), x and y at z = 1 of the pinhole camera that would show them there.

        Returns:
            float64 (N, 2), x and y at z = 1; NaN where the lens shows no ray in front of the camera.
        """
        wanted = np.asarray(rays, dtype=np.float64).reshape(-1, 2)
        within = _RADII[self.reach >= _RADII]
        shown = self._radial(within)
        far = np.hypot(wanted[:, 0], wanted[:, 1])
        radius = np.interp(far, shown, within)
        guess = wanted * np.divide(radius, far, out=np.ones_like(far), where=far > 0)[:, None]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for _ in range(_STEPS):
                missing = wanted - self.distorted(guess)
                step = _DELTA * np.maximum(1.0, np.abs(guess).max(axis=1, initial=0.0))[:, None]
                along_x, along_y = (
                    (self.distorted(guess + step * axis) - self.distorted(guess - step * axis)) / (2 * step)
                    for axis in np.eye(2)
                )
                determinant = along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]
                guess = guess + np.stack(
                    (
                        (missing[:, 0] * along_y[:, 1] - missing[:, 1] * along_y[:, 0]) / determinant,
                        (missing[:, 1] * along_x[:, 0] - missing[:, 0] * along_x[:, 1]) / determinant,
                    ),
                    axis=1,
                )
                if not np.nanmax(np.abs(missing), initial=0.0) > _TOLERANCE / 100:
                    break
            error = np.abs(self.distorted(guess) - wanted).max(axis=1, initial=0.0)
            found = (error < _TOLERANCE * np.maximum(1.0, far)) & (np.hypot(*guess.T) <= self.reach)
        return np.where(found[:, None], guess, np.nan)

    def rotated(self, quarter_turns: int) -> Lens:
        """The lens of the image turned counter-clockwise by quarter turns, as ``Camera.rotated`` turns its camera."""
        turned = self
        if self.model is LensModel.BROWN_CONRADY:
            for _ in range(quarter_turns % 4):
                k1, k2, p1, p2, *others = turned.coefficients
                turned = Lens(self.model, (k1, k2, -p2, p1, *others))
        return turned

    def _radial(self, radii: np.ndarray) -> np.ndarray:
        """Where the radial part of the lens shows rays of these radii at z = 1."""
        if self.model is LensModel.FISHEYE:
            return self.distorted(np.stack((radii, np.zeros_like(radii)), axis=1))[:, 0]
        k1, k2, _, _, *others = self.coefficients
        radial = Lens(self.model, (k1, k2, 0.0, 0.0, *others))
        return radial.distorted(np.stack((radii, np.zeros_like(radii)), axis=1))[:, 0]


def pixel_maps(camera: Camera, lens: Lens, source: Camera | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of the image without distortion lie in the one with it.

    Args:
        camera: Intrinsics of the image without distortion.
        lens: The lens.
        source: Intrinsics of the image with distortion; None is the same.

    Returns:
        Columns and rows [px], float32 (H, W) each; far outside of the image where the lens shows nothing.
    """
    source = source or camera
    shape = camera.height, camera.width
    maps = np.full(shape, _NOWHERE, np.float32), np.full(shape, _NOWHERE, np.float32)
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    rows_at_once = max(1, _PIXELS_AT_ONCE // camera.width)
    for top in range(0, camera.height, rows_at_once):
        y = (np.arange(top, min(top + rows_at_once, camera.height)) - camera.cy) / camera.fy
        rays = np.stack(np.broadcast_arrays(x, y[:, None]), axis=-1).reshape(-1, 2)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            shown = lens.distorted(rays) * (source.fx, source.fy) + (source.cx, source.cy)
        seen = (np.hypot(*rays.T) <= lens.reach) & (np.abs(shown) < -_NOWHERE).all(axis=1)
        for part, places in zip(maps, shown.T, strict=True):
            part[top : top + len(y)] = np.where(seen, places, _NOWHERE).reshape(len(y), -1)
    return maps


def undistorted_pixels(pixels: np.ndarray, camera: Camera, lens: Lens) -> np.ndarray:
    """Where pixels of the image with distortion lie in the one without.

    Args:
        pixels: float (N, 2), u and v [px].
        camera: Intrinsics of both images.
        lens: The lens.

    Returns:
        float64 (N, 2), u and v [px]; NaN where the lens shows no ray in front of the camera.
    """
    centre, focal = np.array((camera.cx, camera.cy)), np.array((camera.fx, camera.fy))
    return lens.undistorted((np.asarray(pixels, dtype=np.float64) - centre) / focal) * focal + centre


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
    """An image uint8 (H, W, 3) without distortion; black where the lens saw nothing.

    Raises:
        RecordError: If a side has 32 767 pixels or more.
    """
    longest = max(rgb.shape[:2])
    require(longest < _REMAP_SIDE_PX, f"An image of {longest} px is too long to undo its lens distortion; shrink it.")
    return cv2.remap(rgb, *pixel_maps(camera, lens), interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def undistorted_depth(depth: DepthMap, camera: Camera, lens: Lens) -> DepthMap:
    """A depth map without distortion: each pixel takes the measurement nearest to it, and its confidence.

    Single returns of a scanner stay single pixels; of several on one pixel, the nearest counts.

    Args:
        depth: z-depth, seen through the lens.
        camera: Intrinsics of the depth map's own size.
        lens: The lens.
    """
    if depth.sampling.is_scattered:
        return _undistorted_returns(depth, camera, lens)
    columns, rows = (np.rint(part).astype(np.intp) for part in pixel_maps(camera, lens))
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    at = np.where(inside, rows, 0), np.where(inside, columns, 0)
    confidence = None if depth.confidence is None else depth.confidence[at]
    return replace(depth, values=depth.values[at], valid=depth.valid[at] & inside, confidence=confidence)


def _undistorted_returns(depth: DepthMap, camera: Camera, lens: Lens) -> DepthMap:
    rows, columns = np.nonzero(depth.valid)
    pixels = undistorted_pixels(np.stack((columns, rows), axis=1), camera, lens)
    kept = np.isfinite(pixels).all(axis=1) & (np.abs(pixels) < -_NOWHERE).all(axis=1)
    u, v = np.rint(pixels[kept]).astype(np.intp).T
    inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    came_from = np.flatnonzero(kept)[inside]
    # Farthest first, so that the nearest of several is written last.
    order = np.argsort(-depth.values[rows[came_from], columns[came_from]], kind="stable")
    to = v[inside][order], u[inside][order]
    source = rows[came_from][order], columns[came_from][order]
    values, valid = np.zeros_like(depth.values), np.zeros_like(depth.valid)
    values[to], valid[to] = depth.values[source], True
    confidence = None
    if depth.confidence is not None:
        confidence = np.zeros_like(depth.confidence)
        confidence[to] = depth.confidence[source]
    return replace(depth, values=values, valid=valid, confidence=confidence)


def lens_of(coefficients: Sequence[float], model: LensModel = LensModel.BROWN_CONRADY) -> Lens | None:
    """The lens of these coefficients; None where it is none: a fisheye bends even where all of them are 0."""
    return Lens(model, tuple(coefficients)) if any(coefficients) or model is LensModel.FISHEYE else None
