"""Whether depth lies on its image as it should: turned, mirrored, or of another view."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from pipeline.geometry.orientation import QUARTER_TURNS
from pipeline.ingest.resampling import same_aspect, size_of
from pipeline.ingest.source_images import SourceImage
from pipeline.records import DepthMap, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.message import Message

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class AlignedDepth:
    """Depth that lies on its image, and what was done for it."""

    depth: DepthMap
    notes: tuple[Message, ...] = ()


def aligned_depth(depth: DepthMap, image: SourceImage, file: Path) -> AlignedDepth:
    """The depth of an image, turned as the image was.

    Args:
        depth: At its own resolution.
        image: The upright image.
        file: Where the depth comes from, for the message.

    Raises:
        InputError: If the depth does not lie on the image.
    """
    stored, size = size_of(depth.values), size_of(image.rgb)
    if not same_aspect(stored, size):
        text = f"{file} has {stored[0]} x {stored[1]} px, but the upright image has {size[0]} x {size[1]} px"
        if image.orientation in QUARTER_TURNS and same_aspect(stored, size[::-1]):
            raise InputError(f"{text}, because its EXIF orientation turned it; turn the depth file in the same way.")
        level = logging.WARNING if depth.scale_source is ScaleSource.SENSOR else logging.INFO
        logger.log(level, "%s, another aspect ratio; the depth is stretched over the whole image.", text)
    return AlignedDepth(depth)
