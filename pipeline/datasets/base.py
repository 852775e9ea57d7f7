"""Base classes of data sets: claims and questions with ground truth, images with true depth, or both.

A reader subclasses ``ClaimDataset``, ``DepthDataset``, or both, by what it yields.
"""

from __future__ import annotations

import logging
import struct
import zipfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Generic, TypeVar, dataclass_transform

from pipeline.records import DepthKind, DepthMap, Frame, Region, Scene
from pipeline.records.checks import require, text
from pipeline.records.errors import FATAL, InputError, TheodoliteError
from pipeline.records.expected import Expected
from pipeline.records.settings import Count, checked

logger = logging.getLogger(__name__)

Entry = TypeVar("Entry")
Read = TypeVar("Read")
Reader = TypeVar("Reader", bound=type)


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def reader(cls: Reader) -> Reader:
    """Make a data set of a class whose fields are its options, which are checked and given by keyword."""
    return checked(dataclass(eq=False, kw_only=True)(cls))  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Case:
    """One scene of a data set.

    Args:
        scene: Its frames, with given depth where the set has any; its regions; its claims, each with its ``truth``;
            and the questions of ``expected``.
        expected: The correct answers, one per question of the scene.
        group: What is resampled as a whole for intervals: cases of one place, or the scene's own id.
        tags: Further facts to report by, as ``{"objects": "4"}``.

    Raises:
        RecordError: If a claim has no truth, or the questions are not those of ``expected``.
    """

    scene: Scene
    expected: tuple[Expected, ...] = ()
    group: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that everything can be scored."""
        object.__setattr__(self, "group", self.group or self.scene.id)
        require(
            all(claim.truth is not None for claim in self.scene.claims),
            f"A claim of case {self.scene.id} has no truth.",
        )
        require(
            self.scene.questions == tuple(item.question for item in self.expected),
            f"The questions of case {self.scene.id} are not those whose answers are given.",
        )


@dataclass(frozen=True, eq=False)
class DepthSample:
    """One image with its true depth.

    Args:
        name: Name within the data set, unique; files and reports use it.
        frame: The image. Its camera's source is ``given`` where the data set has a calibration, else ``assumed``.
            Its given depth, if any, is a stored prediction or a sensor's prompt, never the true depth.
        truth: True z-depth of the frame's size, kind ``metric``; valid only where the data set knows it.
        group: What is resampled as a whole for intervals: the place or sequence; the sample's own name where empty.
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
        # Not stripped: the name must equal that of its entry, and file names may begin or end with blanks.
        text(self.name, "The name of a depth sample")
        object.__setattr__(self, "group", self.group or self.name)
        require(self.truth.kind is DepthKind.METRIC, f"The true depth of {self.name} must be metric.")
        size = (self.frame.height, self.frame.width)
        require(self.truth.shape == size, f"The true depth of {self.name} is {self.truth.shape}, its image {size}.")


@dataclass(frozen=True)
class Skipped:
    """A part of a data set that cannot be read.

    Args:
        name: Name of the entry.
        reason: Why, in one sentence.
    """

    name: str
    reason: str


