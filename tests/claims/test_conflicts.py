"""Where an answer's words and its JSON contradict each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.claims.answer import parse_answer
from pipeline.claims.conflicts import conflicts
from pipeline.claims.regions import Images
from pipeline.records import Claim, Unit
from pipeline.records.camera import Camera
from pipeline.records.message import message

CUP_BOX = {"subject": "cup", "object": "box"}
BOX_CUP = {"subject": "box", "object": "cup"}


def claim(relation: str, names: dict[str, str], **rest: Any) -> Claim:
    return Claim(relation, **names, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said, listed",
    [
        (claim("left_of", CUP_BOX), claim("right_of", CUP_BOX)),
        (claim("left_of", CUP_BOX), claim("left_of", BOX_CUP)),
        (claim("left_of", CUP_BOX), claim("left_of", CUP_BOX, negated=True)),
        (claim("left_of", CUP_BOX), claim("right_of", BOX_CUP, negated=True)),
        (claim("closer", CUP_BOX), claim("behind", CUP_BOX)),
        (claim("closer", CUP_BOX), claim("farther", CUP_BOX, value=0.3, unit=Unit.METRE)),
        (claim("larger", CUP_BOX), claim("smaller", {"subject": "Cup", "object": "BOX"})),
        (claim("occludes", CUP_BOX), claim("occluded_by", BOX_CUP, negated=True)),
        (claim("touching", CUP_BOX, negated=True), claim("touching", BOX_CUP)),
    ],
)
def test_opposite_statements_contradict_each_other_whichever_is_said(said: Claim, listed: Claim) -> None:
    for one, other in ((said, listed), (listed, said)):
        (problem,) = conflicts([one], [claim("above", CUP_BOX), other])
        assert problem == message("conflict", said=one.wording, listed=other.wording)


@pytest.mark.parametrize(
    "said, listed",
    [
        (claim("left_of", CUP_BOX), claim("left_of", CUP_BOX)),
        (claim("left_of", CUP_BOX), claim("right_of", BOX_CUP)),
        (claim("left_of", CUP_BOX), claim("above", BOX_CUP)),
        (claim("left_of", CUP_BOX), claim("right_of", {"subject": "cup", "object": "lamp"})),
        # Neither may be ahead; both may hide a part of each other; what is taller may be narrower.
        (claim("closer", CUP_BOX, negated=True), claim("closer", BOX_CUP, negated=True)),
        (claim("closer", CUP_BOX, negated=True), claim("closer", BOX_CUP)),
        (claim("occludes", CUP_BOX), claim("occludes", BOX_CUP)),
        (claim("taller", CUP_BOX), claim("wider", BOX_CUP)),
        (claim("on", CUP_BOX), claim("touching", CUP_BOX, negated=True)),
        # Other frames, eyes, ways to measure.
        (claim("left_of", CUP_BOX, frames=(0,)), claim("right_of", CUP_BOX, frames=(1,))),
        (claim("left_of", CUP_BOX, perspective="dog"), claim("right_of", CUP_BOX)),
        (claim("above", CUP_BOX, measure="world"), claim("below", CUP_BOX, measure="image")),
        # Which part of a denied number is denied remains open.
        (claim("closer", CUP_BOX), claim("closer", CUP_BOX, negated=True, value=0.3, unit=Unit.METRE)),
        (claim("left_of", {"subject": "cup", "object": "cup"}), claim("right_of", {"subject": "cup", "object": "cup"})),
    ],
)
def test_statements_that_may_both_be_true_do_not(said: Claim, listed: Claim) -> None:
    assert not conflicts([said], [listed])
    assert not conflicts([listed], [said])


@pytest.mark.parametrize(
    "words, reported",
    [
        ("No, the red cup is to the right of the box.", True),
        ("Yes, the red cup is to the left of the box.", False),
        ("If the red cup were to the right of the box, the lamp would hide it.", False),
        ("红色杯子在盒子的右边。", False),
    ],
)
def test_an_answer_reports_a_conflict_and_keeps_the_claims_of_its_json(words: str, reported: bool) -> None:
    listed = {"claims": [{"relation": "left_of", "subject": "red cup", "object": "box"}]}
    answer = parse_answer(f"{words}\n```json\n{json.dumps(listed)}\n```", Images([Camera.from_fov(64, 64, 60)]))
    assert [str(claim.relation) for claim in answer.claims] == ["left_of"]
    assert any("Its words say" in problem for problem in answer.problems) == reported
