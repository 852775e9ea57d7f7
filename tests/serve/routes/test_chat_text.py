"""What of a model's text a chat shows."""

from __future__ import annotations

import pytest

from pipeline.serve.routes.chat_text import Spoken, spoken

ANSWER = 'Yes, it is.\n\n```json\n{"a": 1}\n```'


@pytest.mark.parametrize(
    "text, prose",
    [
        (ANSWER, "Yes, it is."),
        ("<think>Hm, ```x```.</think>\n" + ANSWER, "Yes, it is."),
        ("<think>Hm", ""),
        ('```json\n{"a": 1}\n```', ""),
        ("A < b and c ` d", "A < b and c ` d"),
        ("", ""),
    ],
)
def test_prose_stands_without_thoughts_and_json(text: str, prose: str) -> None:
    assert spoken(text, is_whole=True) == prose


def test_a_growing_text_is_said_piece_by_piece_and_never_taken_back() -> None:
    text = "<think>Hm.</think>" + ANSWER
    said = Spoken()
    pieces = [said.more(text[:end], 0) for end in range(len(text) + 1)]
    assert "".join(pieces) == "Yes, it is."
    assert said.rest("Yes, it is.") == ""


def test_a_further_attempt_is_said_after_the_first() -> None:
    said = Spoken()
    assert said.more("Yes.", 0) == "Yes."
    assert said.more("No", 1) == "\n\nNo"
    assert said.more("No, it", 1) == ", it"
    assert said.rest("No, it is not.") == " is not."


def test_the_answer_that_counts_is_always_said_whole() -> None:
    said = Spoken()
    assert said.more("Maybe", 0) == "Maybe"
    assert said.rest("Yes.") == "\n\nYes."
    assert Spoken().rest('{"only": "JSON"}') == '{"only": "JSON"}'


def test_a_step_that_begins_anew_waits_for_the_answer() -> None:
    said = Spoken()
    said.more("I look first.", 0)
    assert said.more("Yes", 0) == ""
    assert said.rest("Yes.") == "\n\nYes."
