from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.serve.workbench import workbench_words

STATIC = Path(__file__).parents[3] / "pipeline" / "serve" / "workbench" / "static"


def patterns(words: dict[str, Any]) -> dict[str, set[str]]:
    return {name: set(re.findall(r"\{(\w+)\}", text)) for name, text in words.items() if isinstance(text, str)}


def test_both_languages_have_the_same_words_and_places() -> None:
    english, chinese = workbench_words("en"), workbench_words("zh")
    assert patterns(english) == patterns(chinese)
    assert english["viewer"].keys() == chinese["viewer"].keys()
    assert english["picture"] != chinese["picture"] and chinese["refuted"] != english["refuted"]


def test_the_script_uses_every_word_and_no_other() -> None:
    script = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
    used = set(re.findall(r"\bwords\.(\w+)", script)) - {"viewer"}
    # Edges of boxes and statuses of claims are looked up by their names.
    used |= {"left", "top", "right", "bottom", "supported", "refuted", "undecided"}
    assert used == workbench_words("en").keys() - {"viewer"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_braces_hold_names_alone(language: Any) -> None:
    for text in workbench_words(language).values():
        if isinstance(text, str):
            assert not re.search(r"\{\w*[^\w}]", text), text
