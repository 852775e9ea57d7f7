"""One image per result: frames with regions and signs of their verdicts, with depth beside or below."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.export.drawing import GREY, PAPER, draw_text, line_height, printable, shorten, text_width
from pipeline.export.files import replacing
from pipeline.export.images import (
    Mark,
    colour_range,
    draw_depth,
    draw_hatch,
    draw_legend_bar,
    draw_photo,
    nearness,
)
from pipeline.export.palette import region_colours, region_names
from pipeline.export.signs import draw_signs, placed_signs
from pipeline.records import DepthKind, DepthMap, Frame, Origin, Result, Scene
from pipeline.records.errors import ExportError
from pipeline.records.message import Language, message

MOST_FRAMES = 32
SMALL_PX = 15
_TEXT_PX = 18
_GAP = 16
_PANORAMA = 2.2
_TEXT_REGION_COLOUR = (235, 235, 235)
_JPEG_QUALITY = 85


def write_image(path: Path, image: np.ndarray, widest_px: int | None = None, jpeg_quality: int = _JPEG_QUALITY) -> Path:
    """Write an image in the format of the path's suffix.

    Args:
        path: Where to write.
        image: uint8 RGB (H, W, 3).
        widest_px: A wider image is reduced to this width; None keeps its size.
        jpeg_quality: Quality of a JPEG, from 0 to 100.

    Returns:
        The path.

    Raises:
        ExportError: If the file cannot be written.
    """
    height, width = image.shape[:2]
    if widest_px is not None and width > widest_px:
        size = (widest_px, max(1, round(height * widest_px / width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    settings = (cv2.IMWRITE_JPEG_QUALITY, jpeg_quality) if path.suffix == ".jpg" else ()
    done, data = cv2.imencode(path.suffix, bgr, settings)
    if not done:
        raise ExportError(f"The image {path} cannot be encoded as {path.suffix}.")
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())
    return path


def draw_overlay(scene: Scene, result: Result) -> np.ndarray:
    """Draw the frames with their regions and signs of verdicts, their depth, and the counts of all verdicts.

    Args:
        scene: Frames and depth; at most the first 32 frames are drawn.
        result: Regions and verdicts. A region shows the signs of the claims about it beside its name.

    Returns:
        uint8 RGB (H, W, 3), at most 1920 px wide.
    """
    grid = _Grid.of(scene)
    frames = _draw_frames(scene, result, grid)
    counts = Counter(verdict.status for verdict in result.verdicts)
    signs, width = placed_signs(counts, _TEXT_PX, result.language)
    if not signs:
        return frames
    top = len(frames) + _GAP
    sheet = _blank(max(width, frames.shape[1]), top + line_height(_TEXT_PX))
    _place(sheet, frames, 0, 0)
    draw_signs(sheet, signs, 0, top, _TEXT_PX)
    return sheet


def _blank(width: int, height: int) -> np.ndarray:
    sheet = np.empty((height, width, 3), dtype=np.uint8)
    # One row first: filling with a colour pixel by pixel takes ten times as long.
    sheet[0] = PAPER
    sheet[1:] = sheet[0]
    return sheet


@dataclass(frozen=True)
class _Grid:
    """Layout of the images in columns of photo and depth, with cells of equal size [px].

    Depth stands beside its photo (``across`` is 2), or below a wide one (``down`` is 2).
    """

    sizes: tuple[tuple[int, int], ...]
    columns: int
    across: int
    down: int

    @classmethod
    def of(cls, scene: Scene) -> _Grid:
        frames = scene.frames[:MOST_FRAMES]
        is_wide = min(frame.width / frame.height for frame in frames) > _PANORAMA
        across, down = ((1, 2) if is_wide else (2, 1)) if scene.depth else (1, 1)
        columns = next(columns for columns, most in ((1, 1), (2, 6), (3, 15), (4, MOST_FRAMES)) if len(frames) <= most)
        total = 1520 if columns < 3 else 1920
        widest = (total + _GAP) // (columns * across) - _GAP
        highest = 760 // down if columns == 1 else widest
        return cls(tuple(_fitted(frame, widest, highest) for frame in frames), columns, across, down)

    @property
    def cell(self) -> tuple[int, int]:
        return max(width for width, _ in self.sizes), max(height for _, height in self.sizes)

    @property
    def width(self) -> int:
        return self.columns * self.across * (self.cell[0] + _GAP) - _GAP


def _fitted(frame: Frame, widest: int, highest: int) -> tuple[int, int]:
    scale = min(widest / frame.width, highest / frame.height)
    return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))


def _draw_frames(scene: Scene, result: Result, grid: _Grid) -> np.ndarray:
    cell_width, cell_height = grid.cell
    caption = line_height(SMALL_PX) + 8
    cell_step = cell_height + caption + _GAP
    step = cell_step * grid.down
    rows = -(-len(grid.sizes) // grid.columns)
    hidden = len(scene.frames) - len(grid.sizes)
    sheet = _blank(grid.width, rows * step - _GAP + (caption if hidden else 0))
    marks = _marks(result, len(scene.frames))
    near = [nearness(depth, *size) for depth, size in zip(scene.depth, grid.sizes, strict=False)]
    # Frames share their colours if depth is metric; other depth has its own scale per frame.
    common = colour_range(near) if all(depth.kind is DepthKind.METRIC for depth in scene.depth) else None
    for index, (frame, size) in enumerate(zip(scene.frames, grid.sizes, strict=False)):
        row, column = divmod(index, grid.columns)
        x, y = column * grid.across * (cell_width + _GAP), row * step
        thickness = max(1, min(3, size[0] // 150))
        photo = draw_photo(frame.rgb, marks[index], *size, _label_px(*size), thickness)
        _place(sheet, photo, x, y)
        name = f"{index + 1}  {frame.name}" if len(scene.frames) > 1 else frame.name
        time = "" if frame.timestamp_s is None else f", {frame.timestamp_s:.2f} s"
        caption_text = shorten(printable(name + time, 200), SMALL_PX, cell_width)
        draw_text(sheet, caption_text, x, y + cell_height + 6, SMALL_PX, GREY)
        if scene.depth:
            x, y = (x, y + cell_step) if grid.down == 2 else (x + cell_width + _GAP, y)
            ends = common or colour_range([near[index]])
            _place(sheet, draw_depth(near[index], ends), x, y)
            has_holes = not np.isfinite(near[index]).all()
            _draw_legend(
                sheet, scene.depth[index], ends, has_holes, x, y + cell_height + 6, cell_width, result.language
            )
    if hidden:
        more = message("legend_more_frames", count=hidden).text(result.language)
        draw_text(sheet, more, 0, rows * step - _GAP + 6, SMALL_PX, GREY)
    return sheet


def _label_px(width: int, height: int) -> int:
    """Size of the labels on a photo of that width and height [px]."""
    return max(10, min(18, round(math.sqrt(width * height) / 40)))


def _place(sheet: np.ndarray, image: np.ndarray, x: int, y: int) -> None:
    sheet[y : y + image.shape[0], x : x + image.shape[1]] = image


def _marks(result: Result, frames: int) -> list[list[Mark]]:
    """The regions of each frame; text without a verdict stays in the background."""
    named = {name for verdict in result.verdicts for name in (verdict.claim.subject, verdict.claim.object)}
    marks: list[list[Mark]] = [[] for _ in range(frames)]
    for region, name, colour in zip(
        result.regions, region_names(result.regions), region_colours(result.regions), strict=True
    ):
        if region.frame >= frames:
            continue
        if region.origin is Origin.OCR and name not in named:
            marks[region.frame].insert(0, Mark(region, "", _TEXT_REGION_COLOUR))
            continue
        verdicts = Counter(
            verdict.status
            for verdict in result.verdicts
            if verdict.claim.subject == name and region.frame in (verdict.claim.frames or (region.frame,))
        )
        marks[region.frame].append(Mark(region, name, colour, verdicts))
    return marks


def _draw_legend(
    sheet: np.ndarray,
    depth: DepthMap,
    ends: tuple[float, float] | None,
    has_holes: bool,
    x: int,
    y: int,
    width: int,
    language: Language,
) -> None:
    """Draw the kind of the depth on the left, and its range and the pattern of missing depth on the right."""
    codes = ("legend_near", "legend_far", "legend_no_depth", "legend_no_valid_depth")
    near, far, no_depth, no_valid_depth = (message(code).text(language) for code in codes)
    if ends is None:
        draw_text(sheet, no_valid_depth, x, y, SMALL_PX, GREY)
        return
    if depth.kind is DepthKind.METRIC:
        near, far = (f"{float(np.exp(-end)):.3g} m" for end in (ends[1], ends[0]))
    middle_y, hole_width = y + line_height(SMALL_PX) // 2, 16 + 6 + text_width(no_depth, SMALL_PX) + 16
    if has_holes and hole_width <= width // 2:
        width -= hole_width
        _place(sheet, draw_hatch(16, 12), x + width + 16, middle_y - 6)
        draw_text(sheet, no_depth, x + width + 16 + 22, y, SMALL_PX, GREY)
    bar_width = min(140, max(0, width - text_width(near, SMALL_PX) - text_width(far, SMALL_PX) - 16))
    left = x + width - text_width(far, SMALL_PX) - bar_width - 8
    start = left - text_width(near, SMALL_PX) - 8
    draw_text(sheet, near, start, y, SMALL_PX, GREY)
    draw_text(sheet, far, left + bar_width + 8, y, SMALL_PX, GREY)
    if bar_width:
        _place(sheet, draw_legend_bar(bar_width, 10), left, middle_y - 5)
    scaled = "legend_metric" if depth.kind is DepthKind.METRIC else "legend_kind"
    kind = message(scaled, kind=str(depth.kind), source=f"scale_{depth.scale_source}").text(language)
    if text_width(kind, SMALL_PX) <= start - x - 16:
        draw_text(sheet, kind, x, y, SMALL_PX, GREY)
