"""Answers, verdicts with their evidence, and the result of one item."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pipeline.records.camera import Camera
from pipeline.records.checks import finite, member, require, text
from pipeline.records.claim import Claim, Pixels, Point, Region
from pipeline.records.depth import DepthKind, ScaleSource
from pipeline.records.message import Language
from pipeline.records.relations import RelationName

SCHEMA_VERSION = "1.9"


class Status(StrEnum):
    """What the geometry says about a claim."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on, in one frame.

    Args:
        frame: Index of the frame.
        regions: Indices of the compared regions in the result's ``regions``, subject first.
        numbers: Named measurements; a name ends in its unit (``depth_subject_m``).
        points: Named points of the camera frame (x, y, z), in metres where the depth is metric and in
            the depth's own unit where only its shape is known; empty on other depth.
        probability: Probability that the claim holds, from this frame alone; None if it cannot tell.
        note: What this frame shows, in the language of the result.
        note_code: What it says, for programs: a key of ``records/wording/``.
        contour_px: Pixels (u, v) of the frame along the contour that the two objects share, where it was read.
    """

    frame: int
    regions: tuple[int, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    probability: float | None = None
    note: str = ""
    note_code: str = ""
    contour_px: Pixels = ()


@dataclass(frozen=True)
class CalibrationNote:
    """The data behind a verdict's probability.

    Args:
        name: Name of the calibration.
        curve: Family of relations and class of depth, as ``order/measured``.
        verdicts: Number of comparable verdicts behind it.
        scenes: Number of their scenes.
        missing_scenes: How many more scenes the guarantee on the share of wrong verdicts needs, at least; 0 where it
            holds, None where no comparable verdict was judged, the verifier accepts a larger risk, or the depth is
            unlike that of the calibration.
        distance: How far the frame's depth is from that of the calibration, in standard deviations; None if unknown.
    """

    name: str
    curve: str
    verdicts: int
    scenes: int
    missing_scenes: int | None = None
    distance: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The judgement of one claim.

    Args:
        claim: The claim as it was made.
        status: Supported, refuted or undecided.
        reason: Why, for people, in the language of the result.
        probability: Probability that the claim holds; None where nothing could be measured.
        margin: How clearly it holds (positive) or fails (negative), in ``unit``; None where unmeasured.
        unit: Unit of the margin.
        needs: What would decide it, in the same language; given exactly when undecided.
        evidence: One entry per frame that was looked at.
        small_regions: Indices of those of the result's ``regions`` whose few pixels leave the claim undecided.
        claim_text: The claim in words, in the same language; by default in English.
        reason_code: What the reason says, for programs: a key of ``records/wording/``.
        needs_code: The same of ``needs``.
        calibration: Which calibration the probability comes from, and what it guarantees; None where none applies.

    Raises:
        RecordError: If an undecided verdict does not say what would decide it, or a number is off.
    """

    claim: Claim
    status: Status
    reason: str
    probability: float | None = None
    margin: float | None = None
    unit: str | None = None
    needs: str | None = None
    evidence: tuple[Evidence, ...] = ()
    small_regions: tuple[int, ...] = ()
    claim_text: str = ""
    reason_code: str = ""
    needs_code: str | None = None
    calibration: CalibrationNote | None = None

    def __post_init__(self) -> None:
        """Check the rules above."""
        object.__setattr__(self, "claim_text", self.claim_text or self.claim.in_words())
        status = member(Status, self.status, "The status of a verdict")
        object.__setattr__(self, "status", status)
        text(self.reason, "The reason of a verdict")
        require(
            (status is Status.UNDECIDED) == bool(self.needs),
            "A verdict says what would decide it exactly when it is undecided.",
        )
        require(
            self.probability is None or 0 <= self.probability <= 1,
            f"A probability must lie between 0 and 1, not {self.probability!r}.",
        )
        require(status is Status.UNDECIDED or self.probability is not None, "A decided verdict needs its probability.")
        require(status is Status.UNDECIDED or not self.small_regions, "A decided verdict needs no larger regions.")
        if self.margin is not None:
            finite(self.margin, "The margin of a verdict")
            require(self.unit is not None, "The margin of a verdict needs a unit.")

    @property
    def is_correct(self) -> bool | None:
        """Whether it agrees with the claim's ground truth; None where it is undecided or there is none."""
        if self.status is Status.UNDECIDED or self.claim.truth is None:
            return None
        return (self.status is Status.SUPPORTED) is self.claim.truth


@dataclass(frozen=True)
class SpatialTag:
    """A spatial word of an answer.

    Args:
        word: The words as they stand.
        start: First character in the answer's text.
        end: One past the last.
        relation: The relation that they state, where there is one.
    """

    word: str
    start: int
    end: int
    relation: RelationName | None = None

    def __post_init__(self) -> None:
        """Check span and relation."""
        require(0 <= self.start < self.end, f"A span must have 0 <= start < end, not {self.start} to {self.end}.")
        if self.relation is not None:
            object.__setattr__(self, "relation", member(RelationName, self.relation, "The relation of a spatial word"))


