from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import pipeline
from pipeline.records import Claim
from pipeline.records.message import LANGUAGES, Language, Message, catalog, message
from pipeline.records.relations import RELATIONS

PACKAGE = Path(pipeline.__file__).parent
# Codes that are put together from a relation, an anchor, a number, a measurement, or the frames' and lists' forms.
MADE = (
    "claim_",
    "denial_",
    "anchor_",
    "number_",
    "join_",
    "between_sentences",
    "one_frame",
    "several_frames",
    "scale_",
    "measured_",
    "camera_",
    "relation_",
)


def names(code: str, language: Language = "en") -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(catalog(language)[code]) if name}


def test_the_languages_say_the_same() -> None:
    english, chinese = (catalog(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    differing = [code for code in english if names(code, "en") != names(code, "zh")]
    assert not differing


def constants(node: ast.expr) -> list[str]:
    """The codes that an argument may be: a constant, or either branch of a condition."""
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def test_every_message_of_the_package_has_words_for_what_it_names() -> None:
    used: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = call.func.id if isinstance(call.func, ast.Name) else ""
            if called not in ("message", "CannotMeasure", "CannotScale") or not call.args:
                continue
            codes = [code for argument in call.args[:2] for code in constants(argument)]
            assert set(codes) <= catalog("en").keys(), f"{path.name}:{call.lineno}"
            given = {keyword.arg for keyword in call.keywords} - {"regions"}
            if codes and None not in given:
                assert set.union(*map(names, codes)) == given, f"{path.name}:{call.lineno}: {codes}"
    for path in PACKAGE.rglob("*.html"):
        used |= set(re.findall(r'"(\w+)"', path.read_text(encoding="utf-8")))
    unused = {code for code in catalog("en") if code not in used and not code.startswith(MADE)}
    assert not unused


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", RELATIONS)
def test_every_relation_has_a_claim_and_a_denial(name: str, language: Language) -> None:
    for kind in ("claim", "denial"):
        named = names(f"{kind}_{name}", language)
        assert {"subject", "object", "other_object"} & named == set(
            ("subject", "object", "other_object")[: RELATIONS[name].objects + 1]
        )


CLAIMS = [
    (Claim("left_of", "杯子", "书"), "杯子 is left of 书", "“杯子”在“书”的左侧"),
    (Claim("touching", "cup", "pen", negated=True), "cup is not touching pen", "“cup”与“pen”不接触"),
    (
        Claim("behind", "cup", "pen", value=10, unit="cm", comparison="at_least"),  # type: ignore[arg-type]
        "cup is behind pen by at least 10 cm",
        "“cup”在“pen”的后方至少 10 cm",
    ),
    (
        Claim("occluded_by", "cup", "pen", value=0.3, unit="fraction"),  # type: ignore[arg-type]
        "30% of cup is occluded by pen",
        "“cup”的 30%被“pen”遮挡",
    ),
    (
        Claim("size", "cup", value=9.5, unit="cm", measure="height", negated=True),  # type: ignore[arg-type]
        "cup is not 9.5 cm tall",
        "“cup”的高度不是 9.5 cm",
    ),
]


@pytest.mark.parametrize(("claim", "english", "chinese"), CLAIMS, ids=[english for _, english, _ in CLAIMS])
def test_claims_in_words(claim: Claim, english: str, chinese: str) -> None:
    assert claim.in_words() == english
    assert claim.in_words("zh") == chinese


FRAMES: dict[str, Any] = {"supporting": (0,), "refuting": (1, 2, 4)}
SENTENCES = [
    (message("outside_frame", label="cup"), "'cup' lies outside the frame.", "“cup”位于画面之外。"),
    (
        message("frames_contradict", **FRAMES),
        "The claim is supported by frame 1 and refuted by frames 2, 3 and 5.",
        "第 1 帧支持该陈述，第 2、3、5 帧反驳该陈述。",
    ),
    (
        message("few_points", label="a") + message("coarse_edge") + message("hidden_in_all"),
        "'a' has too few points. Its edge is not measured finely enough. Part of it is hidden in all of them.",
        "“a”的点太少。其边缘的测量不够精细。它有一部分在所有帧中都被遮住。",
    ),
    (
        message("order_in_metres", subject="a", object="b", order="nearer", gap=0.062, z_subject=1.2, z_object=1.262),
        "'a' is 6.2 cm nearer than 'b' (1.20 m against 1.26 m).",
        "“a”比“b”更近 6.2 cm（分别为 1.20 m 和 1.26 m）。",
    ),
    (
        message("few_pixels", label="a", count=1, least=20),
        "'a' has 1 pixel with valid depth, fewer than 20.",
        "“a”只有 1 个像素具有有效深度，少于 20 个。",
    ),
    (
        message("ambiguous", name="cup", frames=(1,), labels=(message("label", name="a"), message("label", name="b"))),
        "'cup' may be 'a' or 'b' in frame 2; say which.",
        "在第 2 帧中，“cup”可能指“a”或“b”；请说明是哪一个。",
    ),
]


@pytest.mark.parametrize(("said", "english", "chinese"), SENTENCES, ids=[said.code for said, _, _ in SENTENCES])
def test_messages_in_words(said: Message, english: str, chinese: str) -> None:
    assert said.text() == english
    assert said.text("zh") == chinese
