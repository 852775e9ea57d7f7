"""Anchors: known lengths and distances that give metres to depth of unknown scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.records.checks import finite, finite_tuple, member, require, text, whole
from pipeline.records.claim import Unit
from pipeline.records.message import Language, Message, message

# Standard deviation where none is given, as a share of the value: a tape held by hand, a figure from memory.
DEFAULT_ERROR_SHARE = 0.03

# Units that an anchor may name.
LENGTH_UNITS = tuple(unit for unit in Unit if math.isfinite(unit.metres))
# A longer length is a typing error or a wrong unit, and would overflow the depth [m].
LONGEST_M = 1e6

Pixel = tuple[float, float]


class AnchorKind(StrEnum):
    """What is known; the name is also the key of an anchor's JSON form."""

    SIZE = "size"
    BETWEEN = "between"
    BETWEEN_PX = "between_px"
    TO_CAMERA = "to_camera"
    TO_CAMERA_PX = "to_camera_px"
    CAMERA_HEIGHT = "camera_height"
    PLANE = "plane"

    @property
    def has_length(self) -> bool:
        """Whether it states a length; a plane only states that a region is flat."""
        return self is not AnchorKind.PLANE


# By kind: how many names and pixels it takes, and the measures that it may name, the first by default.
_NAMES: Mapping[str, tuple[int, ...]] = {
    "size": (1,),
    "between": (2,),
    "between_px": (0,),
    "to_camera": (1,),
    "to_camera_px": (0,),
    "camera_height": (0, 1),
    "plane": (1,),
}
_PIXELS: Mapping[str, int] = {"between_px": 2, "to_camera_px": 1}
_MEASURES: Mapping[str, tuple[str, ...]] = {
    "size": ("height", "width", "depth"),
    "between": ("centre", "nearest"),
    "to_camera": ("straight", "z"),
    "to_camera_px": ("straight", "z"),
}
_COMMON_KEYS = frozenset(("measure", "value", "unit", "error", "frame"))


