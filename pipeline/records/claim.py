"""Regions of frames, and spatial claims about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from pipeline.records.checks import finite, finite_tuple, member, require, text, whole
from pipeline.records.errors import RecordError
from pipeline.records.message import Language, Message, message
from pipeline.records.relations import RELATIONS, RelationName, ValueUse

Box = tuple[float, float, float, float]
Point = tuple[float, float, float]
Pixels = tuple[tuple[float, float], ...]


class Origin(StrEnum):
    """Who said it: a model's JSON, a model's prose, the model restating its prose, the OCR, or the user."""

    MODEL = "model"
    PROSE = "prose"
    RESTATED = "restated"
    OCR = "ocr"
    GIVEN = "given"


class Comparison(StrEnum):
    """How the number of a claim is meant."""

    ABOUT = "about"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class Unit(StrEnum):
    """Unit of a claim's number."""

    METRE = "m"
    CENTIMETRE = "cm"
    MILLIMETRE = "mm"
    FOOT = "ft"
    INCH = "in"
    FRACTION = "fraction"
    COUNT = "count"

    @property
    def metres(self) -> float:
        """Length of one unit [m]; NaN for a unit that is not a length."""
        return _METRES.get(self, math.nan)


_METRES = {
    Unit.METRE: 1.0,
    Unit.CENTIMETRE: 0.01,
    Unit.MILLIMETRE: 0.001,
    Unit.FOOT: 0.3048,
    Unit.INCH: 0.0254,
}


# Larger than any image; run lengths could otherwise ask for any amount of memory.
_LARGEST_MASK = 2**30


def encode_mask(mask: np.ndarray) -> dict[str, list[int]]:
    """Run lengths of a bool (H, W) mask, column by column, starting with zeros (COCO's uncompressed RLE)."""
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate(([0], changes, [flat.size]))
    counts = np.diff(edges).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def decode_mask(value: Any) -> np.ndarray:
    """Bool (H, W) mask from run lengths (see ``encode_mask``) or from an array.

    Raises:
        RecordError: If the run lengths do not add up to the size.
    """
    if isinstance(value, np.ndarray):
        return value
    try:
        height, width = (int(side) for side in value["size"])
        runs = [int(count) for count in value["counts"]]
    except (TypeError, KeyError, ValueError, OverflowError):
        raise RecordError("A mask must be an array, or run lengths {size: [H, W], counts: [...]}.") from None
    require(
        height > 0 and width > 0 and min(runs, default=0) >= 0 and sum(runs) == height * width <= _LARGEST_MASK,
        f"The run lengths of a mask must add up to its size {height} x {width}.",
    )
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape((height, width), order="F")


def _mask_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    run_lengths = core_schema.typed_dict_schema(
        {
            "size": core_schema.typed_dict_field(core_schema.list_schema(core_schema.int_schema())),
            "counts": core_schema.typed_dict_field(core_schema.list_schema(core_schema.int_schema())),
        }
    )
    either = core_schema.union_schema([core_schema.is_instance_schema(np.ndarray), run_lengths])
    return core_schema.no_info_after_validator_function(
        decode_mask,
        core_schema.json_or_python_schema(json_schema=run_lengths, python_schema=either),
        serialization=core_schema.plain_serializer_function_ser_schema(encode_mask, return_schema=run_lengths),
    )


Mask = Annotated[np.ndarray, GetPydanticSchema(_mask_schema)]


@dataclass(frozen=True)
class Box3D:
    """An oriented box in the camera frame of its region's frame.

    Convention: OpenCV axes, metres; the box is turned by ``Rz @ Ry @ Rx`` with the angles about its own
    centre.

    Args:
        center_m: Centre (x, y, z) [m].
        size_m: Full side lengths along the box's own x, y, z [m], not negative.
        rotation_rad: Angles about x, y, z [rad].
    """

    center_m: Point
    size_m: Point
    rotation_rad: Point = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("center_m", "size_m", "rotation_rad"):
            object.__setattr__(self, name, finite_tuple(getattr(self, name), 3, f"{name} of a 3D box"))
        require(min(self.size_m) >= 0, f"The sides of a 3D box must not be negative: {self.size_m}.")

    @property
    def rotation(self) -> np.ndarray:
        """Rotation from the box's own axes to the camera's: ``Rz @ Ry @ Rx``, float64 (3, 3).

        Example:
            >>> Box3D((0, 0, 1), (1, 1, 1), (0, 0, math.pi / 2)).rotation.round(9).tolist()
            [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
        """
        (sin_x, sin_y, sin_z), (cos_x, cos_y, cos_z) = np.sin(self.rotation_rad), np.cos(self.rotation_rad)
        about_x = np.array([[1, 0, 0], [0, cos_x, -sin_x], [0, sin_x, cos_x]])
        about_y = np.array([[cos_y, 0, sin_y], [0, 1, 0], [-sin_y, 0, cos_y]])
        about_z = np.array([[cos_z, -sin_z, 0], [sin_z, cos_z, 0], [0, 0, 1]])
        rotation: np.ndarray = about_z @ about_y @ about_x
        return rotation

    @property
    def corners_m(self) -> np.ndarray:
        """The eight corners, float64 (8, 3) [m]."""
        signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
        corners: np.ndarray = signs * self.size_m @ self.rotation.T + self.center_m
        return corners


