"""Questions, claims and depth: what the server is asked to do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.records import Claim, Origin, Region
from pipeline.records.claim import Comparison, Unit
from pipeline.records.relations import RelationName
from pipeline.serve.masks import box_of, check_lengths
from pipeline.serve.problems import TooLargeError, UnfitError
from pipeline.serve.records import Ask, Judge, MaskedRegion, MeasureDepth, Regions, Rejudge, RunLengths
from pipeline.serve.schema.base import ID, Listed, Strict, check_count
from pipeline.serve.schema.scenes import Coordinate, Id, Name, WithScene
from pipeline.serve.settings import Limits

FrameIndex = Annotated[int, Field(ge=0, le=10**6)]
# Bounds of texts and lists before the server's own limits apply.
Sentence = Annotated[str, Field(min_length=1, max_length=100_000, pattern=r"\S")]
_MOST_ENTRIES = 10_000


class MaskLengths(Strict):
    """A mask as run lengths, column by column, starting with zeros (COCO's uncompressed RLE)."""

    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        description="Height and width of the upright image [px]."
    )
    counts: Listed[Annotated[int, Field(ge=0)]] = Field(min_length=1)


class RegionGiven(Strict):
    """A named part of an image."""

    label: Name = Field(description="What claims and questions call it.", examples=["mug"])
    box_px: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = Field(
        None,
        description="Left, top, right and bottom edge [px of the upright image]; null takes that of the mask.",
        examples=[[120.0, 80.0, 260.0, 300.0]],
    )
    frame: FrameIndex = Field(0, description="Index of the image, from 0.")
    mask: MaskLengths | None = Field(None, description="The pixels that belong to it.")

    @model_validator(mode="after")
    def _has_a_place(self) -> RegionGiven:
        if self.box_px is None and self.mask is None:
            raise ValueError("Give box_px, a mask, or both")
        return self

    @property
    def mask_pixels(self) -> int:
        """Pixels of its mask once it is decoded."""
        return 0 if self.mask is None else self.mask.size[0] * self.mask.size[1]

    def record(self) -> Region | MaskedRegion:
        """The region; its mask stays run lengths.

        Raises:
            UnfitError: If the mask is empty.
            RecordError: If a rule of the region is broken.
        """
        mask = None if self.mask is None else RunLengths(self.mask.size, tuple(self.mask.counts))
        box = self.box_px
        if mask is not None:
            check_lengths(mask, self.label)
            box = box or box_of(mask)
        if box is None:
            raise UnfitError(f"The mask of {self.label!r} is empty; give a box or mark some pixels.")
        region = Region(self.label, box, self.frame, origin=Origin.GIVEN)
        return region if mask is None else MaskedRegion(region, mask)


class ClaimGiven(Strict):
    """One statement about space."""

    relation: RelationName = Field(description="A name that /v1/relations lists.", examples=["left_of"])
    subject: Name = Field(description="Label of a region; label#2 is the second one of that label.", examples=["mug"])
    object: Name | None = Field(None, description="What the subject is related to.", examples=["book"])
    other_object: Name | None = Field(None, description="The second one, for between.")
    value: float | None = Field(None, ge=0, description="The claim's number.")
    unit: Unit | None = Field(None, description="Unit of the number.")
    comparison: Comparison = Field(Comparison.ABOUT, description="How the number is meant.")
    tolerance: float | None = Field(None, ge=0, description="Accepted deviation from the number, in its unit.")
    measure: str | None = Field(None, max_length=40, description="What exactly is measured, such as nearest or height.")
    frames: Listed[FrameIndex] = Field(
        [], max_length=_MOST_ENTRIES, description="Images that it speaks of; empty: all."
    )
    perspective: Name = Field("camera", description="camera, or the label of the object whose own left is meant.")
    negated: bool = Field(False, description="Whether the claim denies the relation.")

    def record(self) -> Claim:
        """The claim.

        Raises:
            RecordError: If the relation lacks an object or number that it needs, or has one too many.
        """
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return Claim(**{**given, "frames": tuple(self.frames)}, origin=Origin.GIVEN)


