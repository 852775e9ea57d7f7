from __future__ import annotations

import pytest
from claims.collected_rows import stated

from pipeline.claims.questions import Asked, bare_name, read_question, things_of


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("How many red cups are there?", Asked("count", "red cups")),
        ("图中有几只猫？", Asked("count", "猫")),
        ("Is the mug left or right of the laptop?", Asked("relation", "mug", ("laptop",), "", ("left_of", "right_of"))),
        ("Where is the mug in relation to the laptop?", Asked("relation", "mug", ("laptop",))),
        ("Which is closer, the mug or the lamp?", Asked("which", objects=("mug", "lamp"), relation="closer")),
        ("Which of the mug and the lamp is taller?", Asked("which", objects=("mug", "lamp"), relation="taller")),
        ("What is behind the laptop?", Asked("what", objects=("laptop",), relation="behind")),
        ("How far is the mug from the laptop?", Asked("number", "mug", ("laptop",), "distance_between")),
        ("How far is the mug from the camera?", Asked("number", "mug", relation="distance_to_camera")),
        ("How tall is the man?", Asked("number", "man", relation="size", measure="height")),
        ("Where is the cat?", Asked("place", "cat")),
        ("杯子和电脑哪个更近？", Asked("which", objects=("杯子", "电脑"), relation="closer")),
    ],
)
def test_what_a_question_asks_about_is_read(question: str, asked: Asked) -> None:
    assert read_question(question) == asked


@pytest.mark.parametrize(
    ("question", "claim"),
    [
        ("Is the mug left of the laptop?", "mug left_of laptop"),
        ("Are the cups behind the box?", "box in_front_of cups"),
        ("Does the mug occlude the laptop?", "mug occludes laptop"),
        ("The mug is left of the laptop. True or false?", "mug left_of laptop"),
        ("杯子在电脑的左边吗？", "杯子 left_of 电脑"),
        ("杯子是不是在电脑的左边？", "杯子 left_of 电脑"),
    ],
)
def test_a_question_for_yes_or_no_states_a_claim(question: str, claim: str) -> None:
    asked = read_question(question)
    assert asked is not None and [stated(each) for each in asked.claims] == [claim]


@pytest.mark.parametrize(
    "question",
    [
        "What colour is the mug?", "Is it raining?", "Is the mug?", "Why?", "", "Isn't the mug left of the laptop?",
        "How many chairs are left of the table?", "How far is the mug from the laptop horizontally?", "a" * 400,
    ],
)  # fmt: skip
def test_other_questions_ask_about_no_relation(question: str) -> None:
    assert read_question(question) is None


def test_names_lose_their_articles_and_punctuation() -> None:
    assert things_of("the mug, a red lamp or point B?") == ("mug", "red lamp", "point B")
    assert bare_name("A is") == "A is"
