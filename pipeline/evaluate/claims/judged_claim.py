"""One claim of a data set with its verdict."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.evaluate.claims.scores import Judgement
from pipeline.records import Status
from pipeline.records.result import CalibrationNote


@dataclass(frozen=True)
class JudgedClaim:
    """One claim of a data set with its verdict: a line of ``claims.jsonl``.

    Args:
        case: Id of the scene.
        relation: Name under which the report counts the claim, see ``relation_of``.
        claim: The claim in words.
        truth: Whether it holds.
        probability: Probability that it holds; None where nothing could be measured.
        status: The verdict.
        reason: The verdict's reason.
        source: Kind of the depth, source of its scale, and name of its backend.
        group: The group that is resampled as a whole.
        kind: Family of the relation and class of the depth, see ``kind_of``; empty where no depth is needed.
        calibration: The calibration that the probability comes from; None where none applies.
    """

    case: str
    relation: str
    claim: str
    truth: bool
    probability: float | None
    status: Status
    reason: str
    source: str
    group: str
    kind: str = ""
    calibration: CalibrationNote | None = None

    @property
    def judgement(self) -> Judgement:
        """The judgement to score."""
        return Judgement(self.relation, self.truth, self.probability, self.is_decided, self.group)

    @property
    def certainty(self) -> float:
        """How far the probability is from a half."""
        return abs((self.probability or 0.5) - 0.5)

    @property
    def is_decided(self) -> bool:
        """Whether the verdict is supported or refuted."""
        return self.status is not Status.UNDECIDED

    @property
    def is_mistake(self) -> bool:
        """Whether it is decided and wrong."""
        return self.is_decided and (self.status is Status.SUPPORTED) is not self.truth
