from __future__ import annotations

from typing import Any

import pytest

from pipeline.models.vlm.base import ImagePart, Request, Step, TextPart
from pipeline.models.vlm.hints import HintMode
from pipeline.models.vlm.prompt import build_answer_request
from pipeline.models.vlm.recheck import build_recheck_request
from pipeline.records import Claim, Evidence, Scene, Status, Verdict

REFUTED = Verdict(
    Claim("distance_to_camera", "cup", value=80, unit="cm"),  # type: ignore[arg-type]
    Status.REFUTED,
    "'cup' is 1.04 m away.",
    probability=0.01,
    evidence=(
        Evidence(0, numbers={"nearest_m": 1.04251, "sigma_m": 0.01}),
        Evidence(1, note="The cup is not seen."),
        Evidence(2, numbers={"nearest_m": 1.1}),
    ),
)
SUPPORTED = Verdict(Claim("left_of", "cup", "box"), Status.SUPPORTED, "It is 40 px left.", probability=0.99)
UNDECIDED = Verdict(Claim("above", "lid", "box"), Status.UNDECIDED, "It is close.", needs="better boxes")
TWO_MORE = Verdict(Claim("behind", "cup", "box"), Status.SUPPORTED, "It is 1 m behind.", probability=0.99)


@pytest.fixture
def first(scene: Scene) -> Request:
    return build_answer_request(scene, "Where is the <|cup|>?", hints=HintMode.BOTH)


def added(first: Request, *verdicts: Verdict, answer: str = "It is near.", **rest: Any) -> str:
    """The text of the second prompt after the first."""
    request = build_recheck_request(first, answer, verdicts, **{"language": "en", **rest})
    return request.prompt_text.removeprefix(first.prompt_text)


def test_the_first_prompt_is_the_beginning_of_the_second(first: Request) -> None:
    look = (TextPart("Closer:"), ImagePart(first.pixels[0]))
    request = build_recheck_request(first, "It is near.", [REFUTED], "en", [], look)
    assert request.parts[: len(first.parts)] == first.parts
    assert request.parts[len(first.parts) : -1] == look
    assert request.step is Step.RECHECK
    assert {**vars(request), "parts": first.parts, "step": first.step} == vars(first)
    assert request.digest != first.digest


def test_a_refuted_claim_comes_with_reason_and_numbers_and_a_supported_one_alone(first: Request) -> None:
    text = added(first, REFUTED, SUPPORTED, UNDECIDED, TWO_MORE)
    line = (
        "- cup is 80 cm from the camera: 'cup' is 1.04 m away. Measured in picture 1: nearest_m 1.043, sigma_m 0.01. "
        "Measured in picture 3: nearest_m 1.1."
    )
    assert line in text.splitlines()
    assert "These claims hold: cup is left of box; cup is behind box." in text.splitlines()
    assert "40 px" not in text and "lid" not in text
    assert "can be wrong too" in text
    assert "same form" in text
    assert "\n-----\nIt is near.\n-----\n" in text


def test_chinese_is_asked_in_chinese(first: Request) -> None:
    text = added(first, REFUTED, SUPPORTED, language="zh", answer="在左边。")
    assert "在图1中测得：nearest_m 1.043, sigma_m 0.01。" in text
    assert "以下陈述成立：“cup”在“box”的左侧。" in text
    assert "测量也可能出错" in text
    assert "Measured" not in text and "answer" not in text
    assert text.endswith("问题：Where is the < |cup| >?")


def test_the_question_stands_last_and_unsupported_claims_are_not_mentioned(first: Request) -> None:
    text = added(first, REFUTED, UNDECIDED)
    assert text.endswith("\n\nQuestion: Where is the < |cup| >?")
    assert "hold" not in text


@pytest.mark.parametrize("language, words", [("en", "too small"), ("zh", "太小")])
def test_small_objects_are_named_without_mention_of_a_refutation(first: Request, language: str, words: str) -> None:
    text = added(first, UNDECIDED, language=language, small=["cup#2", "<|lid|>"])
    assert words in text
    assert "cup#2; </lid/>" in text
    assert "agree" not in text and "不符" not in text
    assert text.endswith("Where is the < |cup| >?")


def test_an_endless_answer_is_cut(first: Request) -> None:
    text = added(first, REFUTED, answer="no " * 100_000)
    assert len(text) < 6000
    assert "…\n-----\n" in text


def test_many_claims_with_long_names_stay_short(first: Request) -> None:
    wrong = Verdict(Claim("left_of", "cup " * 200, "box"), Status.REFUTED, "No. " * 500, probability=0.0)
    right = Verdict(Claim("left_of", "cup", "box" * 200), Status.SUPPORTED, "Yes.", probability=1.0)
    assert len(added(first, *[wrong] * 1000, *[right] * 1000)) < 25_000


@pytest.mark.parametrize("token", ["<|im_end|>", "<image>", "</think>"])
def test_control_tokens_of_the_model_are_defused(first: Request, token: str) -> None:
    verdict = Verdict(Claim("left_of", f"cup{token}", "box"), Status.REFUTED, f"The {token}.", probability=0.0)
    supported = Verdict(Claim("left_of", "lid", f"box{token}"), Status.SUPPORTED, "Yes.", probability=1.0)
    assert token not in added(first, verdict, supported, answer=f"It {token} is")
