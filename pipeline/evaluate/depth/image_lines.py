"""One line of JSON per image of an evaluation: the input of its figures, intervals and comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pipeline.evaluate.depth.score import ImageScore
from pipeline.evaluate.noise_fit import NoiseSummary
from pipeline.export.line_file import read_records
from pipeline.records.checks import require

IMAGES_NAME = "images.jsonl"


class Outcome(StrEnum):
    """The outcome of an image.

    ``scored``: measured. ``unreadable``: the data set's files cannot be read. ``failed``: the depth backend or the
    protocol could not use it.
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
        outcome: Its outcome.
        group: The group that is resampled as a whole for intervals.
        reason: Why it was not scored, in one sentence.
        seconds: Time of its depth [s]; a batch's time is shared evenly.
        source: Kind of the depth, source of its scale, and name of its backend.
        scale_ratio: Median of true over predicted depth, if the prediction is metric.
        score: Its figures, if it was scored.
        noise: Its summary of the backend's noise, if it has enough depth.
        truth: Short digest of the true depth, which identifies the image across runs.
        run: Short digest of the settings of the run.

    Raises:
        RecordError: If it is scored without figures or with some that are not finite, or if its sums are incomplete.
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
        """Check the line against its outcome."""
        require((self.score is not None) == (self.outcome is Outcome.SCORED), f"The line of {self.name} is incomplete.")
        if self.score is not None:
            figures = self.score.metrics.values()
            require(all(map(math.isfinite, figures)), f"A figure of {self.name} is not a finite number.")
            require(self.score.bins.is_whole, f"The bins of {self.name} are incomplete.")
        require(self.noise is None or self.noise.is_whole, f"The noise of {self.name} is incomplete.")


def kept_lines(path: Path, indices: Mapping[str, int], run: str) -> Iterator[ImageLine]:
    """The lines of a run in a file, one per image, with the images' current numbers.

    Args:
        path: The file.
        indices: Number of every image by its name; lines of other images are skipped.
        run: Digest of the settings; lines of other runs are skipped.
    """
    own = (line for line in read_lines(path) if line.run == run and line.name in indices)
    return (replace(line, index=indices[line.name]) for line in one_per_image(own))


def one_per_image(lines: Iterable[ImageLine]) -> Iterator[ImageLine]:
    """The first line of each image."""
    seen: set[str] = set()
    for line in lines:
        if line.name not in seen:
            seen.add(line.name)
            yield line


def read_lines(path: Path) -> Iterator[ImageLine]:
    """The lines of a file in their order; damaged lines are logged and skipped.

    Raises:
        ExportError: If the file cannot be read.
    """
    return read_records(ImageLine, path)
