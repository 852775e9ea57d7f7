"""The pinhole camera, also of resized, cropped and turned images.

Convention: OpenCV axes (x right, y down, z forward); pixel (0, 0) is the *centre* of the top-left
pixel, so an image of width W covers u in [-0.5, W - 0.5]. Lengths in pixels. No lens distortion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from pipeline.records.checks import finite, member
from pipeline.records.errors import RecordError

# Far beyond any image; keeps products of sides within floating-point numbers.
MAX_SIDE_PX = 1_000_000_000


class CameraSource(StrEnum):
    """Where the intrinsics came from; the error budget trusts them accordingly.

    ``doubtful``: given, but at odds with EXIF, with the scene, or with what cameras are.
    """

    GIVEN = "given"
    EXIF = "exif"
    MODEL = "model"
    ASSUMED = "assumed"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics of one upright frame.

    Args:
        fx: Focal length along x [px], positive.
        fy: Focal length along y [px], positive.
        cx: Principal point along x [px].
        cy: Principal point along y [px].
        width: Image width [px].
        height: Image height [px].
        source: Where the numbers came from.

    Raises:
        RecordError: If a focal length or a side is not positive, a number is not finite, or the source is
            unknown.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    source: CameraSource = CameraSource.GIVEN

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("fx", "fy", "cx", "cy"):
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        if self.fx <= 0 or self.fy <= 0:
            raise RecordError(f"Camera focal lengths must be positive, not fx={self.fx:g}, fy={self.fy:g}.")
        for name in ("width", "height"):
            side = _finite(name, getattr(self, name))
            if not (side.is_integer() and 1 <= side <= MAX_SIDE_PX):
                raise RecordError(
                    f"Camera {name} must be a whole number of pixels from 1 to {MAX_SIDE_PX}, not {side:g}."
                )
            object.__setattr__(self, name, int(side))
        object.__setattr__(self, "source", member(CameraSource, self.source, "Camera source"))

    @classmethod
    def from_fov(cls, width: int, height: int, fov_deg: float, source: CameraSource = CameraSource.ASSUMED) -> Camera:
        """Camera with a given field of view along the longer side and square pixels.

        Args:
            width: Image width [px].
            height: Image height [px].
            fov_deg: Angle between the outer edges of the longer side [deg], in (0, 180).
            source: Recorded with the camera.

        Raises:
            RecordError: If the angle is not between 0 and 180 degrees.
        """
        if not 0 < fov_deg < 180:
            raise RecordError(f"A field of view must lie between 0 and 180 degrees, not {fov_deg:g}.")
        focal_px = max(width, height) / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height, source)

    @classmethod
    def from_focal_35mm(cls, width: int, height: int, focal_35mm: float) -> Camera:
        """Camera from EXIF's 35 mm equivalent focal length, by equal image diagonals.

        Args:
            width: Width of the upright image [px].
            height: Height of the upright image [px].
            focal_35mm: Equivalent focal length on a 36 x 24 mm frame [mm], positive.
        """
        focal_px = focal_35mm * math.hypot(width, height) / math.hypot(36, 24)
        return cls(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height, CameraSource.EXIF)

    @property
    def matrix(self) -> np.ndarray:
        """The 3 x 3 matrix K, float64: ``[u, v, 1] ~ K @ [x, y, z]``."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], dtype=np.float64)

    def resized(self, width: int, height: int) -> Camera:
        """Camera of the same view resampled to another size.

        The outer edges of the image stay where they are: ``u' = (u + 0.5) * width' / width - 0.5``.
        """
        scale_x, scale_y = width / self.width, height / self.height
        return replace(
            self,
            fx=self.fx * scale_x,
            fy=self.fy * scale_y,
            cx=(self.cx + 0.5) * scale_x - 0.5,
            cy=(self.cy + 0.5) * scale_y - 0.5,
            width=width,
            height=height,
        )

    def cropped(self, x: int, y: int, width: int, height: int) -> Camera:
        """Camera of the crop whose top-left pixel is (x, y); the crop may reach outside the image."""
        return replace(self, cx=self.cx - x, cy=self.cy - y, width=width, height=height)

    def rotated(self, quarter_turns: int) -> Camera:
        """Camera of the image turned counter-clockwise by quarter turns, as ``np.rot90`` turns it.

        One turn maps pixel (u, v) to (v, width - 1 - u).
        """
        camera = self
        for _ in range(quarter_turns % 4):
            camera = replace(
                camera,
                fx=camera.fy,
                fy=camera.fx,
                cx=camera.cy,
                cy=camera.width - 1 - camera.cx,
                width=camera.height,
                height=camera.width,
            )
        return camera


def _finite(name: str, value: Any) -> float:
    """The value as a float; refuses texts and truth values, which ``float`` takes."""
    if isinstance(value, bool | str | bytes):
        raise RecordError(f"Camera {name} must be a finite number of pixels, not {value!r:.60}.")
    return finite(value, f"Camera {name}")
