"""A second look at small or far objects, through crops of the original pixels.

Convention: a crop is a further image of the prompt. Its number follows the last frame's of the scene, and boxes in
it are relative to it, until ``regions_in_frames`` maps them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import numpy as np

from pipeline.claims.names import normal_name
from pipeline.geometry.regions import boxes_iou
from pipeline.models.vlm.budget import TOKEN_PIXELS, ImageBudget, Size, pixels_within, shown_scale
from pipeline.records import Box, Claim, Frame, Origin, Region
from pipeline.records.camera import Camera
from pipeline.records.checks import finite_tuple, require

# Four tokens long: with less around it, an object is hard to recognise.
_LEAST_SIDE_PX = 128
# A crop that shows an object barely larger than the frame did is not worth its tokens.
_LEAST_MAGNIFICATION = 1.2
# Two crops become one that shows their objects at no less than this share of their size, or half where one holds both.
_MERGED_SCALE, _HOLDING_SCALE = 0.8, 0.5
# Boxes of one label, from a frame and from a crop of it, mean one object if they overlap by more than this. It is low
# because the frame's box of a small object is coarse.
_SAME_IOU = 0.1
# A box that ends this near to the crop's edge, as a share of the crop's side, may go on beyond it.
_EDGE_SHARE = 0.01


class SecondLook(StrEnum):
    """Which regions the model sees again as crops: none, those that it saw too small, or all."""

    OFF = "off"
    AUTO = "auto"
    ALWAYS = "always"


@dataclass(frozen=True)
class Crop:
    """A part of a frame, in original pixels.

    Args:
        frame: Index of the frame, from 0.
        box_px: (left, top, right, bottom) in whole pixels of the frame.

    Raises:
        RecordError: If the box is not whole-numbered, has no area, or begins outside of the frame.
    """

    frame: int
    box_px: Box

    def __post_init__(self) -> None:
        """Check the box."""
        box = finite_tuple(self.box_px, 4, "The box of a crop")
        require(
            all(edge.is_integer() for edge in box) and 0 <= box[0] < box[2] and 0 <= box[1] < box[3],
            f"The box of a crop must be whole pixels (left, top, right, bottom) of a frame, not {box}.",
        )
        object.__setattr__(self, "box_px", box)

    @property
    def size_px(self) -> Size:
        """(width, height) [px]."""
        left, top, right, bottom = self.box_px
        return int(right - left), int(bottom - top)

    def image(self, frame: Frame) -> np.ndarray:
        """The original pixels, uint8 (height, width, 3), copied.

        Raises:
            RecordError: If the crop reaches beyond the frame.
        """
        left, top, right, bottom = map(int, self.box_px)
        require(
            right <= frame.width and bottom <= frame.height,
            f"The crop {self.box_px} reaches beyond its frame of {frame.width} x {frame.height} pixels.",
        )
        return frame.rgb[top:bottom, left:right].copy()

    def camera(self, camera: Camera) -> Camera:
        """Camera of the crop, from that of its frame; its principal point may lie outside of the crop."""
        return camera.cropped(int(self.box_px[0]), int(self.box_px[1]), *self.size_px)

    def to_frame(self, region: Region) -> Region:
        """The region of the frame that a region of the crop shows, in pixels of the frame.

        Its 3D box is dropped: a model measures it along the axis of an image's centre, which is not the frame's.
        """
        left, top = self.box_px[:2]
        x1, y1, x2, y2 = region.box_px
        return replace(region, frame=self.frame, box_px=(x1 + left, y1 + top, x2 + left, y2 + top), box_3d=None)


def choose_crops(
    regions: Sequence[Region],
    frames: Sequence[Frame],
    shown_pixels: Mapping[int, int | None],
    mode: SecondLook,
    budget: ImageBudget,
) -> tuple[Crop, ...]:
    """The crops that show regions again, in their frames' original pixels.

    ``auto`` takes a region if the model sees it smaller than ``crop_below_tokens``, and if its crop magnifies: the
    model sees each side of the object more than 1.2 times as long as in the frame. It does so where the frame was
    reduced, and where the crop is so small that the model enlarges it. ``always`` takes every region.

    A crop has a margin of ``crop_margin`` sides of its region and is at least 128 px long and wide, within the frame.
    Crops of one frame are merged where that shows their objects nearly as large. The ``max_crops`` of the smallest
    regions remain. Points, lines of text, and regions outside of the frames are skipped.

    Args:
        regions: Regions of the frames.
        frames: All frames of the scene.
        shown_pixels: Most pixels that the model sees of each shown frame [px], by the frame's index; None for a frame
            that is shown as it is.
        mode: Which regions.
        budget: Sizes and counts.

    Returns:
        In the order of the frames; equal for equal arguments.
    """
    mode = SecondLook(mode)
    if mode is SecondLook.OFF:
        return ()
    frame_scales = [
        shown_scale((frame.width, frame.height), shown_pixels[index], budget) if index in shown_pixels else 0.0
        for index, frame in enumerate(frames)
    ]

    @cache
    def scale(crop: Crop) -> float:
        return shown_scale(crop.size_px, pixels_within(crop.size_px, budget.crop_tokens, budget), budget)

    def is_worthwhile(crop: Crop) -> bool:
        return mode is SecondLook.ALWAYS or scale(crop) > _LEAST_MAGNIFICATION * frame_scales[crop.frame]

    def may_merge(first: Crop, second: Crop) -> bool:
        if first.frame != second.frame:
            return False
        union = _union(first, second)
        share = _HOLDING_SCALE if union in (first, second) else _MERGED_SCALE
        return is_worthwhile(union) and scale(union) >= share * max(scale(first), scale(second))

    sought: list[tuple[float, int, Box]] = []
    for region in regions:
        if region.frame >= len(frames) or region.origin is Origin.OCR:
            continue
        frame = frames[region.frame]
        box_px = _overlap(region.box_px, (0, 0, frame.width, frame.height))
        if box_px is None:
            continue
        left, top, right, bottom = box_px
        columns = _span(left, right, budget.crop_margin, frame.width)
        rows = _span(top, bottom, budget.crop_margin, frame.height)
        crop = Crop(region.frame, (columns[0], rows[0], columns[1], rows[1]))
        tokens = (right - left) * (bottom - top) * frame_scales[region.frame] ** 2 / TOKEN_PIXELS
        if is_worthwhile(crop) and (mode is SecondLook.ALWAYS or tokens < budget.crop_below_tokens):
            sought.append((tokens, region.frame, crop.box_px))
    merged = _merged((Crop(frame, box_px) for _, frame, box_px in sorted(sought)), may_merge)
    return tuple(sorted(merged[: budget.max_crops], key=lambda crop: (crop.frame, crop.box_px)))


def regions_in_frames(regions: Sequence[Region], crops: Sequence[Crop], frame_count: int) -> tuple[Region, ...]:
    """Map regions that were located in crops back into their frames.

    A region of a frame and one of a crop of it are the same object if their names are equal and their boxes overlap
    within the crop. It keeps its place and takes the crop's finer edges, except where the object may reach beyond the
    crop. Regions that only a crop shows are appended.

    Args:
        regions: Regions whose ``frame`` counts the scene's frames first and then the crops.
        crops: The crops that the model was shown.
        frame_count: Number of frames of the scene, shown or not.

    Returns:
        Regions of frames only.
    """
    found = [region for region in regions if region.frame < frame_count]
    for image, crop in enumerate(crops, frame_count):
        finer = [crop.to_frame(region) for region in regions if region.frame == image]
        overlaps = sorted(
            (-overlap, new, old)
            for new, region in enumerate(finer)
            for old, other in enumerate(found)
            if (overlap := _same_object(region, other, crop)) > _SAME_IOU
        )
        new_of: dict[int, int] = {}
        for _, new, old in overlaps:
            if old not in new_of and new not in new_of.values():
                new_of[old] = new
        for old, new in new_of.items():
            found[old] = _refined(found[old], finer[new], crop)
        found += [region for new, region in enumerate(finer) if new not in new_of.values()]
    return tuple(found)


def claims_in_frames(claims: Iterable[Claim], crops: Sequence[Crop], frame_count: int) -> tuple[Claim, ...]:
    """The claims with crops replaced by their frames; claims that become equal are given once.

    Args:
        claims: Claims whose ``frames`` count the scene's frames first and then the crops.
        crops: The crops that the model was shown.
        frame_count: Number of frames of the scene, shown or not.
    """
    frame_of = [*range(frame_count), *(crop.frame for crop in crops)]
    mapped = (replace(claim, frames=tuple(sorted({frame_of[index] for index in claim.frames}))) for claim in claims)
    return tuple(dict.fromkeys(mapped))


def _overlap(first_px: Box, second_px: Box) -> Box | None:
    """Intersection of two boxes; None where it has no area."""
    left, top = max(first_px[0], second_px[0]), max(first_px[1], second_px[1])
    right, bottom = min(first_px[2], second_px[2]), min(first_px[3], second_px[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _span(low: float, high: float, margin: float, length: int) -> tuple[int, int]:
    """Whole pixels around an interval within ``[0, length]``, shifted inwards where the least side would not fit."""
    growth = max(margin * (high - low), (_LEAST_SIDE_PX - (high - low)) / 2)
    start, end = max(math.floor(low - growth), 0), min(math.ceil(high + growth), length)
    return max(min(start, end - _LEAST_SIDE_PX), 0), min(max(end, start + _LEAST_SIDE_PX), length)


def _merged(crops: Iterable[Crop], may_merge: Callable[[Crop, Crop], bool]) -> list[Crop]:
    """The crops after all merges; a merged crop takes the place of its first part."""
    merged: list[Crop] = []
    for crop in crops:
        place = len(merged)
        while (at := next((at for at, other in enumerate(merged) if may_merge(other, crop)), None)) is not None:
            place, crop = min(place, at), _union(merged.pop(at), crop)
        merged.insert(place, crop)
    return merged


def _union(first: Crop, second: Crop) -> Crop:
    left, top, right, bottom = zip(first.box_px, second.box_px, strict=True)
    return Crop(first.frame, (min(left), min(top), max(right), max(bottom)))


def _same_object(finer: Region, coarse: Region, crop: Crop) -> float:
    """Intersection over union of two regions of a frame within a crop; 0 where frames or names differ."""
    if coarse.frame != crop.frame or normal_name(coarse.label) != normal_name(finer.label):
        return 0.0
    visible = _overlap(coarse.box_px, crop.box_px)
    return 0.0 if visible is None else boxes_iou(visible, finer.box_px)


def _refined(coarse: Region, finer: Region, crop: Crop) -> Region:
    """The frame's region with the crop's edges, except those at which the crop ends before the object."""
    edges = zip(coarse.box_px, finer.box_px, crop.box_px, crop.size_px * 2, (-1, -1, 1, 1), strict=True)
    left, top, right, bottom = (
        old if outward * old > outward * new and abs(new - end) <= _EDGE_SHARE * side else new
        for old, new, end, side, outward in edges
    )
    score = coarse.score if finer.score is None else finer.score
    return replace(coarse, box_px=(left, top, right, bottom), score=score)
