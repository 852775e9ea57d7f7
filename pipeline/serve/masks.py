"""Masks of requests: run lengths, which stay that until the size of their frame is known."""

from __future__ import annotations

import numpy as np

from pipeline.records import Region, Scene
from pipeline.records.checks import require
from pipeline.records.claim import Box, decode_mask
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import MaskedRegion, RunLengths


def check_lengths(mask: RunLengths, label: str) -> None:
    """Check run lengths without decoding them.

    Raises:
        RecordError: If they do not add up to the size, or are more than its pixels can need.
    """
    (height, width), counts = mask.size, mask.counts
    require(
        height > 0
        and width > 0
        and len(counts) <= height * width + 1
        and min(counts, default=0) >= 0
        and sum(counts) == height * width,
        f"The run lengths of the mask of {label!r} must add up to its size {height} x {width}.",
    )


def box_of(mask: RunLengths) -> Box | None:
    """The tight box around a mask [px], as ``mask_box`` gives it; None where it is empty.

    Args:
        mask: Checked by ``check_lengths``.

    >>> box_of(RunLengths((6, 8), (6, 2, 40)))
    (1.0, 0.0, 2.0, 2.0)
    """
    height = mask.size[0]
    counts = np.asarray(mask.counts, dtype=np.int64)
    ends = np.cumsum(counts)
    is_marked = (np.arange(len(counts)) % 2 == 1) & (counts > 0)
    if not is_marked.any():
        return None
    first_columns, first_rows = np.divmod((ends - counts)[is_marked], height)
    last_columns, last_rows = np.divmod(ends[is_marked] - 1, height)
    top, bottom = int(first_rows.min()), int(last_rows.max()) + 1
    # A run that goes on in the next column takes the last row of one and the first of the other.
    if (first_columns != last_columns).any():
        top, bottom = 0, height
    return float(first_columns.min()), float(top), float(last_columns.max() + 1), float(bottom)


def decoded(region: Region | MaskedRegion, scene: Scene) -> Region:
    """A region with its mask.

    Args:
        region: The region.
        scene: Its scene; a frame that this lacks is left to the scene to refuse.

    Raises:
        UnfitError: If the mask is not of the size of its frame.
    """
    if isinstance(region, Region):
        return region
    plain, (height, width) = region.region, region.mask.size
    if plain.frame >= len(scene.frames):
        return plain
    frame = scene.frames[plain.frame]
    if (height, width) != (frame.height, frame.width):
        raise UnfitError(
            f"The mask of {plain.label!r} is {width} x {height} pixels, but its image is {frame.width} x "
            f"{frame.height}; give one of the size of the upright image."
        )
    return region.with_mask(decode_mask({"size": region.mask.size, "counts": region.mask.counts}))
