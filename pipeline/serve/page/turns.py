"""The HTML of an answer in the chat: its words, its claims, and how they were judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from pipeline.claims.markup import shorten
from pipeline.export.palette import region_colours
from pipeline.export.report.answer_text import Block, answer_claims, blocks_of
from pipeline.export.report.photo_svg import css_colour
from pipeline.export.report.verdict_view import verdict_view
from pipeline.export.viewer.lengths import plus_minus
from pipeline.records import Anchor, Attempt, Result, Status, Verdict
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.message import Language, catalog, length_text, message
from pipeline.serve.page.texts import say

if TYPE_CHECKING:
    from jinja2 import Environment

_MOST_CLAIMS = 40
_LONGEST_QUESTION, _LONGEST_NOTE, _LONGEST_REASONING = 4000, 600, 20_000
_MOST_ROWS = 24
_WARNINGS = ("conflict", "in_no_frame", "only_frame_taken", "frames_not_given", "unplaced_entries")
_FENCE = re.compile(r"\A\s*```[^\n]*\n|\n?\s*```\s*\Z")


@dataclass(frozen=True)
class Length:
    """A length that a claim rests on, before and after anchors were given.

    Args:
        claim: The claim in words.
        name: What was measured, in words.
        before: Its length in words, with its error where the verdict knows it; a dash where it was not known.
        after: The same with the anchors.
    """

    claim: str
    name: str
    before: str
    after: str


def answer_html(
    result: Result,
    result_id: str,
    *,
    before: Result | None = None,
    anchors: Sequence[Anchor] = (),
    can_ask: bool = True,
) -> str:
    """What stands under a question once it is answered, with all texts escaped.

    Elements carry the attributes that the workbench links: ``data-result`` with ``data-claim``, ``data-claims`` or
    ``data-regions``.

    Args:
        result: The result; its words are in its language.
        result_id: Its id.
        before: The result of the same answer before ``anchors`` were given; None where nothing was judged again.
        anchors: Known lengths with which it was judged again.
        can_ask: Whether the question can be asked again, which takes a question and its uploads.
    """
    language = result.language

    def words(code: str, /, **values: Any) -> str:
        return message(code, **values).text(language)

    answer = result.answer
    views = [
        verdict_view(one, index, result.regions, words) for index, one in enumerate(result.verdicts[:_MOST_CLAIMS])
    ]
    count = 0 if answer is None else len(answer.claims)
    notes = dict.fromkeys((*result.errors, *(() if answer is None else answer.problems)))
    return (
        _environment()
        .get_template("answer.html")
        .render(
            say=lambda code, **values: say(language, code, **values),
            words=words,
            lang=html_language(language),
            result_id=result_id,
            blocks=_blocks(result),
            colours=[css_colour(colour) for colour in region_colours(result.regions)],
            groups=[
                (title, part) for title, part in (("claims", views[:count]), ("given_claims", views[count:])) if part
            ],
            is_answered=answer is not None,
            more_claims=len(result.verdicts) - len(views),
            counts={str(status): number for status in Status if (number := result.count(status))},
            attempts=[_attempt(one) for one in result.attempts],
            reasoning="" if answer is None else (answer.reasoning or "")[:_LONGEST_REASONING],
            notes=[shorten(note, _LONGEST_NOTE) for note in notes if not _is_warning(note, language)],
            warnings=[shorten(note, _LONGEST_NOTE) for note in notes if _is_warning(note, language)],
            code=code_text,
            model="" if answer is None else answer.model,
            anchors="; ".join(anchor.in_words(language) for anchor in anchors),
            lengths=None if before is None else lengths_changed(before, result),
            can_ask_again=can_ask and answer is not None and bool(result.question) and result.count(Status.REFUTED) > 0,
        )
    )


def html_language(language: Language) -> str:
    """A language as HTML names it."""
    return "zh-Hans" if language == "zh" else "en"


def title_of(result: Result) -> str:
    """What a result is called in the chat and the history: its question, or the claims that were stated."""
    if result.question:
        return result.question[:_LONGEST_QUESTION]
    return shorten("; ".join(verdict.claim_text for verdict in result.verdicts[:3]), 300)


def seconds_of(result: Result) -> str:
    """The times of a result's stages in words, for a hint."""
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in result.seconds.items())


def lengths_changed(before: Result, after: Result) -> list[Length]:
    """The lengths in metres of claims that both results judge, where they differ or are new.

    Args:
        before: The result without the anchors.
        after: The result of the same answer with them.
    """
    rows: list[Length] = []
    for first, second in zip(before.verdicts, after.verdicts, strict=False):
        old, new = _lengths(first), _lengths(second)
        for name in dict.fromkeys((*new, *old)):
            one, other = old.get(name), new.get(name)
            if one == other or len(rows) >= _MOST_ROWS:
                continue
            code = f"measured_{name.removesuffix('_m')}"
            shown = _measured(code, after.language) or name.removesuffix("_m").replace("_", " ")
            both = (_length(first, name, one), _length(second, name, other))
            rows.append(Length(second.claim_text, shown, *both))
    return rows


def _measured(code: str, language: Language) -> str:
    return message(code).text(language) if code in catalog("en") else ""


def _lengths(verdict: Verdict) -> dict[str, float]:
    """The measured lengths of the first frame that has any [m]."""
    return {name: value for name, value in _numbers(verdict).items() if name.endswith("_m") and name != "sigma_m"}


def _numbers(verdict: Verdict) -> dict[str, float]:
    """The measurements of the first frame that has a length."""
    return next((one.numbers for one in verdict.evidence if any(name.endswith("_m") for name in one.numbers)), {})


def _length(verdict: Verdict, name: str, length_m: float | None) -> str:
    """A length in words with its 95 % interval, where the verdict knows its error; a dash for None."""
    if length_m is None:
        return "–"
    numbers = _numbers(verdict)
    # The error of depths is that of their difference.
    if name.startswith("z_"):
        return length_text(length_m)
    relative = numbers.get(f"{'centre' if name == 'centres_m' else 'nearest'}_sigma_relative")
    relative = numbers.get("sigma_relative") if relative is None else relative
    error_m = numbers.get("sigma_m") if relative is None else relative * length_m
    if not error_m:
        return length_text(length_m)
    return plus_minus(length_m, HALF_INTERVAL * error_m).text()


def _is_warning(note: str, language: Language) -> bool:
    """Whether a note says that an answer contradicts itself, or speaks of an image that was not given."""
    return any(pattern.fullmatch(note) for pattern in _warnings(language))


@cache
def _warnings(language: Language) -> tuple[re.Pattern[str], ...]:
    """What the notes of warnings look like, whatever they name."""
    found = []
    for code in _WARNINGS:
        # Parts without a name after them end the pattern.
        parts = [
            re.escape(text) + ("" if name is None else ".*")
            for text, name, *_ in Formatter().parse(catalog(language)[code])
        ]
        found.append(re.compile("".join(parts), re.DOTALL))
    return tuple(found)


def code_text(text: str) -> str:
    """Code without the fence around it."""
    return _FENCE.sub("", text).strip("\n")


def _blocks(result: Result) -> list[Block]:
    answer = result.answer
    if answer is None:
        return []
    return blocks_of(answer.text, answer.spatial_tags, answer_claims(result), result.regions)


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {"blocks": blocks_of(attempt.answer.text, attempt.answer.spatial_tags), "reason": attempt.reason}


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def rendered(template: str, **values: Any) -> str:
    """A template of the page with all values escaped."""
    return _environment().get_template(template).render(**values)
