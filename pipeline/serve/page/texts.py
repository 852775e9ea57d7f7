"""Words of the page, in the language of the browser."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.records.message import LANGUAGES, Language

_CATALOGS = Path(__file__).parent / "texts"


@cache
def texts(language: Language) -> Mapping[str, str]:
    """All words of a language, by code."""
    import yaml

    found: Mapping[str, str] = yaml.safe_load((_CATALOGS / f"{language}.yaml").read_text(encoding="utf-8"))
    return found


def say(language: Language, code: str, /, **values: object) -> str:
    """The words of a code.

    >>> say("en", "seconds", seconds="1.2"), say("zh", "seconds", seconds="1.2")
    ('1.2 s', '1.2 秒')
    """
    return texts(language)[code].format_map(values)


def language_of(accepted: str | None) -> Language:
    """The language of the page by the header ``Accept-Language`` (RFC 9110, 12.5.4); the first of those known counts.

    >>> language_of("zh-CN,zh;q=0.9,en;q=0.8"), language_of("de, en;q=0.7"), language_of(None)
    ('zh', 'en', 'en')
    """
    names = (part.split(";")[0].strip().lower().split("-")[0] for part in (accepted or "").split(","))
    return next((language for name in names if (language := known_language(name))), "en")


def known_language(name: Any) -> Language | None:
    """The language of a name; None for anything else.

    >>> known_language("zh"), known_language("de"), known_language(3)
    ('zh', None, None)
    """
    for language in LANGUAGES:
        if name == language:
            return language
    return None


def script_texts() -> dict[Language, dict[str, str]]:
    """The words of the scripts and of the page's own markup, for every language."""
    return {language: dict(texts(language)) for language in LANGUAGES}
