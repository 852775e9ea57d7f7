"""Words of the page exist in every language, and are all used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from pipeline.records.message import LANGUAGES
from pipeline.serve.page import texts as module
from pipeline.serve.page.texts import language_of, say, script_texts, texts

PAGE = Path(module.__file__).parent


def test_every_language_has_the_same_codes_with_the_same_names() -> None:
    def names(pattern: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}

    english, chinese = texts("en"), texts("zh")
    assert list(english) == list(chinese)
    assert {code: names(english[code]) for code in english} == {code: names(chinese[code]) for code in chinese}
    assert all(isinstance(words, str) and words for language in LANGUAGES for words in texts(language).values())


def test_every_code_is_used() -> None:
    files = [PAGE.parent / "routes/results.py"] + [
        path for kind in ("*.py", "static/*.js", "templates/*.html") for path in PAGE.glob(kind)
    ]
    written = "\n".join(path.read_text(encoding="utf-8") for path in files)
    built = ("kind_", "choice_", "js_stage_", "js_size_", "state_", "anchor_", "claim_", "option_", "relation_")
    unused = [code for code in texts("en") if not re.search(rf"\b{code}\b", written) and not code.startswith(built)]
    assert unused == []


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hans-CN;q=0.9, en", "zh"),
        ("de-DE, fr;q=0.8, zh-TW;q=0.2", "zh"),
        ("en-GB, zh", "en"),
        ("zhuang, x", "en"),
        (",;q=,", "en"),
    ],
)
def test_the_first_known_language_of_the_browser_counts(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language


def test_words_are_filled_in() -> None:
    assert say("en", "history_note", days="30").startswith("Results of this browser. The server keeps them for 30 days")
    assert say("zh", "needs", needs="更近") == "要判定还需要：更近"
    assert script_texts()["zh"]["ask"] == "提问"
