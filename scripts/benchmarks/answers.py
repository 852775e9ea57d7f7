"""How well the answers of models are read: coordinates, captions, choices, bare answers and free prose.

Coordinates are generated in the notations of ``answer_notations`` with known ground truth; captions in the wordings
that were collected from public question sets (tests/claims/collected), with the names of ``answer_nouns``. Notations
and wordings were collected before the parser was written; what generates answers from them was not. Real answers lie in
../shared (or THEODOLITE_SHARED); without the folder, their rows are left out.
"""

from __future__ import annotations

import json
import os
import random
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.answer_notations import NAMED, NOTATIONS, UNITS
from benchmarks.answer_nouns import CHINESE, ENGLISH, plural
from benchmarks.figures import Figure, bounded

_ROOT = Path(__file__).parents[2]
_COLLECTED = _ROOT / "tests" / "claims" / "collected"
_SHARED = Path(os.environ.get("THEODOLITE_SHARED", _ROOT.parent / "shared"))
_SIZES = ((640, 480), (1920, 1080), (480, 640), (1280, 720), (3000, 2000), (800, 800))
# A box is misplaced if one of its sides is off by more than this share of the image.
_MOST_OFF = 0.01
_INVERSE = {
    "left_of": "right_of", "above": "below", "in_front_of": "behind", "closer": "farther", "larger": "smaller",
    "occludes": "occluded_by",
}  # fmt: skip
_SYMMETRIC = ("same_depth", "touching", "distance_between")
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254}


