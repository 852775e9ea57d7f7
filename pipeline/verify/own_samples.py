"""A frame, its depth and its regions on the grid of the depth's own samples.

A map that was enlarged to the size of the image has as many pixels as the image, but no more measurements. On its own
grid, every pixel is one measurement: counts, widths of edges and errors of medians need no correction, and judging
costs no more than the map holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.geometry.scattered import resized_returns
from pipeline.records import Camera, DepthMap, Frame, Region, Sampling

# Below this width of a sample, the map keeps its size [px].
_LEAST_PX = 1.5


def on_own_grid(frame: Frame, depth: DepthMap) -> tuple[Frame, DepthMap] | None:
    """The frame and its depth with one pixel per sample of dense depth; None where they already are like that.

    Args:
        frame: The frame.
        depth: Its depth.

    Returns:
        The smaller frame with its camera, and depth whose every pixel is a measurement.
    """
    width_px, height_px = depth.sampling.width_px, depth.sampling.height_px
    if depth.sampling.is_scattered or (width_px * height_px) ** 0.5 < _LEAST_PX:
        return None
    width, height = max(1, round(frame.width / width_px)), max(1, round(frame.height / height_px))
    shape = height, width
    small = replace(
        depth,
        values=_on_grid(depth.values, shape),
        valid=_on_grid(depth.valid, shape),
        confidence=None if depth.confidence is None else _on_grid(depth.confidence, shape),
        sampling=Sampling(),
    )
    return replace(
        frame, rgb=_on_grid(frame.rgb, shape), camera=frame.camera.resized(width, height), given_depth=None
    ), small


def _on_grid(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The pixels of an image (H, W, ...) in the middles of the cells of a coarser grid of that (height, width)."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(image.shape[:2], shape, strict=True)
    )
    # Whole rows first: several times faster than one index of both.
    found: np.ndarray = image[rows][:, columns]
    return found


def cells_of_returns(camera: Camera, depth: DepthMap) -> tuple[np.ndarray, np.ndarray, Camera]:
    """Scattered depth on a grid whose cells hold about one return each.

    Args:
        camera: Intrinsics of the frame.
        depth: Its depth.

    Returns:
        The nearest z of every cell, float32 (h, w), 0 without any; bool (h, w), where there is one; and the grid's
        camera.
    """
    width = max(1, round(camera.width / depth.sampling.width_px))
    height = max(1, round(camera.height / depth.sampling.height_px))
    values, valid = resized_returns(depth.values, depth.valid, (width, height))
    return values, valid, camera.resized(width, height)


def region_on_grid(region: Region, frame: Frame, small: Frame) -> Region:
    """A region of a frame on the grid of a smaller one; a box keeps its exact edges."""
    scale_x, scale_y = small.width / frame.width, small.height / frame.height
    left, top, right, bottom = region.box_px
    mask = region.mask
    # A mask of another size fits neither grid, and is refused where it is read.
    if mask is not None and mask.shape == (frame.height, frame.width):
        # A mask that covers no sample's middle stays an empty one, of which nothing can be measured.
        mask = _on_grid(mask, (small.height, small.width))
    return replace(region, box_px=(left * scale_x, top * scale_y, right * scale_x, bottom * scale_y), mask=mask)


def regions_on_grids(regions: Sequence[Region], frames: Sequence[Frame], own: Sequence[Frame]) -> tuple[Region, ...]:
    """All regions, each on the grid of its frame."""
    return tuple(
        region
        if region.frame >= len(own) or own[region.frame] is frames[region.frame]
        else region_on_grid(region, frames[region.frame], own[region.frame])
        for region in regions
    )
