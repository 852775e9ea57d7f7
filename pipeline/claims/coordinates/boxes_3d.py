"""Reads the numbers of a 3D box."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.claims.coordinates.keys import is_number
from pipeline.claims.coordinates.shapes import plain_key

_MOST_RADIANS = 6.3


def numbers_3d(value: Any) -> tuple[float, ...] | None:
    """Centre (x, y, z) [m], size (3) [m] and angles (3) [units of pi] of a 3D box, as far as its value gives them."""
    if isinstance(value, dict):
        fields = {plain_key(key): part for key, part in value.items()}
        centre = next((_triple(fields[k]) for k in ("center", "centre", "position", "location") if k in fields), None)
        size = next((_triple(fields[k]) for k in ("size", "dimensions", "extent", "scale") if k in fields), None)
        turned = next((fields[k] for k in ("rotation", "angles", "euler", "orientation") if k in fields), None)
        if isinstance(turned, dict) or turned is None:
            return (*centre, *size, *_named_angles(turned or fields)) if centre and size else None
        angles = _triple(turned)
        return (*centre, *size, *angles) if centre and size and angles else None
    if isinstance(value, str):
        value = [float(number) for number in re.findall(r"[-+]?\d{1,9}(?:\.\d{1,12})?", value[:400])]
    if not isinstance(value, Sequence) or len(value) > 16 or not all(map(is_number, value)):
        return None
    return tuple(map(float, value))


def _named_angles(fields: Mapping[str, Any]) -> tuple[float, float, float]:
    """Named angles about x, y and z in units of pi; other models write them in radians or degrees."""
    plain = {plain_key(key): part for key, part in fields.items()}
    named = [
        plain.get(first, plain.get(second, 0)) for first, second in (("pitch", "rx"), ("yaw", "ry"), ("roll", "rz"))
    ]
    x, y, z = (float(angle) if is_number(angle) else 0.0 for angle in named)
    turn = math.pi if max(map(abs, (x, y, z))) <= _MOST_RADIANS else 180.0
    return x / turn, y / turn, z / turn


def _triple(value: Any) -> tuple[float, ...] | None:
    if isinstance(value, dict):
        fields = {plain_key(key): part for key, part in value.items()}
        names = (
            ("x", "y", "z"),
            ("roll", "pitch", "yaw"),
            ("width", "height", "depth"),
            ("w", "h", "d"),
            ("l", "w", "h"),
        )
        value = next(([fields[name] for name in each] for each in names if all(name in fields for name in each)), None)
    return (
        tuple(map(float, value)) if isinstance(value, list) and len(value) == 3 and all(map(is_number, value)) else None
    )