@dataclass(frozen=True)
class Region:
    """A named part of one frame.

    Args:
        label: What it is called.
        box_px: (x1, y1, x2, y2) [px of the upright frame]: left, top, right and bottom edge on the
            continuous image plane whose top-left corner is (0, 0). A point has x1 = x2 and y1 = y2.
        frame: Index of the frame, from 0.
        mask: Optional bool (H, W) of the frame's size.
        box_3d: Optional 3D box that the model gave.
        score: Optional confidence in [0, 1].
        origin: Who gave it.
        attributes: Further fields that the model gave, as texts.
        segmenter: Name and version or model of the segmenter that made the mask; None where the mask was given.
        shown: Probability that it shows what its name says, by the model's own word; None where it was not asked.
        frame_is_certain: Whether it is known which of several frames it belongs to; ``frame`` is a guess otherwise.

    Raises:
        RecordError: If the box is not finite or its sides are turned around.
    """

    label: str
    box_px: Box
    frame: int = 0
    mask: Mask | None = field(default=None, repr=False, compare=False)
    box_3d: Box3D | None = None
    score: float | None = None
    origin: Origin = Origin.MODEL
    attributes: dict[str, str] = field(default_factory=dict)
    segmenter: str | None = None
    shown: float | None = None
    frame_is_certain: bool = True

    def __post_init__(self) -> None:
        """Check the box, the mask and the score."""
        object.__setattr__(self, "label", text(self.label, "The label of a region"))
        box = finite_tuple(self.box_px, 4, f"The box of {self.label!r}")
        require(
            box[0] <= box[2] and box[1] <= box[3],
            f"The box of {self.label!r} must be (left, top, right, bottom), not {box}.",
        )
        object.__setattr__(self, "box_px", box)
        object.__setattr__(self, "frame", whole(self.frame, f"The frame of {self.label!r}"))
        if self.mask is not None:
            mask = np.asarray(self.mask)
            require(mask.ndim == 2, f"The mask of {self.label!r} must have two dimensions, not {mask.ndim}.")
            object.__setattr__(self, "mask", mask.astype(bool, copy=False))
        require(
            self.shown is None or 0 <= self.shown <= 1,
            f"The probability that {self.label!r} is shown must lie between 0 and 1, not {self.shown!r}.",
        )
        require(
            self.score is None or 0 <= self.score <= 1,
            f"The score of {self.label!r} must lie between 0 and 1, not {self.score!r}.",
        )
        object.__setattr__(self, "origin", member(Origin, self.origin, "The origin of a region"))

    @property
    def is_point(self) -> bool:
        """Whether the box has no area, because a model pointed instead of drawing a box."""
        return self.box_px[0] == self.box_px[2] or self.box_px[1] == self.box_px[3]