class AskBody(WithScene):
    """Questions about a scene."""

    question: Sentence | None = Field(None, description="The question.", examples=["Is the mug left of the book?"])
    questions: Listed[Sentence] = Field(
        [], max_length=_MOST_ENTRIES, description="Several questions, which are answered together."
    )
    regions: Listed[RegionGiven] = Field([], max_length=_MOST_ENTRIES, description="Regions that the questions name.")
    hints: Literal["none", "table", "image", "both"] | None = Field(
        None, description="Depth hints in the prompt; null takes the server's."
    )
    language: Literal["en", "zh"] | None = Field(
        None, description="Language of reasons; null takes that of each question."
    )
    after: Annotated[str, ID] | None = Field(
        None, description="Id of a result with a refuted claim: its question is asked again with the evidence."
    )

    @model_validator(mode="after")
    def _asks(self) -> AskBody:
        if (self.question is None) == (not self.questions):
            raise ValueError("Give question, or questions for several")
        if self.after is not None and len(self.questions) > 1:
            raise ValueError("The field after goes with one question: that of the result, or its edited form")
        return self

    def work(self, scene: str, limits: Limits) -> Ask:
        """The work for a scene.

        Raises:
            ServeError: If there is more than the limits allow, or a region does not fit.
        """
        questions = tuple(self.questions) if self.question is None else (self.question,)
        check_count("questions", len(questions), limits.questions)
        check_texts(questions, limits)
        return Ask(scene, questions, records_of(self.regions, limits), self.hints, self.language, self.after)


class VerifyBody(WithScene):
    """Claims about a scene, judged without a model."""

    claims: Listed[ClaimGiven | Sentence] = Field(
        min_length=1,
        max_length=_MOST_ENTRIES,
        description="The claims, or sentences that state them.",
        examples=[[{"relation": "left_of", "subject": "mug", "object": "book"}, "The mug is behind the book."]],
    )
    regions: Listed[RegionGiven] = Field(
        [],
        max_length=_MOST_ENTRIES,
        description="The regions that they name.",
        examples=[[{"label": "mug", "box_px": [120, 80, 260, 300]}, {"label": "book", "box_px": [300, 150, 560, 330]}]],
    )
    language: Literal["en", "zh"] | None = Field(None, description="Language of reasons; null is English.")

    def work(self, scene: str, limits: Limits) -> Judge:
        """The work for a scene.

        Raises:
            ServeError: If there is more than the limits allow, or a region does not fit.
            RecordError: If a claim breaks a rule.
        """
        check_count("claims", len(self.claims), limits.claims)
        check_texts([claim for claim in self.claims if isinstance(claim, str)], limits)
        claims = tuple(claim if isinstance(claim, str) else claim.record() for claim in self.claims)
        return Judge(scene, claims, records_of(self.regions, limits), self.language)


class DepthBody(WithScene):
    """A scene whose depth is wanted."""

    def work(self, scene: str, limits: Limits) -> MeasureDepth:
        """The work for a scene."""
        return MeasureDepth(scene)


class RejudgeBody(WithScene):
    """An answer to be judged again on a scene with other anchors, without a model."""

    result: Id = Field(description="Id of the result that holds the answer.")

    def work(self, scene: str, limits: Limits) -> Rejudge:
        """The work for a scene."""
        return Rejudge(scene, self.result)


BODIES: dict[str, type[AskBody] | type[VerifyBody] | type[DepthBody] | type[RejudgeBody]] = {
    "ask": AskBody,
    "verify": VerifyBody,
    "depth": DepthBody,
    "rejudge": RejudgeBody,
}
"""The model of each kind of work, by its name in ``/v1/jobs``."""


def records_of(given: list[RegionGiven], limits: Limits) -> Regions:
    """The regions of a request.

    Raises:
        ServeError: If there are too many, or their masks too large.
        RecordError: If a rule of a region is broken.
    """
    check_count("regions", len(given), limits.regions)
    for region in given:
        if region.mask_pixels > limits.megapixels * 1e6:
            raise TooLargeError(
                f"The mask of {region.label!r} has more than {limits.megapixels:g} million pixels; no image may."
            )
    if sum(region.mask_pixels for region in given) > limits.scene_megapixels * 1e6:
        raise TooLargeError(f"The masks together have more than {limits.scene_megapixels:g} million pixels.")
    return tuple(region.record() for region in given)


def check_texts(texts: list[str] | tuple[str, ...], limits: Limits) -> None:
    """Check the lengths of questions, or of claims in words.

    Raises:
        TooLargeError: If one is too long.
    """
    longest = max(map(len, texts), default=0)
    if longest > limits.question_chars:
        raise TooLargeError(
            f"A question or claim has {longest} characters, but at most {limits.question_chars} are allowed."
        )
