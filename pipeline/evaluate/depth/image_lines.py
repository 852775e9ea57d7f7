"""One line of JSON per image of an evaluation: all that its figures, intervals and comparisons need."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pipeline.evaluate.depth.score import ImageScore
from pipeline.evaluate.noise_fit import NoiseSummary
from pipeline.records import from_json
from pipeline.records.checks import require
from pipeline.records.errors import RecordError

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
        truth: Short digest of the true depth, by which two runs know that they mean the same image.
        run: Short digest of the settings of the run.

    Raises:
        RecordError: If it is scored without figures or with some that are no numbers, or its sums are not whole.
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
    truth: str = ""
    run: str = ""

    def __post_init__(self) -> None:
        """Check that the line holds what its outcome promises."""
        require((self.score is not None) == (self.outcome is Outcome.SCORED), f"The line of {self.name} is not whole.")
        if self.score is not None:
            figures = self.score.metrics.values()
            require(all(map(math.isfinite, figures)), f"A figure of {self.name} is no number.")
            require(self.score.bins.is_whole, f"The bins of {self.name} are not whole.")
        require(self.noise is None or self.noise.is_whole, f"The noise of {self.name} is not whole.")


def kept_lines(path: Path, indices: Mapping[str, int], run: str) -> Iterator[ImageLine]:
    """The lines of a run's images, one per image, with their present numbers; others are left out.

    Args:
        path: The file.
        indices: Number of every image by its name.
        run: Digest of the settings.
    """
    seen: set[str] = set()
    for line in read_lines(path):
        if line.run == run and line.name in indices and line.name not in seen:
            seen.add(line.name)
            yield replace(line, index=indices[line.name])


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
