from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.console.summary import print_summary
from pipeline.export.run_summary import Summary
from pipeline.records import Answer, Attempt, Claim, Result, Status, Verdict


def verdict(claim: Claim, status: str, **rest: Any) -> Verdict:
    needs = "more" if status == "undecided" else None
    return Verdict(claim, Status(status), "Seen.", probability=0.5, needs=needs, **rest)


def result(*verdicts: Verdict, attempts: tuple[Attempt, ...] = (), **answer: Any) -> Result:
    claims = tuple(one.claim for one in verdicts)
    return Result("item", "Where?", (), Answer("There.", claims=claims, **answer), verdicts, attempts=attempts)


def lines_of(*results: Result, **counts: Any) -> dict[str, str]:
    """What is printed, by the word that begins the line; of equal words the last."""
    summary = Summary(Path("out"), **counts)
    for one in results:
        summary.add(one)
    out = io.StringIO()
    print_summary(Console(file=out, width=40), summary)
    return {line[:8].strip(): line[9:] for line in out.getvalue().splitlines()}


@pytest.mark.parametrize(
    "answer, line",
    [
        ({"model": "m"}, "m"),
        ({"model": "m", "revision": "r1"}, "m@r1"),
        ({"model": "m", "generation": {"device": "cuda:0", "dtype": "bfloat16", "seed": 1}}, "m, cuda:0, bfloat16"),
        ({"model": "m", "generation": {"device": None, "dtype": "float32"}}, "m, float32"),
        ({"model": "m", "prompt_tokens": 9, "completion_tokens": 4}, "m; 9 prompt and 4 completion tokens"),
        (
            {"model": "m", "prompt_tokens": 9, "completion_tokens": 4, "cached_tokens": 0},
            "m; 9 prompt (0 cached) and 4 completion tokens",
        ),
    ],
)
def test_the_model_is_printed_with_its_known_settings_and_tokens(answer: dict[str, Any], line: str) -> None:
    assert lines_of(result(**answer))["Model"] == line


def test_tokens_of_all_answers_add_up() -> None:
    tokens = {"prompt_tokens": 10, "completion_tokens": 2, "cached_tokens": 4}
    first = Attempt(Answer("No.", **tokens), (), (), "refuted claims: a is left of b")
    line = lines_of(result(model="m", **tokens, attempts=(first,)), result(model="m", **tokens), result(model="m"))
    assert line["Model"] == "m; 30 prompt (12 cached) and 6 completion tokens"


def test_several_models_are_named_and_many_counted() -> None:
    assert lines_of(result(model="a"), result(model="b"), result(model="a"))["Model"] == "a; b"
    assert lines_of(*(result(model=name) for name in "abcde"))["Model"] == "a; b; c; and 2 more"


A = Claim("left_of", "cup", "box")
B = Claim("distance_to_camera", "cup", value=1, unit="m")  # type: ignore[arg-type]
FIRST = Attempt(
    Answer("No.", claims=(A, B)), (verdict(A, "refuted"), verdict(B, "refuted")), (), "refuted claims: two of them"
)
GIVEN = verdict(Claim("above", "lid", "box"), "refuted")


@pytest.mark.parametrize(
    "second, line",
    [
        ([], "1 asked again; 2 of 2 refuted claims gone, 0 refuted now"),
        ([verdict(A, "refuted"), verdict(B, "refuted")], "1 asked again; 0 of 2 refuted claims gone, 2 refuted now"),
        ([verdict(A, "undecided")], "1 asked again; 1 of 2 refuted claims gone, 0 refuted now"),
        (
            [verdict(Claim("left_of", "Cup", "BOX", text_span=(3, 9)), "refuted")],
            "1 asked again; 1 of 2 refuted claims gone, 1 refuted now",
        ),
        (
            [verdict(Claim("distance_to_camera", "cup", value=2, unit="m"), "supported")],  # type: ignore[arg-type]
            "1 asked again; 2 of 2 refuted claims gone, 0 refuted now",
        ),
        (
            [verdict(Claim("left_of", "cup", "box", negated=True), "supported")],
            "1 asked again; 2 of 2 refuted claims gone, 0 refuted now",
        ),
    ],
    ids=["none", "the same", "one, now undecided", "one in other letters", "another number", "denied"],
)
def test_what_became_of_refuted_claims_is_counted(second: list[Verdict], line: str) -> None:
    assert lines_of(result(*second, attempts=(FIRST,)))["Recheck"] == line


def test_given_claims_do_not_count_as_the_models() -> None:
    first = Attempt(Answer("No.", claims=(A,)), (verdict(A, "refuted"), GIVEN), (), "refuted claims: one")
    again = Result("item", "?", (), Answer("Yes."), (GIVEN,), attempts=(first,))
    assert lines_of(again)["Recheck"] == "1 asked again; 1 of 1 refuted claims gone, 0 refuted now"


def test_failures_to_ask_again_are_counted() -> None:
    assert "Recheck" not in lines_of(result(verdict(A, "refuted")))
    failed = {"rechecks": Counter(failed=2)}
    assert lines_of(result(), **failed)["Recheck"] == "0 asked again, 2 failed"
    assert lines_of(result(attempts=(FIRST,)), rechecks=Counter(failed=1))["Recheck"].startswith(
        "1 asked again, 1 failed; 2 of 2"
    )


def test_a_model_cannot_write_to_the_terminal() -> None:
    assert lines_of(result(model="m\x1b[31m [bold]\n"))["Model"] == "m [31m [bold]"


def test_a_few_answers_are_shown_with_their_verdicts_and_many_are_not() -> None:
    said = replace(
        result(verdict(A, "refuted")),
        answer=Answer("It is left.\n```json\n[]\n```", claims=(verdict(A, "refuted").claim,)),
        errors=("The answer was cut off.",),
    )
    lines = lines_of(said)
    assert (lines["Question"], lines["Answer"], lines["Note"]) == ("Where?", "It is left.", "The answer was cut off.")
    assert lines["Verdict"].startswith("refuted: ")
    assert {"Question", "Answer", "Verdict"}.isdisjoint(lines_of(*[said] * 4))
    assert {"Question", "Answer"} <= set(lines_of(*[said] * 3))


def test_an_answer_of_json_alone_is_not_printed() -> None:
    lines = lines_of(replace(result(), answer=Answer('```json\n[{"label": "cup"')))
    assert lines["Answer"] == "(the answer is only JSON)"


def test_a_second_look_alone_speaks_of_no_refuted_claims() -> None:
    first = Attempt(Answer("Yes."), (), (), "small regions: cap")
    assert lines_of(result(attempts=(first,)))["Recheck"] == "1 asked again; none was refuted, 0 refuted now"


def test_verdicts_about_given_claims_are_shown_with_them_where_they_are_few() -> None:
    given = Result("item", None, (), None, (verdict(A, "refuted"), verdict(B, "supported")))
    lines = lines_of(given)
    assert (lines["Claim"], lines["Verdict"]) == (B.in_words(), "supported: Seen.")
    assert {"Question", "Answer", "Model"}.isdisjoint(lines)
    assert "Verdict" not in lines_of(*[given] * 4)