@dataclass(frozen=True)
class Claim:
    """One typed statement about space.

    Args:
        relation: A name of ``pipeline.records.relations.RELATIONS``.
        subject: Label of a region; ``label#2`` is the second region of that label.
        object: What the subject is related to; needed unless the relation takes none.
        other_object: The second one, for ``between``.
        value: The claim's number, in ``unit``.
        unit: Unit of the number.
        comparison: How the number is meant.
        tolerance: Accepted deviation from the number, in ``unit``; None takes the verifier's own.
        measure: What exactly is measured: ``nearest`` or ``centre`` for distances; ``height``, ``width``
            or ``depth`` for sizes; ``image`` or ``world`` (along gravity) for above and below. None is left to the
            verifier.
        frames: Frames that the claim speaks of; empty is all in which its regions occur.
        perspective: ``camera``, or the label of the object whose own left and front are meant.
        negated: Whether the claim denies the relation.
        text_span: Start and end of the words in the answer's text, in characters.
        origin: Who made the claim.
        truth: Ground truth, where a data set gives it; the verifier never reads it.

    Raises:
        RecordError: If the relation is unknown, or lacks an object or number that it needs.
    """

    relation: RelationName
    subject: str
    object: str | None = None
    other_object: str | None = None
    value: float | None = None
    unit: Unit | None = None
    comparison: Comparison = Comparison.ABOUT
    tolerance: float | None = None
    measure: str | None = None
    frames: tuple[int, ...] = ()
    perspective: str = "camera"
    negated: bool = False
    text_span: tuple[int, int] | None = None
    origin: Origin = Origin.MODEL
    truth: bool | None = None

    def __post_init__(self) -> None:
        """Check the claim against the registry."""
        name = member(RelationName, self.relation, "The relation of a claim")
        object.__setattr__(self, "relation", name)
        entry = RELATIONS[name]
        object.__setattr__(self, "subject", text(self.subject, f"The subject of {name}"))
        for count, part in ((1, "object"), (2, "other_object")):
            value = getattr(self, part)
            if entry.objects >= count:
                object.__setattr__(self, part, text(value, f"The {part} of {name}"))
            else:
                require(value is None, f"The relation {name} takes no {part}, but {value!r} was given.")
        require(self.value is not None or entry.value is not ValueUse.REQUIRED, f"The relation {name} needs a value.")
        if self.value is not None:
            require(entry.value is not ValueUse.NONE, f"The relation {name} takes no value.")
            number = finite(self.value, f"The value of {name}")
            require(number >= 0, f"The value of {name} must not be negative: {number:g}.")
            object.__setattr__(self, "value", number)
            require(self.unit is not None, f"The value of {name} needs a unit: one of {', '.join(Unit)}.")
            object.__setattr__(self, "unit", member(Unit, self.unit, "The unit of a claim"))
            self._check_unit(name)
        if self.tolerance is not None:
            tolerance = finite(self.tolerance, f"The tolerance of {name}")
            require(tolerance >= 0, f"The tolerance of {name} must not be negative: {tolerance:g}.")
            object.__setattr__(self, "tolerance", tolerance)
        allowed = _MEASURES.get(name, ())
        require(
            self.measure is None or self.measure in allowed,
            f"The measure of {name} must be one of {', '.join(allowed) or 'none'}, not {self.measure!r}.",
        )
        object.__setattr__(self, "frames", tuple(whole(frame, "A frame of a claim") for frame in self.frames))
        object.__setattr__(self, "comparison", member(Comparison, self.comparison, "The comparison of a claim"))
        object.__setattr__(self, "origin", member(Origin, self.origin, "The origin of a claim"))
        object.__setattr__(self, "perspective", text(self.perspective, "The perspective of a claim"))
        for flag in ("negated", "truth"):
            value = getattr(self, flag)
            require(
                isinstance(value, bool | np.bool_) or (value is None and flag == "truth"),
                f"The {flag} of a claim must be true or false, not {value!r:.60}.",
            )
            object.__setattr__(self, flag, None if value is None else bool(value))

    def _check_unit(self, name: str) -> None:
        assert self.unit is not None
        if name == "count":
            require(self.unit is Unit.COUNT, f"The value of count is a number of objects, not {self.unit}.")
        elif name in ("occludes", "occluded_by"):
            require(
                self.unit is Unit.FRACTION and self.value is not None and self.value <= 1,
                f"The value of {name} is a hidden fraction from 0 to 1, unit 'fraction', not {self.value} {self.unit}.",
            )
        else:
            require(not math.isnan(self.unit.metres), f"The value of {name} is a length, not in {self.unit}.")

    @property
    def value_m(self) -> float | None:
        """The number as a length [m]."""
        return None if self.value is None or self.unit is None else self.value * self.unit.metres

    @property
    def wording(self) -> Message:
        """The claim as a short sentence without full stop, for people."""
        side = f"_{self.measure}" if self.relation == "size" and self.measure else ""
        is_share, number = self.unit is Unit.FRACTION, self.number or ""
        return message(
            f"{'denial' if self.negated else 'claim'}_{self.relation}{side}",
            subject=self.subject,
            object=self.object,
            other_object=self.other_object,
            number=number,
            by=message("by", number=number) if number and not is_share else "",
            share=message("share_of", number=number) if number and is_share else "",
        )

    @property
    def number(self) -> Message | None:
        """The number with its unit, and whether it is a bound."""
        if self.value is None:
            return None
        form = {Unit.FRACTION: "share", Unit.COUNT: "count"}.get(self.unit or Unit.COUNT, "length")
        return message(f"number_{self.comparison}", number=message(f"number_{form}", value=self.value, unit=self.unit))

    @property
    def things(self) -> list[str]:
        """The things that it names, subject first."""
        return [name for name in (self.subject, self.object, self.other_object) if name is not None]

    def in_words(self, language: Language = "en") -> str:
        """The claim as a short sentence without full stop."""
        return self.wording.text(language)


_MEASURES: dict[str, tuple[str, ...]] = {
    "above": ("image", "world"),
    "below": ("image", "world"),
    "distance_between": ("nearest", "centre"),
    "size": ("height", "width", "depth"),
}
