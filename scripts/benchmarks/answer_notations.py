"""Writes boxes in the notations of many models; written without regard to how they are read."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
Named = Sequence[tuple[str, Sequence[str]]]
"""Labels, each with the four numbers of its box as texts."""


@dataclass(frozen=True)
class Unit:
    """A unit of coordinates.

    Args:
        name: The value of ``vlm.coordinates``.
        write: Writes the share of a side as a number.
    """

    name: str
    write: Callable[[float, int], str]

    def numbers(self, box: Box, size: tuple[int, int]) -> list[str]:
        """The numbers of a box given as shares of the image's size."""
        made = [self.write(share, side) for share, side in zip(box, size * 2, strict=True)]
        return [made[1], made[0], made[3], made[2]] if self.name.endswith("_yx") else made


UNITS = (
    Unit("thousandths", lambda share, side: str(round(1000 * share))),
    Unit("pixels", lambda share, side: str(round(side * share))),
    Unit("fractions", lambda share, side: f"{share:.3f}"),
    Unit("percent", lambda share, side: f"{100 * share:.1f}"),
    Unit("per_999", lambda share, side: str(round(999 * share))),
    Unit("thousandths_yx", lambda share, side: str(round(1000 * share))),
)
# Keys that name x and y fix their order, so they do not suit units with y first.
NAMED = (
    "corner_keys",
    "min_max",
    "left_top",
    "centre",
    "attributes",
    "voc",
    "table_columns",
    "named_sides",
    "csv",
    "xywh_keys",
)


def _list(numbers: Sequence[str]) -> str:
    return f"[{', '.join(numbers)}]"


def _json(key: str) -> Callable[[Named, random.Random], str]:
    def write(named: Named, rng: random.Random) -> str:
        entries = [f'{{"{key}": {_list(numbers)}, "label": {json.dumps(label)}}}' for label, numbers in named]
        text = f"[{', '.join(entries)}]"
        return rng.choice((text, f"```json\n{text}\n```", f"Here are the objects:\n```json\n{text}\n```\n"))

    return write


def _entries(make: Callable[[str, Sequence[str]], str]) -> Callable[[Named, random.Random], str]:
    return lambda named, rng: f"[{', '.join(make(label, numbers) for label, numbers in named)}]"


def _lines(make: Callable[[str, Sequence[str]], str], lead: str = "") -> Callable[[Named, random.Random], str]:
    return lambda named, rng: lead + "\n".join(make(label, numbers) for label, numbers in named)


def _entry(fields: dict[str, object]) -> str:
    """A JSON object whose numbers are written as they are given."""
    return re.sub(r'"#([^"]*)"', r"\1", json.dumps(fields))


def _raw(names: str, numbers: Sequence[str]) -> dict[str, str]:
    return {name: f"#{number}" for name, number in zip(names.split(), numbers, strict=True)}


def _sides(numbers: Sequence[str]) -> tuple[str, str]:
    digits = len(numbers[0].partition(".")[2])
    x1, y1, x2, y2 = map(float, numbers)
    return f"{x2 - x1:.{digits}f}", f"{y2 - y1:.{digits}f}"


def _centre(numbers: Sequence[str]) -> tuple[str, str]:
    digits = len(numbers[0].partition(".")[2]) + 1
    x1, y1, x2, y2 = map(float, numbers)
    return f"{(x1 + x2) / 2:.{digits}f}", f"{(y1 + y2) / 2:.{digits}f}"


def _corners(numbers: Sequence[str]) -> list[tuple[str, str]]:
    x1, y1, x2, y2 = numbers
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


