"""Requests about random pictures, for tests of the backends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.models.vlm.base import ImagePart, Request, TextPart

INSTRUCTION = "Answer the question about the pictures above, in a few words. "


def noise(seed: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A picture of random pixels, uint8 (height, width, 3); these sides are multiples of a token's."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def about(pictures: Sequence[np.ndarray], question: str) -> Request:
    """A request as the pipeline builds them: pictures, instruction, question."""
    parts: list[ImagePart | TextPart] = []
    for number, rgb in enumerate(pictures, 1):
        parts += [TextPart(f"\nPicture {number}: "), ImagePart(rgb)]
    return Request((*parts, TextPart(f"\n\n{INSTRUCTION * 3}{question}")), "item", question)
