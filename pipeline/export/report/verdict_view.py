"""What a page shows of a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.export.palette import region_names
from pipeline.export.report.figure_text import Say, margin_text, measurement, share_text
from pipeline.records import Evidence, Region, Status, Verdict

_MOST_NUMBERS = 60


@dataclass(frozen=True)
class EvidenceView:
    """What a page shows of the evidence of one frame.

    Args:
        frame: Index of the frame.
        note: What it shows.
        share: Probability from this frame alone; a dash where it cannot tell.
        numbers: Its measurements, by name.
    """

    frame: int
    note: str
    share: str
    numbers: list[tuple[str, str]]


@dataclass(frozen=True)
class VerdictView:
    """What a page shows of a verdict.

    Args:
        index: Its index in the result.
        status: Its status.
        claim: The claim in words.
        reason: Why.
        needs: What would decide it; empty where it is decided.
        share: Probability that the claim holds, in per cent; a dash if unknown.
        probability: The same, as a number from 0 to 1.
        margin: Margin with its unit; empty where unmeasured or where it repeats the probability.
        is_correct: Whether it agrees with the ground truth; None where that is unknown or nothing is decided.
        relation: Relation of the claim.
        regions: Indices of the regions that it is about.
        frames: Indices of the frames that it rests on.
        calibration: What its probability rests on; empty if none applies.
        evidence: Its evidence by frame.
    """

    index: int
    status: Status
    claim: str
    reason: str
    needs: str
    share: str
    probability: float | None
    margin: str
    is_correct: bool | None
    relation: str
    regions: tuple[int, ...]
    frames: tuple[int, ...]
    calibration: str
    evidence: list[EvidenceView]


def verdict_view(verdict: Verdict, index: int, regions: Sequence[Region], say: Say) -> VerdictView:
    """What a page shows of a verdict.

    Args:
        verdict: The verdict.
        index: Its index in the result.
        regions: The regions that it may refer to.
        say: Words of a code, in the language of the page.
    """
    return VerdictView(
        index,
        verdict.status,
        verdict.claim_text,
        verdict.reason,
        say("page_needs", needs=verdict.needs) if verdict.needs else "",
        share_text(verdict.probability),
        verdict.probability,
        margin_text(verdict.margin, verdict.unit, say),
        verdict.is_correct,
        str(verdict.claim.relation),
        claim_regions(verdict, regions),
        tuple(dict.fromkeys(one.frame for one in verdict.evidence)),
        _calibration(verdict, say),
        [_evidence(one, say) for one in verdict.evidence],
    )


def claim_regions(verdict: Verdict, regions: Sequence[Region]) -> tuple[int, ...]:
    """Indices of the regions that a verdict is about: those that it compared, or those that its claim names."""
    found = dict.fromkeys(region for one in verdict.evidence for region in one.regions if region < len(regions))
    if not found:
        things = set(verdict.claim.things)
        found = dict.fromkeys(index for index, name in enumerate(region_names(regions)) if name in things)
    return tuple(found)


def _calibration(verdict: Verdict, say: Say) -> str:
    note = verdict.calibration
    if note is None:
        return ""
    words = say("page_calibration", name=note.name, curve=note.curve, verdicts=note.verdicts, scenes=note.scenes)
    if note.missing_scenes == 0:
        words += f" {say('page_guarantee')}"
    elif note.missing_scenes:
        words += f" {say('page_guarantee_missing', count=note.missing_scenes)}"
    return words


def _evidence(one: Evidence, say: Say) -> EvidenceView:
    numbers = [measurement(name, value, say) for name, value in list(one.numbers.items())[:_MOST_NUMBERS]]
    return EvidenceView(one.frame, one.note, share_text(one.probability), numbers)