@dataclass(frozen=True)
class Answer:
    """The model's answer, verbatim, and what was read from it.

    Args:
        text: The answer without its reasoning, otherwise verbatim.
        reasoning: The text of its ``<think>`` block, if any.
        regions: Objects that it located.
        claims: Spatial claims that it made.
        spatial_tags: Spatial words of the text.
        choice: Letter that it chose, for multiple-choice questions.
        problems: What could not be understood, one sentence each.
        unread: Sentences of its prose that state something about space and give no claim.
        prompt_tokens: Tokens of its prompts, where known.
        completion_tokens: Tokens of what the model wrote to them, where known.
        cached_tokens: Tokens of the prompts whose computation was reused, where known.
        seconds: Time of the model [s].
        timings: Where the model's time and memory went, by name; a name ends in its unit.
        model: Name or path of the model.
        revision: Its revision or content hash, where known.
        generation: Settings of the generation.
        prompting: How it was asked: ``hints``, ``steps``, the ``frames`` that the model was shown, by index, with the
            most pixels of each (None for all), and the ``crops`` of them, as frame and box [px].
        seed: Seed of the generation.
        grounding: The first step's answer, verbatim, where the objects were grounded first.
    """

    text: str
    reasoning: str | None = None
    regions: tuple[Region, ...] = ()
    claims: tuple[Claim, ...] = ()
    spatial_tags: tuple[SpatialTag, ...] = ()
    choice: str | None = None
    problems: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    model: str = "none"
    revision: str | None = None
    generation: dict[str, Any] = field(default_factory=dict)
    prompting: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    grounding: str | None = None


@dataclass(frozen=True)
class FrameSummary:
    """Summary of a frame: everything needed to find and reproduce its pixels, but not the pixels.

    ``scale_error`` is the relative error of the metric scale, where anchors gave it.
    """

    name: str
    sha256: str
    camera: Camera
    timestamp_s: float | None = None
    depth_kind: DepthKind | None = None
    scale_source: ScaleSource | None = None
    depth_backend: str | None = None
    scale_error: float | None = None

    def __post_init__(self) -> None:
        """Check the names."""
        if self.depth_kind is not None:
            object.__setattr__(self, "depth_kind", member(DepthKind, self.depth_kind, "Depth kind"))
        if self.scale_source is not None:
            object.__setattr__(self, "scale_source", member(ScaleSource, self.scale_source, "Scale source"))


@dataclass(frozen=True)
class Attempt:
    """An earlier answer to a question that was asked again.

    Args:
        answer: What the model said.
        verdicts: One per claim, in the order of the claims.
        regions: What the verdicts' indices point at.
        reason: Why the question was asked again.
    """

    answer: Answer
    verdicts: tuple[Verdict, ...]
    regions: tuple[Region, ...]
    reason: str

    def __post_init__(self) -> None:
        """Check the reason."""
        text(self.reason, "The reason of an attempt")


@dataclass(frozen=True)
class Result:
    """Everything about one question of one item.

    Args:
        item_id: Id of the item.
        question: The question, or None where only given claims were judged.
        frames: One summary per frame.
        answer: What the model said last; None where no model was asked.
        verdicts: One per claim, in the order of the claims.
        regions: All regions the verdicts could refer to: given, the model's, and text.
        seconds: Time per stage [s].
        versions: Versions of this package and of what it ran on, the digest of the ``configuration``, and the models of
            ``depth``, ``ocr`` and ``segment`` as ``NAME@REVISION``; the answer names its own.
        artefacts: Paths of the files written, relative to the folder of ``results.jsonl``.
        errors: What went wrong without stopping the item.
        attempts: Earlier answers with their verdicts, where the question was asked again, the first one first.
        correct_answer: The correct answer, where it is known.
        is_correct: Whether the answer agrees with it; None where that is not known. Only statistics use it.
        language: Language of all its sentences but the model's own: ``en`` or ``zh``, that of the question.
        schema_version: Version of this record's JSON form.
    """

    item_id: str
    question: str | None
    frames: tuple[FrameSummary, ...]
    answer: Answer | None
    verdicts: tuple[Verdict, ...] = ()
    regions: tuple[Region, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    artefacts: dict[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    correct_answer: str | None = None
    is_correct: bool | None = None
    language: Language = "en"
    schema_version: str = SCHEMA_VERSION

    def count(self, status: Status) -> int:
        """Number of verdicts with that status."""
        return sum(verdict.status is status for verdict in self.verdicts)
