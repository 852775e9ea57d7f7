"""Drawings of a frame: its photo with regions, and its depth in colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from pipeline.export.drawing import (
    PAPER,
    draw_text,
    line_height,
    printable,
    readable_on,
    rounded_rectangle,
    shorten,
    shorten_middle,
    text_width,
)
from pipeline.export.palette import Colour
from pipeline.export.signs import draw_signs, placed_signs
from pipeline.geometry.regions import boxes_overlap
from pipeline.records import DepthMap, Region, Status

# Pixels that tell the ends of the colours well enough.
_MOST_SAMPLED = 50_000
# Side of the dot of a scanner's return in a drawing [px].
_DOT_PX = 3

INVALID: Colour = (214, 217, 221)
HATCH: Colour = (160, 164, 170)
_HATCH_PX = 8
_CHIP_CHARACTERS = 24
_MOST_NAMES = 80  # More names than this hide the image, and take long to place.
_MASK_OPACITY = 0.28
_RIM: Colour = (20, 20, 20)

_Box = tuple[int, int, int, int]
"""Left, top, right and bottom [px]."""


@dataclass(frozen=True, eq=False)
class Mark:
    """A region to draw.

    Args:
        region: The region.
        name: Its name; without one it is a thin box without a label.
        colour: Its colour.
        verdicts: Number of claims about it by status, for the signs beside its name.
    """

    region: Region
    name: str
    colour: Colour
    verdicts: Mapping[Status, int] = field(default_factory=dict)


def fit(image: np.ndarray, width: int, height: int, smooth: bool = True) -> np.ndarray:
    """The image resampled to the size; the pixels of small images stay visible."""
    if not smooth or width >= 4 * image.shape[1]:
        method = cv2.INTER_NEAREST
    else:
        method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    resized: np.ndarray = cv2.resize(image, (width, height), interpolation=method)
    return resized


def draw_photo(
    rgb: np.ndarray, marks: Sequence[Mark], width: int, height: int, text_px: int, line_px: int
) -> np.ndarray:
    """The photo with masks, boxes and labels.

    Args:
        rgb: uint8 (H, W, 3).
        marks: The regions of this frame, in drawing order.
        width: Width of the drawing [px].
        height: Height of the drawing [px].
        text_px: Size of the labels [px].
        line_px: Thickness of the boxes [px].

    Returns:
        uint8 (height, width, 3).
    """
    image = np.ascontiguousarray(fit(rgb, width, height))
    scale = (width / rgb.shape[1], height / rgb.shape[0])
    for mark in marks:
        if mark.region.mask is not None:
            _draw_mask(image, mark, line_px)
    drawn = [(mark, box) for mark in marks if (box := _draw_box(image, mark, scale, line_px)) is not None]
    chips: list[_Box] = []
    boxes = [box for _, box in drawn[:_MOST_NAMES]]
    for mark, box in drawn:
        if mark.name and len(chips) < _MOST_NAMES:
            chips.append(_draw_chip(image, mark, box, chips, boxes, text_px))
    return image


def _draw_mask(image: np.ndarray, mark: Mark, line_px: int) -> None:
    height, width = image.shape[:2]
    mask = fit(np.asarray(mark.region.mask, dtype=np.uint8), width, height, smooth=False)
    inside = mask.astype(bool)
    tinted = image[inside] * (1 - _MASK_OPACITY) + np.array(mark.colour) * _MASK_OPACITY
    image[inside] = np.round(tinted).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, contours, -1, mark.colour, line_px, cv2.LINE_AA)


def _draw_box(image: np.ndarray, mark: Mark, scale: tuple[float, float], line_px: int) -> _Box | None:
    """Draw the part of the box that lies in the image; return its edges, or None if there is none."""
    height, width = image.shape[:2]
    left, top, right, bottom = (
        edge * factor for edge, factor in zip(mark.region.box_px, (*scale, *scale), strict=True)
    )
    right, bottom = min(right, width), min(bottom, height)
    if right < 0 or bottom < 0 or left > width or top > height:
        return None
    # Clamped before rounding, because an edge may have become infinite.
    left, top = max(0, left), max(0, top)
    if mark.region.is_point:
        centre = (round(min(left, width - 1)), round(min(top, height - 1)))
        cv2.circle(image, centre, 3 * line_px + 1, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(image, centre, 3 * line_px, mark.colour, -1, cv2.LINE_AA)
        reach = 4 * line_px
        return centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach
    x1, y1 = round(left), round(top)
    x2, y2 = min(width, max(round(right), x1 + 1)), min(height, max(round(bottom), y1 + 1))
    thickness = line_px if mark.name and mark.region.mask is None else 1
    for step in range(min(thickness, (min(x2 - x1, y2 - y1) + 1) // 2)):
        cv2.rectangle(image, (x1 + step, y1 + step), (x2 - 1 - step, y2 - 1 - step), mark.colour, 1)
    if thickness > 1 and min(x2 - x1, y2 - y1) > 4 * thickness:
        # A dark inner rim keeps light colours visible on a light background.
        corner, opposite = (x1 + thickness, y1 + thickness), (x2 - 1 - thickness, y2 - 1 - thickness)
        cv2.rectangle(image, corner, opposite, _RIM, 1)
    return x1, y1, x2, y2


def _draw_chip(
    image: np.ndarray,
    mark: Mark,
    box: _Box,
    taken: Sequence[_Box],
    boxes: Sequence[_Box],
    text_px: int,
) -> _Box:
    """Draw the name and the signs where they cover no other name, and as little of the boxes as possible."""
    image_height, image_width = image.shape[:2]
    padding = max(2, text_px // 3)
    signs, signs_width = placed_signs(mark.verdicts, text_px)
    signs_width = signs_width + 2 * padding if signs and 2 * signs_width < image_width else 0
    name = shorten_middle(printable(mark.name, 400), _CHIP_CHARACTERS)
    name = shorten(name, text_px, image_width - signs_width - 2 * padding)
    name_width = text_width(name, text_px) + 2 * padding
    width, height = name_width + signs_width, line_height(text_px) + padding // 2
    x1, y1, x2, y2 = box
    wishes = [(x, y) for y in (y1 - height, y1, y2 - height, y2) for x in (x1, x2 - width)]
    wishes += [(x, y) for y in range(y1 + height, y2 - 2 * height, height) for x in (x1, x2 - width)]
    corners = [(max(0, min(x, image_width - width)), max(0, min(y, image_height - height))) for x, y in wishes]

    def cost(place: _Box) -> tuple[float, float]:
        hidden = (boxes_overlap(place, box) / max(1, (box[2] - box[0]) * (box[3] - box[1])) for box in boxes)
        return sum(boxes_overlap(place, other) for other in taken), round(sum(hidden), 1)

    place = min(((x, y, x + width, y + height) for x, y in corners), key=cost)
    x, y = place[:2]
    if signs_width:
        rounded_rectangle(image, x, y, width, height, max(2, text_px // 4), PAPER)
        draw_signs(image, signs, x + name_width + padding, y + padding // 4, text_px)
    rounded_rectangle(image, x, y, name_width, height, max(2, text_px // 4), mark.colour)
    draw_text(image, name, x + padding, y + padding // 4, text_px, readable_on(mark.colour))
    return place


def nearness(depth: DepthMap, width: int, height: int) -> np.ndarray:
    """Nearness of each pixel, resampled without mixing near and far.

    Depth with shape has a logarithmic scale, on which equal ratios look equal.

    Args:
        depth: The depth map.
        width: Width of the drawing [px].
        height: Height of the drawing [px].

    Returns:
        float64 (height, width), larger towards the camera; NaN where the depth is invalid.
    """
    drawn, known = (depth.values, depth.valid) if not depth.sampling.is_scattered else _dots(depth, width)
    valid = fit(known.astype(np.uint8), width, height, smooth=False).astype(bool)
    values = np.where(valid, fit(drawn, width, height, smooth=False).astype(np.float64), np.nan)
    if depth.kind.larger_is_nearer:
        return values
    return -np.log(values) if depth.kind.has_shape else -values


def _dots(depth: DepthMap, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Single returns as dots that are seen in a drawing of this width; of several, the nearest counts."""
    side = max(_DOT_PX, round(_DOT_PX * depth.shape[1] / width))
    far = np.where(depth.valid, depth.values, np.inf).astype(np.float32)
    dots = cv2.erode(far, np.ones((side, side), np.uint8), borderValue=np.inf)
    known = np.isfinite(dots)
    return np.where(known, dots, 0), known