def add_arguments(parser: ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--answers", type=int, default=20_000, help="generated answers with coordinates")
    parser.add_argument("--captions", type=int, default=20_000, help="generated captions")
    parser.add_argument("--choices", type=int, default=2_000, help="generated answers to multiple-choice questions")
    parser.add_argument("--failures", action="store_true", help="log what was not read")


def figures(answers: int, captions: int, choices: int, failures: bool) -> Iterator[Figure]:
    """Every figure; those of real answers only where they are on disk."""
    yield from _coordinates(answers, failures)
    yield from _notations()
    yield from _captions(captions, failures)
    yield from _collected(failures)
    yield from _choices(choices, failures)
    if (_SHARED / "real" / "vlm_answers").is_dir():
        yield from _real()
    yield from _hostile()


def _coordinates(count: int, failures: bool) -> Iterator[Figure]:
    from pipeline.claims.answer import parse_answer
    from pipeline.claims.coordinates.families import convention_of
    from pipeline.claims.regions import Images
    from pipeline.records.camera import Camera

    rng = random.Random(17)
    tally: Counter[str] = Counter()
    for number in range(count):
        size = rng.choice(_SIZES)
        unit = UNITS[number % len(UNITS)]
        names = [name for name in NOTATIONS if not (unit.name.endswith("_yx") and name in NAMED)]
        notation = names[(number // len(UNITS)) % len(names)]
        labels = rng.sample(ENGLISH, rng.randint(1, 4))
        boxes = {label: _box(rng) for label in labels}
        text = NOTATIONS[notation]([(label, unit.numbers(box, size)) for label, box in boxes.items()], rng)
        # Every fourth answer comes from a model that is taken to write thousandths.
        choice = "thousandths" if number % 4 == 3 else unit.name
        images = Images([Camera.from_fov(*size, 60)], convention=convention_of("", choice))
        parsed = parse_answer(text, images)
        found = {r.label: [edge / side for edge, side in zip(r.box_px, size * 2, strict=True)] for r in parsed.regions}
        off = [
            label not in boxes or max(abs(a - b) for a, b in zip(box, boxes[label], strict=True)) > _MOST_OFF
            for label, box in found.items()
        ]
        kind = "told" if choice == unit.name else "hidden" if _fits(boxes, unit.name, size) else "shown"
        tally[kind] += 1
        tally[f"{kind} read"] += len(found) == len(boxes) and not any(off)
        tally[f"{kind} silent"] += not found and not parsed.problems
        wrong = any(off) and not parsed.problems
        tally[f"{kind} misplaced"] += wrong
        if failures and (wrong or not found) and kind != "hidden":
            print(json.dumps({"notation": notation, "unit": unit.name, "declared": choice, "text": text,
                              "problems": parsed.problems}, ensure_ascii=False))  # fmt: skip
    yield bounded("answers with coordinates, unit known", tally["told"], "answers")
    yield bounded("... notations", len(NOTATIONS), "notations", least=30)
    yield bounded("... boxes misplaced without a remark", tally["told misplaced"], "answers", most=0)
    yield bounded("... read", 100 * tally["told read"] / tally["told"], "%", least=97)
    yield bounded("... lost in silence", tally["told silent"], "answers", most=0)
    yield bounded("unit other than the model's, and visibly so", tally["shown"], "answers")
    yield bounded("... boxes misplaced without a remark", tally["shown misplaced"], "answers", most=0)
    yield bounded("... lost in silence", tally["shown silent"], "answers", most=0)
    yield bounded("unit other than the model's, which no number shows", tally["hidden"], "answers")
    yield bounded("... boxes misplaced without a remark (cannot be told)", tally["hidden misplaced"], "answers")


def _box(rng: random.Random) -> tuple[float, float, float, float]:
    width, height = rng.uniform(0.05, 0.6), rng.uniform(0.05, 0.6)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return left, top, left + width, top + height


def _fits(boxes: dict[str, Any], unit: str, size: tuple[int, int]) -> bool:
    """Whether boxes in a unit look like thousandths: whole numbers, none above 1000."""
    if unit in ("per_999", "thousandths_yx"):
        return True
    return unit == "pixels" and all(
        edge * side <= 1000 for box in boxes.values() for edge, side in zip(box, size * 2, strict=True)
    )


def _notations() -> Iterator[Figure]:
    from pipeline.claims.answer import parse_answer
    from pipeline.claims.coordinates.conventions import CoordinateUnit
    from pipeline.claims.coordinates.families import convention_of
    from pipeline.claims.regions import Images
    from pipeline.records.camera import Camera

    rows = [row for row in _yaml("notations")["notations"] if not row.get("boxes_3d")]
    read = silent = 0
    for row in rows:
        size = tuple(row.get("image_size") or (640, 480))
        choice: Any = row["unit"] if row["unit"] in tuple(CoordinateUnit) else "auto"
        cameras = [Camera.from_fov(*size, 60)] * row.get("images", 1)
        parsed = parse_answer(row["example"], Images(cameras, convention=convention_of("", choice)))
        found = [(r.frame + 1, [e / s for e, s in zip(r.box_px, size * 2, strict=True)]) for r in parsed.regions]
        near = 0.0035 + row.get("tolerance", 0)
        all_found = all(
            any(
                frame == box.get("image", 1) and max(abs(a - b) for a, b in zip(at, box["box"], strict=True)) <= near
                for frame, at in found
            )
            for box in row["boxes"]
        )
        read += all_found and len(found) == len(row["boxes"])
        silent += not found and not parsed.problems
    yield bounded("collected notations read", 100 * read / len(rows), "%", least=97)
    yield bounded("... lost in silence", silent, "answers", most=0)


def _captions(count: int, failures: bool) -> Iterator[Figure]:
    from pipeline.claims.prose import parse_prose

    rng = random.Random(23)
    wordings = _yaml("wordings")
    rows = [
        (relation, language, row if isinstance(row, dict) else {"text": row})
        for relation, languages in wordings.items()
        if relation != "not_claims"
        for language, several in languages.items()
        for row in several
    ]
    tally: Counter[str] = Counter()
    for number in range(count):
        relation, language, row = rows[number % len(rows)]
        a, b, c = rng.sample(CHINESE if language == "zh" else ENGLISH, 3)
        text, wanted = _caption(relation, language, row, (a, b, c), rng)
        claims, problems = parse_prose(text)
        said = {_brief(claim) for claim in claims}
        tally[language] += 1
        tally[f"{language} read"] += bool(said & wanted) and len(said) == 1
        tally[f"{language} misread"] += bool(said - wanted)
        tally[f"{language} silent"] += not said and not problems
        if failures and not (said & wanted and len(said) == 1):
            print(json.dumps({"relation": relation, "text": text, "got": sorted(said)}, ensure_ascii=False))
    for language in ("en", "zh"):
        yield bounded(f"captions ({language})", tally[language], "captions")
        yield bounded("... read", 100 * tally[f"{language} read"] / tally[language], "%", least=99.5)
        yield bounded("... misread", tally[f"{language} misread"], "captions", most=0)
        yield bounded("... lost in silence", tally[f"{language} silent"], "captions", most=0)


def _caption(
    relation: str, language: str, row: dict[str, Any], names: tuple[str, str, str], rng: random.Random
) -> tuple[str, set[str]]:
    """A caption, and the claims that say what it says."""
    a, b, c = names
    length = f"{rng.randint(2, 99) / 10:g}"
    number = rng.choice(("two", "three", "four", "five", "7", "12") if language == "en" else ("两", "三", "四", "5"))
    the = "the " if language == "en" else ""
    text = row["text"].replace("{A}", the + a).replace("{B}", the + b).replace("{C}", the + c)
    text = text.replace("{N}", f"{length} m" if language == "en" else f"{length}米").replace("{COUNT}", number)
    counted = plural(a) if language == "en" else a
    text = text.replace("{As}", counted)
    text = text[0].upper() + text[1:]
    denied = "not " if row.get("negated") else ""
    value = f" {float(length):g} m" if row.get("value") == "N" and relation != "count" else ""
    if relation == "count":
        whole = {"two": 2, "three": 3, "four": 4, "five": 5, "7": 7, "12": 12, "两": 2, "三": 3, "四": 4, "5": 5}[
            number
        ]
        return text, {f"{counted} {denied}count {whole}".casefold()}
    if relation == "between":
        return text, {f"{a} {denied}between {b} | {c}".casefold(), f"{a} {denied}between {c} | {b}".casefold()}
    if relation == "distance_to_camera":
        return text, {f"{a} {denied}{relation}{value}".casefold()}
    if relation == "size":
        return text, {f"{a} {denied}size {row['measure']}{value}".casefold()}
    inverse = {**_INVERSE, **{value: key for key, value in _INVERSE.items()}}
    wanted = {f"{a} {denied}{relation} {b}{value}"}
    if relation in _SYMMETRIC:
        wanted.add(f"{b} {denied}{relation} {a}{value}")
    elif relation in inverse:
        wanted.add(f"{b} {denied}{inverse[relation]} {a}{value}")
    return text, {claim.casefold() for claim in wanted}


def _brief(claim: Any) -> str:
    """A claim as the collected files write it; lengths in metres."""
    words = [claim.subject, "not" if claim.negated else "", str(claim.relation)]
    words.append(claim.measure or "" if claim.relation == "size" else "")
    words += [claim.object or "", f"| {claim.other_object}" if claim.other_object else ""]
    if claim.value is not None:
        unit = str(claim.unit)
        words.append(f"{round(claim.value * _METRES[unit], 6):g} m" if unit in _METRES else f"{claim.value:g}")
    return " ".join(word for word in words if word).casefold()


def _collected(failures: bool) -> Iterator[Figure]:
    from pipeline.claims.bare_answers import claims_of_bare_answer
    from pipeline.claims.choice import find_choice
    from pipeline.claims.prose import parse_prose
    from pipeline.claims.reasoning import split_reasoning

    def compared(name: str, rows: list[Any], read: Any, least: float) -> Iterator[Figure]:
        right = false = 0
        for row in rows:
            said, wanted = {_brief(claim) for claim in read(row)}, {claim.casefold() for claim in row["claims"]}
            said, wanted = ({_one_way(claim) for claim in claims} for claims in (said, wanted))
            right += said == wanted
            false += bool(said - wanted)
            if failures and said != wanted:
                print(
                    json.dumps({**{k: row[k] for k in row if k != "source"}, "got": sorted(said)}, ensure_ascii=False)
                )
        yield bounded(f"{name}: right", 100 * right / len(rows), "%", least=least)
        yield bounded("... with a false claim", false, "answers", most=0.01 * len(rows))

    prose = [row for row in _yaml("prose")]
    yield from compared("collected prose", prose, lambda row: parse_prose(row["text"], row.get("labels") or ())[0], 95)

    def bare(row: Any) -> Any:
        text = split_reasoning(row["answer"])[0]
        return claims_of_bare_answer(text, row["question"], find_choice(text, row["question"]))

    yield from compared("collected bare answers", _yaml("bare_answers"), bare, 97)
    not_claims = _yaml("wordings")["not_claims"]
    false = 0
    for language, rows in not_claims.items():
        for row in rows:
            text = row["text"] if isinstance(row, dict) else row
            for slot, name in zip(
                ("{A}", "{B}", "{C}"),
                ("mug", "laptop", "lamp") if language == "en" else ("杯子", "电脑", "台灯"),
                strict=True,
            ):
                text = text.replace(slot, f"the {name}" if language == "en" else name)
            false += bool(parse_prose(text[0].upper() + text[1:])[0])
    yield bounded("sentences that state nothing: false claims", false, "sentences", most=0)


def _one_way(claim: str) -> str:
    for relation, inverse in _INVERSE.items():
        words = claim.split(f" {inverse} ")
        if len(words) == 2:
            subject, denied = words[0].removesuffix(" not"), " not" if words[0].endswith(" not") else ""
            return f"{words[1]}{denied} {relation} {subject}"
    return claim


def _choices(count: int, failures: bool) -> Iterator[Figure]:
    from pipeline.claims.choice import find_choice
    from pipeline.claims.reasoning import split_reasoning

    rows = _yaml("choices")
    right = misread = 0
    for row in rows:
        found = find_choice(split_reasoning(row["answer"])[0], row["question"])
        right += found == row["choice"]
        misread += found is not None and found != row["choice"]
    yield bounded("collected choices read", 100 * right / len(rows), "%", least=98)
    yield bounded("... misread", 100 * misread / len(rows), "%", most=0.1)
    rng = random.Random(29)
    right = misread = 0
    for _ in range(count):
        question, answer, letter = _choice(rng)
        found = find_choice(answer, question)
        right += found == letter
        misread += found is not None and found != letter
        if failures and found != letter:
            print(
                json.dumps({"question": question, "answer": answer, "wanted": letter, "got": found}, ensure_ascii=False)
            )
    yield bounded("generated choices read", 100 * right / count, "%", least=98)
    yield bounded("... misread", 100 * misread / count, "%", most=0.1)


_STYLES = ("{L}. {o}", "({L}) {o}", "{L}) {o}", "{L}: {o}", "{L}、{o}")
_FORMS = (
    "{L}", "({L})", "{L}.", "{L}) {o}", "{L}. {o}", "**{L}**", "**{L}. {o}**", "Answer: {L}", "Answer: ({L}) {o}",
    "The answer is {L}.", "The answer is ({L}).", "The correct answer is {L}. {o}", "The correct option is ({L}) {o}.",
    "I would choose {L}.", "Option {L}", "\\boxed{{{L}}}", "$\\boxed{{\\text{{{L}}}}}$", 
    "The final answer is \\boxed{{{L}}}.",
    "<answer>{L}</answer>", "<answer>({L}) {o}</answer>", '{{"answer": "{L}"}}', '```json\n{{"answer": "{L}"}}\n```',
    "Final Answer: {L}", "### Answer\n{L}", "{L} is correct.", "It's {L}.", "So the answer is {L}.", "Therefore, {L}.",
    "The {o}.", "the {o}", "It is the {o}.", "The answer is the {o}.", "The {o} is {w}.",
    "The {o} is {w} than the {x}.", "Looking at the image, the {x} is in the back.\n\nAnswer: {L}",
    "We compare the {x} and the {o}. The answer is {L}.",
    "The {x} is not {w}. The {o} is {w}.", "答案是{L}", "选{L}", "答案：({L})", "故选：{L}。", "应该选择{L}选项",
)  # fmt: skip


def _choice(rng: random.Random) -> tuple[str, str, str]:
    """A question, an answer that chooses, and the letter that it chooses."""
    things = rng.sample(ENGLISH, rng.randint(2, 6))
    while any(a != b and a in b for a in things for b in things):
        things = rng.sample(ENGLISH, len(things))
    style, between = rng.choice(_STYLES), rng.choice((" ", "\n", "  "))
    word = rng.choice(("closer to the camera", "nearer", "larger", "taller"))
    options = between.join(style.format(L="ABCDEF"[index], o=thing) for index, thing in enumerate(things))
    question = f"Which object is {word}?{rng.choice((' ', chr(10)))}{options}"
    chosen = rng.randrange(len(things))
    other = rng.choice([thing for index, thing in enumerate(things) if index != chosen])
    answer = rng.choice(_FORMS).format(L="ABCDEF"[chosen], o=things[chosen], x=other, w=word)
    return question, answer, "ABCDEF"[chosen]


def _real() -> Iterator[Figure]:
    from pipeline.claims.answer import parse_answer
    from pipeline.claims.choice import find_choice
    from pipeline.claims.options import options_of
    from pipeline.claims.regions import Images
    from pipeline.records.camera import Camera

    folder = _SHARED / "real" / "vlm_answers"
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    camera = Camera.from_fov(640, 480, 60)
    given = total = 0
    for row in answers:
        if row["id"].split("__")[0] not in ("tennis", "pizza", "motorcycle", "dog", "cat"):
            continue
        total += 1
        given += bool(parse_answer(row["response"], Images([camera]), row["question"]).claims)
    yield bounded("real answers about position and counts that give claims", given, f"of {total}", least=32)
    recorded = [
        json.loads(line)
        for path in (
            folder / "answers.jsonl",
            _SHARED / "recorded" / "qwen3vl_recorded.jsonl",
            *sorted((_SHARED / "cases" / "choice").glob("*.jsonl")),
        )
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    asked = [(row.get("question") or row.get("prompt") or "", row["response"]) for row in recorded]
    chosen = [find_choice(response, question) for question, response in asked if options_of(question)]
    yield bounded("real choices read", 100 * sum(letter is not None for letter in chosen) / len(chosen), "%", least=98)


_HOSTILE = (
    "[", '{"a":', "[{", '["\\', "<a><b>", "<ref>a", "- a: [1,2,3,4]\n", "[1,2,3,4]", "a,1,2,3,4\n", "- a: 1\n  b: 2\n",
    "|a|1|2|3|4|\n", "```json\n", "The cup is left of the box. ", "if a is left of b, ",
    "the mug, which is left of it, ", "A. B. ", "<think>", "杯子在", " ",
    "(1,2", "x1=1, ", "<loc0001>", "Image 1:\n", '<point x="1" y="2">a</point>', "\\boxed{", "answer ",
)  # fmt: skip


def _hostile() -> Iterator[Figure]:
    from pipeline.claims.answer import parse_answer
    from pipeline.claims.regions import Images
    from pipeline.records.camera import Camera

    camera, longest = Camera.from_fov(640, 480, 60), 0.0
    for words in _HOSTILE:
        text = (words * (200_000 // len(words) + 1))[:200_000]
        start = time.perf_counter()
        parse_answer(text, Images([camera] * 2), "Which? A. Lamp. B. Jar.")
        longest = max(longest, time.perf_counter() - start)
    yield bounded("hostile answers of 200 kB, the slowest", longest, "s", most=2)


def _yaml(name: str) -> Any:
    import yaml

    return yaml.safe_load((_COLLECTED / f"{name}.yaml").read_text(encoding="utf-8"))
