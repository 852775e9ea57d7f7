"""Turns a model's boxes and points, in JSON or in grounding tags, into regions in pixels.

Qwen3-VL gives 2D boxes and points as numbers from 0 to 1000, relative to the width and height of the original
image, and 3D boxes in metres in the camera frame with angles in units of pi about x, y and z.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.claims.json_blocks import JsonBlock
from pipeline.claims.region_entries import Entry, entries
from pipeline.geometry.backprojection import project
from pipeline.records import Box, Box3D, Region
from pipeline.records.camera import Camera
from pipeline.records.errors import UnreadableError
from pipeline.records.message import Message, message

_GRID = 1000.0
_NEAR_M = 0.01
_EDGES = np.array([(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1])

_BOX = r"\(?(?:\(?\d{1,4}\s{0,4},\s{0,4}\d{1,4}\)?\s{0,4},?\s{0,4}){2}\)?"
_TAGGED = re.compile(
    r"(?:<\|object_ref_start\|>(?P<name>[^<\n]{1,80})<\|object_ref_end\|>|<ref>(?P<short_name>[^<\n]{1,80})</ref>)?"
    rf"\s{{0,4}}(?:<\|box_start\|>|<box>)\s{{0,4}}(?P<box>{_BOX})\s{{0,4}}(?:<\|box_end\|>|</box>)"
)
_LABELLED = re.compile(
    r"^[ \t]*+(?:(?:[-+•]|\d{1,3}[.)])[ \t]{1,4})?\*{0,3}(?P<name>[^\W\d][^\n\[\]{}():：*]{0,60}?)\*{0,3}"
    r"[ \t]{0,4}[:：]\*{0,3}[ \t]{0,4}\[\s{0,4}(?P<box>(?:\d{1,4}\s{0,4},\s{0,4}){3}\d{1,4})\s{0,4}\]",
    re.MULTILINE,
)


def regions_from_json(
    blocks: Iterable[JsonBlock], cameras: Sequence[Camera]
) -> tuple[tuple[Region, ...], tuple[Message, ...]]:
    """Read the regions of JSON values.

    A field ``image`` counts from 1, as in the prompts' "Image 1"; ``frame`` and fields that end in ``index`` count
    from 0. Boxes are clipped to the image. An unusable entry is left out with a message; so are exact repeats, which
    greedy decoding can produce.

    Args:
        blocks: JSON values from ``find_json``.
        cameras: One camera per frame.

    Returns:
        The regions in the order of the text, and a message for each problem.
    """
    return _regions((entry for block in blocks for entry in entries(block.value)), cameras)


def regions_from_text(text: str, cameras: Sequence[Camera]) -> tuple[tuple[Region, ...], tuple[Message, ...]]:
    """Read boxes from grounding tags and from lines such as ``mug: [x1, y1, x2, y2]``.

    Args:
        text: An answer whose JSON and code were blanked.
        cameras: One camera per frame.

    Returns:
        As ``regions_from_json``.
    """
    found = []
    for match in (*_TAGGED.finditer(text), *_LABELLED.finditer(text)):
        groups = match.groupdict()
        numbers = tuple(map(float, re.findall(r"\d{1,4}", match["box"])))
        label = groups.get("name") or groups.get("short_name")
        found.append(Entry("box", numbers, list(numbers), label and label.strip(), None, None, None, {}))
    return _regions(found, cameras)


def _regions(found: Iterable[Entry], cameras: Sequence[Camera]) -> tuple[tuple[Region, ...], tuple[Message, ...]]:
    regions: dict[tuple[object, ...], Region] = {}
    problems: list[Message] = []
    counts = dict.fromkeys(("repeated_entries", "unplaced_entries", "unnamed_entries"), 0)
    for entry in found:
        counts["unplaced_entries"] += entry.frame is None and len(cameras) > 1
        counts["unnamed_entries"] += entry.label is None
        try:
            region, remarks = _region(entry, cameras)
        except UnreadableError as error:
            problems.append(error.reason)
            continue
        problems += remarks
        key = (region.label, region.frame, region.box_px, region.box_3d)
        counts["repeated_entries"] += key in regions
        regions.setdefault(key, region)
    problems += [message(code, count=count) for code, count in counts.items() if count]
    return tuple(regions.values()), tuple(problems)


def _region(entry: Entry, cameras: Sequence[Camera]) -> tuple[Region, list[Message]]:
    """The region of one entry and remarks about it; raise UnreadableError if it has none."""
    remarks: list[Message] = []
    label = entry.label or "object"
    frame = entry.frame or 0
    if not 0 <= frame < len(cameras):
        if len(cameras) != 1:
            raise UnreadableError("in_no_frame", label=label, count=len(cameras))
        remarks.append(message("only_frame_taken", label=label))
        frame = 0
    camera = cameras[frame]
    wanted = {"box": (4,), "point": (2,), "box_3d": (9, 7)}[entry.kind]
    if entry.numbers is None or len(entry.numbers) not in wanted:
        kind = "box_3d_noun" if entry.kind == "box_3d" else entry.kind
        raise UnreadableError("wrong_numbers", kind=kind, label=label, count=wanted[0], raw=str(entry.raw)[:60])
    if entry.kind == "box_3d" and min(entry.numbers[3:6]) < 0:
        raise UnreadableError("negative_side", label=label)
    box_3d = box_3d_from_qwen(entry.numbers) if entry.kind == "box_3d" else None
    numbers = entry.box_2d if box_3d else entry.numbers
    if box_3d and not (numbers and len(numbers) == 4):
        box_px = projected_box_px(box_3d, camera, label)
    else:
        box_px = _box_px(numbers or (), label, camera, remarks)
    return Region(label, box_px, frame, box_3d=box_3d, score=entry.score, attributes=entry.attributes), remarks


def _box_px(numbers: Sequence[float], label: str, camera: Camera, remarks: list[Message]) -> Box:
    """Box in pixels from two or four numbers of the 0-1000 grid, clipped to the image."""
    x1, y1, x2, y2 = numbers if len(numbers) == 4 else (*numbers, *numbers)
    shown = {"label": label, "numbers": str([*numbers])}
    if x1 > x2 or y1 > y2:
        remarks.append(message("corners_swapped", **shown))
        x1, x2, y1, y2 = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    if x2 < 0 or y2 < 0 or x1 > _GRID or y1 > _GRID:
        raise UnreadableError("outside_grid", **shown)
    if len(numbers) == 4 and (x1 == x2 or y1 == y2):
        remarks.append(message("box_without_area", **shown))
    if min(x1, y1) < 0 or max(x2, y2) > _GRID:
        remarks.append(message("box_clipped", **shown))
    x1, y1, x2, y2 = (min(max(number, 0.0), _GRID) / _GRID for number in (x1, y1, x2, y2))
    return x1 * camera.width, y1 * camera.height, x2 * camera.width, y2 * camera.height


def box_3d_from_qwen(numbers: Sequence[float]) -> Box3D:
    """The 3D box of nine numbers: centre [m], size [m], angles about x, y, z in units of pi.

    Seven numbers end in a single angle, about the vertical axis y.

    Raises:
        RecordError: If a side is negative.
    """
    angles = (0.0, numbers[6], 0.0) if len(numbers) == 7 else numbers[6:9]
    x, y, z = (angle * math.pi for angle in angles)
    return Box3D(tuple(numbers[:3]), tuple(numbers[3:6]), (x, y, z))  # type: ignore[arg-type]


def projected_box_px(box: Box3D, camera: Camera, label: str = "object") -> Box:
    """The rectangle around the projection of a 3D box, clipped to the image.

    Convention: the result is in continuous coordinates whose (0, 0) is the top-left corner of the image, half a
    pixel from the centre of the first pixel. The part behind a plane 1 cm in front of the camera is cut off.

    Args:
        box: A box in the camera frame [m].
        camera: The camera.
        label: Name of the box in the error.

    Returns:
        (left, top, right, bottom) [px].

    Raises:
        UnreadableError: If the box lies behind the camera or outside the image.
    """
    corners = box.corners_m
    start, end = corners[_EDGES[:, 0]], corners[_EDGES[:, 1]]
    crosses = (start[:, 2] < _NEAR_M) != (end[:, 2] < _NEAR_M)
    start, along = start[crosses], (end - start)[crosses]
    cuts = start + along * ((_NEAR_M - start[:, 2]) / along[:, 2])[:, None]
    points = np.concatenate((corners[corners[:, 2] >= _NEAR_M], cuts))
    if not len(points):
        raise UnreadableError("box_3d_behind", label=label)
    pixels, limits = project(points, camera) + 0.5, (camera.width, camera.height)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if (high <= 0).any() or (low >= limits).any():
        raise UnreadableError("box_3d_outside", label=label)
    left, top, right, bottom = np.clip((low, high), 0, limits).ravel().tolist()
    return left, top, right, bottom