def colour_range(maps: Iterable[np.ndarray]) -> tuple[float, float] | None:
    """Nearness of the far and the near end of the colours: the 1st and 99th percentile of evenly chosen pixels.

    Returns:
        (far, near), or None if no pixel is valid.
    """
    valid = np.concatenate([values[np.isfinite(values)] for values in maps] or [np.empty(0)])
    if not valid.size:
        return None
    far, near = np.percentile(valid[:: max(1, valid.size // _MOST_SAMPLED)], (1, 99))
    return float(far), float(near)


def draw_depth(nearness_map: np.ndarray, ends: tuple[float, float] | None) -> np.ndarray:
    """Nearness in colour: warm and light is near, dark blue is far, hatched grey is invalid.

    Args:
        nearness_map: float (H, W), see ``nearness``.
        ends: Far and near end of the colours, see ``colour_range``.

    Returns:
        uint8 (H, W, 3).
    """
    height, width = nearness_map.shape
    if ends is None:
        return draw_hatch(width, height)
    far, near = ends
    known = np.isfinite(nearness_map)
    is_whole = bool(known.all())
    shown = nearness_map if is_whole else np.where(known, nearness_map, far)
    share = (shown - far) / (near - far) * 255 if near > far else np.full(shown.shape, 127.5)
    image = colours(np.rint(np.clip(share, 0, 255)).astype(np.uint8))
    if not is_whole:
        image[~known] = draw_hatch(width, height)[~known]
    return image


def draw_hatch(width: int, height: int) -> np.ndarray:
    """Pattern of pixels without depth: grey with diagonal lines, uint8 (height, width, 3)."""
    hatched = np.empty((height, width, 3), dtype=np.uint8)
    hatched[:1] = INVALID
    hatched[1:] = hatched[:1]
    for row in range(min(height, _HATCH_PX)):
        hatched[row::_HATCH_PX, -row % _HATCH_PX :: _HATCH_PX] = HATCH
    return hatched


def colours(level: np.ndarray) -> np.ndarray:
    """Colours of depth, uint8 (H, W, 3), at levels from 0 (far) to 255 (near), uint8 (H, W)."""
    image: np.ndarray = cv2.applyColorMap(level, cv2.COLORMAP_PLASMA)[..., ::-1]
    return np.ascontiguousarray(image)


def draw_legend_bar(width: int, height: int) -> np.ndarray:
    """The colours from near to far, uint8 (height, width, 3)."""
    level = np.linspace(255, 0, width).round().astype(np.uint8)
    return colours(np.repeat(level[None], height, axis=0))
