"""Finds the entries with coordinates in a model's JSON, and reads their fields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from pipeline.claims.markup import listed

_BOX_KEYS = ("bbox_2d", "bbox", "box_2d", "box", "bounding_box")
_POINT_KEYS = ("point_2d", "point", "points")
_BOX_3D_KEYS = ("bbox_3d", "box_3d")
_COORDINATE_KEYS = (*_BOX_KEYS, *_POINT_KEYS, *_BOX_3D_KEYS)
_LABEL_KEYS = tuple(
    listed("label|name|name_en|name_zh|object|object_name|category|class|type|text|text_content|description|id")
)
_FRAME_KEYS = {"frame": 0, "frame_index": 0, "image_index": 0, "picture": 1, "image": 1, "picture_index": 1}
_FIRST_NUMBER_OF_WORD = {"frame": 0, "index": 0}
_SCORE_KEYS = ("score", "confidence")
CLAIM_KEYS = ("claims", "relations", "relationships")
"""Keys of lists of claims."""
_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x", "y"),
)
_NUMBERS_IN_TEXT = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?")


@dataclass(frozen=True)
class Entry:
    """One entry with coordinates, as the model wrote them.

    Args:
        kind: ``box``, ``point`` or ``box_3d``.
        numbers: The coordinates; None if they are not numbers.
        raw: The unparsed coordinates, for messages.
        label: The label, or None.
        frame: Index of the frame from 0; None if it is not given, -1 if it is not a number.
        box_2d: Numbers of a 2D box given beside the 3D box.
        score: Confidence in [0, 1], if given.
        attributes: All other scalar fields, as texts.
    """

    kind: str
    numbers: tuple[float, ...] | None
    raw: Any
    label: str | None
    frame: int | None
    box_2d: tuple[float, ...] | None
    score: float | None
    attributes: dict[str, str]


def entries(value: Any, name: str | None = None) -> Iterator[Entry]:
    """Every entry with coordinates in a JSON value, in the order of the text; lists of claims are skipped.

    Args:
        value: A JSON value.
        name: Its key, the label of an entry without one.
    """
    if isinstance(value, list):
        for element in value:
            yield from entries(element, name)
    elif isinstance(value, dict):
        if any(key in value for key in _COORDINATE_KEYS):
            yield from _read(value, name)
        else:
            for key, part in value.items():
                if key not in CLAIM_KEYS and isinstance(part, list | dict):
                    yield from entries(part, key if isinstance(part, dict) else None)


def _read(fields: dict[str, Any], name: str | None) -> Iterator[Entry]:
    key = next((key for key in (*_BOX_3D_KEYS, *_BOX_KEYS, *_POINT_KEYS) if fields.get(key) is not None), None)
    key = key or next(key for key in _COORDINATE_KEYS if key in fields)
    kind = "box_3d" if key in _BOX_3D_KEYS else "box" if key in _BOX_KEYS else "point"
    label_key = next((key for key in _LABEL_KEYS if _as_text(fields.get(key))), None)
    label = (_as_text(fields[label_key]) if label_key else None) or name
    frame_key = next((key for key in _FRAME_KEYS if fields.get(key) is not None), None)
    frame = frame_index(fields[frame_key], _FRAME_KEYS[frame_key]) if frame_key else None
    given = next((fields[key] for key in _SCORE_KEYS if key in fields), None)
    score = float(given) if is_number(given) and 0 <= given <= 1 else None
    used = {label_key, frame_key, *_COORDINATE_KEYS, *(_SCORE_KEYS if score is not None else ())}
    attributes = {key: text for key, part in fields.items() if key not in used and (text := _as_text(part)) is not None}
    if label_key in ("name_en", "name_zh"):
        attributes[label_key] = label or ""
    beside = next((numbers_of(fields[key]) for key in _BOX_KEYS if key in fields), None) if kind == "box_3d" else None
    raw = fields[key]
    several = raw if isinstance(raw, list) and raw and all(isinstance(part, list) for part in raw) else [raw]
    for part in several:
        yield Entry(kind, numbers_of(part), part, label, frame, beside, score, attributes)


def numbers_of(value: Any) -> tuple[float, ...] | None:
    """Coordinates given as a list, as a dict of corners or as a text; None if they are not finite numbers."""
    if isinstance(value, dict):
        names = next((names for names in _CORNERS if all(name in value for name in names)), None)
        value = [value[name] for name in names] if names else None
    elif isinstance(value, str):
        value = _NUMBERS_IN_TEXT.findall(value[:200])
    if not isinstance(value, list) or len(value) > 16:
        return None
    try:
        numbers = tuple(float(number) for number in value if not isinstance(number, bool))
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == len(value) and all(map(math.isfinite, numbers)) else None


def frame_index(value: Any, first: int) -> int:
    """Index of a frame from 0; -1 if the value is not a number of a frame.

    Args:
        value: A number, or a text such as "Image 2" (images count from 1, frames from 0).
        first: Number of the first frame, unless the text decides it.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([A-Za-z_]*)\W*(\d{1,6})\s*", value)
        if not match:
            return -1
        word = match[1].casefold().rstrip("_")
        first = _FIRST_NUMBER_OF_WORD.get(word, 1) if word else first
        value = int(match[2])
    return max(int(value) - first, -1) if is_number(value) and value == int(value) else -1


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() or None if isinstance(value, str | int | float) else None
