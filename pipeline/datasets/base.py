"""What every data set gives: scenes, with claims whose truth is known and questions whose answer is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.records import Scene
from pipeline.records.checks import require
from pipeline.records.expected import Expected


@dataclass(frozen=True, eq=False)
class Case:
    """One scene of a data set.

    Args:
        scene: Its frames, with given depth where the set has any; its regions; its claims, each with its ``truth``;
            and the questions of ``expected``.
        expected: The right answers, one per question of the scene.
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


class ClaimDataset(Protocol):
    """A data set, read case by case."""

    name: str

    def __iter__(self) -> Iterator[Case]:
        """The cases in a fixed order; files are read when they are needed."""
        ...

    def __len__(self) -> int:
        """How many cases there are, without reading their images."""
        ...
