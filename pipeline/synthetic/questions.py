"""Questions about rendered views in English and Chinese, with the answer that a model should give."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from pipeline.records import Claim, Origin
from pipeline.records.expected import AnswerKind, Expected
from pipeline.records.message import Language
from pipeline.synthetic.claims import LEAST_VISIBLE_SHARE, meet, visible_share
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.view import RenderedObject, RenderedView

LEAST_SIDE_PX = 12
"""Nobody is asked about an object whose visible box is narrower or lower than this [px]."""


@dataclass(frozen=True)
class Wording:
    """How a relation of two objects is asked about and stated; ``{a}`` and ``{b}`` are the objects.

    Args:
        questions: Several ways to ask whether it holds.
        yes: The answer where it does.
        no: The answer where it does not.
    """

    questions: tuple[str, ...]
    yes: str
    no: str


def _english(*questions: str, yes: str, no: str) -> Wording:
    return Wording(questions, f"Yes, {yes}.", f"No, {no}.")


def _chinese(*questions: str, yes: str, no: str) -> Wording:
    return Wording(questions, f"是的，{yes}。", f"不是，{no}。")


def _english_place(place: str, *others: str) -> Wording:
    questions = (f"Is the {{a}} {words} the {{b}}?" for words in (place, *others))
    return _english(*questions, yes=f"the {{a}} is {place} the {{b}}", no=f"the {{a}} is not {place} the {{b}}")


def _chinese_place(place: str, *others: str) -> Wording:
    questions = (f"{{a}}在{{b}}的{words}吗？" for words in (place, *others))
    return _chinese(*questions, yes=f"{{a}}在{{b}}的{place}", no=f"{{a}}不在{{b}}的{place}")


WORDINGS: dict[str, dict[Language, Wording]] = {
    "left_of": {
        "en": _english_place("to the left of", "left of"),
        "zh": _chinese_place("左边", "左侧"),
    },
    "right_of": {
        "en": _english_place("to the right of", "right of"),
        "zh": _chinese_place("右边", "右侧"),
    },
    "above": {"en": _english_place("above"), "zh": _chinese_place("上方", "上面")},
    "below": {"en": _english_place("below"), "zh": _chinese_place("下方", "下面")},
    "in_front_of": {"en": _english_place("in front of"), "zh": _chinese_place("前面", "前方")},
    "behind": {"en": _english_place("behind"), "zh": _chinese_place("后面", "后方")},
    "closer": {
        "en": _english_place("closer to the camera than", "nearer than"),
        "zh": _chinese(
            "{a}比{b}离相机更近吗？", "{a}比{b}更近吗？", yes="{a}比{b}离相机更近", no="{a}并不比{b}离相机更近"
        ),
    },
    "farther": {
        "en": _english_place("farther from the camera than", "farther away than"),
        "zh": _chinese(
            "{a}比{b}离相机更远吗？", "{a}比{b}更远吗？", yes="{a}比{b}离相机更远", no="{a}并不比{b}离相机更远"
        ),
    },
    "occludes": {
        "en": _english(
            "Does the {a} hide part of the {b}?",
            "Does the {a} occlude the {b}?",
            yes="the {a} hides part of the {b}",
            no="the {a} does not hide part of the {b}",
        ),
        "zh": _chinese("{a}遮挡了{b}吗？", "{a}遮住了{b}吗？", yes="{a}遮挡了{b}", no="{a}没有遮挡{b}"),
    },
    "occluded_by": {
        "en": _english_place("partly hidden by", "occluded by"),
        "zh": _chinese("{a}被{b}遮挡了吗？", "{a}被{b}挡住了吗？", yes="{a}被{b}遮挡了", no="{a}没有被{b}遮挡"),
    },
}
"""Wording of every relation that is asked about, by language."""


@dataclass(frozen=True)
class Statement:
    """A relation of two objects, and whether it holds.

    Args:
        relation: A key of ``WORDINGS``.
        subject: English label of the one.
        other: English label of the other.
        holds: Whether it is so.
    """

    relation: str
    subject: str
    other: str
    holds: bool


@dataclass(frozen=True)
class SceneQuestion:
    """A question whose answer is yes or no.

    Args:
        text: The question.
        language: Its language.
        statement: What it asks about.
    """

    text: str
    language: Language
    statement: Statement

    @property
    def expected(self) -> Expected:
        """The question with its correct answer."""
        answer = "yes" if self.statement.holds else "no"
        return Expected(self.text, answer, AnswerKind.YES_NO, category=self.statement.relation)


def askable(view: RenderedView) -> list[RenderedObject]:
    """Objects that are large and visible enough to be asked about; tables, on which the others stand, are not."""
    return [
        item
        for item in view.objects
        if not item.label.endswith("table")
        and min(item.box_px[2] - item.box_px[0], item.box_px[3] - item.box_px[1]) >= LEAST_SIDE_PX
        and visible_share(item) >= LEAST_VISIBLE_SHARE
    ]


def statements(views: Sequence[RenderedView]) -> list[Statement]:
    """Everything that is clearly true, or clearly false, in all of some views of one world.

    Whether one hides the other is asked where the two meet in the first image.
    """
    first, *others = views
    shared = [{item.label for item in askable(view)} for view in others]
    asked = [item for item in askable(first) if all(item.label in labels for labels in shared)]
    found = []
    for subject, other in permutations(asked, 2):
        for relation in WORDINGS:
            if relation in ("occludes", "occluded_by") and not meet(subject, other):
                continue
            claim = Claim(relation, subject.label, other.label, origin=Origin.GIVEN)  # type: ignore[arg-type]
            holds = {truth_of(claim, view).holds for view in views}
            if len(holds) == 1 and (known := holds.pop()) is not None:
                found.append(Statement(relation, subject.label, other.label, known))
    return found


def questions_about(
    views: Sequence[RenderedView], rng: np.random.Generator, count: int, languages: Sequence[Language] = ("en", "zh")
) -> list[SceneQuestion]:
    """Questions of different relations about views of one world, half of them with the answer yes.

    Args:
        views: The views.
        rng: Draws the questions.
        count: Most questions; fewer where there is nothing else to ask.
        languages: Taken in turn.
    """
    names = {item.label: item.label_zh for view in views for item in view.objects}
    known = statements(views)
    drawn: list[SceneQuestion] = []
    relations = [str(name) for name in rng.permutation(sorted({statement.relation for statement in known}))]
    wishes = rng.permutation(np.arange(count) % 2 == rng.integers(2))
    for relation, wanted in zip((relations * count)[:count], wishes, strict=False):
        done = {question.statement for question in drawn}
        pool = [statement for statement in known if statement.relation == relation and statement not in done]
        pool = [statement for statement in pool if statement.holds == wanted] or pool
        if not pool:
            continue
        language = languages[len(drawn) % len(languages)]
        statement = pool[int(rng.integers(len(pool)))]
        drawn.append(SceneQuestion(question_text(statement, language, names, rng), language, statement))
    return drawn


def question_text(
    statement: Statement, language: Language, names_zh: dict[str, str], rng: np.random.Generator | None = None
) -> str:
    """The question whether a statement holds, in one of its wordings; without a generator in the first."""
    questions = WORDINGS[statement.relation][language].questions
    chosen = questions[0 if rng is None else int(rng.integers(len(questions)))]
    a, b = named(statement, language, names_zh)
    return chosen.format(a=a, b=b)


def answer_text(statement: Statement, language: Language, names_zh: dict[str, str]) -> str:
    """The sentence that answers the question whether a statement holds."""
    wording = WORDINGS[statement.relation][language]
    a, b = named(statement, language, names_zh)
    return (wording.yes if statement.holds else wording.no).format(a=a, b=b)


def named(statement: Statement, language: Language, names_zh: dict[str, str]) -> tuple[str, str]:
    """The names of a statement's two objects in a language."""
    if language == "en":
        return statement.subject, statement.other
    return names_zh[statement.subject], names_zh[statement.other]


def fenced(content: object) -> str:
    """JSON as the prompts ask for it: in one line, between fences."""
    return f"```json\n{json.dumps(content, ensure_ascii=False)}\n```"


def located(name: str, box: Sequence[int], image: int) -> dict[str, object]:
    """One object of a grounding, as the prompt asks for it; the box in thousandths of the image."""
    return {"bbox_2d": list(box), "label": name, "picture": image}
