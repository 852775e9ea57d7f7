"""One line of JSON per image of an evaluation: all that its figures, intervals and comparisons need."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline.errors import RecordError
from pipeline.evaluate.depth.score import ImageScore
from pipeline.evaluate.noise_fit import NoiseSummary
from pipeline.records import from_json

logger = logging.getLogger(__name__)

IMAGES_NAME = "images.jsonl"


class Outcome(StrEnum):
    """What became of an image.

    ``scored``: measured. ``unreadable``: the data set's files cannot be read. ``failed``: the network or the protocol
    could not use it.
    """

    SCORED = "scored"
    UNREADABLE = "unreadable"
    FAILED = "failed"


@dataclass(frozen=True)
class ImageLine:
    """One image.

    Args:
        index: Its number in the data set.
        name: Its name, unique in the data set.
        outcome: What became of it.
        group: What is drawn again as a whole for intervals.
        reason: Why it was not scored, in one sentence.
        seconds: Time of its depth [s]; a batch's time is shared evenly.
        source: Kind of the depth, source of its scale, and name of its backend.
        scale_ratio: Median of true over predicted depth, where the prediction is metric.
        score: Its figures, where it was scored.
        noise: What it says about the backend's noise, where it says anything.
    """

    index: int
    name: str
    outcome: Outcome
    group: str = ""
    reason: str = ""
    seconds: float = 0.0
    source: tuple[str, str, str] | None = None
    scale_ratio: float | None = None
    score: ImageScore | None = None
    noise: NoiseSummary | None = None


def read_lines(path: Path) -> Iterator[ImageLine]:
    """The lines of a file, in their order; a line that is damaged is logged and skipped.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield from_json(ImageLine, line)
            except RecordError as error:
                logger.warning("Line %d of %s is skipped: %s", number, path, error)
