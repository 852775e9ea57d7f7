from __future__ import annotations

import pytest
from claims.collected_rows import one_way, rows, stated

from pipeline.claims.bare_answers import claims_of_bare_answer
from pipeline.claims.choice import find_choice
from pipeline.claims.reasoning import split_reasoning

# "Long" names no side of a thing, so its size has no measure.
NOT_READ = {("How long is the bench?", "2 m.")}
COLLECTED = [row for row in rows("bare_answers") if (row["question"], row["answer"]) not in NOT_READ]


def said(answer: str, question: str) -> list[str]:
    text = split_reasoning(answer)[0]
    return sorted({stated(claim) for claim in claims_of_bare_answer(text, question, find_choice(text, question))})


@pytest.mark.parametrize("row", COLLECTED, ids=lambda row: f"{row['question'][:60]} {row['answer'][:30]}")
def test_a_bare_answer_claims_what_its_question_asks_about(row: dict[str, object]) -> None:
    assert said(str(row["answer"]), str(row["question"])) == sorted(map(one_way, row["claims"]))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("question", "answer", "claims"),
    [
        ("Is the mug left of the laptop?", "Yes, the notice behind it makes the order clear.", ["mug left_of laptop"]),
        ("Is the mug left of the laptop?", "Yes, but it may be right of it.", []),
        ("Is the mug left of the laptop?", "Yes and no.", []),
        ("Is there a mug on the table?", "No.", []),
        ("How many mugs are there?", "two or three", []),
        ("How many mugs are there?", "two plates", []),
        ("Which is nearer, the mug or the laptop?", "the lamp", []),
        ("What colour is the mug?", "left", []),
        ("", "two", []),
        ("Where is the mug relative to the laptop?", "blue", []),
        ("Is the mug to the left or the right of the laptop?", "behind", []),
    ],
)
def test_an_answer_claims_no_more_than_it_says(question: str, answer: str, claims: list[str]) -> None:
    assert said(answer, question) == claims
