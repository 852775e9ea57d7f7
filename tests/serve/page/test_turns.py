"""The HTML of answers."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from export.report.report_data import HOSTILE, bare, result

from pipeline.records import Anchor, AnchorKind, Evidence, Unit
from pipeline.records.message import Language, message
from pipeline.serve.page.turns import (
    answer_html,
    code_text,
    html_language,
    lengths_changed,
    rendered,
    seconds_of,
    title_of,
)


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of elements of a class."""
        return [one for _, one in self.found if name in (one.get("class") or "").split()]


def test_an_answer_shows_its_claims_with_verdict_probability_and_reason() -> None:
    html = answer_html(result(), "id-1")
    elements = Elements(html)
    picks = elements.of("td-pick")
    assert [(one["data-claim"], one["data-regions"], one["data-result"]) for one in picks] == [
        ("0", "3 2", "id-1"),
        ("1", "1 0", "id-1"),
        ("2", "3 2", "id-1"),
        ("3", "1 3", "id-1"),
    ]
    assert re.findall(r'td-claim td-(\w+)"', html) == ["supported", "supported", "refuted", "undecided"]
    assert "&gt;99.9%" in html and "2.0%" in html and "It is 110 px left." in html and "a clearer step" in html


def test_words_and_names_of_an_answer_lead_to_claims_and_regions() -> None:
    elements = Elements(answer_html(result(), "id-1"))
    assert [one["data-claims"] for one in elements.of("td-word")] == ["0", "1"]
    assert {one["data-regions"] for one in elements.of("td-thing")} == {"3", "2", "1", "0"}
    assert all(one["data-result"] == "id-1" for one in (*elements.of("td-word"), *elements.of("td-thing")))


def test_the_words_of_an_answer_follow_its_language() -> None:
    english, chinese = answer_html(result(), "x"), answer_html(result(language="zh"), "x")
    assert 'lang="en"' in english and "Why" in english and "supported" in english
    assert 'lang="zh-Hans"' in chinese and "原因" in chinese and "成立" in chinese
    assert html_language("zh") == "zh-Hans"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("<img src=x onerror=alert(1)>", "<img"),
        (HOSTILE, "<script"),
        ("](javascript:alert(1)) **bold** <b>", "<b>"),
        ("</p></div><iframe>", "<iframe"),
    ],
)
def test_texts_of_models_and_people_are_escaped(text: str, hidden: str) -> None:
    base = result()
    assert base.answer is not None
    answer = replace(base.answer, text=text, reasoning=text, model=text, spatial_tags=())
    regions = tuple(replace(region, label=text) for region in base.regions)
    verdicts = tuple(replace(one, reason=text, claim_text=text) for one in base.verdicts)
    changed = replace(base, answer=answer, errors=(text,), regions=regions, verdicts=verdicts, question=text)
    html = answer_html(changed, 'x" onclick="1')
    assert hidden not in html
    assert not any(name.startswith("on") for _, one in Elements(html).found for name in one)


def test_only_a_refuted_answer_to_a_question_can_be_asked_again_with_the_evidence() -> None:
    assert 'data-again="x"' in answer_html(result(), "x")
    assert "data-again" not in answer_html(result(verdicts=result().verdicts[:2]), "x")
    assert "data-again" not in answer_html(result(answer=None, question=None), "x")
    assert "data-again" not in answer_html(result(), "x", can_ask=False)


def test_results_without_an_answer_or_claims_say_so() -> None:
    assert "geometry alone" in answer_html(result(answer=None, question=None), "x")
    assert "no claim that can be checked" in answer_html(bare(verdicts=()), "x")


def test_lengths_before_and_after_an_anchor_stand_side_by_side() -> None:
    before = result()
    evidence = replace(before.verdicts[2].evidence[0], numbers={"nearest_visible_m": 2.12, "other": 3.0})
    after = replace(before, verdicts=(*before.verdicts[:2], replace(before.verdicts[2], evidence=(evidence,))))
    rows = lengths_changed(before, after)
    assert [(row.before, row.after) for row in rows] == [("1.06 m ± 0.10 m", "2.12 m"), ("1.12 m ± 0.11 m", "–")]
    anchor = Anchor(AnchorKind.SIZE, ("cup",), value=9.5, unit=Unit.CENTIMETRE, measure="height")
    html = answer_html(after, "x", before=before, anchors=(anchor,))
    assert "2.12 m" in html and "9.5 cm" in html
    assert lengths_changed(before, before) == []
    assert "rest on no length that changed" in answer_html(before, "x", before=before)


def test_a_length_is_taken_from_the_first_frame_that_measures_one() -> None:
    base = result()
    frames = (Evidence(0, numbers={"owned": 0.5}), Evidence(1, numbers={"nearest_visible_m": 1.0}))
    one = replace(base, verdicts=(replace(base.verdicts[0], evidence=frames),))
    other = replace(base, verdicts=(replace(base.verdicts[0], evidence=frames[:1]),))
    assert [(row.before, row.after) for row in lengths_changed(other, one)] == [("–", "1.00 m")]


def test_a_result_is_called_by_its_question_or_its_claims() -> None:
    assert title_of(result()) == "Is the cup left of the lamp?"
    assert title_of(result(question=None)).startswith("cup is left of lamp; screen")
    assert seconds_of(result()) == "depth 0.25 s, query 0.50 s"


def test_the_banner_stands_only_over_small_models() -> None:
    assert "depth=midas vlm=qwen3vl" in rendered("header.html", is_small=True, days="30")
    assert "td-banner" not in rendered("header.html", is_small=False, days="30")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_contradictions_and_missing_images_are_warnings_beside_the_answer(language: Language) -> None:
    notes = (
        message("conflict", said="a is left of b", listed="b is left of a").text(language),
        message("in_no_frame", label="cup", count=1).text(language),
        message("not_understood", sentence="Hm.").text(language),
    )
    html = answer_html(replace(result(language=language), errors=notes), "x")
    warnings = re.findall(r'class="td-warning"[^>]*>([^<]+)', html)
    assert len(warnings) == 2 and len(re.findall(r"<li dir=\"auto\">", html)) >= 1
    assert "Hm." not in "".join(warnings)


def test_lengths_have_their_errors() -> None:
    base = result()
    numbers = ({"centres_m": 1.0, "centre_sigma_relative": 0.1}, {"centres_m": 2.0, "centre_sigma_relative": 0.05})
    one, other = (
        replace(base, verdicts=(replace(base.verdicts[0], evidence=(Evidence(0, numbers=given),)),))
        for given in numbers
    )
    (row,) = lengths_changed(one, other)
    assert (row.before, row.after) == ("1.00 m ± 0.20 m", "2.00 m ± 0.20 m")


@pytest.mark.parametrize("text", ["```json\n[1]\n```", "[1]", "\n```\n[1]\n```\n"])
def test_code_stands_without_its_fence(text: str) -> None:
    assert code_text(text) == "[1]"
