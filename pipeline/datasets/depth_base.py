"""What every data set of true depth gives: images with the depth that a network should have predicted."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Generic, TypeVar

from pipeline.datasets.reading import plain_reason
from pipeline.records import DepthKind, DepthMap, Frame, Region
from pipeline.records.checks import require, text
from pipeline.records.errors import FATAL, ConfigError

logger = logging.getLogger(__name__)

Entry = TypeVar("Entry")


@dataclass(frozen=True, eq=False)
class DepthSample:
    """One image with its true depth.

    Args:
        name: Name within the data set, unique; files and reports use it.
        frame: The image. Its camera's source is ``given`` where the data set has a calibration, else ``assumed``.
            Its given depth is what goes in beside the image: a stored prediction, or a sensor's prompt. It is never
            the truth itself.
        truth: True z-depth of the frame's size, kind ``metric``; valid only where the data set knows it.
        group: What is drawn again as a whole for intervals: the place or sequence; the sample's own name where empty.
        regions: Objects of the frame, for the order of objects.

    Raises:
        RecordError: If the truth is not metric or not of the frame's size.
    """

    name: str
    frame: Frame
    truth: DepthMap
    group: str = ""
    regions: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        """Check that truth and image belong together."""
        # Not stripped: it must be that of its entry, and names of files may begin or end with blanks.
        text(self.name, "The name of a depth sample")
        object.__setattr__(self, "group", self.group or self.name)
        require(self.truth.kind is DepthKind.METRIC, f"The true depth of {self.name} must be metric.")
        size = (self.frame.height, self.frame.width)
        require(self.truth.shape == size, f"The true depth of {self.name} is {self.truth.shape}, its image {size}.")


@dataclass(frozen=True)
class Skipped:
    """A part of a data set that cannot be read.

    Args:
        name: Name of the sample.
        reason: Why, in one sentence.
    """

    name: str
    reason: str


class DepthDataset(ABC, Generic[Entry]):
    """A data set of true depth whose samples are read one by one, in any order and from several threads.

    Attributes:
        name: What to call it.
        unreadable: Whole files or folders that could not be used when the entries were counted, with the reason.
    """

    name: str = ""

    def __init__(self, limit: int | None = None) -> None:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise ConfigError(f"dataset.limit must be a whole number from 1, or null for all, not {limit!r}.")
        self.limit = limit
        self.unreadable: dict[str, str] = {}
        self._unique: tuple[str, ...] | None = None

    @abstractmethod
    def entries(self) -> Sequence[Entry]:
        """What there is to read, in a fixed order; images are not opened for it."""

    @abstractmethod
    def entry_name(self, entry: Entry) -> str:
        """Name of an entry, the same as its sample's; ``names`` makes it unique."""

    @abstractmethod
    def sample(self, entry: Entry) -> DepthSample:
        """Read one entry; may be called from several threads.

        Raises:
            TheodoliteError: If it cannot be used; other errors of damaged files are told in plain words by ``read``.
        """

    def __len__(self) -> int:
        """How many entries there are, at most the limit; those that cannot be read count."""
        return len(self.entries()[: self.limit])

    def names(self) -> list[str]:
        """Unique names of the entries in their order, at most the limit.

        Where entries have the same name, as images that differ by their suffix alone, all but the first of them are
        numbered: ``7``, ``7 (2)``.
        """
        return list(self._names()[: self.limit])

    def _names(self) -> tuple[str, ...]:
        # Of all entries: a limit must not change the name of what it keeps.
        if self._unique is None:
            self._unique = _unique([_encodable(self.entry_name(entry)) for entry in self.entries()], self.name)
        return self._unique

    def read(self, index: int) -> DepthSample | Skipped:
        """Read the entry of that number; what is damaged is skipped with the reason.

        Raises:
            ConfigError, DependencyError, ModelUnavailableError: What concerns all entries alike.
        """
        entry, name = self.entries()[index], self._names()[index]
        try:
            sample = self.sample(entry)
            return sample if sample.name == name else _renamed(sample, name)
        except FATAL:
            raise
        except Exception as error:
            # Decoders of damaged files raise almost any type, and one file must not end a run.
            logger.debug("%s of data set %s cannot be read.", name, self.name, exc_info=error)
            return Skipped(name, plain_reason(error))


def _encodable(name: str) -> str:
    """The name with question marks for what no file of text can hold, as file names that are not UTF-8 can."""
    return name.encode("utf-8", "replace").decode()


def _renamed(sample: DepthSample, name: str) -> DepthSample:
    group = "" if sample.group == sample.name else _encodable(sample.group)
    return replace(sample, name=name, frame=replace(sample.frame, name=name), group=group)


def _unique(names: Sequence[str], dataset: str) -> tuple[str, ...]:
    taken, seen = set(names), Counter[str]()
    if len(taken) == len(names):
        return tuple(names)
    unique = []
    for name in names:
        seen[name] += 1
        found = name
        if seen[name] > 1:
            found = next(new for new in (f"{name} ({number})" for number in count(seen[name])) if new not in taken)
            taken.add(found)
        unique.append(found)
    logger.warning(
        "%d entries of data set %s have the name of another, as %s; they are numbered.",
        *(len(names) - len(seen), dataset, seen.most_common(1)[0][0]),
    )
    return tuple(unique)