NOTATIONS: dict[str, Callable[[Named, random.Random], str]] = {
    "bbox_2d": _json("bbox_2d"),
    "bbox": _json("bbox"),
    "box": _json("box"),
    "bounding_box": _json("bounding_box"),
    "boundingBox": _json("boundingBox"),
    "coordinates": _json("coordinates"),
    "json_lines": _lines(lambda label, n: f'{{"label": {json.dumps(label)}, "bbox_2d": {_list(n)}}}'),
    "python_repr": _entries(lambda label, n: f"{{'bbox_2d': ({', '.join(n)}), 'label': '{label}'}}"),
    "objects_key": lambda named, rng: (
        '{"objects": [' + ", ".join(f'{{"name": {json.dumps(label)}, "box": {_list(n)}}}' for label, n in named) + "]}"
    ),
    "label_to_box": lambda named, rng: "{" + ", ".join(f"{json.dumps(label)}: {_list(n)}" for label, n in named) + "}",
    "label_to_dict": lambda named, rng: (
        "{" + ", ".join(f'{json.dumps(label)}: {{"bbox": {_list(n)}}}' for label, n in named) + "}"
    ),
    "parallel_lists": lambda named, rng: (
        '{"bboxes": ['
        + ", ".join(_list(n) for _, n in named)
        + '], "labels": ['
        + ", ".join(json.dumps(label) for label, _ in named)
        + "]}"
    ),
    "corner_pairs": _entries(
        lambda label, n: f'{{"label": {json.dumps(label)}, "bbox": [[{n[0]}, {n[1]}], [{n[2]}, {n[3]}]]}}'
    ),
    "corner_keys": _entries(lambda label, n: _entry({"label": label, **_raw("x1 y1 x2 y2", n)})),
    "min_max": _entries(lambda label, n: _entry({"label": label, "bbox": _raw("xmin ymin xmax ymax", n)})),
    "left_top": _entries(lambda label, n: _entry({"name": label, "box": _raw("left top right bottom", n)})),
    "xywh_keys": _entries(
        lambda label, n: _entry({"label": label, "box": _raw("x y width height", (*n[:2], *_sides(n)))})
    ),
    "centre": _entries(lambda label, n: _entry({"label": label, "bbox": _raw("cx cy w h", (*_centre(n), *_sides(n)))})),
    "polygon": _entries(
        lambda label, n: _entry({"label": label, "polygon": [[f"#{x}", f"#{y}"] for x, y in _corners(n)]})
    ),
    "quad": _entries(lambda label, n: _entry({"label": label, "quad": [f"#{v}" for xy in _corners(n) for v in xy]})),
    "numbers_as_text": _entries(lambda label, n: f'{{"label": {json.dumps(label)}, "bbox": "{", ".join(n)}"}}'),
    "strings": _entries(lambda label, n: f'{{"label": {json.dumps(label)}, "bbox_2d": {json.dumps(list(n))}}}'),
    "escaped": lambda named, rng: json.dumps(
        {
            "answer": "["
            + ", ".join(f'{{"bbox_2d": {_list(n)}, "label": {json.dumps(label)}}}' for label, n in named)
            + "]"
        }
    ),
    "qwen_tokens": _lines(
        lambda label, n: (
            f"<|object_ref_start|>{label}<|object_ref_end|><|box_start|>({n[0]},{n[1]}),({n[2]},{n[3]})<|box_end|>"
        )
    ),
    "ref_box": _lines(lambda label, n: f"<ref>{label}</ref><box>({n[0]},{n[1]}),({n[2]},{n[3]})</box>"),
    "ref_box_list": _lines(lambda label, n: f"<ref>{label}</ref><box>[[{', '.join(n)}]]</box>"),
    "ref_det": _lines(lambda label, n: f"<|ref|>{label}<|/ref|><|det|>[[{', '.join(n)}]]<|/det|>"),
    "attributes": _lines(lambda label, n: f'<box label="{label}" x1="{n[0]}" y1="{n[1]}" x2="{n[2]}" y2="{n[3]}"/>'),
    "voc": _lines(
        lambda label, n: (
            f"<object><name>{label}</name><bndbox><xmin>{n[0]}</xmin><ymin>{n[1]}</ymin><xmax>{n[2]}</xmax><ymax>{n[3]}</ymax></bndbox></object>"
        )
    ),
    "colon_list": _lines(lambda label, n: f"{label}: {_list(n)}"),
    "bullets": _lines(lambda label, n: f"- **{label}**: {_list(n)}", "I found:\n"),
    "numbered": lambda named, rng: "\n".join(
        f"{number}. {label}: {_list(n)}" for number, (label, n) in enumerate(named, 1)
    ),
    "round_brackets": _lines(lambda label, n: f"{label} ({', '.join(n)})"),
    "corner_brackets": _lines(lambda label, n: f"{label}: ({n[0]}, {n[1]}), ({n[2]}, {n[3]})"),
    "from_to": _lines(lambda label, n: f"The {label} spans from ({n[0]}, {n[1]}) to ({n[2]}, {n[3]})."),
    "box_of": _lines(lambda label, n: f"The bounding box of the {label} is {_list(n)}."),
    "located_at": _lines(lambda label, n: f"The {label} is located at {_list(n)}."),
    "named_sides": _lines(lambda label, n: f"{label}: x1={n[0]}, y1={n[1]}, x2={n[2]}, y2={n[3]}"),
    "table_columns": lambda named, rng: (
        "| label | x1 | y1 | x2 | y2 |\n|---|---|---|---|---|\n"
        + "\n".join(f"| {label} | {' | '.join(n)} |" for label, n in named)
    ),
    "table_of_boxes": lambda named, rng: (
        "| Object | Bounding box |\n|---|---|\n" + "\n".join(f"| {label} | {_list(n)} |" for label, n in named)
    ),
    "csv": lambda named, rng: "label,x1,y1,x2,y2\n" + "\n".join(f"{label},{','.join(n)}" for label, n in named),
    "yaml": _lines(lambda label, n: f"- label: {label}\n  bbox: {_list(n)}"),
}
"""Writers by name: labels and numbers to the text of an answer."""