@dataclass(frozen=True)
class Anchor:
    """One known length or distance of a scene.

    Args:
        kind: What is known: the size of a region, the distance between two regions or two pixels, the distance of
            a region or pixel to the camera, the camera's height above a plane, or that a region is flat.
        names: Labels of the regions, as claims name them; of ``camera_height`` the plane's region, or none for the
            floor or table that is found in the depth.
        points_px: Pixels (u, v) [px of the upright frame]; (0, 0) is the centre of the top-left pixel.
        value: The length, in ``unit``; None only for a plane.
        unit: Unit of length.
        error: Standard deviation of the value, in ``unit``; None is ``DEFAULT_ERROR_SHARE`` of it.
        measure: ``height``, ``width`` or ``depth`` of a size; ``centre`` or ``nearest`` between regions;
            ``straight`` or ``z`` (along the optical axis) to the camera. None takes the first but for a size.
        frame: Index of the frame, from 0; None is every frame that shows what is named, and the first for pixels.

    Raises:
        RecordError: If a part is missing, does not belong to the kind, or is out of range.
    """

    kind: AnchorKind
    names: tuple[str, ...] = ()
    points_px: tuple[Pixel, ...] = ()
    value: float | None = None
    unit: Unit = Unit.METRE
    error: float | None = None
    measure: str | None = None
    frame: int | None = None

    def __post_init__(self) -> None:
        """Check the parts against the kind."""
        kind = member(AnchorKind, self.kind, "The kind of an anchor")
        object.__setattr__(self, "kind", kind)
        names = tuple(text(name, f"A region of the anchor {kind}") for name in self.names)
        require(
            len(names) in _NAMES[kind],
            f"The anchor {kind} names {len(names)} regions, not {' or '.join(map(str, _NAMES[kind]))}.",
        )
        require(len(set(names)) == len(names), f"The anchor {kind} must name two regions, not {names[:1]} twice.")
        object.__setattr__(self, "names", names)
        points = tuple(finite_tuple(point, 2, f"A pixel of {kind}") for point in self.points_px)
        require(
            len(points) == _PIXELS.get(kind, 0),
            f"The anchor {kind} has {len(points)} pixels, not {_PIXELS.get(kind, 0)}.",
        )
        require(len(set(points)) == len(points), f"The two pixels of {kind} must differ.")
        object.__setattr__(self, "points_px", points)
        require(
            isinstance(self.unit, str) and self.unit in LENGTH_UNITS,
            f"The unit of an anchor must be one of {', '.join(LENGTH_UNITS)}, not {str(self.unit)!r}.",
        )
        object.__setattr__(self, "unit", Unit(self.unit))
        self._check_numbers(kind)
        self._check_measure(kind)
        if self.frame is not None:
            object.__setattr__(self, "frame", whole(self.frame, "The frame of an anchor"))

    def _check_numbers(self, kind: AnchorKind) -> None:
        if not kind.has_length:
            require(self.value is None and self.error is None, "The anchor plane has no value and no error.")
            return
        require(self.value is not None, f"The anchor {kind} needs a value and its unit.")
        value = finite(self.value, f"The value of {kind}")
        require(value > 0 and not isinstance(self.value, bool), f"The value of {kind} must be positive, not {value:g}.")
        require(
            value * self.unit.metres <= LONGEST_M,
            f"The value of {kind} must be at most {LONGEST_M / self.unit.metres:.0f} {self.unit}, not {value:g}; "
            "correct the value or its unit.",
        )
        object.__setattr__(self, "value", value)
        if self.error is not None:
            error = finite(self.error, f"The error of {kind}")
            require(
                0 <= error < value,
                f"The error of {kind} is a standard deviation in {self.unit} from 0 to below the value {value:g}, "
                f"not {error:g}.",
            )
            object.__setattr__(self, "error", error)

    def _check_measure(self, kind: AnchorKind) -> None:
        allowed = _MEASURES.get(kind, ())
        if self.measure is None and allowed:
            require(kind is not AnchorKind.SIZE, f"The anchor size needs a measure: {', '.join(allowed)}.")
            object.__setattr__(self, "measure", allowed[0])
        require(
            self.measure is None or self.measure in allowed,
            f"The measure of {kind} must be one of {', '.join(allowed) or 'none'}, not {self.measure!r}.",
        )

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Anchor:
        """Read the JSON form: the kind is the key that holds the names, the pixels or the camera's height.

        Args:
            plain: For example ``{"size": "mug", "measure": "height", "value": 9.5, "unit": "cm", "error": 0.3}``,
                ``{"between": ["mug", "book"], ...}``, ``{"between_px": [[10, 20], [90, 20]], ...}``,
                ``{"to_camera": "mug", ...}``, ``{"to_camera_px": [10, 20], ...}``,
                ``{"camera_height": 1.4, "unit": "m", "above": "floor"}``, ``{"plane": "floor"}``. Null counts
                as absent.

        Raises:
            RecordError: If no kind or several are named, a key is unknown, or a rule is broken.

        Example:
            >>> Anchor.from_plain({"size": "mug", "measure": "height", "value": 9.5, "unit": "cm"}).value_m
            0.095
        """
        require(
            isinstance(plain, Mapping), f"An anchor must be an object like {{size, measure, value}}, not {plain!r}."
        )
        given = {str(key): part for key, part in plain.items() if part is not None}
        kinds = [key for key in given if key in list(AnchorKind)]
        require(
            len(kinds) == 1,
            f"An anchor names one of {', '.join(AnchorKind)}, not {' and '.join(kinds) or 'none of them'}.",
        )
        kind = AnchorKind(kinds[0])
        known = _COMMON_KEYS - {"value"} | {"above"} if kind is AnchorKind.CAMERA_HEIGHT else _COMMON_KEYS
        unknown = sorted(set(given) - known - {kind})
        require(
            not unknown,
            f"The anchor {kind} has no key {next(iter(unknown), None)!r}; it takes {', '.join(sorted(known))}.",
        )
        require(
            "unit" in given or not kind.has_length, f"The anchor {kind} needs a unit: one of {', '.join(LENGTH_UNITS)}."
        )
        subject = given.pop(kind)
        parts: dict[str, Any] = {}
        if kind is AnchorKind.CAMERA_HEIGHT:
            parts = {"value": subject, "names": _several(given.pop("above", ()))}
        elif kind is AnchorKind.TO_CAMERA_PX:
            parts = {"points_px": (subject,)}
        elif kind is AnchorKind.BETWEEN_PX:
            parts = {"points_px": _several(subject)}
        else:
            parts = {"names": _several(subject)}
        return cls(kind, **parts, **given)

    @property
    def value_m(self) -> float:
        """The length [m]; NaN for a plane."""
        return math.nan if self.value is None else self.value * self.unit.metres

    @property
    def relative_error(self) -> float:
        """Standard deviation as a fraction of the value; 0 for a plane."""
        if self.value is None:
            return 0.0
        return DEFAULT_ERROR_SHARE if self.error is None else self.error / self.value

    @property
    def wording(self) -> Message:
        """The anchor as a short sentence without full stop, for people."""
        names = [message("label", name=name) for name in self.names]
        pixels = [message("pixel", u=u, v=v) for u, v in self.points_px]
        measure = "centre" if self.kind is AnchorKind.BETWEEN_PX else self.measure
        side = f"_{measure}" if measure else ""
        return message(
            f"anchor_{self.kind.removesuffix('_px')}{side}",
            names=(*names, *pixels) or (message("the_floor"),),
            number=None
            if self.value is None
            else message("number_about", number=message("number_length", value=self.value, unit=self.unit)),
        )

    def in_words(self, language: Language = "en") -> str:
        """The anchor as a short sentence without full stop.

        >>> Anchor(AnchorKind.TO_CAMERA, ("mug",), value=1.2).in_words()
        "'mug' is 1.2 m from the camera"
        """
        return self.wording.text(language)


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
