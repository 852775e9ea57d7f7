from __future__ import annotations

from dataclasses import replace

import pytest
from export.report.report_data import bare

from pipeline.claims.conflicts import conflicts
from pipeline.export.report.conflicts import Conflict, conflicts_of
from pipeline.records import Claim
from pipeline.records.message import Language

SAID, LISTED = Claim("on", "cup", "box"), Claim("on", "cup", "box", negated=True)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_contradictions_are_found_among_the_notes(language: Language) -> None:
    (note,) = conflicts([SAID], [LISTED])
    made = bare(language=language, errors=("The answer is empty.", note.text(language)))
    expected = Conflict(SAID.in_words(language), LISTED.in_words(language))
    assert conflicts_of(made) == (expected,)
    assert conflicts_of(replace(made, answer=None)) == ()


def test_other_notes_are_none() -> None:
    assert conflicts_of(bare(errors=("Its words say", "the JSON is judged."))) == ()
