"""Images for a server: reduced, encoded, and cached, because many questions show the same frames."""

from __future__ import annotations

import base64
import math
import threading
from collections import OrderedDict
from typing import Literal

import cv2
import numpy as np

from pipeline.models.vlm.base import ImagePart
from pipeline.models.vlm.budget import TOKEN_PIXELS, TOKEN_SIDE_PX

ImageFormat = Literal["png", "jpeg"]

_JPEG_QUALITY = 95
_MAX_KEPT_BYTES = 128 * 2**20  # About a hundred frames of full HD as PNG.


class ImageEncoder:
    """Encodes each image once as a ``data:`` address; safe to use from several threads.

    Equal images give equal bytes, by which a server recognises images.

    Args:
        image_format: ``png`` sends the exact pixels, ``jpeg`` fewer bytes.
        max_side_px: Larger images are reduced to this longer side [px]; None reduces none.
        max_kept_bytes: Most memory for addresses that are kept [bytes].
    """

    def __init__(
        self, image_format: ImageFormat, max_side_px: int | None, max_kept_bytes: int = _MAX_KEPT_BYTES
    ) -> None:
        self._image_format = image_format
        self._max_side_px = max_side_px
        self._max_kept_bytes = max_kept_bytes
        self._kept: OrderedDict[tuple[str, tuple[int, int]], str] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def data_url(self, image: ImagePart) -> str:
        """The image as a ``data:`` address."""
        height, width = image.rgb.shape[:2]
        size_px = sent_size_px((width, height), self._max_side_px, image.max_pixels)
        key = (image.digest, size_px)
        # Held while an image is encoded, so that no other thread encodes it too; it takes milliseconds.
        with self._lock:
            if key not in self._kept:
                self._kept[key] = encode(image.rgb, size_px, self._image_format)
                self._kept_bytes += len(self._kept[key])
            self._kept.move_to_end(key)
            url = self._kept[key]
            while self._kept_bytes > self._max_kept_bytes:
                self._kept_bytes -= len(self._kept.popitem(last=False)[1])
            return url


def sent_size_px(size_px: tuple[int, int], max_side_px: int | None, max_pixels: int | None) -> tuple[int, int]:
    """Size at which an image is sent, never larger than the image.

    Args:
        size_px: (width, height) of the image [px].
        max_side_px: Longest side [px]; None for any.
        max_pixels: Most pixels that the model may see [px]; None for any. As in Qwen3-VL, the sides become multiples of
            a token's, which a server would otherwise round up beyond the limit.

    Returns:
        (width, height) [px].
    """
    width, height = size_px
    if max_side_px is not None and max(size_px) > max_side_px:
        scale = max_side_px / max(size_px)
        width, height = max(round(width * scale), 1), max(round(height * scale), 1)
    if max_pixels is None or _seen_pixels(width, height) <= max_pixels:
        return width, height
    scale = math.sqrt(max_pixels / (width * height))
    return _reduced(width, scale), _reduced(height, scale)


def _seen_pixels(width: int, height: int) -> int:
    columns, rows = (max(round(side / TOKEN_SIDE_PX), 1) for side in (width, height))
    return max(columns * rows * TOKEN_PIXELS, width * height)


def _reduced(side_px: int, scale: float) -> int:
    tokens = max(math.floor(side_px * scale / TOKEN_SIDE_PX), 1)
    return min(tokens * TOKEN_SIDE_PX, side_px)


def encode(rgb: np.ndarray, size_px: tuple[int, int], image_format: ImageFormat) -> str:
    """An image as a ``data:`` address; equal arguments give equal bytes.

    Args:
        rgb: uint8 (H, W, 3).
        size_px: (width, height) that is sent [px], not larger than the image.
        image_format: ``png`` keeps every pixel of that size.
    """
    if size_px != (rgb.shape[1], rgb.shape[0]):
        rgb = cv2.resize(rgb, size_px, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if image_format == "jpeg" else []
    _, encoded = cv2.imencode(f".{image_format}", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return f"data:image/{image_format};base64,{base64.b64encode(encoded.tobytes()).decode()}"
