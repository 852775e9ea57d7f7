"""Work that is checked when it comes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import scenes
from serve.engine.fakes import MemoryStore

from pipeline.records import Answer, Attempt, Claim, Origin, Region, Result, Status, Verdict
from pipeline.serve.engine.plans import Options, Planner
from pipeline.serve.problems import UnfitError, UnknownError
from pipeline.serve.records import Ask, Judge, MeasureDepth, Rejudge, SceneInput, Work
from pipeline.serve.settings import Limits

CUP, BOX = Region("cup", (1, 1, 5, 5)), Region("box", (6, 1, 9, 5))
CLAIM, OTHER = Claim("left_of", "cup", "box"), Claim("behind", "cup", "box")
REFUTED = Verdict(CLAIM, Status.REFUTED, "It is not.", 0.01)
SUPPORTED = Verdict(OTHER, Status.SUPPORTED, "It is.", 0.99)
ANSWER = Answer("The cup is left of the box.", claims=(CLAIM,))
GIVEN = replace(CUP, origin=Origin.GIVEN, mask=scenes.inside((1, 1, 5, 5)))
RESULT = Result(
    "item", "Where?", (), ANSWER, (REFUTED, SUPPORTED), (GIVEN, BOX), attempts=(Attempt(ANSWER, (), (), "refuted"),),
    language="zh",
)  # fmt: skip
LIMITS = Limits(questions=2, question_chars=40, claims=3, regions=2)


def planner(has_model: bool = True, **results: Result) -> Planner:
    store = MemoryStore(scenes={"s": SceneInput(("photo",), options={"segment": "grabcut", "depth": "file"})})
    store.results = {name: (result, None, "s", "j") for name, result in results.items()}  # type: ignore[misc]
    return Planner(store, LIMITS, has_model)


def plan(work: Work, **results: Result) -> Any:
    return planner(**results).plan(work)


GROUPS = (("depth", "file"), ("segment", "grabcut"))


def test_questions_need_the_model_and_carry_their_options_and_regions() -> None:
    found = plan(Ask("s", ("1?", "2?"), regions=(CUP,), hints="image", language="zh"))
    assert (found.questions, found.asks) == (("1?", "2?"), True)
    assert found.options == Options(GROUPS, "image", "zh")
    assert found.regions == (replace(CUP, origin=Origin.GIVEN),)
    assert found.earlier is None


def test_claims_and_sentences_become_claims_in_their_order() -> None:
    found = plan(Judge("s", (OTHER, "The cup is left of the box."), (CUP, BOX)))
    assert [(str(claim.relation), claim.subject, claim.object) for claim in found.claims] == [
        ("behind", "cup", "box"), ("left_of", "cup", "box"),
    ]  # fmt: skip
    assert (found.claims[1].origin, found.claims[1].text_span) == (Origin.GIVEN, None)
    assert (found.questions, found.asks, found.options.language) == ((None,), False, "en")


@pytest.mark.parametrize("sentence, language", [("杯子在盒子的左边。", "zh"), ("The cup is left of the box.", "en")])
def test_the_verdicts_speak_the_language_of_the_sentence(sentence: str, language: str) -> None:
    assert plan(Judge("s", (sentence,), (CUP, BOX))).options.language == language
    assert plan(Judge("s", (sentence,), (CUP, BOX), "zh")).options.language == "zh"


def test_what_was_not_read_of_a_sentence_is_noted() -> None:
    found = plan(Judge("s", ("The cup is left of the box. Maybe near.",), (CUP, BOX)))
    assert len(found.claims) == 1 and [note.code for note in found.notes] == ["hedged"]


def test_an_answer_is_judged_again_with_what_was_given_but_not_with_made_masks() -> None:
    found = plan(Rejudge("s", "r"), r=replace(RESULT, regions=(replace(GIVEN, segmenter="grabcut"), BOX)))
    assert (found.questions, found.asks, found.claims) == (("Where?",), False, (OTHER,))
    assert found.options == Options(GROUPS, language="zh")
    (region,) = found.regions
    assert (region.label, region.mask, region.segmenter) == ("cup", None, None)
    assert plan(Rejudge("s", "r"), r=RESULT).regions == (GIVEN,)
    assert found.earlier_attempts == ()


def test_a_question_is_asked_again_with_its_regions_language_and_attempts() -> None:
    found = plan(Ask("s", (), regions=(BOX,), after="r", hints="none"), r=RESULT)
    assert (found.questions, found.asks) == (("Where?",), True)
    assert found.options == Options(GROUPS, "none", "zh", recheck=1)
    assert found.regions == (GIVEN, replace(BOX, origin=Origin.GIVEN))
    assert found.earlier_attempts == RESULT.attempts
    assert plan(Ask("s", ("Where exactly?",), after="r"), r=RESULT).questions == ("Where exactly?",)


def test_depth_needs_no_model() -> None:
    found = planner(has_model=False).plan(MeasureDepth("s"))
    assert (found.questions, found.asks, found.claims) == ((None,), False, ())


@pytest.mark.parametrize(
    "work, words",
    [
        (Ask("s", ()), "There is no question"),
        (Ask("s", ("  ",)), "is empty"),
        (Ask("s", ("1?", "2?", "3?")), "at most 2"),
        (Ask("s", ("x" * 41,)), "41 characters"),
        (Ask("s", ("1?",), (CUP, CUP, CUP)), "at most 2"),
        (Ask("s", ("1?", "2?"), after="r"), "One question is asked again"),
        (Ask("s", (" ",), after="r"), "is empty"),
        (Ask("s", (), after="supported"), "No claim of that answer is refuted"),
        (Ask("s", (), after="judged"), "answers no question"),
        (Judge("s", (), (CUP,)), "There is no claim"),
        (Judge("s", (CLAIM,) * 4, (CUP,)), "at most 3"),
        (Judge("s", ("A cup is left of a box. " * 2,), (CUP, BOX)), "characters"),
        (Judge("s", ("Is the cup left of the box?",), (CUP, BOX)), "states no claim"),
        (Judge("s", ("Hello.",), (CUP, BOX)), "states no claim that can be judged. Write one"),
        (Judge("s", ("",), (CUP, BOX)), "is empty"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(work: Work, words: str) -> None:
    results = {
        "r": RESULT, "supported": replace(RESULT, verdicts=(SUPPORTED, REFUTED)),
        "judged": replace(RESULT, question=None, answer=None),
    }  # fmt: skip
    with pytest.raises(UnfitError, match=words):
        plan(work, **results)


@pytest.mark.parametrize("work", [Ask("x", ("1?",)), Rejudge("s", "x"), Ask("s", (), after="x"), MeasureDepth("x")])
def test_what_is_not_there_is_unknown(work: Work) -> None:
    with pytest.raises(UnknownError):
        plan(work)


def test_questions_are_refused_where_there_is_no_model() -> None:
    with pytest.raises(UnfitError, match="no model"):
        planner(has_model=False).plan(Ask("s", ("1?",)))
