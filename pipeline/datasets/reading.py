"""What all data sets in files share: a limit, entries that cannot be read, and which claims a depth carries."""

from __future__ import annotations

import csv
import logging
import struct
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from pipeline.datasets.base import Case
from pipeline.records import Claim, DepthKind
from pipeline.records.errors import FATAL, ConfigError, InputError, TheodoliteError
from pipeline.records.relations import RELATIONS, Need

logger = logging.getLogger(__name__)

Entry = TypeVar("Entry")

UNREADABLE = (
    TheodoliteError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile,
    struct.error, ArithmeticError, MemoryError, RecursionError, csv.Error,
)  # fmt: skip
"""What readers of damaged files raise."""


class FileDataset(ABC, Generic[Entry]):
    """A data set in files, read case by case; what cannot be read is skipped, counted and logged.

    Attributes:
        name: What to call it.
        skipped: Names of what the last pass could not read.
        reasons: Why, one sentence by name.
    """

    name: str = ""

    def __init__(self, limit: int | None = None) -> None:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise ConfigError(f"dataset.limit must be a whole number from 1, or null for all cases, not {limit!r}.")
        self.limit = limit
        self.skipped: list[str] = []
        self.reasons: dict[str, str] = {}
        # Whole files or folders that could not be used when the entries were counted, with the reason.
        self.unreadable: dict[str, str] = {}

    @abstractmethod
    def entries(self) -> Sequence[Entry]:
        """What there is to read, in a fixed order; images are not opened for it."""

    @abstractmethod
    def case(self, entry: Entry, index: int) -> Case | None:
        """Read one entry; None where it holds nothing to judge."""

    @abstractmethod
    def entry_name(self, entry: Entry) -> str:
        """What to call an entry that cannot be read: its file, or its number."""

    def __iter__(self) -> Iterator[Case]:
        """The cases in a fixed order."""
        entries = self._limited()
        self.skipped, self.reasons = list(self.unreadable), dict(self.unreadable)
        for index, entry in enumerate(entries):
            try:
                case = self.case(entry, index)
            except FATAL:
                raise
            except UNREADABLE as error:
                name = self.entry_name(entry)
                self.skipped.append(name)
                self.reasons[name] = plain_reason(error)
                logger.warning("%s of data set %s is skipped: %s", name, self.name, self.reasons[name])
                logger.debug("%s of data set %s cannot be read.", name, self.name, exc_info=error)
                continue
            if case is not None:
                yield case
        if self.skipped:
            logger.warning("%d parts of data set %s were skipped.", len(self.skipped), self.name)

    def __len__(self) -> int:
        """How many entries there are, at most the limit; those that cannot be read count."""
        return len(self._limited())

    def _limited(self) -> Sequence[Entry]:
        return self.entries()[: self.limit]


def plain_reason(error: Exception) -> str:
    """Why something cannot be read, in one sentence without the words of Python.

    >>> plain_reason(ValueError("could not convert string to float: 'a'"))
    'A file of it does not hold what the format asks for; copy it again or mend it.'
    """
    if isinstance(error, TheodoliteError):
        return " ".join(str(error).split())
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"The file {error.filename} is missing."
    if isinstance(error, OSError) and error.filename:
        return f"The file {error.filename} cannot be opened ({error.strerror})."
    if isinstance(error, MemoryError):
        return "A file of it holds more than fits into memory; copy it again."
    if isinstance(error, EOFError | struct.error | zipfile.BadZipFile):
        return "A file of it is cut short; copy it again."
    return "A file of it does not hold what the format asks for; copy it again or mend it."


def existing_folder(path: str | Path, what: str, how: str) -> Path:
    """The folder of a data set.

    Args:
        path: Where it should be.
        what: What it is, as ``the KITTI object data set``.
        how: How to get it, as a sentence without its full stop.

    Raises:
        ConfigError: If the path is no text.
        InputError: If there is no such folder.
    """
    if not isinstance(path, str | Path) or not str(path):
        raise ConfigError(f"dataset.path must be the path of {what}, not {path!r}.")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder} with {what}; {how}.")
    return folder


def existing_parts(folder: Path, parts: Sequence[str], what: str, how: str) -> None:
    """Make sure that a folder holds what its format asks for.

    Raises:
        InputError: If a part is missing; all that are missing are named.
    """
    missing = [part for part in parts if not (folder / part).exists()]
    if missing:
        raise InputError(f"{folder} is not {what}, as it lacks {', '.join(missing)}; {how}.")


def check_count(name: str, value: int, least: int = 0) -> int:
    """The number, if it is a whole one that is large enough.

    Raises:
        ConfigError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"dataset.{name} must be a whole number from {least}, not {value!r}.")
    return value


def check_relations(relations: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of relations, or None for all.

    Raises:
        ConfigError: If one is unknown.
    """
    if relations is None:
        return None
    unknown = [name for name in relations if name not in RELATIONS]
    if unknown:
        raise ConfigError(f"dataset.relations names {', '.join(map(str, unknown))}; known are {', '.join(RELATIONS)}.")
    return tuple(relations)


def can_carry(claim: Claim, kind: DepthKind | None) -> bool:
    """Whether depth of a kind may decide a claim at all; every kind may where None is given."""
    relation = RELATIONS[claim.relation]
    needs = {relation.need, relation.value_need if claim.value is not None and not relation.counts else Need.NOTHING}
    if kind is None or kind is DepthKind.METRIC:
        return True
    return Need.METRIC not in needs and (kind.has_shape or Need.SHAPE not in needs)
