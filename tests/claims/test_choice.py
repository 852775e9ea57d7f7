from __future__ import annotations

import pytest
from claims.collected_rows import rows

from pipeline.claims.choice import find_choice
from pipeline.claims.options import options_of
from pipeline.claims.reasoning import split_reasoning

QUESTION = "Which colour? A. Red. B. Blue. C. Green."


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (QUESTION, {"A": "Red", "B": "Blue", "C": "Green"}),
        ("Which?\nOptions:\nA.chair\nB.tv stand\n", {"A": "chair", "B": "tv stand"}),
        ("Which? (A) left (B) right", {"A": "left", "B": "right"}),
        ("哪一个？A、左 B、右", {"A": "左", "B": "右"}),
        ("Which motion? A. A. B. B.", {"A": "A", "B": "B"}),
        ("Where is the mug?", {}),
        ("Is it A. or not?", {}),
    ],
)
def test_the_options_of_a_question_are_found(question: str, options: dict[str, str]) -> None:
    assert options_of(question) == options


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("B. Blue", "B"),
        ("**B**\n\nBecause it is blue.", "B"),
        ("Blue.", "B"),
        ("✅ Correct answer: **B. Blue.**", "B"),
        ("Because so.\n\n---\n\n**Answer: C. Green.**", "C"),
        ("The answer is (B).", "B"),
        ("The correct motion is **C** — it turns.", "C"),
        ("选 B", "B"),
        ("答案是B。", "B"),
        ("I choose option C because it fits.", "C"),
        ("- **A** points left.\n- **B** points right.", None),
        ("Answer: A. Red. Final answer: B. Blue.", "B"),
        ("The answer is B. Green.", None),
        ("The answer is E.", None),
        ("The answer is not B.", None),
        ("The answer is unclear.", None),
        ("A mug is red.", "A"),
        ("", None),
    ],
)
def test_the_chosen_letter_is_found(answer: str, letter: str | None) -> None:
    assert find_choice(answer, QUESTION) == letter


# A relative clause after a comma hides that point A is the subject.
NOT_FOUND = ("Point A, which marks the front wheel, is closer.",)


@pytest.mark.parametrize("row", rows("choices"), ids=lambda row: f"{row['form']} {row['answer'][:40]}")
def test_the_option_is_found_in_every_form_that_models_write(row: dict[str, str]) -> None:
    found = find_choice(split_reasoning(row["answer"])[0], row["question"])
    assert found == (None if row["answer"] in NOT_FOUND else row["choice"])
