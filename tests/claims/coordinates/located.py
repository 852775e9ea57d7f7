"""What an answer locates, in shares of its image, so that tables of tests stay readable."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.claims.answer import ParsedAnswer, parse_answer
from pipeline.claims.coordinates.conventions import Convention, Size
from pipeline.claims.coordinates.entries import Entry
from pipeline.claims.coordinates.families import CoordinateChoice, convention_of
from pipeline.claims.regions import Images
from pipeline.records import Region
from pipeline.records.camera import Camera

SIZE = (640, 480)
MUG = (0.15, 0.3, 0.4, 0.7)
CUP = (0.6, 0.3, 0.8, 0.7)
Shares = tuple[float, ...]


def known(reason: str) -> pytest.MarkDecorator:
    """Marks a known fault of the code; the test fails as soon as the fault is gone, so that the mark goes too."""
    return pytest.mark.xfail(strict=True, reason=reason)


def convention(choice: CoordinateChoice) -> Convention:
    """A convention that was chosen, or that of an unknown model for ``auto``."""
    return convention_of("a model of no known family", choice)


def parse(
    text: str, choice: CoordinateChoice | Convention = "thousandths", *, frames: int = 1, size: Size = SIZE
) -> ParsedAnswer:
    camera = Camera.from_fov(*size, 60)
    declared = choice if isinstance(choice, Convention) else convention(choice)
    return parse_answer(text, Images([camera] * frames, convention=declared))


def shares(region: Region, size: Size = SIZE) -> Shares:
    """Box of a region as shares of the image, rounded to three decimals."""
    width, height = size
    return tuple(round(edge / side, 3) for edge, side in zip(region.box_px, (width, height) * 2, strict=True))


def located(answer: ParsedAnswer, size: Size = SIZE) -> list[tuple[str, Shares]]:
    return [(region.label, shares(region, size)) for region in answer.regions]


def frames_of(answer: ParsedAnswer) -> list[tuple[str, int | None]]:
    """Label and frame of each region; None where the frame is not certain."""
    return [(region.label, region.frame if region.frame_is_certain else None) for region in answer.regions]


def in_brief(found: Iterable[Entry]) -> list[tuple[str | None, Shares]]:
    """Label and numbers of each entry."""
    return [(entry.label, entry.shape.numbers if entry.shape else ()) for entry in found]
