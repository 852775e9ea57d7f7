"""The wordings, prose, choices and bare answers that were collected from the public record, as rows of tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.records import Claim, Unit

_FOLDER = Path(__file__).parent / "collected"
_INVERSE = {
    "right_of": "left_of", "below": "above", "behind": "in_front_of", "farther": "closer", "smaller": "larger",
    "occluded_by": "occludes",
}  # fmt: skip
_SYMMETRIC = ("same_depth", "touching", "distance_between")


def rows(name: str) -> Any:
    """The content of one of the collected files."""
    return yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def one_way(words: str) -> str:
    """A claim in the files' form, with the converse of a relation turned and the things of a symmetric one in order."""
    words = words.casefold()
    for relation, inverse in _INVERSE.items():
        if match := re.fullmatch(rf"(.+?)( not)? {relation} (.+?)( -?[\d.]+ m)?", words):
            return f"{match[3]}{match[2] or ''} {inverse} {match[1]}{match[4] or ''}"
    for relation in _SYMMETRIC:
        if match := re.fullmatch(rf"(.+?)( not)? {relation} (.+?)( -?[\d.]+ m)?", words):
            first, second = sorted((match[1], match[3]))
            return f"{first}{match[2] or ''} {relation} {second}{match[4] or ''}"
    return words


def stated(claim: Claim) -> str:
    """A claim in the form of the files; lengths in metres."""
    words = [claim.subject, "not" if claim.negated else "", str(claim.relation)]
    words.append(claim.measure or "" if claim.relation == "size" else "")
    words += [claim.object or "", f"| {claim.other_object}" if claim.other_object else ""]
    if claim.value is not None:
        length = claim.unit is not None and claim.unit not in (Unit.COUNT, Unit.FRACTION)
        words.append(f"{round(claim.value * claim.unit.metres, 6):g} m" if length else f"{claim.value:g}")  # type: ignore[union-attr]
    return one_way(" ".join(word for word in words if word))
