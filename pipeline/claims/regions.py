"""Turns the boxes and points of a model's answer into regions in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.claims.coordinates.conventions import THOUSANDTHS, Convention, CoordinateUnit, Size
from pipeline.claims.coordinates.entries import Entry, Found, apart, entries
from pipeline.claims.coordinates.images import Headings
from pipeline.claims.coordinates.inline import inline, label_before
from pipeline.claims.coordinates.tables import tabular
from pipeline.claims.coordinates.tags import tagged
from pipeline.claims.coordinates.units import FIXED, settle, shares_of
from pipeline.claims.json_blocks import JsonBlock
from pipeline.claims.markup import blank
from pipeline.geometry.backprojection import project
from pipeline.records import Box, Box3D, Region
from pipeline.records.camera import Camera
from pipeline.records.errors import UnreadableError
from pipeline.records.message import Message, message

_NEAR_M = 0.01
# Far beyond what a model locates before it repeats itself.
_MOST_ENTRIES = 2000
_EDGES = np.array([(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1])
# Rounded angles of half a turn may exceed 1 in units of pi, and pi in radians.
_MOST_HALF_TURNS, _MOST_RADIANS, _MOST_DEGREES = 1.05, 6.3, 360.0


@dataclass(frozen=True)
class Images:
    """The images of a prompt, to which coordinates refer.

    Args:
        cameras: One camera per image: the frames, and then the crops of them.
        frames: Number of frames among them; None if all are frames.
        sent_px: (width, height) in which the model was given each image [px]; None for the cameras' own.
        convention: Convention of the model's coordinates.
    """

    cameras: Sequence[Camera]
    frames: int | None = None
    sent_px: Sequence[Size] | None = None
    convention: Convention = THOUSANDTHS

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self.cameras) if self.frames is None else self.frames

    def size_px(self, index: int | None) -> Size:
        """(width, height) of an image as the model was given it [px]; of the first one where it is not known."""
        index = index if index is not None and 0 <= index < len(self.cameras) else 0
        if self.sent_px is not None:
            return self.sent_px[index]
        return self.cameras[index].width, self.cameras[index].height


def entries_of_json(text: str, blocks: Iterable[JsonBlock], frames: int) -> list[Entry]:
    """The entries with coordinates of JSON values; an object without a label takes the one before it in its line.

    Args:
        text: The answer.
        blocks: Its JSON values.
        frames: Number of frames.
    """
    found = []
    for block in blocks:
        for entry in entries(block.value, block.start, frames):
            label = entry.label
            if label is None and isinstance(block.value, dict):
                label = label_before(text, block.start, needs_mark=True)
            found.append(replace(entry, label=label))
    return found


def entries_of_text(text: str) -> list[Found]:
    """The entries in tags, tables and lines of an answer whose JSON was blanked, with their spans."""
    found: list[Found] = []
    for read in (tagged, tabular, inline):
        found += apart(read(blank(text, [each[:2] for each in found])), found)
    return found


def regions_of(
    found: Sequence[Entry],
    images: Images,
    headings: Headings | None = None,
    stated: CoordinateUnit | None = None,
) -> tuple[tuple[Region, ...], tuple[Message, ...]]:
    """The regions of an answer's entries.

    The unit of all boxes, and that of all points, is settled together (see ``settle``). A field ``image`` counts from
    1, as in the prompts' "Image 1"; ``frame`` and fields that end in ``index`` count from 0. Where neither a field
    nor a heading nor the order says which of several frames an entry belongs to, its region says so. Boxes are clipped
    to the image. An unusable entry is left out with a message; so are exact repeats, which greedy decoding can produce.

    Args:
        found: The entries, in the order of the text.
        images: The images of the prompt.
        headings: Headings of the answer that name images.
        stated: The unit in which the answer says that its coordinates are.

    Returns:
        The regions in the order of the entries, and a message for each problem.
    """
    count, found = len(found), found[:_MOST_ENTRIES]
    placed = _placed(found, images.frame_count, headings)
    shaped = [entry for entry in placed if entry.shape is not None and entry.kind != "box_3d"]
    settled = settle(shaped, images.convention, lambda entry: images.size_px(entry.frame), stated)
    problems = [settled.remark] if settled.remark is not None else []
    if count > _MOST_ENTRIES:
        problems.append(message("too_many_entries", count=count, most=_MOST_ENTRIES))
    turn, remark = _angles([entry for entry in placed if entry.kind == "box_3d"])
    problems += remark
    regions: dict[tuple[object, ...], Region] = {}
    counts = dict.fromkeys(("repeated_entries", "unplaced_entries", "unnamed_entries"), 0)
    for entry in placed:
        unit = (entry.unit if entry.unit in FIXED else None) or settled.unit
        if unit is None and entry.kind != "box_3d" and entry.shape is not None:
            continue
        counts["unplaced_entries"] += entry.frame is None and images.frame_count > 1
        counts["unnamed_entries"] += entry.label is None
        try:
            region, remarks = _region(entry, unit or images.convention.unit, images, turn)
        except UnreadableError as error:
            problems.append(error.reason)
            continue
        problems += remarks
        key = (region.label, region.frame, region.box_px, region.box_3d)
        counts["repeated_entries"] += key in regions
        regions.setdefault(key, region)
    problems += [message(code, count=count) for code, count in counts.items() if count]
    return tuple(regions.values()), tuple(problems)


def _placed(found: Sequence[Entry], frames: int, headings: Headings | None) -> list[Entry]:
    """The entries with the frames that headings or their order give them."""
    if frames == 1 or headings is None:
        return list(found)
    given = [entry for entry in found if entry.frame is not None]
    numbered = {entry.frame for entry in given if entry.frame is not None}
    if -1 in numbered and len(numbered) > 1 and max(numbered) < frames - 1:
        # Images that seem to be counted from 0.
        return [replace(entry, frame=None) for entry in found]
    if all(entry.counts_from_0 and entry.frame for entry in given) and any(entry.frame == frames for entry in given):
        found = [entry if entry.frame is None else replace(entry, frame=entry.frame - 1) for entry in found]
    placed = []
    for entry in found:
        index = headings.frame_at(entry.position) if entry.frame is None else entry.frame
        placed.append(replace(entry, frame=None if entry.frame is None and index == -1 else index))
    starts = list(dict.fromkeys(entry.position for entry in placed))
    if len(starts) == frames and len(placed) > frames and all(entry.frame is None for entry in placed):
        return [replace(entry, frame=starts.index(entry.position)) for entry in placed]
    return placed


def _angles(boxes: Sequence[Entry]) -> tuple[float, list[Message]]:
    """The unit of the angles of an answer's 3D boxes [rad], and a remark where it is not the model's."""
    angles = [abs(angle) for entry in boxes for angle in (entry.numbers_3d or ())[6:]]
    largest = max(angles, default=0.0)
    if largest <= _MOST_HALF_TURNS:
        return math.pi, []
    if largest <= _MOST_RADIANS:
        return 1.0, [message("angles_converted", unit=message("radians"))]
    return math.pi / 180, [message("angles_converted", unit=message("degrees"))]


def _region(entry: Entry, unit: CoordinateUnit, images: Images, turn: float) -> tuple[Region, list[Message]]:
    """The region of one entry and remarks about it; raise UnreadableError if it has none."""
    remarks: list[Message] = []
    label = entry.label or "object"
    frame = entry.frame or 0
    if not 0 <= frame < len(images.cameras):
        if len(images.cameras) != 1:
            raise UnreadableError("in_no_frame", label=label, count=len(images.cameras))
        remarks.append(message("only_frame_taken", label=label))
        frame = 0
    camera = images.cameras[frame]
    box_3d = None
    if entry.kind == "box_3d":
        numbers = entry.numbers_3d
        if numbers is None or len(numbers) not in (9, 7):
            raw = str(entry.raw)[:60]
            raise UnreadableError("wrong_numbers", kind="box_3d_noun", label=label, count=9, raw=raw)
        if min(numbers[3:6]) < 0:
            raise UnreadableError("negative_side", label=label)
        box_3d = box_3d_from_qwen(numbers, turn)
    elif entry.shape is None or (entry.kind == "box" and len(entry.shape.numbers) != 4):
        count = 2 if entry.kind == "point" else 4
        raise UnreadableError("wrong_numbers", kind=entry.kind, label=label, count=count, raw=str(entry.raw)[:60])
    if box_3d is not None and not (entry.shape is not None and len(entry.shape.numbers) == 4):
        box_px = projected_box_px(box_3d, camera, label)
    else:
        assert entry.shape is not None
        shares = shares_of(entry.shape, unit, images.convention, images.size_px(frame))
        box_px = _box_px(shares, entry.shape.numbers, label, camera, remarks)
    certain = entry.frame is not None or images.frame_count == 1
    region = Region(label, box_px, frame, box_3d=box_3d, score=entry.score, attributes=entry.attributes)
    return region if certain else replace(region, frame_is_certain=False), remarks


def _box_px(
    shares: Sequence[tuple[float, float]],
    numbers: Sequence[float],
    label: str,
    camera: Camera,
    remarks: list[Message],
) -> Box:
    """Box in pixels from its corners as shares of the image, clipped to it."""
    (x1, y1), (x2, y2) = shares[0], shares[-1]
    shown = {"label": label, "numbers": str([int(number) if number == int(number) else number for number in numbers])}
    if x1 > x2 or y1 > y2:
        remarks.append(message("corners_swapped", **shown))
        x1, x2, y1, y2 = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    if x2 < 0 or y2 < 0 or x1 > 1 or y1 > 1:
        raise UnreadableError("outside_image", **shown)
    if len(shares) == 2 and (x1 == x2 or y1 == y2):
        remarks.append(message("box_without_area", **shown))
    if min(x1, y1) < 0 or max(x2, y2) > 1:
        remarks.append(message("box_clipped", **shown))
    x1, y1, x2, y2 = (min(max(share, 0.0), 1.0) for share in (x1, y1, x2, y2))
    return x1 * camera.width, y1 * camera.height, x2 * camera.width, y2 * camera.height


def box_3d_from_qwen(numbers: Sequence[float], turn: float = math.pi) -> Box3D:
    """The 3D box of nine numbers: centre [m], size [m], angles about x, y, z.

    Seven numbers end in a single angle, about the vertical axis y.

    Args:
        numbers: The numbers.
        turn: Unit of the angles [rad]; Qwen3-VL writes units of pi.

    Raises:
        RecordError: If a side is negative.
    """
    angles = (0.0, numbers[6], 0.0) if len(numbers) == 7 else numbers[6:9]
    x, y, z = (angle * turn for angle in angles)
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