@reader
class Dataset(ABC, Generic[Entry]):
    """Entries that are listed without opening their images, and read one by one.

    Args:
        limit: Maximum number of entries; None takes all.

    Attributes:
        name: Name of the data set.
        unreadable: Files or folders that could not be used when the entries were listed, with the reason.

    Raises:
        ConfigError: If the limit is not a whole number from 1.
    """

    name = ""
    limit: Count | None = None

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Empty until entries are listed."""
        return {}

    @abstractmethod
    def entries(self) -> Sequence[Entry]:
        """The entries in a fixed order, listed without opening images."""

    @abstractmethod
    def entry_name(self, entry: Entry) -> str:
        """Name of an entry; ``names`` makes it unique."""

    def __len__(self) -> int:
        """Number of entries, unreadable ones included, at most the limit."""
        return len(self.entries()[: self.limit])

    def names(self) -> list[str]:
        """Unique names of the entries in their order, at most the limit.

        Entries of the same name, such as images that differ in their suffix only, are numbered from the second on:
        ``7``, ``7 (2)``.
        """
        return list(self._names[: self.limit])

    @cached_property
    def _names(self) -> tuple[str, ...]:
        # Over all entries, as a limit must not change names.
        return _unique([_encodable(self.entry_name(entry)) for entry in self.entries()], self.name)

    def _read(self, name: str, read: Callable[[], Read]) -> Read | Skipped:
        try:
            return read()
        except FATAL:
            raise
        except Exception as error:
            # Decoders of damaged files raise almost any type, and one file must not end a run.
            logger.debug("%s of data set %s cannot be read.", name, self.name, exc_info=error)
            return Skipped(name, plain_reason(error))


class ClaimDataset(Dataset[Entry]):
    """A data set of claims and questions with ground truth; what cannot be read is skipped, counted and logged.

    Attributes:
        lacks_claims: Why the files that are there hold no claims, where the data set has other files that do.
        has_questions: Whether there may be questions for a model.
        reasons: What the last pass could not read, and why, one sentence by name.
    """

    lacks_claims = ""
    has_questions = True

    @cached_property
    def reasons(self) -> dict[str, str]:
        """Empty until a pass begins."""
        return {}

    @abstractmethod
    def case(self, entry: Entry, index: int) -> Case | None:
        """Read one entry; None where it has neither claims nor questions.

        Args:
            entry: The entry.
            index: Its number, for the random seed.

        Raises:
            TheodoliteError: If it cannot be used. Other errors of damaged files become plain reasons.
        """

    def __iter__(self) -> Iterator[Case]:
        """The cases in a fixed order; files are read when they are needed.

        Raises:
            InputError: If the files of the data set hold no claims.
            ConfigError, DependencyError, ModelUnavailableError: Errors that concern all entries.
        """
        if self.lacks_claims:
            raise InputError(self.lacks_claims)
        names = self.names()
        self.reasons = dict(self.unreadable)
        for index, (entry, name) in enumerate(zip(self.entries(), names, strict=False)):
            case = self._read(name, lambda entry=entry, index=index: self.case(entry, index))  # type: ignore[misc]
            if isinstance(case, Skipped):
                self.reasons[name] = case.reason
                logger.warning("%s of data set %s is skipped: %s", name, self.name, case.reason)
            elif case is not None:
                yield case
        if self.reasons:
            logger.warning("%d parts of data set %s were skipped.", len(self.reasons), self.name)


class DepthDataset(Dataset[Entry]):
    """A data set of images with true depth, read in any order and from several threads."""

    @abstractmethod
    def sample(self, entry: Entry) -> DepthSample:
        """Read one entry; may be called from several threads.

        Raises:
            TheodoliteError: If it cannot be used. ``read`` turns other errors of damaged files into plain reasons.
        """

    def read(self, index: int) -> DepthSample | Skipped:
        """Read an entry by its number; a damaged one is skipped, with the reason.

        Raises:
            ConfigError, DependencyError, ModelUnavailableError: Errors that concern all entries.
        """
        entry, name = self.entries()[index], self._names[index]
        return self._read(name, lambda: _renamed(self.sample(entry), name))


def plain_reason(error: Exception) -> str:
    """Why an entry cannot be read, in one sentence without Python's words.

    >>> plain_reason(ValueError("could not convert string to float: 'a'"))
    'One of its files does not follow the format; copy or repair it.'
    """
    if isinstance(error, TheodoliteError):
        return " ".join(str(error).split())
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"The file {error.filename} is missing."
    if isinstance(error, OSError) and error.filename:
        return f"The file {error.filename} cannot be opened ({error.strerror})."
    if isinstance(error, MemoryError):
        return "One of its files does not fit into memory; copy it again."
    if isinstance(error, EOFError | struct.error | zipfile.BadZipFile):
        return "One of its files is cut short; copy it again."
    return "One of its files does not follow the format; copy or repair it."


def _encodable(name: str) -> str:
    """The name with question marks for characters that are not valid Unicode, as file names may hold them."""
    return name.encode("utf-8", "replace").decode()


def _renamed(sample: DepthSample, name: str) -> DepthSample:
    if sample.name == name:
        return sample
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
        "%d entries of data set %s share a name with another entry, such as %s; they are numbered.",
        *(len(names) - len(seen), dataset, seen.most_common(1)[0][0]),
    )
    return tuple(unique)
