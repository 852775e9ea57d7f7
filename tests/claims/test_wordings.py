"""Every collected wording of every relation, and every collected piece of prose, is read as it is meant."""

from __future__ import annotations

from typing import Any

import pytest
from claims.collected_rows import one_way, rows, stated

from pipeline.claims.prose import parse_prose

NAMES = {"en": ("the mug", "the laptop", "the lamp"), "zh": ("杯子", "电脑", "台灯")}
LENGTHS, COUNTS, PLURALS = {"en": "1.2 m", "zh": "1.2米"}, {"en": "three", "zh": "三"}, {"en": "mugs", "zh": "杯子"}
WORDINGS = rows("wordings")
# The antecedent or the idiom of these is beyond the parser, which reports them or claims less.
BEYOND = (
    "The living room has a large sofa", "One boy stands to the left of the tree", "一只猫在沙发上", "图中有两只狗",
    "A cat can be seen on the wall", "可以看到两辆自行车",
)  # fmt: skip


def filled(text: str, language: str) -> str:
    for slot, name in zip(("{A}", "{B}", "{C}"), NAMES[language], strict=True):
        text = text.replace(slot, name)
    text = text.replace("{N}", LENGTHS[language]).replace("{COUNT}", COUNTS[language])
    text = text.replace("{As}", PLURALS[language])
    return text[0].upper() + text[1:]


def meant(relation: str, language: str, row: dict[str, Any]) -> set[str]:
    a, b, c = (name.removeprefix("the ") for name in NAMES[language])
    denied = " not" if row.get("negated") else ""
    value = " 1.2 m" if row.get("value") == "N" else ""
    if relation == "count":
        return {f"{PLURALS[language]}{denied} count 3"}
    if relation == "between":
        return {f"{a}{denied} between {b} | {c}", f"{a}{denied} between {c} | {b}"}
    if relation == "distance_to_camera":
        return {f"{a}{denied} {relation}{value}"}
    if relation == "size":
        return {f"{a}{denied} size {row['measure']}{value}"}
    return {one_way(f"{a}{denied} {relation} {b}{value}")}


@pytest.mark.parametrize(
    ("relation", "language", "row"),
    [
        pytest.param(relation, language, row, id=f"{relation} {row['text']}")
        for relation, languages in WORDINGS.items()
        if relation != "not_claims"
        for language, several in languages.items()
        for row in several
    ],
)
def test_a_wording_states_its_relation_and_nothing_else(relation: str, language: str, row: dict[str, Any]) -> None:
    claims, problems = parse_prose(filled(row["text"], language))
    assert len(claims) == 1 and stated(claims[0]) in meant(relation, language, row)
    assert not problems


@pytest.mark.parametrize(
    "text",
    [
        filled(row["text"] if isinstance(row, dict) else row, language)
        for language, several in WORDINGS["not_claims"].items()
        for row in several
    ],
)
def test_a_sentence_that_states_no_relation_gives_no_claim(text: str) -> None:
    assert parse_prose(text)[0] == ()


@pytest.mark.parametrize(
    "row",
    [row for row in rows("prose") if not row["text"].startswith(BEYOND)],
    ids=lambda row: f"{row['kind']} {row['text'][:70]}",
)
def test_prose_gives_the_claims_that_it_states(row: dict[str, Any]) -> None:
    claims, _ = parse_prose(row["text"], row.get("labels") or [])
    assert sorted({stated(claim) for claim in claims}) == sorted(map(one_way, row["claims"]))


@pytest.mark.parametrize(
    "row", [row for row in rows("prose") if row["text"].startswith(BEYOND)], ids=lambda r: r["text"]
)
def test_prose_beyond_the_parser_is_reported_or_claims_less(row: dict[str, Any]) -> None:
    claims, problems = parse_prose(row["text"], row.get("labels") or [])
    assert problems or len(claims) <= len(row["claims"])
