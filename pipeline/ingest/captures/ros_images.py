"""Pixels and depth out of the images of ROS.

Encodings: sensor_msgs/image_encodings.h; depth: REP 118 (https://ros.org/reps/rep-0118.html), float metres or 16-bit
millimetres, 0 and not finite where nothing was measured. Compressed depth:
https://github.com/ros-perception/image_transport_plugins, compressed_depth_image_transport, ``codec.cpp``.
"""

from __future__ import annotations

import io
import math
import struct
import warnings

import cv2
import numpy as np
from PIL import Image

from pipeline.ingest.captures.ros_messages import RosImage
from pipeline.records import DepthMap
from pipeline.records.errors import InputError

DEPTH_ENCODINGS = ("16uc1", "32fc1")
_MILLIMETRE = 0.001
# Bytes per pixel, and the conversion of OpenCV into RGB; OpenCV calls its three channels BGR.
_COLOURS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "8uc3": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "8uc4": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8uc1": (1, cv2.COLOR_GRAY2RGB),
    "yuv422": (2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2RGB_YUY2),
    "bayer_rggb8": (1, cv2.COLOR_BayerRGGB2RGB),
    "bayer_bggr8": (1, cv2.COLOR_BayerBGGR2RGB),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGBRG2RGB),
    "bayer_grbg8": (1, cv2.COLOR_BayerGRBG2RGB),
}
_GREY_16 = ("mono16", "y16")
# More than the pixels of any camera.
_MAX_PIXELS = 200_000_000


def is_depth_encoding(encoding: str) -> bool:
    """Whether an encoding, or the format of a compressed image, stores depth without loss."""
    stored, _, compression = encoding.lower().partition(";")
    if stored.strip() not in DEPTH_ENCODINGS:
        return False
    return not compression or "compresseddepth" in compression or "png" in compression


def is_colour_encoding(encoding: str, is_compressed: bool) -> bool:
    """Whether ``rgb_of`` reads an encoding, or the format of a compressed image."""
    stored, _, compression = encoding.lower().partition(";")
    if is_compressed:
        names = compression or stored
        is_still = any(name in names for name in ("jpeg", "jpg", "png"))
        return is_still and "compresseddepth" not in names and stored.strip() not in DEPTH_ENCODINGS
    return stored in _COLOURS or stored in _GREY_16


def rgb_of(image: RosImage) -> np.ndarray:
    """The pixels, uint8 (H, W, 3).

    Raises:
        InputError: If the encoding is unknown or the sizes contradict each other.
    """
    if image.is_compressed:
        _check_declared(image.data)
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.cvtColor(_decompressed(image.data, flags), cv2.COLOR_BGR2RGB)
    encoding = image.encoding.lower()
    if encoding in _GREY_16:
        grey = (_numbers(image, "u2") >> 8).astype(np.uint8)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if encoding not in _COLOURS:
        raise InputError(f"the encoding {image.encoding!r:.60} is not read; convert it to rgb8")
    channels, conversion = _COLOURS[encoding]
    pixels = _rows(image, channels).reshape(image.height, image.width, channels)
    if channels == 2 and image.width % 2:
        raise InputError(f"a {image.encoding} image has an odd width of {image.width} px; record it again")
    if conversion is None:
        return pixels.copy()
    return cv2.cvtColor(np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels), conversion)


def depth_of(image: RosImage, unit_m: float | None = None) -> DepthMap:
    """The depth of an image.

    Args:
        image: 16UC1, 32FC1, or either compressed without loss; 16-bit grey where a unit is given.
        unit_m: Metres per stored whole number; None is a millimetre.

    Raises:
        InputError: If the encoding is unknown or the sizes contradict each other.
    """
    if image.is_compressed:
        values = _compressed_depth(image, unit_m)
    elif image.encoding.lower() == "32fc1":
        values = _numbers(image, "f4").astype(np.float32)
    else:
        values = _numbers(image, "u2") * np.float32(image.depth_unit_m or unit_m or _MILLIMETRE)
    return DepthMap.from_values(values, "metric", "sensor")


def _compressed_depth(image: RosImage, unit_m: float | None) -> np.ndarray:
    stored, _, compression = image.encoding.lower().partition(";")
    data = image.data
    quantised = "compresseddepth" in compression
    if "rvl" in compression:
        raise InputError("depth is compressed by RVL, which is not read; republish it as png")
    if quantised:
        if len(data) < 12:
            raise InputError("a compressed depth image is cut off; copy the file again")
        # Format of the compression, then the two numbers of the quantisation.
        _, scale, shift = struct.unpack("<iff", data[:12])
        data = data[12:]
    _check_declared(data)
    numbers = _decompressed(data, cv2.IMREAD_UNCHANGED)
    if numbers.ndim != 2 or numbers.dtype != np.uint16:
        raise InputError("a compressed depth image does not hold 16-bit numbers; record it again")
    if stored.strip() == "16uc1":
        return numbers * np.float32(unit_m or _MILLIMETRE)
    if not quantised or not (math.isfinite(scale) and math.isfinite(shift)):
        raise InputError("a compressed depth image has no usable quantisation; record it again")
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = scale / (numbers.astype(np.float32) - np.float32(shift))
    return np.where(numbers == 0, np.float32(np.nan), inverse).astype(np.float32)


def _numbers(image: RosImage, kind: str) -> np.ndarray:
    """Single-channel numbers, (H, W), in the byte order of this machine."""
    stored = np.dtype(kind).newbyteorder(">" if image.is_bigendian else "<")
    rows = np.ascontiguousarray(_rows(image, stored.itemsize)).view(stored)
    return rows.astype(stored.newbyteorder("="))


def _rows(image: RosImage, bytes_per_pixel: int) -> np.ndarray:
    """The bytes of every row, uint8 (H, W * bytes), without its padding."""
    height, width, step = image.height, image.width, image.step
    if height < 1 or width < 1 or height * width > _MAX_PIXELS:
        raise InputError(f"an image has {width} x {height} px; record it again")
    if step < width * bytes_per_pixel or step * height != len(image.data):
        raise InputError(
            f"an image of {width} x {height} px in {image.encoding} with {step} bytes per row has {len(image.data)} "
            "bytes; record it again"
        )
    rows = np.frombuffer(image.data, np.uint8).reshape(height, step)
    return rows[:, : width * bytes_per_pixel]


def _check_declared(data: memoryview) -> None:
    """Refuse a compressed image that would fill the memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")):
                pass
        except Image.DecompressionBombError:
            raise InputError(
                f"a compressed image has more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} px; shrink it"
            ) from None
        except Exception:
            raise InputError("a compressed image is neither a JPEG nor a PNG that can be read") from None


def _decompressed(data: memoryview, flags: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise InputError("a compressed image is damaged; copy the file again")
    return image
