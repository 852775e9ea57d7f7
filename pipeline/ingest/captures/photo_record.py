"""The depth that a photo carries, and the steps that all its formats share."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import ExifTags, Image

from pipeline.geometry.orientation import INVERSE, QUARTER_TURNS, oriented, oriented_camera, oriented_depth
from pipeline.geometry.scattered import copied_px
from pipeline.ingest.resampling import Size, same_aspect
from pipeline.records import DepthKind, DepthMap, Sampling, ScaleSource
from pipeline.records.camera import Camera

BACKEND = "phone_photo"
# No phone stores more, and a small PNG may declare any number.
MAX_PIXELS = 50_000_000
# Where neighbouring stored numbers are further apart than this share of z, they say too little to be a measurement.
_COARSEST_STEP = 0.2


@dataclass(frozen=True, eq=False)
class PhotoDepth:
    """Depth that a photo carries.

    Convention: depth and camera are those of the stored image, as ``open_image`` gives it, before its EXIF orientation
    is applied; ``orientation`` tells which turn is left. HEIF images, and the depth within, are upright already.

    Stored numbers have 8 bits as a rule: one step is (1/near - 1/far) / 255 of disparity [1/m], which at a distance z
    is z^2 times as much [m], 2 % of z at 1 m and 8 % at 4 m for a range of 0.2 m to infinity. Pixels whose step exceeds
    20 % of z are not valid.

    Metric depth has the scale source ``model``, because phones compute it from stereo, motion and networks, smooth it
    and store 8 bits: errors of an RGB-D camera would be too small. Its backend ``phone_photo`` is unknown to the noise
    models, and gets the errors of the worst network measured.

    Args:
        depth: The depth, of its own resolution.
        camera: The camera of the stored image if the photo states one.
        stored_size: (width, height) of the stored image [px].
        orientation: EXIF orientation that turns the stored image upright, 1 to 8.
        notes: What a reader of the result should know.
    """

    depth: DepthMap
    camera: Camera | None
    stored_size: Size
    orientation: int = 1
    notes: tuple[str, ...] = ()

    def upright(self) -> PhotoDepth:
        """The same depth and camera for the image turned upright."""
        camera, size = self.camera, self.stored_size
        if self.orientation == 1:
            return self
        if camera is not None:
            camera = oriented_camera(camera, self.orientation)
        if self.orientation in QUARTER_TURNS:
            size = size[::-1]
        return PhotoDepth(oriented_depth(self.depth, self.orientation), camera, size, 1, self.notes)


def decode_codes(data: bytes) -> tuple[np.ndarray, int, int | None]:
    """Stored numbers of a depth or confidence image of one channel, JPEG or PNG.

    Returns:
        The numbers, int (H, W); the highest possible one, 255 or 65535; its EXIF orientation, None without one.

    Raises:
        ValueError: If it has colours or more than ``MAX_PIXELS``.
    """
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"its depth declares {image.width} x {image.height} px")
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        orientation = orientation if orientation in range(1, 9) else None
        if image.mode == "I" or image.mode.startswith("I;16"):
            return np.asarray(image).astype(np.int64), 65535, orientation
        if image.mode == "L":
            return np.asarray(image).astype(np.int64), 255, orientation
        channels = np.asarray(image.convert("RGB")).astype(np.int64)
    # Some writers store grey as colours; JPEG then changes the channels by a few numbers.
    if np.ptp(channels, axis=2).max() > 8:
        raise ValueError("its depth is stored in colours")
    return channels[..., 1], 255, orientation


def as_stored(array: np.ndarray, own: int | None, image: int) -> np.ndarray:
    """Depth with an EXIF orientation of its own, turned as the image is stored; without one it already is."""
    if own is None or own == image:
        return array
    return np.ascontiguousarray(oriented(oriented(array, own), INVERSE[image]))


def shape_notes(shape: tuple[int, int], stored_size: Size) -> list[str]:
    """What to say about the sides of the depth (height, width) beside those of its image.

    Raises:
        ValueError: If they are exchanged.
    """
    own = shape[1], shape[0]
    if same_aspect(own, stored_size):
        return []
    text = f"its depth has {own[0]} x {own[1]} px and the image {stored_size[0]} x {stored_size[1]} px"
    if same_aspect(own, stored_size[::-1]):
        raise ValueError(f"{text}, so that it is turned against the image")
    return [f"{text}, another aspect ratio; it is stretched over the whole image."]


def metric_depth(
    z: np.ndarray, step: np.ndarray, valid: np.ndarray, confidence: np.ndarray | None = None
) -> tuple[DepthMap, list[str]]:
    """Depth in metres, and a note on how coarsely it is stored.

    Args:
        z: Depth along the optical axis [m], (H, W).
        step: Distance between neighbouring stored numbers [m], (H, W).
        valid: Where the stored numbers mean something, bool (H, W).
        confidence: Optional, in [0, 1].
    """
    with np.errstate(invalid="ignore"):
        valid = valid & np.isfinite(z) & (z > 0) & (step <= _COARSEST_STEP * z)
    depth = _sampled(DepthMap(z, valid, DepthKind.METRIC, ScaleSource.MODEL, BACKEND, confidence))
    if not depth.valid.any():
        return depth, []
    at = np.median(z[depth.valid])
    near = step[depth.valid][np.argmin(np.abs(z[depth.valid] - at))]
    return depth, [f"Its depth is stored in steps of {near:.2g} m at {at:.2g} m."]


def relative_depth(
    values: np.ndarray, valid: np.ndarray, kind: DepthKind, confidence: np.ndarray | None = None
) -> DepthMap:
    """Depth or disparity of unknown scale."""
    return _sampled(DepthMap(values, valid, kind, backend=BACKEND, confidence=confidence))


def _sampled(depth: DepthMap) -> DepthMap:
    """The depth with the sampling of its own resolution, larger where a writer enlarged it by copying."""
    copied = copied_px(depth.values, depth.valid)
    return replace(depth, sampling=Sampling(max(copied[0], 1.0), max(copied[1], 1.0)))
