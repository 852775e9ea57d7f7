"""Requests about random images, for tests of the backends."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipeline.models.vlm.base import ImagePart, Request, TextPart

INSTRUCTION = "Answer the question about the images above, in a few words. "


def noise(seed: int, width: int = 96, height: int = 64) -> np.ndarray:
    """An image of random pixels, uint8 (height, width, 3); these sides are multiples of a token's."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def about(images: Sequence[np.ndarray], question: str) -> Request:
    """A request as the pipeline builds them: images, instruction, question."""
    parts: list[ImagePart | TextPart] = []
    for number, rgb in enumerate(images, 1):
        parts += [TextPart(f"\nPicture {number}: "), ImagePart(rgb)]
    return Request((*parts, TextPart(f"\n\n{INSTRUCTION * 3}{question}")), "item", question)


def pixels(url: str) -> np.ndarray:
    """The image of a ``data:`` address, uint8 (height, width, 3)."""
    kind, _, data = url.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{str(image.format).lower()}"
    return np.asarray(image)
