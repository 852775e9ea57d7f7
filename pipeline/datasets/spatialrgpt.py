"""SpatialRGPT-Bench: questions about marked regions, with their boxes and masks.

Format: https://huggingface.co/datasets/a8cheng/SpatialRGPT-Bench (Cheng et al. 2024, Apache-2.0): Parquet or JSON lines
with id, image or ``image_info.file_path``, text_q (``Is Region [0] behind Region [1]?``), conversations (question and
answer), bbox (corners, one per region), rle (masks as COCO's compressed run lengths) and qa_info with type
(qualitative, quantitative) and category (``behind_predicate``, ``tall_choice``, ``height_data``). The hub's Parquet
holds the nested fields as texts.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.base import Case, reader
from pipeline.datasets.formats.tables import Row, image_of
from pipeline.datasets.questions import (
    QuestionDataset,
    both_ways,
    case_of_question,
    correct_and_wrong,
    number_with_unit,
    regions_of,
)
from pipeline.records import Claim
from pipeline.records.claim import decode_mask
from pipeline.records.errors import InputError
from pipeline.records.expected import AnswerKind, Expected
from pipeline.records.settings import Text

# Beginning of the category of a number, and how many regions it is about: fields of the claim.
_NUMBERS = {
    ("width", 1): {"relation": "size", "measure": "width"},
    ("height", 1): {"relation": "size", "measure": "height"},
    ("distance", 2): {"relation": "distance_between"},
}
# First word of a category: relation, and whether subject and object change places.
_ORDERS = {
    "left": ("left_of", False),
    "right": ("right_of", False),
    "above": ("above", False),
    "below": ("below", False),
    "behind": ("behind", False),
    "front": ("in_front_of", False),
    "big": ("larger", False),
    "small": ("smaller", False),
    "tall": ("taller", False),
    "short": ("taller", True),
    "wide": ("wider", False),
    "thin": ("wider", True),
}


@reader
class SpatialRgptBench(QuestionDataset):
    """SpatialRGPT-Bench.

    Args:
        path: Folder with the tables.
        images: Folder where the paths of images start; None is ``path``.
        masks: Whether regions come with their masks, or with boxes alone.
        fov_deg: Field of view to assume [deg].
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or its files are missing.
    """

    name = "spatialrgpt-bench"
    title = "SpatialRGPT-Bench"
    how = "download the Parquet files of a8cheng/SpatialRGPT-Bench there, or its JSON lines with the images"

    images: Text | Path | None = None
    masks: bool = False

    def patterns(self) -> list[tuple[str, ...]]:
        """Parquet, else JSON."""
        return [("**/*.parquet", "*.jsonl", "*.json")]

    def case_of(self, row: Row, case_id: str) -> Case:
        """The image, its regions, the question, and a true and a false claim where a relation expresses it."""
        image = row.get("image")
        rgb = image_of(_parsed(row["image_info"])["file_path"] if image is None else image, self.folder)
        frame = self.frame(rgb, case_id)
        boxes, masks = _parsed(row["bbox"]), _parsed(row.get("rle")) or []
        labels = [f"Region [{number}]" for number in range(len(boxes))]
        regions = regions_of(boxes, labels, frame.width, frame.height, "xyxy")
        if self.masks and len(masks) == len(regions):
            regions = [
                replace(region, mask=_mask(run_lengths, rgb.shape[:2]))
                for region, run_lengths in zip(regions, masks, strict=True)
            ]
        info = _parsed(row["qa_info"])
        answer = str(_parsed(row["conversations"])[1]["value"])
        expected = _expected(str(row["text_q"]), answer, str(info["category"]))
        named = [int(number) for number in re.findall(r"Region \[(\d+)\]", expected.question)]
        if named and max(named) >= len(labels):
            raise InputError(f"The question names Region [{max(named)}], but the row has {len(labels)} boxes.")
        claims = _claims(expected, answer, list(dict.fromkeys(named)))
        return case_of_question(case_id, (frame,), expected, regions=regions, claims=claims)


def _parsed(value: Any) -> Any:
    """A nested field, parsed where it is JSON or a Python literal."""
    if not isinstance(value, str):
        return value
    for parse in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return parse(value)
    raise InputError(f"The field {value[:60]!r} is neither JSON nor a Python literal.")


def _expected(question: str, answer: str, category: str) -> Expected:
    length = number_with_unit(answer)
    if category.endswith("_data") and length is not None:
        return Expected(question, f"{length[0]:g}", AnswerKind.NUMBER, unit=length[1], category=category)
    match = re.match(r"\s*(yes|no)\b", answer, re.IGNORECASE)
    if match is not None:
        return Expected(question, match[1].lower(), AnswerKind.YES_NO, category=category)
    return Expected(question, answer, AnswerKind.TEXT, category=category)


def _claims(expected: Expected, answer: str, named: Sequence[int]) -> tuple[Claim, ...]:
    """A true and a false claim, or none where no relation expresses the question."""
    labels = [f"Region [{number}]" for number in named]
    word, _, form = expected.category.rpartition("_")
    if form == "data" and expected.kind is AnswerKind.NUMBER:
        value, asked = float(expected.answer), _NUMBERS.get((word, len(labels)))
        if asked is None or value <= 0:
            return ()
        assert expected.unit is not None
        names = dict(zip(("subject", "object"), labels, strict=False))
        return correct_and_wrong(value, expected.unit, is_larger=sum(named) % 2 == 0, **asked, **names)
    if word not in _ORDERS or len(labels) != 2:
        return ()
    relation, is_turned = _ORDERS[word]
    if form == "predicate" and expected.kind is AnswerKind.YES_NO:
        holds = expected.answer == "yes"
    else:
        chosen = re.findall(r"Region \[(\d+)\]", answer)
        if form != "choice" or not chosen or int(chosen[0]) not in named:
            return ()
        holds = int(chosen[0]) == named[0]
    subject, other = labels[::-1] if is_turned else labels
    return both_ways(relation, subject, other, holds)


def _mask(run_lengths: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Mask bool (H, W) of COCO's run lengths, compressed or not."""
    counts = run_lengths["counts"]
    if isinstance(counts, str | bytes):
        counts = decompressed(counts if isinstance(counts, bytes) else counts.encode("ascii"))
    mask = decode_mask({"size": run_lengths["size"], "counts": counts})
    if mask.shape != tuple(size):
        raise InputError(f"A mask has the shape {mask.shape}, its image {tuple(size)}.")
    return mask


def decompressed(text: bytes) -> list[int]:
    """Run lengths of COCO's compressed form.

    Each number is written in groups of five bits, the lowest first, one character per group from ``0`` on. The sixth
    bit says that more groups follow; the highest bit of the last group is the sign. From the fourth number on, the
    difference to the number two places before is stored. https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c

    Example:
        >>> decompressed(b"52203")
        [5, 2, 2, 2, 5]
    """
    counts: list[int] = []
    number, shift = 0, 0
    for character in text:
        group = character - ord("0")
        number |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number, shift = 0, 0
    return counts
